"""Masks: kept with layers, and applied by the optimizer in its compiled step.

A variable's `constraint` is what Keras calls behind every update, in the compiled step. The mask
there keeps pruned weights at 0 whatever optimizer, weight decay or loss scale moved them, for as
long as the model lives; the model's layers, weights and configuration stay what they are.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfedge import saved_parts, weight_constraints
from tfedge.keras_graph import private
from tfedge.keras_graph.requirements import require_keras3
from tfedge.pruning.kernels import weight_of
from tfedge.weight_constraints import ZEROS, constrain, constraint_of

_ATTRIBUTE = "tfedge_pruning"
NEVER = -1


class Masked:
    """A constraint: zero where the mask is False.

    Attributes:
        mask: a variable of booleans, of the weight's shape.
    """

    def __init__(self, mask: Any):
        self.mask = mask

    def __call__(self, weight: Any) -> Any:
        """The weight under the mask."""
        return keras.ops.where(self.mask, keras.ops.convert_to_tensor(weight), 0)


class PruningState(keras.layers.Layer):
    """The masks of a layer's weights, and sums of its gradients, saved with the layer.

    It is an attribute of the layer without being one of its sublayers, so that `weights`
    does not count it; files of weights and models have it, and bring it back (`saved_parts`).

    Attributes:
        masks: by the weight's name, variables of booleans.
        sums: by name, float32 variables.
        renewed_at: the schedule's position of the last renewal, -1 for none.
    """

    def __init__(self, layer: Any):
        super().__init__(name=f"{layer.name}_pruning", trainable=False)
        self.masks: dict[str, Any] = {}
        self.sums: dict[str, Any] = {}
        self.renewed_at = self._variable("renewed_at", (), "int32", NEVER)

    def _variable(self, name: str, shape: Any, dtype: str, value: Any) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer=keras.initializers.Constant(value) if value else "zeros",
            trainable=False,
            autocast=False,
        )

    def add_mask(self, name: str, shape: Any) -> Any:
        """A mask that lets everything through; the one of this name, if there is one."""
        if name not in self.masks:
            mask = self._variable(f"{name}_mask", shape, "bool", 0)
            mask.assign(np.ones(shape, bool))
            self.masks[name] = mask
        return self.masks[name]

    def add_sum(self, name: str, shape: Any) -> Any:
        """A sum, 0 at first; the one of this name, if there is one."""
        if name not in self.sums:
            self.sums[name] = self._variable(f"{name}_sum", shape, "float32", 0)
        return self.sums[name]

    def _named(self) -> dict[str, Any]:
        masks = {f"{name}_mask": variable for name, variable in self.masks.items()}
        sums = {f"{name}_sum": variable for name, variable in self.sums.items()}
        return {"renewed_at": self.renewed_at, **masks, **sums}

    def save_own_variables(self, store: Any) -> None:
        """Write masks and sums under their names."""
        for name, variable in self._named().items():
            store[name] = keras.ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Read what there is; checkpoints from before pruning leave everything as it is."""
        for name, variable in self._named().items():
            if name in store:
                variable.assign(np.asarray(store[name]))


def state_of(layer: Any) -> PruningState | None:
    """Return a layer's pruning state, or None."""
    return getattr(layer, _ATTRIBUTE, None)


def make_state(layer: Any) -> PruningState:
    """Return a layer's pruning state; make it if need be."""
    state = state_of(layer)
    if state is None:
        state = PruningState(layer)
        saved_parts.keep(layer, _ATTRIBUTE, state)
    return state


def _make_from(layer: Any, _: str, store: saved_parts.Store) -> None:
    """Put weights under the masks that were saved; what they are is loaded afterwards."""
    for name in store:
        weight, _, what = name.rpartition("_")
        if what == "mask" and hasattr(layer, weight):
            put_mask(layer, weight)
        elif what == "sum":
            shape = tuple(np.shape(store[name]))
            make_state(layer).add_sum(weight, shape)


saved_parts.register(
    saved_parts.Kind(lambda layer: [_ATTRIBUTE], _make_from, "does not keep its zeros")
)


def put_mask(layer: Any, attribute: str) -> bool:
    """Put a weight under a mask; False if it is under one already."""
    variable = weight_of(layer, attribute)
    if mask_of(variable) is not None:
        return False
    mask = make_state(layer).add_mask(attribute, tuple(variable.shape))
    constrain(variable, ZEROS, Masked(mask))
    return True


def mask_of(variable: Any) -> Any:
    """The variable of booleans that a weight is masked by; None if it is under no mask."""
    return getattr(constraint_of(variable, ZEROS), "mask", None)


def mask_weight(layer: Any, attribute: str, mask: np.ndarray) -> None:
    """Give a weight another mask, and apply it."""
    mask_of(weight_of(layer, attribute)).assign(mask)
    apply_mask(layer, attribute)


def apply_mask(layer: Any, attribute: str) -> None:
    """Set to 0 what the mask prunes."""
    variable = weight_of(layer, attribute)
    constraint = constraint_of(variable, ZEROS)
    assert constraint is not None
    variable.assign(constraint(variable))


def masks_of(model: Any) -> dict[str, np.ndarray]:
    """The masks in a model, by path of the weight: booleans, False where it is pruned."""
    return {
        weight_of(layer, name).path: keras.ops.convert_to_numpy(mask)
        for layer in private.layers_in(model)
        for name, mask in getattr(state_of(layer), "masks", {}).items()
    }


def keep_zeros(model: Any, layers: Any = None) -> None:
    """Let weights that are 0 now stay 0 in whatever training follows: of a pruned model that was
    loaded from a file, or of one that somebody else pruned.

    Args:
        model: a built Keras 3 model; only its weights' constraints change.
        layers: see `tfedge.callbacks.Pruning`.

    Raises:
        TfedgeError: see `tfedge.callbacks.Pruning`.
    """
    from tfedge.pruning.kernels import chosen_kernels
    from tfedge.pruning.patterns import Unstructured

    require_keras3(model)
    for kernel in chosen_kernels(model, layers, Unstructured()):
        put_mask(kernel.layer, kernel.attribute)
        value = keras.ops.convert_to_numpy(kernel.variable)
        mask_weight(kernel.layer, kernel.attribute, value != 0)


def release(model: Any) -> bool:
    """Take all masks away; zeros stay until training moves them. False if there were none."""
    found = [layer for layer in private.layers_in(model) if state_of(layer) is not None]
    for layer in found:
        for name in state_of(layer).masks:  # type: ignore[union-attr]
            weight_constraints.release(weight_of(layer, name), ZEROS)
        saved_parts.forget(layer, _ATTRIBUTE)
    return bool(found)
