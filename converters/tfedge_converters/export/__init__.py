"""From a Keras model to float .tflite bytes. Importing this imports TensorFlow, quietly."""

from tfedge_converters.quiet import quiet

with quiet():
    from tfedge_converters.export.input_scales import input_scales
    from tfedge_converters.export.keras_model import export_keras, exported
    from tfedge_converters.export.load import load_keras
    from tfedge_converters.export.shared_kernels import shared_kernels
    from tfedge_converters.export.trained_scheme import is_trained, trained_scheme

__all__ = [
    "export_keras",
    "exported",
    "input_scales",
    "is_trained",
    "load_keras",
    "shared_kernels",
    "trained_scheme",
]
