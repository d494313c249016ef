"""Output for TFLite Micro: the model as a C array, its operator resolver, arena and plan."""

from tfedge_converters.tflm.arena import Arena, arena_bytes, predict_arena
from tfedge_converters.tflm.array import ALIGNMENT, generate_array
from tfedge_converters.tflm.cmsis_nn import Kernels
from tfedge_converters.tflm.compressed_weights import with_compressed_weights
from tfedge_converters.tflm.interface import generate_interface
from tfedge_converters.tflm.offline_plan import plan_entry, planned_offsets

__all__ = [
    "ALIGNMENT",
    "Arena",
    "Kernels",
    "arena_bytes",
    "generate_array",
    "generate_interface",
    "plan_entry",
    "planned_offsets",
    "predict_arena",
    "with_compressed_weights",
]
