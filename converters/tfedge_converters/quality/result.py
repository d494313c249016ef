"""How near the outputs of a converted model are to those of the model before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tfedge.result import Result
from tfedge_converters.ptq.noise import decibels

_SHOWN = 6


@dataclass(frozen=True)
class PartQuality:
    """Elements of an output that belong together: a branch that was concatenated, or a channel.

    Attributes:
        name: of the branch, or "channel 3".
        noise: relative power: that of the difference over that of the signal about its mean.
        low, high: the values before conversion.
    """

    name: str
    noise: float
    low: float
    high: float

    @property
    def snr(self) -> float:
        """The signal-to-noise ratio in dB, 120 at most."""
        return decibels(self.noise)

    @property
    def span(self) -> float:
        """The difference of the largest and the least value."""
        return self.high - self.low

    def __str__(self) -> str:
        return f"'{self.name}' {self.snr:.1f} dB ({self.low:.3g} … {self.high:.3g})"


@dataclass(frozen=True)
class OutputQuality(PartQuality):
    """Quality of one output.

    Attributes:
        is_integer: whether it holds integers or truth values of the model's own, as ARG_MAX makes
            them; `noise` is the part of its elements that differ then.
        branches: what was concatenated to it.
        channels: of the last axis, those that have a 16th of the output's range or less.
    """

    is_integer: bool = False
    branches: tuple[PartQuality, ...] = ()
    channels: tuple[PartQuality, ...] = ()

    @property
    def worst(self) -> PartQuality:
        """Part with the least signal to noise; the output itself if all is even."""
        return max((self, *self.branches, *self.channels), key=lambda part: part.noise)

    def __str__(self) -> str:
        if self.is_integer:
            return f"'{self.name}', of which {1 - self.noise:.1%} are equal"
        parts = sorted((*self.branches, *self.channels), key=lambda part: -part.noise)
        listed = ", ".join(map(str, parts[:_SHOWN]))
        more = f" and {len(parts) - _SHOWN} better" if len(parts) > _SHOWN else ""
        return super().__str__() + (f": of which {listed}{more}" if parts else "")


@dataclass(frozen=True, repr=False)
class Quality(Result):
    """A converted model against the float model that it was made of.

    For a model that was trained for integers, this is the function that its export has in float32:
    its weights are on their grids already, its activations are not.

    Attributes:
        outputs: in their order.
        samples: how many were compared.
        source: which ones, in words.
        engine: what ran the converted model, a key of `verify.engines.ENGINES`.
    """

    outputs: tuple[OutputQuality, ...]
    samples: int
    source: str
    engine: str

    @property
    def snr(self) -> float:
        """In dB: the least of all outputs, and of their parts."""
        return min(output.worst.snr for output in self.outputs)

    def headline(self) -> str:
        """The least signal to noise of all outputs."""
        return f"{self.snr:.1f} dB, on {_count(self.samples)} {self.source}"

    def sections(self) -> Iterable[str]:
        """Signal to noise of every output and its parts, in one line."""
        outputs = "; ".join(map(str, self.outputs))
        yield f"signal to noise of {outputs}, on {_count(self.samples)} {self.source}"


def _count(samples: int) -> str:
    return "1 sample" if samples == 1 else f"{samples} samples"
