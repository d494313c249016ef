"""What markers write is what they read, and what no marker says is refused in words."""

from __future__ import annotations

import math

import pytest

import tfedge
from tfedge.errors import ModelFileError
from tfedge.markers import emitting
from tfedge.markers.gru import GRU, GruMark
from tfedge.markers.lstm import LSTM, LstmMark
from tfedge.markers.normalization import LAYER_NORM, MEAN, NormalizationMark
from tfedge.markers.protocol import VERSION, require_known_version
from tfedge.markers.ranges import RANGE, RangeMark
from tfedge.markers.simple_rnn import SIMPLE_RNN, SimpleRnnMark
from tfedge.markers.weights import WEIGHTS, WeightsMark

_MARKS = [
    (RANGE, RangeMark((-1.0, 2.0))),
    (RANGE, RangeMark((0.0, 0.0), 16)),
    (WEIGHTS, WeightsMark(4)),
    (WEIGHTS, WeightsMark(8, 16)),
    (LSTM, LstmMark()),
    (LSTM, LstmMark((-3.0, 2.5), True)),
    (GRU, GruMark(False)),
    (GRU, GruMark(True, (-1.0, 1.0), (-2.0, 2.0), 8, True)),
    (SIMPLE_RNN, SimpleRnnMark()),
    (SIMPLE_RNN, SimpleRnnMark((-2.0, 2.0), 4, True)),
    (LAYER_NORM, NormalizationMark(1e-3, 2, True, False, {MEAN: (-1.0, 0.5)})),
]


def _written(marker, content):
    """The name and the scalars of the operator in the exported file."""
    with emitting(lambda function, name, scalars, tensors: (name, dict(scalars))):
        return marker.mark(content)(lambda: None)()


@pytest.mark.parametrize(("marker", "content"), _MARKS)
def test_what_is_written_is_read(marker, content):
    name, scalars = _written(marker, content)
    assert name == marker.name
    assert marker.read(scalars) == content
    # Files hold integers for flags, and floats for numbers that variables held.
    assert marker.read({key: _as_number(value) for key, value in scalars.items()}) == content


def _as_number(value):
    return value if isinstance(value, str) else float(value)


@pytest.mark.parametrize(
    ("marker", "scalars", "message"),
    [
        (RANGE, {"lo": 0.0}, "attributes 'lo' and 'hi' cannot be read"),
        (RANGE, {"lo": 0.0, "hi": "x"}, "attributes 'lo' and 'hi' cannot be read"),
        (RANGE, {"lo": 0.0, "hi": math.inf}, r"\[0.0, inf\] is not a range"),
        (RANGE, {"lo": 0.0, "hi": 1.0, "bits": 12}, "activations have 8 or 16 bits, not 12"),
        (WEIGHTS, {}, "attribute 'bits' cannot be read"),
        (WEIGHTS, {"bits": 4.5}, "weights have 2 to 8 bits, not 4.5"),
        (WEIGHTS, {"bits": 4, "values": math.inf}, "one value or more, not inf"),
        (LSTM, {"cell_hi": 1.0}, "'cell_lo' and 'cell_hi' cannot be read"),
        (GRU, {}, "attribute 'reset_after' cannot be read"),
        (GRU, {"reset_after": 1, "weight_bits": 9}, "weights have 2 to 8 bits, not 9"),
    ],
)
def test_what_no_marker_says_is_refused(marker, scalars, message):
    with pytest.raises(ModelFileError, match=message):
        marker.read(scalars)


def test_a_newer_file_names_the_tfedge_that_reads_it():
    _, scalars = _written(RANGE, RangeMark((0.0, 1.0)))
    assert (scalars["version"], scalars["tfedge"]) == (VERSION, tfedge.__version__)
    require_known_version(scalars)
    require_known_version({"lo": 0.0, "hi": 1.0})  # from before versions were written
    with pytest.raises(ModelFileError, match=r"version 1, not 2: convert with tfedge 9\.1"):
        require_known_version({**scalars, "version": VERSION + 1, "tfedge": "9.1"})
