"""Markers in exported files, by which layers tell the conversion about themselves.

One module has one marker: what it says, with types and bounds, and the function that marks.
Training and export call that function; the conversion has its `Marker` read what a file says.
Importing it costs nothing.
"""

from tfedge.markers.emission import Emitter, emitting, is_exporting, marker
from tfedge.markers.gru import mark_gru
from tfedge.markers.lstm import mark_lstm
from tfedge.markers.normalization import mark_normalization
from tfedge.markers.ranges import mark_range
from tfedge.markers.simple_rnn import mark_simple_rnn
from tfedge.markers.weights import mark_weights

__all__ = [
    "Emitter",
    "emitting",
    "is_exporting",
    "mark_gru",
    "mark_lstm",
    "mark_normalization",
    "mark_range",
    "mark_simple_rnn",
    "mark_weights",
    "marker",
]
