"""What is seen of activations, and of which data: for training and for conversion.

Importing it costs NumPy alone.
"""

from tfedge.calibration.clipping import Entropy, MeanSquaredError, Percentile
from tfedge.calibration.methods import METHODS, MINMAX, Method, method
from tfedge.calibration.observers import MinMax, MovingAverage, Observer
from tfedge.calibration.ranges import Range
from tfedge.calibration.representative_data import InputSpec, RepresentativeData

__all__ = [
    "METHODS",
    "MINMAX",
    "Entropy",
    "InputSpec",
    "MeanSquaredError",
    "Method",
    "MinMax",
    "MovingAverage",
    "Observer",
    "Percentile",
    "Range",
    "RepresentativeData",
    "method",
]
