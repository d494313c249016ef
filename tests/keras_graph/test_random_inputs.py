"""Random inputs are such that a model can be tried on them, and small where they may be."""

import keras
import numpy as np
import pytest
from keras import layers

from tfedge.keras_graph.computation import computation_of
from tfedge.keras_graph.random_inputs import random_inputs, small_inputs


def _model_of(*shapes: tuple[int | None, ...]):
    inputs = [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, [layers.Identity()(x) for x in inputs])


@pytest.mark.parametrize(
    ("shape", "small"),
    [
        ((224, 224, 3), (2, 64, 64, 3)),
        ((96, 127, 3), (2, 64, 95, 3)),
        ((95, 200, 128), (2, 95, 72, 128)),
        ((1000, 512), (2, 72, 512)),
        ((95, 95, 3), None),
        ((4096,), None),
        ((None, None, 3), None),
        ((10, 128, 128, 1), (2, 10, 64, 64, 1)),
    ],
)
def test_sides_are_smaller_by_what_networks_divide_them_by(shape, small):
    found = small_inputs(computation_of(_model_of(shape)))
    assert (found if small is None else found[0].shape) == small


def test_all_inputs_are_there_when_one_is_small():
    first, second = small_inputs(computation_of(_model_of((128, 128, 3), (7,))))
    assert (first.shape, second.shape) == ((2, 64, 64, 3), (2, 7))


def test_tokens_have_rows_in_their_table_and_some_are_0():
    tokens = keras.Input((200,), dtype="int32")
    model = keras.Model(tokens, layers.Embedding(5, 2, mask_zero=True)(tokens))
    (found,) = random_inputs(computation_of(model))
    assert set(np.unique(found)) == set(range(5))
    assert (found == 0).mean() > 0.3
