"""The attributes of Keras that its documentation does not promise, each used in one function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend.common import dtypes
from keras.src.utils.tracking import DotNotTrackScope


def mask_of(tensor: Any) -> Any:
    """The mask that a tensor carries, None if it has none."""
    return getattr(tensor, "_keras_mask", None)


def maker_of(tensor: Any) -> Any:
    """The node of Keras' graph that made a symbolic tensor."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def operation_of(tensor: Any) -> Any:
    """The layer or operation that made a symbolic tensor, None for other tensors."""
    history = getattr(tensor, "_keras_history", None)
    return history.operation if history else None


def input_name(tensor: Any) -> str:
    """Return Keras' name of a model's input."""
    return str(operation_of(tensor).name)


def nodes_of(operation: Any) -> list[Any]:
    """The nodes of Keras' graphs in which a layer or operation was called."""
    return list(operation._inbound_nodes)


def structures_of(graph: Any) -> tuple[Any, Any]:
    """Inputs and outputs of a functional model, nested as its caller nests them."""
    return graph._inputs_struct, graph._outputs_struct


def run_graph(graph: Any, inputs: list[Any], call: Callable[[Any], Any]) -> Any:
    """Run the graph of a functional model as the model's own `call` does.

    Args:
        graph: the model.
        inputs: flat.
        call: of a layer or operation, what is called in its place.
    """
    return graph._run_through_graph(inputs, operation_fn=call)


# Of these nothing has a mask whose operands have none.
_PASSING_MASKS_ON = (keras.layers.Layer.compute_mask, keras.layers.Add.compute_mask)


