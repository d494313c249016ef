"""The mechanism: renews the masks of some kernels as a schedule says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tfedge.errors import TfedgeError
from tfedge.pruning import distribution as distributions
from tfedge.pruning import importance as importances
from tfedge.pruning import named_patterns, schedules
from tfedge.pruning.distribution import Share
from tfedge.pruning.gradient_hook import Watch, mask_average
from tfedge.pruning.importance import Importance
from tfedge.pruning.kernels import Kernel, chosen_kernels, weight_of
from tfedge.pruning.masks import (
    NEVER,
    PruningState,
    apply_mask,
    make_state,
    mask_of,
    mask_weight,
    put_mask,
)
from tfedge.pruning.patterns import Pattern
from tfedge.pruning.schedules import Schedule
from tfedge.pruning.selection import largest


@dataclass(frozen=True)
class Plan:
    """When, what and how to prune; arguments as of `tfedge.callbacks.Pruning`."""

    schedule: Schedule
    pattern: Pattern
    importance: Importance
    distribution: str

    @classmethod
    def of(cls, schedule: Any, pattern: Any, importance: Any, distribution: str) -> Plan:
        """A plan from what users give.

        Raises:
            TfedgeError: an argument is wrong, or they do not go together.
        """
        plan = cls(
            schedules.get(schedule),
            named_patterns.get(pattern),
            importances.get(importance),
            distribution,
        )
        plan.pattern.check_sparsity(plan.schedule.final_sparsity)
        distributions.get(distribution, plan.pattern)
        if plan.regrows and not plan.pattern.competes:
            raise TfedgeError("weights cannot regrow in an N:M pattern; choose another pattern")
        return plan

    @property
    def regrows(self) -> bool:
        """Whether pruned weights come back."""
        return isinstance(self.schedule, schedules.Regrowth)

    def get_config(self) -> dict[str, Any]:
        """The arguments, serialised."""
        serialize = keras.saving.serialize_keras_object
        return {
            "schedule": serialize(self.schedule),
            "pattern": serialize(self.pattern),
            "importance": serialize(self.importance),
            "distribution": self.distribution,
        }


def plan_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments that `Plan.get_config` described."""
    return {name: keras.saving.deserialize_keras_object(value) for name, value in config.items()}


