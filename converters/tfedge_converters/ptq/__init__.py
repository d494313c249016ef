"""Calibration and quantisation of float graphs to integers."""

from tfedge.calibration import (
    METHODS,
    Entropy,
    MeanSquaredError,
    MinMax,
    MovingAverage,
    Observer,
    Percentile,
    RepresentativeData,
)
from tfedge_converters.ptq.calibration import Calibration, calibrate
from tfedge_converters.ptq.inputs import input_specs
from tfedge_converters.ptq.quantizer import quantize

__all__ = [
    "METHODS",
    "Calibration",
    "Entropy",
    "MeanSquaredError",
    "MinMax",
    "MovingAverage",
    "Observer",
    "Percentile",
    "RepresentativeData",
    "calibrate",
    "input_specs",
    "quantize",
]