def call_directly(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a layer or operation; a simple layer of Keras without what `__call__` does around it.

    That takes longer than most layers compute.

    Args:
        operation: a built layer, or an operation.
        args, kwargs: of real tensors, with `training` where the layer takes it.
    """
    plain = all(value is None for name, value in kwargs.items() if name != "training")
    simple = isinstance(operation, keras.layers.Layer) and _is_simple(operation)
    if simple and plain and all(map(_is_simple_operand, args)):
        return operation.call(*args, **kwargs)
    return operation(*args, **kwargs)


def _is_simple(layer: Any) -> bool:
    """Whether `__call__` leaves operands, weights, masks and results of a layer as they are."""
    kind = type(layer)
    return (
        kind.__module__.startswith("keras.")
        and kind.__call__ is keras.layers.Layer.__call__
        and kind.compute_mask in _PASSING_MASKS_ON
        and layer.compute_dtype == layer.variable_dtype == "float32"
        and layer.quantization_mode is None
        and not layer._layers
    )


def _is_simple_operand(operand: Any) -> bool:
    tensors = operand if isinstance(operand, list) else [operand]
    return all(getattr(x, "dtype", "") == "float32" and mask_of(x) is None for x in tensors)


def flat_inputs(graph: Any, inputs: Any) -> list[Any]:
    """Flatten a functional model's argument to its inputs: in its order, of its ranks and types."""
    structure, _ = structures_of(graph)
    if isinstance(inputs, dict) and not isinstance(structure, dict):
        inputs = [inputs[tensor.name] for tensor in graph.inputs]
    elif isinstance(inputs, dict):
        inputs = {name: inputs[name] for name in structure}
    typed = [
        tensor if tensor.dtype == wanted.dtype else ops.cast(tensor, wanted.dtype)
        for tensor, wanted in zip(keras.tree.flatten(inputs), graph.inputs, strict=True)
    ]
    return list(graph._adjust_input_rank(typed))


def pass_masks_on(layer: Any, args: Any, kwargs: Mapping[str, Any], results: Any) -> None:
    """Let the results of a layer carry the masks that Keras gives them."""
    if not layer.supports_masking:
        return
    given = next(iter(call_signature(layer).bind(*args, **kwargs).arguments.values()))
    before = kwargs.get("mask")
    before = keras.tree.map_structure(mask_of, given) if before is None else before
    layer._set_mask_metadata(given, results, before)


def put_mask_of_zeros_on(layer: Any, words: Any, result: Any) -> None:
    """Let what a ReversibleEmbedding looked up carry the mask that its `call` puts on it."""
    result._keras_mask = keras.layers.Embedding.compute_mask(layer, words)


def take_masks_off(layer: Any, args: Any, kwargs: Mapping[str, Any]) -> None:
    """Do to symbolic tensors what a layer does to real ones: attention takes their masks off.

    Whatever reads them after it gets none.
    """
    if isinstance(layer, keras.layers.MultiHeadAttention):
        given = call_signature(layer).bind(*args, **kwargs).arguments
        for name in ("query", "value", "key"):
            if given.get(name) is not None:
                given[name]._keras_mask = None


def keep_mask_of(operand: Any, operation: Any, args: Any, kwargs: Any, result: Any) -> None:
    """Let a symbolic result keep its operand's mask where an operation changes nothing.

    Keras knows no masks of operations, but what returns the real tensor that it was given, as
    `keras.ops.swapaxes` does of an axis and itself, returns it with its mask. So it is tried out.

    Args:
        operand: a symbolic tensor among the arguments.
        operation: of keras.ops.
        args, kwargs: the arguments.
        result: the symbolic result.
    """
    if mask_of(operand) is None or result.shape != operand.shape or result is operand:
        return
    given = {id(operand): ops.zeros([size or 1 for size in operand.shape], operand.dtype)}
    tried_args, tried_kwargs = keras.tree.map_structure(
        lambda item: given.get(id(item), item), (list(args), dict(kwargs))
    )
    try:
        tried = operation(*tried_args, **tried_kwargs)
    except Exception:  # of sizes that are open, and others here than the operation takes
        return
    if tried is given[id(operand)]:
        result._keras_mask = operand._keras_mask


def fill_sizes(layer: Any, given: Any, result: Any) -> None:
    """Give the symbolic result of an EinsumDense the sizes that its operand's follow from.

    Keras leaves them open where the layer's `output_shape` does, as it does within attention.

    Args:
        layer: the EinsumDense.
        given: its operand.
        result: made by the layer, and not yet read.
    """
    if None in result.shape[1:]:
        kernel = keras.KerasTensor(layer.kernel.shape, result.dtype)
        result._shape = ops.einsum(layer.equation, given, kernel).shape


def reads_from_tensor(layer: Any, argument: str) -> bool:
    """Whether a layer reads a mask off the tensor, whatever it is given as an argument."""
    return isinstance(layer, keras.layers.MultiHeadAttention) and argument == "query_mask"


def put_masks_on(layer: Any, args: Any, kwargs: Mapping[str, Any]) -> None:
    """Let real tensors carry the masks that a layer does not read from its arguments.

    The layer takes them off again.
    """
    mask = kwargs.get("query_mask")
    if mask is None or not reads_from_tensor(layer, "query_mask"):
        return
    query = call_signature(layer).bind(*args, **kwargs).arguments["query"]
    if ops.is_tensor(query):
        query._keras_mask = mask


def has_graph(model: Any) -> bool:
    """Whether a model was built from symbolic inputs and outputs."""
    return _functional_class(model) is not None


def is_functional(model: Any) -> bool:
    """Whether a model is its graph: functional, with no `call` of its own."""
    functional = _functional_class(model)
    return functional is not None and type(model).call is functional.call


def _functional_class(model: Any) -> Any:
    kinds = type(model).__mro__
    return next((kind for kind in kinds if kind.__name__ == "Functional"), None)


def has_own_training(model: Any) -> bool:
    """Whether a model's class says itself what a step of training or its loss is."""
    return any(
        getattr(type(model), name) is not getattr(keras.Model, name)
        for name in ("train_step", "compute_loss", "test_step", "predict_step")
    )


def sequential_graph(model: Any) -> Any:
    """The functional model in a built Sequential; None where it is not its list of layers."""
    if type(model).call is not keras.Sequential.call:
        return None
    return model._functional


def graph_in(operation: Any) -> Any:
    """The functional model in a built Sequential; anything else itself."""
    return getattr(operation, "_functional", None) or operation


def context_arguments(layer: Any) -> set[str]:
    """Arguments that come with the call of the model, such as `training`."""
    return {"training", *getattr(layer, "_call_context_args", {})}


def call_signature(operation: Any) -> inspect.Signature:
    """Return the signature of the function that a layer or operation computes."""
    found = getattr(operation, "_call_signature", None)
    return found if found is not None else inspect.signature(operation.call)


def set_call_signature(layer: Any, signature: inspect.Signature) -> None:
    """Let Keras read the arguments of a layer's `call` from a signature."""
    takes_training = "training" in signature.parameters
    layer._call_signature = signature
    layer.call_signature_parameters = list(signature.parameters)
    layer._call_has_training_arg = takes_training
    layer._call_has_context_arg["training"] = takes_training


def required_arguments(operation: Any) -> int:
    """How many arguments a layer or operation has to be called with."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        parameter.kind in kinds and parameter.default is parameter.empty
        for parameter in call_signature(operation).parameters.values()
    )


def takes(operation: Any, argument: str) -> bool:
    """Whether a layer or operation has an argument of a name."""
    return argument in call_signature(operation).parameters


def attention_scores(
    layer: Any, query: Any, key: Any, value_mask: Any, is_causal: bool
) -> tuple[Any, Any]:
    """Scores of Keras' Attention or AdditiveAttention, and the mask of them, None if there is none.

    Args:
        layer: the layer.
        query, key: tensors, [batch, steps, depth].
        value_mask: of the keys' steps, or None.
        is_causal: whether a query sees the keys up to its own step alone.
    """
    scores = layer._calculate_scores(query=query, key=key)
    return scores, layer._calculate_score_mask(scores, value_mask, is_causal)


def layers_in(layer: Any) -> list[Any]:
    """A layer or model, and all layers in it."""
    return list(layer._flatten_layers())


@contextmanager
def unlocked(layer: Any) -> Iterator[None]:
    """Let a built layer take new parts, or give them up."""
    layer._tracker.unlock()
    try:
        yield
    finally:
        layer._tracker.lock()


def untrack(layer: Any, part: Any) -> None:
    """Let Keras no longer count a part among those of an unlocked layer."""
    layer._tracker.untrack(part)


def track_for_export(layer: Any, part: Any, name: str) -> None:
    """Let a SavedModel hold a part that Keras itself does not count among the layer's."""
    with DotNotTrackScope():
        layer._track_trackable(part, name, overwrite=True)


class WeightAccess(keras.StatelessScope):
    """Record of the variables that code reads and assigns by itself; it keeps them from assignment.

    Attributes:
        read: the variables that were read outside of the layers that own them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Any] = []

    def get_current_value(self, variable: Any) -> Any:
        """Return the value that Keras uses for a variable."""
        self.read.append(variable)
        return super().get_current_value(variable)

    @property
    def assigns(self) -> bool:
        """Whether code gave a variable a new value."""
        return bool(self.state_mapping)


@contextmanager
def replaced_weights(layer: Any, tensors: Mapping[int, Any]) -> Iterator[None]:
    """Put tensors in the places of a layer's own weights while its code runs.

    Args:
        layer: the layer.
        tensors: by the identities of the weights.
    """
    attributes = vars(layer)
    before = dict(attributes)
    changed = {
        name: _with_symbols(value, tensors)
        for name, value in before.items()
        if not name.startswith(_TRACKED) and _has_any(value, tensors)
    }
    try:
        attributes.update(changed)
        yield
    finally:
        attributes.update({name: before[name] for name in changed})


@contextmanager
def symbolic_weights(layer: Any, symbols: Mapping[int, Any]) -> Iterator[WeightAccess]:
    """Put symbolic tensors in the places of a layer's own weights while its code runs.

    Args:
        layer: the layer.
        symbols: the tensors, by the identities of the weights.
    """
    with replaced_weights(layer, symbols), WeightAccess() as access:
        yield access


@contextmanager
def in_place_of(owner: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Put a function in the place of a module's or a class' own for a while."""
    before = getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def backend_function(module: str, name: str, stand_in: Callable[..., Any]) -> Iterator[None]:
    """Put a function in the place of one that operations of `keras.ops` call.

    Args:
        module: of Keras' backend, "numpy" or "nn".
        name: of its function.
        stand_in: of Keras' own function and its arguments.
    """
    owner = getattr(keras.src.backend, module)
    with in_place_of(owner, name, functools.partial(stand_in, getattr(owner, name))):
        yield


def result_type(*types: Any) -> str:
    """The type in which Keras computes with operands of several, `results_in_float32` or not."""
    return str(dtypes.result_type(*types))


@contextmanager
def results_in_float32() -> Iterator[None]:
    """Let operations with an operand of float64 compute in float32.

    `keras.ops` gives what meets an array of numpy's the type of that, which is float64 unless
    somebody said otherwise.
    """
    before = dtypes.result_type

    def narrowed(*types: Any) -> str:
        found = str(before(*types))
        return "float32" if found == "float64" else found

    with in_place_of(dtypes, "result_type", narrowed):
        yield


@contextmanager
def symbolic_constants(layer: Any, stand_in: Callable[[Any], Any]) -> Iterator[None]:
    """Let code call the layers in a layer on constants, as on the numbers of positions.

    Keras would compute them at once, with the weights as they are now.

    Args:
        layer: the layer whose code runs.
        stand_in: of a constant, the symbolic tensor that is passed on in its place.
    """
    inner = {id(one) for one in layers_in(layer)[1:] if one.weights}
    run = keras.layers.Layer.__call__

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        flat = keras.tree.flatten((args, kwargs))
        if id(self) in inner and not any(isinstance(item, keras.KerasTensor) for item in flat):
            args, kwargs = keras.tree.map_structure(
                lambda item: stand_in(item) if _is_constant(item) else item, (args, kwargs)
            )
        return run(self, *args, **kwargs)

    with in_place_of(keras.layers.Layer, "__call__", call):
        yield


def _is_constant(item: Any) -> bool:
    """Whether it is an array, or a tensor that has a value outside of any graph."""
    return isinstance(item, np.ndarray) or (ops.is_tensor(item) and hasattr(item, "numpy"))


# Where Keras keeps weights and layers a second time.
_TRACKED = ("_trainable_variables", "_non_trainable_variables", "_layers", "_metrics", "_tracker")


def _has_any(value: Any, symbols: Mapping[int, Any]) -> bool:
    return id(value) in symbols or any(_has_any(item, symbols) for item in _items(value))


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def _with_symbols(value: Any, symbols: Mapping[int, Any]) -> Any:
    """Weights in lists and dicts replaced too; what has none stays what it is."""
    if not _has_any(value, symbols):
        return value
    if isinstance(value, dict):
        return {name: _with_symbols(item, symbols) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_symbols(item, symbols) for item in value)
    return symbols[id(value)]
