"""When masks are renewed, and how sparse they are then."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from tfedge.errors import TfedgeError
from tfedge.timing import STEP, Timing

_TFMOT = "tensorflow_model_optimization"


class Schedule(Timing):
    """Sparsity against the position in training; subclasses give `sparsity`.

    Args:
        begin: position of the first renewal of masks.
        end: position of the last one, at which the sparsity is final; None for no end.
        frequency: positions from one renewal to the next; None for that at `begin` alone.
        unit: what positions are counted in: "step" (of the optimizer, from 0) or "epoch". Both go
            on counting where an interrupted training is resumed.

    Raises:
        TfedgeError: an argument is out of its range.
    """

    def __init__(
        self,
        begin: int = 0,
        end: int | None = None,
        frequency: int | None = 100,
        unit: str = STEP,
    ):
        super().__init__(begin, end, frequency, unit)

    @property
    def final_sparsity(self) -> float:
        """The sparsity that the schedule ends with, in [0, 1)."""
        raise NotImplementedError

    def sparsity(self, position: int) -> float:
        """The share of weights that are zero, in [0, 1)."""
        raise NotImplementedError

    def regrowth(self, position: int) -> float:
        """The share of the remaining weights that others take the place of, in [0, 1)."""
        return 0.0

    def ends_by(self, unit: str, position: int) -> bool:
        """Whether the last renewal is due at a position of this unit."""
        return self.unit == unit and self.end is not None and position >= self.end

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Schedule:
        """The schedule that `get_config` described."""
        return cls(**config)


class _ToOneSparsity(Schedule):
    def __init__(self, sparsity: float, **when: Any):
        super().__init__(**when)
        self._final = _fraction("sparsity", sparsity)

    @property
    def final_sparsity(self) -> float:
        """The sparsity, which is the same throughout."""
        return self._final

    def sparsity(self, position: int) -> float:
        """The same throughout."""
        return self._final

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"sparsity": self._final, **super().get_config()}


@keras.saving.register_keras_serializable(package="tfedge")
class Constant(_ToOneSparsity):
    """The same sparsity from `begin` on, with masks renewed every `frequency`.

    Args:
        sparsity: in [0, 1).
        begin, end, frequency, unit: see `Schedule`.
    """

    def __init__(
        self,
        sparsity: float,
        begin: int = 0,
        end: int | None = None,
        frequency: int = 100,
        unit: str = STEP,
    ):
        super().__init__(sparsity, begin=begin, end=end, frequency=frequency, unit=unit)


@keras.saving.register_keras_serializable(package="tfedge")
class OneShot(_ToOneSparsity):
    """All at once; what is left trains on.

    Args:
        sparsity: in [0, 1).
        begin, unit: see `Schedule`.
    """

    def __init__(self, sparsity: float, begin: int = 0, unit: str = STEP):
        super().__init__(sparsity, begin=begin, end=begin, unit=unit)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"sparsity": self._final, "begin": self.begin, "unit": self.unit}


class _Decay(Schedule):
    def __init__(self, final_sparsity: float, initial_sparsity: float, **when: Any):
        super().__init__(**when)
        self._final = _fraction("final_sparsity", final_sparsity)
        self.initial_sparsity = _fraction("initial_sparsity", initial_sparsity)

    @property
    def final_sparsity(self) -> float:
        """The sparsity at the end."""
        return self._final

    def sparsity(self, position: int) -> float:
        """On its way from the initial sparsity to the final one."""
        assert self.end is not None
        done = (position - self.begin) / max(self.end - self.begin, 1)
        left = self.left(min(max(done, 0.0), 1.0)) if position < self.end else 0.0
        return self._final + (self.initial_sparsity - self._final) * left

    def left(self, done: float) -> float:
        """The share of the way ahead, after `done` of the time."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"final_sparsity": self._final, "initial_sparsity": self.initial_sparsity}
        return {**own, **super().get_config()}


@keras.saving.register_keras_serializable(package="tfedge")
class PolynomialDecay(_Decay):
    """Fast at first, slower as less is left; with power 3 the cubic schedule of Zhu & Gupta.

    `final + (initial - final) * (1 - (position - begin) / (end - begin)) ** power`
    (arXiv:1710.01878, and tfmot's PolynomialDecay). Masks are renewed at `end` in any case.

    Args:
        final_sparsity, initial_sparsity: in [0, 1).
        end, begin, frequency, unit: see `Schedule`.
        power: of the polynomial, above 0.
    """

    def __init__(
        self,
        final_sparsity: float,
        end: int,
        initial_sparsity: float = 0.0,
        begin: int = 0,
        power: float = 3,
        frequency: int = 100,
        unit: str = STEP,
    ):
        super().__init__(
            final_sparsity, initial_sparsity, begin=begin, end=end, frequency=frequency, unit=unit
        )
        if not isinstance(power, (int, float)) or not power > 0:
            raise TfedgeError(f"power is a number above 0, not {power!r}")
        self.power = float(power)

    def left(self, done: float) -> float:
        """Evaluate the polynomial decay."""
        return (1.0 - done) ** self.power

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="tfedge")
class CosineDecay(_Decay):
    """Slow at both ends: half a cosine from the initial sparsity to the final one.

    Args:
        final_sparsity, initial_sparsity: in [0, 1).
        end, begin, frequency, unit: see `Schedule`.
    """

    def __init__(
        self,
        final_sparsity: float,
        end: int,
        initial_sparsity: float = 0.0,
        begin: int = 0,
        frequency: int = 100,
        unit: str = STEP,
    ):
        super().__init__(
            final_sparsity, initial_sparsity, begin=begin, end=end, frequency=frequency, unit=unit
        )

    def left(self, done: float) -> float:
        """Half a cosine."""
        return 0.5 * (1.0 + math.cos(math.pi * done))