@dataclass(eq=False)
class Pruner:
    """Some kernels of a model that are pruned by one plan.

    Attributes:
        plan: the plan.
        kernels: the kernels.
        changed: whether a weight got its first mask, so that compiled steps do not know it.
    """

    plan: Plan
    kernels: list[Kernel]
    changed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        for kernel in self.kernels:
            for layer, name in _weights(kernel):
                self.changed |= put_mask(layer, name)
            self._state(kernel).renewed_at.assign(NEVER)
        self._forget(everything=True)

    @classmethod
    def of(cls, model: Any, plan: Plan, layers: Any, trained: bool = False) -> Pruner:
        """A pruner of a model's layers.

        Raises:
            TfedgeError: see `chosen_kernels`.
        """
        return cls(plan, chosen_kernels(model, layers, plan.pattern, trained))

    def _state(self, kernel: Kernel) -> PruningState:
        return make_state(kernel.layer)

    def _observed(self, kernel: Kernel) -> Any:
        """The sum that importance wants, or None."""
        return self._sum(kernel, "observed") if self.plan.importance.watches else None

    def _gradient(self, kernel: Kernel) -> Any:
        """The sum that regrowth wants, or None."""
        return self._sum(kernel, "gradient") if self.plan.regrows else None

    def _sum(self, kernel: Kernel, what: str) -> Any:
        shape = tuple(kernel.variable.shape)
        return self._state(kernel).add_sum(f"{kernel.attribute}_{what}", shape)

    def _forget(self, everything: bool) -> None:
        """Start sums from 0: those of importance only if everything is to be forgotten."""
        for kernel in self.kernels:
            observed = self._observed(kernel) if everything else None
            for total in (observed, self._gradient(kernel)):
                if total is not None:
                    total.assign(np.zeros(total.shape, np.float32))

    def watches(self) -> list[Watch]:
        """List the gradients' statistics that are needed, and the weights that are masked."""
        observers = ((self._observed, self.plan.importance.observe), (self._gradient, _gradient))
        watches = [
            Watch(kernel.variable, [(total(kernel), what) for total, what in observers
                                    if total(kernel) is not None])
            for kernel in self.kernels
        ]  # fmt: skip
        beside = [_variable(part) for kernel in self.kernels for part in kernel.companions]
        return watches + [Watch(variable, []) for variable in beside]

    def renew_if_due(self, position: int, optimizer: Any = None) -> bool:
        """Renew the masks if the schedule wants it and it has not happened yet.

        Args:
            position: epoch or step, as the schedule counts.
            optimizer: that may keep moving averages of the weights.
        """
        due = self.plan.schedule.last_due(position)
        renewed_at = self._state(self.kernels[0]).renewed_at
        if due is None or due <= int(keras.ops.convert_to_numpy(renewed_at)):
            return False
        self.renew(due)
        for kernel in self.kernels:
            self._state(kernel).renewed_at.assign(due)
            for layer_and_name in _weights(kernel) if optimizer is not None else ():
                mask_average(optimizer, _variable(layer_and_name))
        return True

    def renew(self, position: int) -> None:
        """Choose masks for a position, and apply them."""
        plan = self.plan
        sparsity = plan.schedule.sparsity(position)
        if sparsity == 0:
            return  # scores may not be known yet
        shares = [
            Share(tuple(k.variable.shape), self._groups(k, self._scores(k))) for k in self.kernels
        ]
        counts = distributions.get(plan.distribution, plan.pattern)(shares, plan.pattern, sparsity)
        share_of_new = plan.schedule.regrowth(position)
        for kernel, share, count in zip(self.kernels, shares, counts, strict=True):
            self._mask(kernel, self._chosen(kernel, share.groups, count, share_of_new))
        self._forget(everything=plan.importance.forgets)

    def _scores(self, kernel: Kernel) -> np.ndarray:
        observed = self._observed(kernel)
        total = None if observed is None else keras.ops.convert_to_numpy(observed)
        weights = keras.ops.convert_to_numpy(kernel.variable).astype(np.float32)
        return self.plan.importance.score(weights, total)

    def _groups(self, kernel: Kernel, scores: np.ndarray) -> np.ndarray:
        return kernel.cut_by(self.plan.pattern).groups(kernel.layout.matrix(scores))

    def _chosen(
        self, kernel: Kernel, scores: np.ndarray, count: int, share_of_new: float
    ) -> np.ndarray:
        """Mark the groups that remain, (sets, members)."""
        gradient = self._gradient(kernel)
        grown = int(share_of_new * count)
        if gradient is None or not grown:
            return largest(scores, count)
        total = np.abs(keras.ops.convert_to_numpy(gradient))
        if not total.any():
            return largest(scores, count)  # before the first step
        mask = keras.ops.convert_to_numpy(mask_of(kernel.variable))
        alive = self._groups(kernel, mask.astype(np.float32)) > 0
        stay = largest(np.where(alive, scores, -np.inf), count - grown)
        return stay | largest(np.where(stay, -np.inf, self._groups(kernel, total)), grown)

    def _mask(self, kernel: Kernel, groups: np.ndarray) -> None:
        matrix = kernel.cut_by(self.plan.pattern).expand(groups, kernel.matrix_shape)
        shape = tuple(kernel.variable.shape)
        mask_weight(kernel.layer, kernel.attribute, kernel.layout.array(matrix, shape))
        for layer, name in kernel.companions:
            vector = matrix[:, 0].reshape(tuple(_variable((layer, name)).shape))
            mask_weight(layer, name, vector)

    def apply(self) -> None:
        """Set to 0 what masks prune, if something else than the optimizer moved it."""
        for kernel in self.kernels:
            for layer, name in _weights(kernel):
                apply_mask(layer, name)

    def sparsities(self) -> dict[str, tuple[int, int]]:
        """By the kernel's name, how many of its weights are pruned, and how many there are."""
        found = {}
        for kernel in self.kernels:
            mask = keras.ops.convert_to_numpy(mask_of(kernel.variable))
            found[kernel.name] = (int(mask.size - np.count_nonzero(mask)), mask.size)
        return found


def _gradient(weights: Any, gradient: Any) -> Any:
    return gradient


def _weights(kernel: Kernel) -> list[tuple[Any, str]]:
    return [(kernel.layer, kernel.attribute), *kernel.companions]


def _variable(part: tuple[Any, str]) -> Any:
    return weight_of(*part)
