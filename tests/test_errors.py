"""Messages of errors, whatever is in them."""

import keras
import numpy as np
import pytest

from tfedge.errors import ModelFileError, TfedgeError
from tfedge_converters.execute.errors import ExecutionError


def test_a_message_is_one_line_of_what_can_be_printed():
    for kind in (TfedgeError, ModelFileError):
        assert (
            str(kind("there is no 'a\nb\x1b[2J\u202e\ud800' in é"))
            == "there is no 'a?b?[2J??' in é"
        )


def test_what_keras_puts_around_a_message_is_not_the_message():
    """A layer within a layer raises it, and Keras' arguments and bold type are around it twice."""

    class Raises(keras.layers.Layer):
        def call(self, x):
            raise TfedgeError("'a' is [wrong] in 'b'")

    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Raises()

        def call(self, x):
            return self.inner(x)

    with pytest.raises(TfedgeError) as raised:
        Outer()(np.zeros((1, 2)))
    assert str(raised.value) == "'a' is [wrong] in 'b'"
    assert "Exception encountered" in Exception.__str__(raised.value)


def test_a_compiler_may_say_several_lines():
    assert str(ExecutionError("it says:\n\tx = 1\x07\r\n")) == "it says:\n        x = 1?"
