"""Which weights of which layers are pruned, and how device kernels walk them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tfedge.errors import TfedgeError
from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call, Computation, Value, computation_of
from tfedge.keras_graph.fusion import steps_of
from tfedge.keras_graph.kinds import kind_of
from tfedge.near_names import near
from tfedge.pruning.patterns import Pattern, Shape

# Below this many weights per output nothing is won and most is lost: depthwise kernels, and
# convolutions of a single channel. They are pruned only where they are named.
WORTH_PRUNING = 16


@dataclass(frozen=True)
class Layout:
    """The axes of a kernel.

    Attributes:
        outputs: axes that make up the outputs.
        reduction: the axes summed over, in the order of TFLite's filters.
        inputs: the last axes of `reduction` that are input values side by side, so that kernels in
            C can leave out blocks of their weights; None for all, empty where kernels leave out
            none.
    """

    outputs: tuple[int, ...]
    reduction: tuple[int, ...]
    inputs: tuple[int, ...] | None = None

    def matrix(self, array: np.ndarray) -> np.ndarray:
        """(outputs, reduction), in the order in which device kernels walk it."""
        return array.transpose(self.outputs + self.reduction).reshape(self.shape(array.shape))

    def array(self, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Fold `matrix` back into the kernel that it was made of, given that kernel's shape."""
        order = self.outputs + self.reduction
        return matrix.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))

    def shape(self, shape: tuple[int, ...]) -> Shape:
        """Return the matrix's shape."""
        return (
            math.prod(shape[axis] for axis in self.outputs),
            math.prod(shape[axis] for axis in self.reduction),
        )

    def inputs_side_by_side(self, shape: tuple[int, ...]) -> int:
        """How many input values a kernel's rows multiply one after the other; 0 for `inputs=()`."""
        axes = self.reduction if self.inputs is None else self.inputs
        return math.prod(shape[axis] for axis in axes) if axes else 0


@dataclass(eq=False)
class Kernel:
    """One prunable weight.

    Attributes:
        layer: that has it.
        attribute: the weight's name in the layer.
        layout: of its axes.
        companions: layers with names of vectors, one number for each output, that become 0 with it.
    """

    layer: Any
    attribute: str
    layout: Layout
    companions: list[tuple[Any, str]] = field(default_factory=list)

    @property
    def variable(self) -> Any:
        """The weight itself."""
        return weight_of(self.layer, self.attribute)

    @property
    def name(self) -> str:
        """The layer's, and the weight's if it is not called kernel."""
        return self.layer.name + ("" if self.attribute == "kernel" else f"_{self.attribute}")

    def values(self) -> np.ndarray:
        """The weights as they are now."""
        return np.asarray(keras.ops.convert_to_numpy(self.variable))

    def rows(self) -> np.ndarray:
        """The weights as they are now, (outputs, reduction)."""
        return self.layout.matrix(self.values())

    @property
    def matrix_shape(self) -> Shape:
        """Shape of the matrix: (outputs, reduction)."""
        return self.layout.shape(tuple(self.variable.shape))

    def cut_by(self, pattern: Pattern) -> Pattern:
        """The pattern for this kernel."""
        return pattern.for_inputs(self.layout.inputs_side_by_side(tuple(self.variable.shape)))

    def problem(self, pattern: Pattern) -> str | None:
        """Why a pattern cannot cut it; None if it can."""
        return self.cut_by(pattern).problem(self.matrix_shape)


def weight_of(layer: Any, attribute: str) -> Any:
    """A layer's weight, behind the property that adds LoRA to it."""
    behind = getattr(layer, f"_{attribute}", None)
    return getattr(layer, attribute) if behind is None else behind


Layouts = Callable[[Any], dict[str, Layout]]


def _dense(layer: Any) -> dict[str, Layout]:
    return {"kernel": Layout((1,), (0,))}


def _convolution(layer: Any) -> dict[str, Layout]:
    return {"kernel": _last_axis(layer.rank + 2)}


def _last_axis(rank: int) -> Layout:
    return Layout((rank - 1,), tuple(range(rank - 1)), inputs=(rank - 2,))


def _transposed(layer: Any) -> dict[str, Layout]:
    rank = layer.rank + 2
    return {"kernel": Layout((rank - 2,), (*range(rank - 2), rank - 1), inputs=(rank - 1,))}


