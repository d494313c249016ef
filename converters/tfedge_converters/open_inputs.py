"""Sizes of inputs that a .tflite file leaves open."""

from __future__ import annotations

from tfedge_converters.graph import Model, Tensor
from tfedge_converters.input_shapes import InputShapes, InputSpec, require_sizes, reshaped


def fix_inputs(model: Model, shapes: InputShapes) -> bool:
    """Gives the inputs of a file the shapes that a caller says, in place.

    A size is open where the signature of a shape says -1. TensorFlow's converter writes 1 beside
    it, whatever the size will be; so that is no size unless it is the batch's, while any other is
    what the model was made for. What lies behind inputs follows from them (`fix_shapes`).

    Args:
        model: as it was read.
        shapes: without the batch: one shape if there is one input, a list in the model's order, or
            a dict by name; None for those that the file has.

    Returns:
        Whether a shape is another now.

    Raises:
        TfedgeError: the shapes do not fit the model's inputs, or a size remains unknown.
    """
    inputs = model.main.inputs
    if shapes is None:
        require_sizes({tensor.name: InputSpec(_sizes(tensor)) for tensor in inputs})
        return False
    found = reshaped({tensor.name: InputSpec(_declared(tensor)) for tensor in inputs}, shapes)
    require_sizes(found)
    before = [tensor.shape for tensor in inputs]
    for tensor in inputs:
        sizes = (size for size in found[tensor.name].shape if size is not None)
        tensor.shape = (*tensor.shape[:1], *sizes)
    return before != [tensor.shape for tensor in inputs]


def _declared(tensor: Tensor) -> tuple[int | None, ...]:
    """The shape without the batch, None where any size is accepted."""
    signature = tensor.shape_signature or tensor.shape
    if len(signature) != len(tensor.shape):
        signature = tensor.shape
    return tuple(None if size < 0 else size for size in signature[1:])


def _sizes(tensor: Tensor) -> tuple[int | None, ...]:
    """The same with the size that the file has beside an open one, if that is one."""
    return tuple(
        size if declared is not None or size > 1 else None
        for size, declared in zip(tensor.shape[1:], _declared(tensor), strict=True)
    )
