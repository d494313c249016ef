"""Keras callbacks that make models smaller while they train."""

from tfedge.callbacks.distillation_schedule import DistillationSchedule
from tfedge.callbacks.pruning import Pruning
from tfedge.callbacks.quantization_aware_training import QuantizationAwareTraining
from tfedge.callbacks.quantization_schedule import QuantizationSchedule
from tfedge.callbacks.weight_clustering import WeightClustering
from tfedge.keras_hooks import install

__all__ = [
    "DistillationSchedule",
    "Pruning",
    "QuantizationAwareTraining",
    "QuantizationSchedule",
    "WeightClustering",
]

install()
