"""Which calls one kernel of a device computes together: a convolution, its batch-norm, its ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfedge.keras_graph.computation import Call, Computation, Value
from tfedge.keras_graph.kinds import activation_name, kind_of, relu_name

_CLAMPS = ("relu", "relu6")
# Layers and operations whose last operator has weights, so that a batch-norm folds into it.
_TAKE_BATCH_NORM = frozenset(
    {"Conv", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv",
     "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}
)  # fmt: skip
# Layers whose kernels clamp their result.
_TAKE_ACTIVATION = _TAKE_BATCH_NORM | {
    "Add", "BatchNormalization", "EinsumDense", "Multiply", "Normalization", "Rescaling",
    "Subtract",
}  # fmt: skip


@dataclass
class Step:
    """One wrapper to make: a call with the batch-norm and activation that it takes in.

    Attributes:
        call: of the layer.
        batch_norm, activation: the calls behind it, or None.
    """

    call: Call
    batch_norm: Call | None = None
    activation: Call | None = None

    @property
    def operands(self) -> list[Value]:
        """Values that the step reads: the call's, and the mask of the batch-norm's statistics."""
        masks = [] if self.batch_norm is None else self.batch_norm.operands[1:]
        return [*self.call.operands, *masks]

    @property
    def last(self) -> Call:
        """The call whose results are the step's."""
        return self.activation or self.batch_norm or self.call

    @property
    def clamp(self) -> str:
        """The name of the activation, "linear" if there is none."""
        return "linear" if self.activation is None else clamp_of(self.activation) or "linear"


def steps_of(computation: Computation) -> list[Step]:
    """Groups calls as the device's kernels take them together, each behind what it reads."""
    readers: dict[int, list[Call]] = {}
    for call in computation.calls:
        for operand in call.operands:
            readers.setdefault(id(operand), []).append(call)
    outputs = {id(value) for value in computation.outputs}

    def only_reader(call: Call) -> Call | None:
        (result, *others) = call.results
        found = readers.get(id(result), [])
        return found[0] if not others and len(found) == 1 and id(result) not in outputs else None

    taken: set[int] = set()
    masked: dict[int, Step] = {}
    steps = []
    for call in computation.calls:
        if id(call) in masked:
            steps.append(masked[id(call)])
        elif id(call) not in taken:
            step = _step(call, only_reader)
            taken |= {id(part) for part in (step.batch_norm, step.activation)}
            if len(step.operands) > len(call.operands):  # its mask may be made behind the call
                masked[id(step.batch_norm)] = step
            else:
                steps.append(step)
    return steps


def _step(call: Call, only_reader: Any) -> Step:
    step = Step(call)
    behind = only_reader(call)
    kind, linear = kind_of(call.operation), activation_name(call.operation) == "linear"
    if kind in _TAKE_BATCH_NORM and linear and behind is not None and _is_norm_of(call, behind):
        step.batch_norm = behind
        behind = only_reader(behind)
    if kind in _TAKE_ACTIVATION and linear and behind is not None and clamp_of(behind):
        step.activation = behind
    return step


def _is_norm_of(call: Call, norm: Call) -> bool:
    """Whether a call is a batch-norm of another's channels."""
    layer = norm.operation
    if kind_of(layer) != "BatchNormalization":
        return False
    rank = len(norm.operands[0].spec.shape)
    first = getattr(call.operation, "data_format", None) == "channels_first"
    return bool(layer.axis % rank == (1 if first else rank - 1))


def clamp_of(call: Call) -> str | None:
    """ "relu" or "relu6", if a call is nothing but that, so that a kernel in front can clamp."""
    layer = call.operation
    kind = kind_of(layer)
    if kind == "Activation":
        name = activation_name(layer)
    elif kind == "ReLU":
        name = relu_name(layer)
    else:
        name = {"Relu": "relu", "Relu6": "relu6"}.get(kind or "")
    return name if name in _CLAMPS else None
