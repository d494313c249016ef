"""Calibration and quantisation of float graphs to integers."""

from tfedge_converters.quantize.calibration import calibrate
from tfedge_converters.quantize.dataset import RepresentativeData, input_specs
from tfedge_converters.quantize.quantizer import quantize

__all__ = ["RepresentativeData", "calibrate", "input_specs", "quantize"]
