"""How much a weight matters."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfedge.errors import TfedgeError
from tfedge.near_names import near


class Importance:
    """Score of a kernel's weights: those with the lowest scores go first.

    Attributes:
        watches: whether `observe` is called in every step; sums are kept with the layer.
        forgets: whether the sum starts from 0 after each renewal of masks.
    """

    watches = False
    forgets = True

    def observe(self, weights: Any, gradient: Any) -> Any:
        """Compute a step's addition to the sum, a tensor; in the compiled step, before the update.

        Args:
            weights, gradient: float tensors of the kernel's shape; the gradient is unscaled,
                clipped, and summed over replicas.
        """
        raise NotImplementedError

    def score(self, weights: np.ndarray, total: np.ndarray | None) -> np.ndarray:
        """The scores, of the kernel's shape.

        Args:
            weights: float32.
            total: the sum of what `observe` returned.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """There are no arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Importance:
        """The importance that `get_config` described."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="tfedge")
class Magnitude(Importance):
    """The weight's absolute value (Han et al. 2015): "magnitude"."""

    def score(self, weights: np.ndarray, total: np.ndarray | None) -> np.ndarray:
        """The absolute value."""
        return np.abs(weights)


@keras.saving.register_keras_serializable(package="tfedge")
class FirstOrder(Importance):
    """Importance by the loss's change, to first order, if the weight goes: "first_order".

    |gradient * weight| (Molchanov et al. 2019, arXiv:1906.10771), summed over the steps since the
    last renewal.
    """

    watches = True

    def observe(self, weights: Any, gradient: Any) -> Any:
        """|gradient * weight|."""
        return keras.ops.abs(gradient * weights)

    def score(self, weights: np.ndarray, total: np.ndarray | None) -> np.ndarray:
        """The sum; pruned weights, which have none, come last."""
        return np.where(weights == 0, np.float32(-1), _known(total))


@keras.saving.register_keras_serializable(package="tfedge")
class Movement(Importance):
    """Whether training moves the weight away from 0 or towards it: "movement".

    The sum of -gradient * weight over all steps (Sanh et al. 2020, arXiv:2005.07683, equation 3
    without the learning rate). The score of a pruned weight stands still, and the weight comes
    back from 0 if others fall below it.
    """

    watches = True
    forgets = False

    def observe(self, weights: Any, gradient: Any) -> Any:
        """-gradient * weight."""
        return -(gradient * weights)

    def score(self, weights: np.ndarray, total: np.ndarray | None) -> np.ndarray:
        """Return the sum that training has gathered."""
        return _known(total)


def _known(total: np.ndarray | None) -> np.ndarray:
    if total is None or not np.any(total):
        raise TfedgeError(
            "this importance comes from gradients, and no step has been taken yet; let the "
            "schedule begin later, or start from a sparsity of 0"
        )
    return total


_NAMED: dict[str, type[Importance]] = {
    "magnitude": Magnitude,
    "first_order": FirstOrder,
    "movement": Movement,
}


def get(importance: Any) -> Importance:
    """An importance from what users give: an object or its name.

    Raises:
        TfedgeError: it is neither.
    """
    if isinstance(importance, Importance):
        return importance
    if isinstance(importance, str) and importance in _NAMED:
        return _NAMED[importance]()
    raise TfedgeError(
        f"importance is one of {', '.join(_NAMED)}, not {importance!r}{near(importance, _NAMED)}"
    )
