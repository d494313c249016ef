from tfedge.callbacks.distillation_schedule import DistillationSchedule as DistillationSchedule
from tfedge.callbacks.pruning import Pruning as Pruning
from tfedge.callbacks.quantization_aware_training import (
    QuantizationAwareTraining as QuantizationAwareTraining,
)
from tfedge.callbacks.quantization_schedule import QuantizationSchedule as QuantizationSchedule
from tfedge.callbacks.weight_clustering import WeightClustering as WeightClustering
