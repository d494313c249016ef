"""Where UNIDIRECTIONAL_SEQUENCE_LSTM has its operands. Source: TFLite's lstm_shared.h.

Gates come in the order input, forget, cell, output, as in Keras.
"""

from __future__ import annotations

INPUT = 0
INPUT_WEIGHTS = (1, 2, 3, 4)
RECURRENT_WEIGHTS = (5, 6, 7, 8)
BIASES = (12, 13, 14, 15)
HIDDEN_STATE = 18
CELL_STATE = 19

# Peephole weights, projection, and coefficients of layer normalisation.
ABSENT = (9, 10, 11, 16, 17, 20, 21, 22, 23)

OPERANDS = 24
