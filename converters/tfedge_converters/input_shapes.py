"""The shapes that callers give and models declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfedge.errors import TfedgeError, UnsupportedError

# A shape without the batch; None where any size is accepted.
Shape = tuple[int | None, ...]
# What a caller may give: a shape, or a list or dict of them.
InputShapes = Sequence[Any] | Mapping[str, Any] | None

_NUMBERS = ("float32", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool")


@dataclass(frozen=True)
class InputSpec:
    """One input tensor: its shape without the batch, and its dtype, e.g. "float32"."""

    shape: Shape
    dtype: str = "float32"


def specs_of(shapes: Any) -> Any:
    """The same nested structure with a float InputSpec for each shape.

    Raises:
        TfedgeError: a leaf is not a shape.
    """
    if _is_shape(shapes):
        return InputSpec(tuple(shapes))
    if isinstance(shapes, Mapping):
        return {key: specs_of(value) for key, value in shapes.items()}
    if isinstance(shapes, (list, tuple)):
        return [specs_of(value) for value in shapes]
    raise TfedgeError(
        f"input_shapes holds {shapes!r}, which is not a shape; give a tuple of sizes without "
        "the batch, or a list or dict of such tuples"
    )


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        size is None or (isinstance(size, int) and not isinstance(size, bool)) for size in value
    )


def reshaped(declared: dict[str, InputSpec], shapes: InputShapes) -> dict[str, InputSpec]:
    """The declared inputs with the given shapes in place of their own.

    Args:
        declared: input names and what the model says about them, in the model's order.
        shapes: one shape if there is one input, a list in the model's order, or a dict by
            name; None changes nothing.

    Raises:
        TfedgeError: the shapes are not one for each input, or do not fit the model.
    """
    if shapes is None:
        return declared
    given = _by_name(list(declared), shapes)
    for name, spec in declared.items():
        _check_fit(name, spec.shape, given[name].shape)
    return {name: InputSpec(given[name].shape, spec.dtype) for name, spec in declared.items()}


def _by_name(names: list[str], shapes: InputShapes) -> dict[str, InputSpec]:
    given = specs_of(shapes)
    if isinstance(given, InputSpec):
        given = [given]
    if isinstance(given, list) and len(given) == len(names):
        given = dict(zip(names, given, strict=True))
    if isinstance(given, dict) and set(given) == set(names):
        return given
    raise TfedgeError(
        f"input_shapes is {shapes!r}, but the model's inputs are {', '.join(names)}; "
        "give one shape for each, in this order or by name"
    )


def _check_fit(name: str, declared: Shape, given: Any) -> None:
    fits = len(given) == len(declared) and all(
        size in (None, wanted) for size, wanted in zip(declared, given, strict=True)
    )
    if not fits:
        raise TfedgeError(
            f"input_shapes says {given} for input '{name}', which the model declares as "
            f"{declared}; give a shape that fits, without the batch"
        )


def require_sizes(inputs: dict[str, InputSpec]) -> None:
    """Refuses inputs of unknown size.

    Raises:
        TfedgeError: a size is unknown or zero.
    """
    for name, spec in inputs.items():
        if None in spec.shape:
            example = tuple(32 if size is None else size for size in spec.shape)
            raise TfedgeError(
                f"input '{name}' has shape {spec.shape}, but every size must be known; "
                f"give input_shapes, e.g. {example}"
            )
        if any(size is not None and size < 1 for size in spec.shape):
            raise TfedgeError(f"input '{name}' has shape {spec.shape}; sizes start at 1")


def require_static(inputs: dict[str, InputSpec]) -> None:
    """Refuses inputs of unknown size and inputs that are not numbers.

    Raises:
        TfedgeError: a size is unknown or zero.
        UnsupportedError: an input takes strings, complex numbers or the like.
    """
    require_sizes(inputs)
    for name, spec in inputs.items():
        if spec.dtype not in _NUMBERS:
            raise UnsupportedError(
                f"input '{name}' takes elements of type {spec.dtype}; give it float32 or an "
                "integer type, and do what needs other types outside the model"
            )