def _depthwise(layer: Any) -> dict[str, Layout]:
    return {"kernel": _depthwise_layout(layer.rank)}


def _depthwise_layout(rank: int) -> Layout:
    return Layout((rank, rank + 1), tuple(range(rank)), inputs=())


def _separable(layer: Any) -> dict[str, Layout]:
    return {
        "depthwise_kernel": _depthwise_layout(layer.rank),
        "pointwise_kernel": _last_axis(layer.rank + 2),
    }


def _einsum(layer: Any) -> dict[str, Layout]:
    operands, result = layer.equation.replace(" ", "").split("->")
    letters = operands.split(",")[1]
    outputs = tuple(axis for axis, letter in enumerate(letters) if letter in result)
    summed = tuple(axis for axis, letter in enumerate(letters) if letter not in result)
    return {"kernel": Layout(outputs, summed)}


def _cell(layer: Any) -> dict[str, Layout]:
    layout = Layout((1,), (0,), inputs=())
    return {"kernel": layout, "recurrent_kernel": layout}


def _embedding(layer: Any) -> dict[str, Layout]:
    return {"embeddings": Layout((0,), (1,), inputs=())}


_CELLS = ("GRUCell", "LSTMCell", "SimpleRNNCell")
_KINDS: dict[str, Layouts] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _convolution),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _transposed),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
    **dict.fromkeys(_CELLS, _cell),
    "Dense": _dense,
    "EinsumDense": _einsum,
    "Embedding": _embedding,
}
# What they compute is not a vector with a number for each of their rows.
_WITHOUT_OUTPUTS = ("Embedding", *_CELLS)
# Weights whose rows are what the layer gives, so that its bias and batch-norm belong to them.
_MAKE_RESULTS = ("kernel", "pointwise_kernel")
_registered: dict[type, Layouts] = {}


def register(kind: type, layouts: Layouts) -> None:
    """Let layers of a user's own be pruned.

    Args:
        kind: a class of layers; classes derived from it are others.
        layouts: of a built layer, the names of its weights with the axes that make up outputs
            and those summed over: `lambda layer: {"kernel": Layout((1,), (0,))}`.
    """
    _registered[kind] = layouts


def kernels_of(layer: Any) -> list[Kernel]:
    """The prunable weights of a built layer itself; none if it is of an unknown kind.

    A user's class that computes something of its own is of an unknown kind until it is registered,
    whatever it is derived from.
    """
    found = _registered.get(type(layer)) or _KINDS.get(kind_of(layer) or "")
    if found is None or not layer.built:
        return []
    return [Kernel(layer, name, layout) for name, layout in found(layer).items()]


def kernels_inside(operation: Any) -> list[Kernel]:
    """The prunable weights of a layer and of those in it; none of an operation of keras.ops."""
    if not isinstance(operation, keras.layers.Layer):
        return []
    return [kernel for layer in private.layers_in(operation) for kernel in kernels_of(layer)]


def selected_kernels(model: Any, layers: Any = None) -> list[Kernel]:
    """The kernels of a model, or of a layer with others in it.

    Args:
        model: a built Keras 3 model or layer.
        layers: names or layers, or a function that says of a layer whether it is meant; None for
            all.

    Raises:
        TfedgeError: a name is unknown, or a layer has no kernels.
    """
    every = kernels_inside(model)
    if layers is None:
        return every
    if callable(layers) and not isinstance(layers, keras.layers.Layer):
        return [kernel for kernel in every if layers(kernel.layer)]
    inside = {id(one) for named in _named(model, layers) for one in private.layers_in(named)}
    return [kernel for kernel in every if id(kernel.layer) in inside]


def trained_kernels(model: Any, layers: Any = None) -> list[Kernel]:
    """The kernels of a model that training changes, and any that are named.

    Args:
        model, layers: see `selected_kernels`.

    Raises:
        TfedgeError: see `selected_kernels`; or all kernels of the model are frozen.
    """
    every = selected_kernels(model, layers)
    found = [kernel for kernel in every if layers is not None or kernel.variable.trainable]
    if every and not found:
        raise TfedgeError(
            f"all layers of model '{model.name}' are frozen (trainable=False); unfreeze some, or "
            "name those that are meant with layers="
        )
    return found


