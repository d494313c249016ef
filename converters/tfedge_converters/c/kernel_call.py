"""Calls of C kernels with their parameters: the lowered form of an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from tfedge_converters.graph.types import Tensor

if TYPE_CHECKING:
    from tfedge_converters.c.weights.tiles import Tiling


@dataclass(frozen=True, eq=False)
class Constant:
    """An array that the generated code keeps in flash.

    Attributes:
        role: what it is to its layer, for its name: "weights", "bias", …
        values: int8, int32 or float32 array.
        comment: the meaning of its axes, in tfedge's words.
        tensor: the name of the model's tensor that it is, if it is one.
    """

    role: str
    values: np.ndarray
    comment: str = ""
    tensor: str = ""


Param = Union[int, float, tuple[float, ...], Constant, "Mapping[str, Param]"]


@dataclass(frozen=True, eq=False)
class KernelCall:
    """One call of a kernel of the C runtime.

    Attributes:
        kernel: the function is tfedge_<kernel>, its inlined body, if any, tfedge_<kernel>_inline.
        header: the kernel is declared in tfedge_<header>.h.
        struct: its parameters are a tfedge_<struct>_params.
        params: the fields of that struct in order.
        operands: tensors passed in order, before the output.
        output: the tensor that it writes.
        scratch_bytes: scratch memory that it asks for; passed after the output if `takes_scratch`.
        states: variables by their role, passed last: kept between invocations, and changed.
        in_place: operands whose memory the output may take over.
        resizes: it may do so where the output is of another size, too: both begin at one address.
        operand_begins: how far behind the output's beginning that operand has to begin then.
        specialises: the kernel has a body that is inlined for literal shapes.
        macs: multiply-accumulate operations.
        can_fail: it returns a tfedge_status, negative where the data itself is at fault.
        exactly: a packed kernel has to requantise it by tfedge_requantize_exactly, as the other
            parts of its layer are.
        form: of weights that the kernel reads in a form that takes less flash, in words.
        tiling: how its weights are stored, and restored tile by tile; None where the kernel reads
            them where they lie.
    """

    kernel: str
    header: str
    struct: str
    params: Mapping[str, Param]
    operands: tuple[Tensor, ...]
    output: Tensor
    takes_scratch: bool = False
    scratch_bytes: int = 0
    states: Mapping[str, Tensor] = field(default_factory=dict)
    in_place: tuple[int, ...] = ()
    resizes: bool = False
    operand_begins: int = 0
    specialises: bool = True
    macs: int = 0
    can_fail: bool = False
    exactly: bool = False
    form: str = ""
    tiling: Tiling | None = None

    @property
    def compact_form(self) -> str:
        """In words, how its weights take less flash than a byte each; empty where they do not."""
        return self.form if self.tiling is None else self.tiling.words

    def packed_as(self, kernel: str, params: Mapping[str, Param], **changes: Any) -> KernelCall:
        """Give the same work to a packed kernel, which has no body for literal shapes.

        Args:
            kernel: its name, which its header and its parameters go by too.
            params: its parameters.
            changes: other fields that differ.
        """
        return replace(
            self,
            kernel=kernel,
            header=kernel,
            struct=kernel,
            params=params,
            specialises=False,
            **changes,
        )


@dataclass(frozen=True, eq=False)
class Lowered:
    """An operator as kernel calls, or as nothing but another view of its input.

    Attributes:
        calls: in the order in which they run.
        alias_of: the input that the output shares its memory with, for RESHAPE and its like.
        detail: the shape of the work in a few characters for the generated code's comments.
    """

    calls: tuple[KernelCall, ...] = ()
    alias_of: Tensor | None = None
    detail: str = field(default="")


def shape_comment(shape: Sequence[int]) -> str:
    """A shape as C writes it: [2][3]."""
    return "".join(f"[{size}]" for size in shape)
