"""The typed graph over a TFLite flatbuffer: types, reader, writer and exact passes."""

from tfedge_converters.graph.reader import read_file, read_model
from tfedge_converters.graph.types import (
    BlockQuantization,
    Graph,
    Model,
    Operator,
    Quantization,
    Range,
    SharedWeights,
    Signature,
    Tensor,
    TensorType,
    WeightGrid,
)
from tfedge_converters.graph.writer import write_file, write_model

__all__ = [
    "BlockQuantization",
    "Graph",
    "Model",
    "Operator",
    "Quantization",
    "Range",
    "SharedWeights",
    "Signature",
    "Tensor",
    "TensorType",
    "WeightGrid",
    "read_file",
    "read_model",
    "write_file",
    "write_model",
]
