"""How channels pass through recurrent layers: their units.

A unit is one column of every gate and one row of the recurrent kernel. Its state comes from these
alone, and reaches the other units through its row alone, so it can be cut as a channel can.
"""

from __future__ import annotations

import numpy as np

from tfedge.keras_graph.computation import Call, Value
from tfedge.pruning.channel_sets import Channels
from tfedge.pruning.tracing import DENSE, Trace


def _recurrent(gates: int, trace: Trace, call: Call) -> list[Channels]:
    layer = call.operation
    sequence, states = _sequence_and_states(call)
    made = trace.made(layer, "units", layer.units)
    trace.setting(layer, "units", made)
    for state in states:
        trace.sets.couple(trace.of(state), made)
    steps = sequence.spec.shape[1] or 1
    columns = np.tile(made, gates)
    cell = layer.cell
    axes = {-2: trace.of(sequence), -1: columns}
    trace.weight(layer, cell.kernel, axes, sequence, steps, DENSE)
    recurrent = {-2: made, -1: columns}
    trace.inner_weight(layer, cell.recurrent_kernel, recurrent, steps, DENSE)
    trace.weight(layer, cell.bias, {-1: columns})
    return [made for _ in call.results]


def _sequence_and_states(call: Call) -> tuple[Value, list[Value]]:
    sequence, *states = call.inputs
    return sequence, states


def lstm(trace: Trace, call: Call) -> list[Channels]:
    """Gates in the order of Keras: input, forget, cell, output."""
    return _recurrent(4, trace, call)


def gru(trace: Trace, call: Call) -> list[Channels]:
    """Update, reset, candidate; one bias or, with `reset_after`, two."""
    return _recurrent(3, trace, call)


def simple_rnn(trace: Trace, call: Call) -> list[Channels]:
    """Follow channels through a SimpleRNN, which has no gates."""
    return _recurrent(1, trace, call)
