"""Parts: state that tfedge keeps with layers beside their weights, and that is saved with them.

Masks, clusters and ranges are parts: attributes of layers and models that Keras' files hold, but
that `weights` does not count, so that a model's weights stay what they are. A file, or a list of
weights, that has parts makes them anew in a model that has none (`keras_hooks` sees to it).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfedge.errors import TfedgeError
from tfedge.keras_graph import private

_PREFIX = "tfedge_"
# Of one part, arrays by name; and of a whole model, parts by place.
Store = Mapping[str, Any]
Snapshot = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Kind:
    """One kind of parts.

    Attributes:
        names: of a layer, the attributes that may hold such parts.
        make: of a layer, the attribute and what is stored of the part, the part in its place.
        without: what the layer is if that cannot be done.
    """

    names: Callable[[Any], Iterable[str]]
    make: Callable[[Any, str, Store], None]
    without: str


_KINDS: list[Kind] = []


def register(kind: Kind) -> None:
    """Let a kind of parts come back."""
    _KINDS.append(kind)


def keep(layer: Any, name: str, part: Any) -> None:
    """Make a part, or a list of them, an attribute of a layer.

    Keras' tracking of sublayers does not see it, TensorFlow's of what a SavedModel needs does.
    """
    object.__setattr__(layer, name, part)
    for place, one in enumerate(_listed(part)):
        private.track_for_export(layer, one, f"{name}_{place}")


def forget(layer: Any, name: str) -> None:
    """Take a part away."""
    object.__delattr__(layer, name)


def encoded(description: Any) -> np.ndarray:
    """JSON as an array, which is all that a weights file holds."""
    return np.frombuffer(json.dumps(description).encode(), np.uint8)


def decoded(array: Any) -> Any:
    """Return the value that `encoded` was given."""
    return json.loads(np.asarray(array, np.uint8).tobytes())


def make_missing(layer: Any, stored: Callable[[str], Store | None]) -> None:
    """Make the parts that a layer lacks.

    Args:
        layer: a built layer or model.
        stored: of an attribute's name, what is stored of the part; None if nothing is.
    """
    for kind in _KINDS:
        for name in kind.names(layer):
            store = None if hasattr(layer, name) else stored(name)
            if store:
                _make(kind, layer, name, store)


def _make(kind: Kind, layer: Any, name: str, store: Store) -> None:
    try:
        kind.make(layer, name, store)
    except (TfedgeError, KeyError, TypeError, ValueError) as error:
        warnings.warn(
            f"'{layer.name}' {kind.without}: what is saved beside its weights cannot be restored "
            f"({type(error).__name__}: {error})",
            stacklevel=2,
        )


def has_parts(layer: Any) -> bool:
    """Whether a layer, or one in it, has parts."""
    return any(_parts_of(one) for one in private.layers_in(layer))


def snapshot(layer: Any) -> Snapshot:
    """The parts of a layer and of those in it, by the layer's place."""
    found: Snapshot = {}
    for label, one in _labelled(layer).items():
        for name, parts in _parts_of(one).items():
            for place, part in enumerate(parts):
                store: dict[str, np.ndarray] = {}
                part.save_own_variables(store)
                found[f"{label}/{name}/{place}"] = {
                    key: np.asarray(keras.ops.convert_to_numpy(value))
                    for key, value in store.items()
                }
    return found


def restore(layer: Any, parts: Snapshot, kept: Collection[str] = ()) -> None:
    """Give a layer the parts of another that is built alike.

    Args:
        layer: the layer or model.
        parts: of the other one.
        kept: beginnings of the names of attributes that stay as they are where they are.
    """
    layers = _labelled(layer)
    strange = {key.partition("/")[0] for key in parts} - set(layers)
    if strange:
        warnings.warn(
            f"the masks, clusters and ranges that tfedge keeps with weights stay behind: "
            f"'{layer.name}' is not built as the model that they belong to",
            stacklevel=4,
        )
        return
    there = {f"{label}/{name}" for label, one in layers.items() for name in _parts_of(one)}
    for label, one in layers.items():
        make_missing(one, lambda name, label=label: parts.get(f"{label}/{name}/0"))  # type: ignore[misc]
    for key, store in parts.items():
        label, name, place = key.split("/")
        stays = f"{label}/{name}" in there and name.startswith(tuple(kept))
        found = _listed(getattr(layers[label], name, None))
        if not stays and int(place) < len(found):
            found[int(place)].load_own_variables(store)


def _labelled(layer: Any) -> dict[str, Any]:
    """Layers by place and kind, without what is a part itself."""
    every = private.layers_in(layer)
    parts = {id(part) for one in every for found in _parts_of(one).values() for part in found}
    own = [one for one in every if id(one) not in parts]
    return {f"{place}.{type(one).__name__}": one for place, one in enumerate(own)}


def _parts_of(layer: Any) -> dict[str, list[Any]]:
    return {name: _listed(value) for name, value in vars(layer).items() if name.startswith(_PREFIX)}


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
