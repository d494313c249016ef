"""Whoever makes a mistake in the transformation is told: its check is tried on mistakes.

A mutant changes what the transformation reads of a model, or what it makes of a layer, as a mistake
there would. Models are as they are built, where biases are 0 and batch-norms do nothing, and with
weights that say something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras_layers.models import randomize
from random_keras.checks import device_outputs, difference, inputs_for, outputs_of

import tfedge
from tfedge.errors import DifferenceError
from tfedge.keras_graph import computation as graph
from tfedge.quantization import layer_table, operation_table, schemes, transform
from tfedge.quantization.phase import FLOAT
from tfedge.quantization.quantized_forward import attach

Change = Callable[[graph.Call], graph.Call]


def _changed_calls(patch: pytest.MonkeyPatch, kind: str, change: Change) -> None:
    """Lets the transformation read calls of a kind otherwise than they are."""
    read = transform.computation_of

    def mutant(*arguments: Any) -> graph.Computation:
        found = read(*arguments)
        kinds = [type(call.operation).__name__ for call in found.calls]
        assert kind in kinds
        calls = [
            change(call) if name == kind else call
            for name, call in zip(kinds, found.calls, strict=True)
        ]
        return replace(found, calls=calls)

    patch.setattr(transform, "computation_of", mutant)


def _forget_masks(patch: pytest.MonkeyPatch) -> None:
    """Lets the transformation read calls without the masks that Keras hands on."""
    run = graph._Recorder._run

    def forgetful(recorder: Any, operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        for item in keras.tree.flatten((args, kwargs)):
            if isinstance(item, keras.KerasTensor):
                keras.src.backend.set_keras_mask(item, None)
        kept = {name: value for name, value in kwargs.items() if not name.endswith("mask")}
        return run(recorder, operation, args, kept)

    patch.setattr(graph._Recorder, "_run", forgetful)


def _without(name: str) -> Change:
    """The call without one of its arguments."""

    def change(call: graph.Call) -> graph.Call:
        assert name in call.kwargs
        kwargs = {key: value for key, value in call.kwargs.items() if key != name}
        return replace(call, kwargs=kwargs)

    return change


def _swapped(call: graph.Call) -> graph.Call:
    """The call with its first two tensors in each other's places."""
    first, second, *_ = call.operands
    other = {id(first): second, id(second): first}
    args, kwargs = keras.tree.map_structure(
        lambda item: other.get(id(item), item), (call.args, call.kwargs)
    )
    return replace(call, args=args, kwargs=kwargs)


def _once_each(call: graph.Call) -> graph.Call:
    """The call with every tensor once, however often it occurs."""
    (operands,) = call.args
    return replace(call, args=[list({id(operand): operand for operand in operands}.values())])


def _with(**options: Any) -> Change:
    """The call of the same layer with other attributes, on the same weights."""

    def change(call: graph.Call) -> graph.Call:
        old = call.operation
        new = type(old).from_config({**old.get_config(), **options, "name": f"{old.name}_mutant"})
        new.build(call.operands[0].spec.shape)
        for mine, given in zip(new.variables, old.variables, strict=True):
            mine.assign(given)
        return replace(call, operation=new)

    return change


def _on(shape: tuple[int, ...], *parts: Any) -> Callable[[], Any]:
    def make() -> Any:
        x = inputs = keras.Input(shape)
        for part in parts:
            x = part(x)
        return keras.Model(inputs, x)

    return make


def _tokens(behind: Callable[[], Any]) -> Callable[[], Any]:
    def make() -> Any:
        x = keras.Input((6,), dtype="int32")
        return keras.Model(x, behind()(layers.Embedding(9, 4, mask_zero=True)(x)))

    return make


def _attention(**options: Any) -> Callable[[], Any]:
    def make() -> Any:
        x = keras.Input((5, 4))
        keys = layers.Dense(4)(x)
        return keras.Model(x, layers.MultiHeadAttention(2, 3)(x, keys, **options))

    return make


def _masked_attention() -> Any:
    x = keras.Input((5, 4))
    mask = ops.matmul(x, ops.swapaxes(x, 1, 2)) + 100.0 * ops.eye(5) > 0
    return keras.Model(x, layers.MultiHeadAttention(2, 3)(x, x, attention_mask=mask))


def _twice() -> Any:
    x = keras.Input((6,))
    y = layers.Dense(6)(x)
    return keras.Model(x, layers.Add()([y, x, y]))


