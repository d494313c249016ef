"""The places where Keras lets what tfedge adds to a model come and go with it.

Keras saves whatever is an attribute of a layer, but restores only what the loaded layer has
already, and knows of no attributes in its legacy `.h5` files and in lists of weights. Each hook
here runs Keras' own function and adds what concerns parts (`saved_parts`), or nothing where there
are none.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.legacy.saving import legacy_h5_format
from keras.src.saving import saving_lib

from tfedge.callbacks.training_callback import TrainingCallback
from tfedge.compiled_steps import compile_anew
from tfedge.saved_parts import Snapshot, has_parts, make_missing, restore, snapshot
from tfedge.students import scope_of, trainable_model
from tfedge.weight_constraints import hold

_GROUP = "tfedge_parts"
# What the same model has of these is not older than any weights that it is given.
_NEWER = ("tfedge_pruning", "tfedge_shared_")
_restoring = True


class WeightsWithParts(list[Any]):
    """Weights that `get_weights` returns of a layer with parts, and the parts beside them."""

    def __init__(self, weights: Any, parts: Snapshot):
        super().__init__(weights)
        self.parts = parts


def install() -> None:
    """Put all hooks into Keras, if it runs on TensorFlow; once is enough."""
    if keras.backend.backend() != "tensorflow":
        return
    hooks: list[tuple[Any, str, Callable[..., Any]]] = [
        (saving_lib, "_load_state", _load_state),
        (legacy_h5_format, "save_weights_to_hdf5_group", _save_h5),
        (legacy_h5_format, "load_weights_from_hdf5_group", _load_h5),
        (keras.layers.Layer, "get_weights", _get_weights),
        (keras.layers.Layer, "set_weights", _set_weights),
        (keras.callbacks.CallbackList, "on_epoch_end", _on_epoch_end),
        (keras.callbacks.CallbackList, "on_train_end", _on_train_end),
    ]
    for owner, name, hook in hooks:
        _put(owner, name, hook)


def _put(owner: Any, name: str, hook: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    if hasattr(original, "tfedge_hook"):
        return

    @functools.wraps(original)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        return hook(original, *args, **kwargs)

    hooked.tfedge_hook = True  # type: ignore[attr-defined]
    setattr(owner, name, hooked)


@contextlib.contextmanager
def weights_alone() -> Iterator[None]:
    """Load weights without the parts that are beside them."""
    global _restoring
    before, _restoring = _restoring, False
    try:
        yield
    finally:
        _restoring = before


def _load_state(
    original: Any, saveable: Any, weights_store: Any, assets_store: Any, inner_path: str,
    *args: Any, **kwargs: Any,
) -> None:  # fmt: skip
    """Make parts that a file has before Keras looks for what it can load."""

    def stored(name: str) -> dict[str, Any]:
        path = f"{inner_path}/{name}" if inner_path else name
        if not weights_store.has_path(path):
            return {}
        entry = weights_store.get(path)
        return {key: np.asarray(entry[key]) for key in entry.keys()}  # noqa: SIM118

    with contextlib.nullcontext() if inner_path else scope_of(saveable):
        if _restoring and weights_store and isinstance(saveable, keras.layers.Layer):
            make_missing(saveable, stored)
        original(saveable, weights_store, assets_store, inner_path, *args, **kwargs)
    if not inner_path:
        _settle(saveable)


def _settle(model: Any) -> None:
    """Let compiled functions know of what came with a file."""
    if isinstance(model, keras.Model) and has_parts(model):
        compile_anew(model)
        hold(model)


def _save_h5(original: Any, group: Any, model: Any) -> None:
    original(group, model)
    for path, store in snapshot(model).items():
        for name, array in store.items():
            group.create_dataset(f"{_GROUP}/{path}/{name}", data=array)


def _load_h5(original: Any, group: Any, model: Any, *args: Any, **kwargs: Any) -> None:
    if _restoring and _GROUP in group:
        with scope_of(model):
            restore(model, _read(group[_GROUP]))
    original(group, model, *args, **kwargs)
    _settle(model)


def _read(group: Any) -> Snapshot:
    return {
        f"{label}/{name}/{place}": {key: np.asarray(array) for key, array in store.items()}
        for label, layer in group.items()
        for name, part in layer.items()
        for place, store in part.items()
    }


def _get_weights(original: Any, layer: Any) -> Any:
    weights = original(layer)
    return WeightsWithParts(weights, snapshot(layer)) if has_parts(layer) else weights


def _set_weights(original: Any, layer: Any, weights: Any) -> None:
    parts = weights.parts if isinstance(weights, WeightsWithParts) else {}
    if parts and _restoring:
        with scope_of(layer):
            restore(layer, parts, _NEWER)
    original(layer, weights)
    if parts and _restoring:
        _settle(layer)


def _on_epoch_end(original: Any, callbacks: Any, epoch: int, logs: Any = None) -> None:
    """Add what tfedge's callbacks say before any callback reads it, wherever they are listed."""
    for callback in callbacks.callbacks:
        if isinstance(callback, TrainingCallback):
            logs = {**(logs or {}), **callback.epoch_logs(epoch)}
    original(callbacks, epoch, logs)


def _on_train_end(original: Any, callbacks: Any, logs: Any = None) -> None:
    """Hold masks and clusters, whatever averages or older weights took the model's place."""
    original(callbacks, logs)
    if callbacks.model is not None:
        hold(trainable_model(callbacks.model))
