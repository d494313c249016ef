"""Output for TFLite Micro: the model as a C array, its operator resolver, arena and plan."""

from tfedge_converters.tflm.arena import Arena, predict_arena
from tfedge_converters.tflm.array import ALIGNMENT, generate_array
from tfedge_converters.tflm.cmsis_nn import Kernels
from tfedge_converters.tflm.offline_plan import plan_entry, planned_offsets

__all__ = [
    "ALIGNMENT",
    "Arena",
    "Kernels",
    "generate_array",
    "plan_entry",
    "planned_offsets",
    "predict_arena",
]