# What the transformation reads wrongly: a model, the kind of its call, and the mistake.
READ_WRONGLY: dict[str, tuple[Callable[[], Any], str, Change]] = {
    "mask of attention": (_masked_attention, "MultiHeadAttention", _without("attention_mask")),
    "causal mask": (
        _attention(use_causal_mask=True), "MultiHeadAttention", _without("use_causal_mask"),
    ),
    "operands of attention": (_attention(), "MultiHeadAttention", _swapped),
    "operands of a difference": (
        _on((6,), lambda x: layers.Subtract()([x, layers.Dense(6)(x)])), "Subtract", _swapped,
    ),
    "operands of a product": (
        _on((4, 4), lambda x: ops.matmul(x, layers.Dense(4)(x))), "Matmul", _swapped,
    ),
    "a repeated operand": (_twice, "Add", _once_each),
    "axis of a softmax": (_on((4, 4), layers.Softmax(axis=1)), "Softmax", _with(axis=-1)),
    "axis of a batch-norm": (
        _on((4, 4), layers.BatchNormalization(axis=1)), "BatchNormalization", _with(axis=-1),
    ),
    "axis of a layer norm": (
        _on((4, 4), layers.LayerNormalization(axis=1)), "LayerNormalization", _with(axis=[-1]),
    ),
    "axis of a length": (
        _on((4, 4), layers.UnitNormalization(axis=[1, 2])), "UnitNormalization", _with(axis=1),
    ),
    "epsilon of a batch-norm": (
        _on((4,), layers.BatchNormalization(epsilon=0.5)),
        "BatchNormalization", _with(epsilon=0.001),
    ),
    "slope of a leaky ReLU": (
        _on((4,), layers.LeakyReLU(negative_slope=0.5)), "LeakyReLU", _with(negative_slope=0.1),
    ),
    "format of an up-sampling": (
        _on((4, 4, 4), layers.UpSampling2D(2, data_format="channels_first")),
        "UpSampling2D", _with(data_format="channels_last"),
    ),
    "order of a permutation": (
        _on((4, 4, 4), layers.Permute((3, 1, 2))), "Permute", _with(dims=(2, 3, 1)),
    ),
    "direction of a GRU": (
        _on((5, 3), layers.GRU(3, go_backwards=True)), "GRU", _with(go_backwards=False),
    ),
    "dilation of a convolution": (
        _on((6, 6, 2), layers.Conv2D(3, 3, padding="same", dilation_rate=2)),
        "Conv2D", _with(dilation_rate=1),
    ),
    "padding of a large image": (
        _on((97, 130, 2), layers.Conv2D(3, 3, strides=2, padding="same", use_bias=False),
            layers.GlobalMaxPooling2D()),
        "Conv2D", _with(padding="valid"),
    ),
}  # fmt: skip

MASKED = {
    "LSTM": lambda: layers.LSTM(3),
    "average": layers.GlobalAveragePooling1D,
    "attention": lambda: lambda x: layers.MultiHeadAttention(2, 3)(x, x),
}

# What it makes of a layer is what it should make of another.
BUILT_WRONGLY: dict[str, tuple[Callable[[], Any], Any, str, str]] = {
    "a difference becomes a sum": (
        _on((6,), lambda x: layers.Subtract()([x, layers.Dense(6)(x)])),
        layer_table.LAYERS, "Subtract", "Add",
    ),
    "a maximum becomes a sum": (
        _on((6,), lambda x: ops.maximum(x, layers.Dense(6)(x))),
        operation_table.OPERATIONS, "Maximum", "Add",
    ),
    "a sigmoid becomes a ReLU": (
        _on((6,), layers.Dense(6), ops.sigmoid), operation_table.OPERATIONS, "Sigmoid", "Relu",
    ),
}  # fmt: skip


@pytest.mark.parametrize("random_weights", [False, True], ids=["as built", "random weights"])
@pytest.mark.parametrize("name", READ_WRONGLY)
def test_a_model_that_is_read_wrongly_is_refused(name, random_weights, monkeypatch):
    make, kind, change = READ_WRONGLY[name]
    model = _model(make, random_weights)
    assert not _wrong(model), "the model itself is right"
    _changed_calls(monkeypatch, kind, change)
    _require_caught(model, random_weights)


@pytest.mark.parametrize("name", MASKED)
def test_a_mask_that_nobody_passes_on_is_missed(name, monkeypatch):
    model = _model(_tokens(MASKED[name]), random_weights=True)
    assert not _wrong(model), "the model itself is right"
    _forget_masks(monkeypatch)
    _require_caught(model, random_weights=True)


@pytest.mark.parametrize("name", BUILT_WRONGLY)
def test_a_layer_that_is_built_wrongly_is_refused(name, monkeypatch):
    make, table, kind, other = BUILT_WRONGLY[name]
    model = _model(make, random_weights=True)
    monkeypatch.setitem(table, kind, table[other])
    _require_caught(model, random_weights=True)


def _model(make: Callable[[], Any], random_weights: bool) -> Any:
    keras.utils.set_random_seed(5)
    model = make()
    if random_weights:
        randomize(model, np.random.default_rng(5))
    return model


def _require_caught(model: Any, random_weights: bool) -> None:
    """Both forms refuse; where weights say something, the outputs differ indeed."""
    with pytest.raises(DifferenceError):
        tfedge.quantize(model)
    with pytest.raises(DifferenceError):
        attach(model, schemes.get("int8"))
    if random_weights:
        assert _wrong(model, check=False)


def _wrong(model: Any, check: bool = True) -> str:
    inputs = inputs_for(model, np.random.default_rng(5))
    quantized = tfedge.quantize(model, check=check)
    quantized.set_phase(FLOAT)
    return difference(device_outputs(quantized, inputs), outputs_of(model, inputs))
