"""Kinds of layers and operations, by the names that Keras gives them."""

from __future__ import annotations

from typing import Any

# What a subclass may say anew and still compute what its base computes.
_HARMLESS = frozenset(
    {"__init__", "__module__", "__doc__", "__qualname__", "__annotations__", "__parameters__",
     "__firstlineno__", "__static_attributes__", "get_config", "from_config"}
)  # fmt: skip

# Layers that look up rows of a table.
EMBEDDINGS = ("Embedding", "ReversibleEmbedding")


def kind_of(operation: Any) -> str | None:
    """The name of Keras' class, if an operation computes what that class computes.

    Args:
        operation: a layer, or an operation of keras.ops.

    Returns:
        The class name, such as "Conv2D" or "Relu"; None where the class is a user's own, even if it
        is derived from one of Keras: what its methods compute is its own. A subclass that only has
        another constructor or other configuration is its base. None too where `call` was replaced
        in this one layer.
    """
    if "call" in getattr(operation, "__dict__", ()):
        return None
    for kind in type(operation).__mro__:
        if is_keras_class(kind):
            return str(kind.__name__)
        if not _is_harmless(kind):
            return None
    return None


def activation_name(layer: Any) -> str | None:
    """The name of a layer's own activation among those of Keras; None if it is none of them.

    Functions are known by what they are, not by what they are called.
    """
    import keras

    function = getattr(layer, "activation", None)
    if function is None:
        return "linear"
    if isinstance(function, keras.layers.Layer):
        return relu_name(function) if kind_of(function) == "ReLU" else None
    name = str(getattr(function, "__name__", ""))
    known = (getattr(module, name, None) for module in (keras.activations, keras.ops))
    return name if name and any(function is one for one in known) else None


def may_have_weights(function: Any) -> bool:
    """Whether an activation is a layer that has weights, or will have them once it is called."""
    import keras

    own = keras.layers.Layer
    return isinstance(function, own) and type(function).build is not own.build


def relu_name(layer: Any) -> str | None:
    """Return "relu" or "relu6" for a Keras ReLU layer that is one of these, else None."""
    if layer.negative_slope or layer.threshold:
        return None
    return {None: "relu", 6: "relu6"}.get(layer.max_value)


def is_keras_class(kind: type) -> bool:
    """Whether a class is Keras' own."""
    return kind.__module__.partition(".")[0] == "keras"


def _is_harmless(kind: type) -> bool:
    """Whether a user's class leaves alone what its bases compute."""
    base = super(kind, kind)
    return all(name in _HARMLESS or not hasattr(base, name) for name in vars(kind))


def described(operation: Any) -> str:
    """A layer as messages name it, such as "layer 'conv' (Conv2D)"."""
    import keras

    what = "layer" if isinstance(operation, keras.layers.Layer) else "operation"
    return f"{what} '{operation.name}' ({type(operation).__name__})"
