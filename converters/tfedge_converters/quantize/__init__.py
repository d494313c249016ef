"""Calibration and quantisation of float graphs to integers."""

from tfedge_converters.quantize.calibration import Calibration, calibrate
from tfedge_converters.quantize.clipping import Entropy, MeanSquaredError, Percentile
from tfedge_converters.quantize.dataset import RepresentativeData, input_specs
from tfedge_converters.quantize.methods import METHODS
from tfedge_converters.quantize.observers import MinMax, MovingAverage, Observer
from tfedge_converters.quantize.quantizer import quantize

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
