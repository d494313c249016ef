"""Inspection of a model's file before Keras or TensorFlow open it.

A model's file may ask for code: functions in it, modules to import, operators that read and write
files. Here it is read as data, and what is not known to be harmless is refused.
"""

from tfedge_converters.export.trust.configs import (
    check_arrays,
    check_configs,
    check_saved_objects,
)
from tfedge_converters.export.trust.containers import check_archive, check_hdf5
from tfedge_converters.export.trust.foreign import foreign_objects
from tfedge_converters.export.trust.graphs import check_graphs
from tfedge_converters.export.trust.refusal import CodeRefusedError
from tfedge_converters.export.trust.saved_models import check_saved_model

__all__ = [
    "CodeRefusedError",
    "check_archive",
    "check_arrays",
    "check_configs",
    "check_graphs",
    "check_hdf5",
    "check_saved_model",
    "check_saved_objects",
    "foreign_objects",
]
