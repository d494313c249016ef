"""Messages of errors, whatever is in them."""

from tfedge.errors import ModelFileError, TfedgeError
from tfedge_converters.execute.errors import ExecutionError


def test_a_message_is_one_line_of_what_can_be_printed():
    for kind in (TfedgeError, ModelFileError):
        assert (
            str(kind("there is no 'a\nb\x1b[2J\u202e\ud800' in é"))
            == "there is no 'a?b?[2J??' in é"
        )


def test_a_compiler_may_say_several_lines():
    assert str(ExecutionError("it says:\n\tx = 1\x07\r\n")) == "it says:\n        x = 1?"