@keras.saving.register_keras_serializable(package="tfedge")
class Regrowth(Schedule):
    """Schedule that lets pruned weights come back while another one says how many there are.

    At each renewal a share of the remaining weights, those that matter least, make room for as
    many others: those along which the loss falls fastest, by the sum of their gradients since the
    last renewal. They start from 0. With `Constant` this is RigL (Evci et al. 2020,
    arXiv:1911.11134), which looks at the gradient of one batch only; with a decay, gradual
    pruning with regeneration. The share falls to 0 along half a cosine.

    Args:
        schedule: that has an end.
        fraction: the share at first, in [0, 1).
    """

    def __init__(self, schedule: Any, fraction: float = 0.3):
        schedule = get(schedule)
        if schedule.end is None:
            raise TfedgeError("Regrowth needs a schedule that ends; give it `end`")
        super().__init__(schedule.begin, schedule.end, schedule.frequency, schedule.unit)
        self.schedule = schedule
        self.fraction = _fraction("fraction", fraction)

    @property
    def final_sparsity(self) -> float:
        """Final sparsity of the other schedule."""
        return self.schedule.final_sparsity

    def sparsity(self, position: int) -> float:
        """Return the other schedule's sparsity."""
        return self.schedule.sparsity(position)

    def last_due(self, position: int) -> int | None:
        """Return the last due position of the other schedule."""
        return self.schedule.last_due(position)

    def regrowth(self, position: int) -> float:
        """Half a cosine from `fraction` to 0 (section 3 of the paper)."""
        assert self.end is not None
        done = (position - self.begin) / max(self.end - self.begin, 1)
        return self.fraction * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "fraction": self.fraction,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regrowth:
        """The schedule that `get_config` described."""
        inner = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(inner, config["fraction"])


@keras.saving.register_keras_serializable(package="tfedge")
class TfmotSchedule(Schedule):
    """A schedule of tfmot, asked step by step, as tfmot does."""

    def __init__(self, schedule: Callable[[int], tuple[Any, Any]]):
        super().__init__()
        self.schedule = schedule
        self._asked: int | None = None
        self._due: int | None = None

    @property
    def final_sparsity(self) -> float:
        """The sparsity that the schedule ends with."""
        config = self._description()["config"]
        return float(config.get("final_sparsity", config.get("target_sparsity", 0.0)))

    def sparsity(self, position: int) -> float:
        """Return the sparsity of tfmot's schedule."""
        return float(self.schedule(position)[1])

    def last_due(self, position: int) -> int | None:
        """The last position at which tfmot would renew, of those asked about."""
        first = position if self._asked is None else self._asked + 1
        for step in range(first, position + 1):
            if bool(self.schedule(step)[0]):
                self._due = step
        self._asked = position
        return self._due

    def _description(self) -> dict[str, Any]:
        return self.schedule.get_config()  # type: ignore[attr-defined]

    def get_config(self) -> dict[str, Any]:
        """Return the configuration of tfmot's own schedule."""
        return {"schedule": self._description()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TfmotSchedule:
        """The schedule that `get_config` described; needs tfmot."""
        from tensorflow_model_optimization.sparsity import keras as tfmot

        described = config["schedule"]
        return cls(getattr(tfmot, described["class_name"])(**described["config"]))


def get(schedule: Any) -> Schedule:
    """A schedule from what users give: a schedule of ours or tfmot's, or a sparsity for one shot.

    Raises:
        TfedgeError: it is none of these.
    """
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, (int, float)) and not isinstance(schedule, bool):
        return OneShot(float(schedule))
    if any(kind.__module__.startswith(_TFMOT) for kind in type(schedule).__mro__):
        return TfmotSchedule(schedule)
    raise TfedgeError(
        f"a schedule of tfedge.pruning or of tfmot is needed, or a sparsity, not {schedule!r}"
    )


def _fraction(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise TfedgeError(f"{name} is a number from 0 to below 1, not {value!r}")
    return float(value)
