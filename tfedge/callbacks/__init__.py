"""Keras callbacks that make models smaller while they train."""

from tfedge.callbacks.quantization_aware_training import QuantizationAwareTraining
from tfedge.callbacks.quantization_schedule import QuantizationSchedule
from tfedge.callbacks.weight_clustering import WeightClustering

__all__ = ["QuantizationAwareTraining", "QuantizationSchedule", "WeightClustering"]