def chosen_kernels(
    model: Any, layers: Any, pattern: Pattern, trained: bool = False
) -> list[Kernel]:
    """Return the kernels of a model that a pattern is to prune.

    Args:
        model: a built Keras 3 model.
        layers: names or layers, or a function that says of a layer whether it is pruned; None for
            all kernels with at least 16 weights per output that the pattern divides, for channels
            without the layers that the model's outputs come from.
        pattern: the pattern.
        trained: whether frozen layers are left out unless they are named.

    Raises:
        TfedgeError: a name is unknown, a layer has nothing to prune, the pattern does not divide
            one that was named, or nothing is left.
        UnsupportedError: the pattern is of channels, and the model cannot be taken apart.
    """
    chosen = (trained_kernels if trained else selected_kernels)(model, layers)
    if layers is None:
        chosen = _worth_pruning(model, chosen, pattern)
    if not chosen:
        raise TfedgeError(
            f"model '{model.name}' has no weights that {type(pattern).__name__.lower()} pruning "
            "applies to; name layers to prune, or choose another pattern"
        )
    _require_whole(chosen, pattern)
    if pattern.whole_outputs:
        _add_companions(model, chosen)
    return chosen


def _worth_pruning(model: Any, kernels: list[Kernel], pattern: Pattern) -> list[Kernel]:
    worth = [
        kernel
        for kernel in kernels
        if kernel.matrix_shape[1] >= WORTH_PRUNING and not kernel.problem(pattern)
    ]
    if not pattern.whole_outputs:
        return worth
    last = _output_layers(computation_of(model))
    return [
        kernel
        for kernel in worth
        if id(kernel.layer) not in last and kind_of(kernel.layer) not in _WITHOUT_OUTPUTS
    ]


def _named(model: Any, layers: Any) -> Iterable[Any]:
    every = private.layers_in(model)
    known: dict[str, Any] = {
        one.name: one for one in reversed(every)
    }  # a wrapper goes before its layer
    for item in [layers] if isinstance(layers, (str, keras.layers.Layer)) else layers:
        same = next((one for one in every if one is item), None)
        layer: Any = known.get(item) if isinstance(item, str) else same
        if layer is None:
            name = getattr(item, "name", item)
            raise TfedgeError(f"model '{model.name}' has no layer '{name}'{near(name, known)}")
        if not any(kernels_of(one) for one in private.layers_in(layer)):
            raise TfedgeError(
                f"layer '{layer.name}' ({type(layer).__name__}) has no kernels; if it is of your "
                "own kind, see tfedge.pruning.register"
            )
        yield layer


def _require_whole(kernels: list[Kernel], pattern: Pattern) -> None:
    for kernel in kernels:
        problem = kernel.problem(pattern)
        if pattern.whole_outputs and kind_of(kernel.layer) in _WITHOUT_OUTPUTS:
            problem = "it has no output channels of its own"
        if problem:
            raise TfedgeError(
                f"layer '{kernel.layer.name}' cannot be pruned so: {problem}; choose another "
                "pattern, or other layers"
            )


def _add_companions(model: Any, kernels: list[Kernel]) -> None:
    steps = {id(step.call.operation): step for step in steps_of(computation_of(model))}
    for kernel in kernels:
        layer = kernel.layer
        if not (kernel.attribute in _MAKE_RESULTS or type(layer) in _registered):
            continue
        bias = getattr(layer, "bias", None)
        if bias is not None and math.prod(bias.shape) == kernel.matrix_shape[0]:
            kernel.companions.append((layer, "bias"))
        step = steps.get(id(layer))
        norm = step.batch_norm.operation if step is not None and step.batch_norm else None
        for name in ("gamma", "beta"):
            if getattr(norm, name, None) is not None:
                kernel.companions.append((norm, name))


def _output_layers(computation: Computation) -> set[int]:
    """Ids of the last layers with weights on the way to each output."""
    makers: dict[int, Call] = {id(r): call for call in computation.calls for r in call.results}
    found: set[int] = set()
    waiting: list[Value] = list(computation.outputs)
    while waiting:
        call = makers.get(id(waiting.pop()))
        if call is None:
            continue
        last = {id(kernel.layer) for kernel in kernels_inside(call.operation)}
        found |= last
        waiting += [] if last else call.operands
    return found
