"""Real conversions of one model with many schemes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from tfedge.quantization.schemes import Scheme
from tfedge_converters.artifact import Artifact
from tfedge_converters.conversion import convert
from tfedge_converters.preparation import prepare
from tfedge_converters.ptq import Calibration
from tfedge_converters.ptq.calibration_targets import unknown_activations
from tfedge_converters.targets import Target


@dataclass(frozen=True)
class Budget:
    """Upper bounds of an artifact's costs; None for what is open.

    Attributes:
        flash: bytes of the constants of generated C, or of the .tflite file.
        ram: bytes of the arena of generated C.
        operations: bit operations.
    """

    flash: int | None
    ram: int | None
    operations: int | None

    def on(self, target: Target) -> Budget:
        """The same within what a board has."""
        return dataclasses.replace(
            self,
            flash=_least(self.flash, target.flash_bytes),
            ram=_least(self.ram, target.ram_bytes),
        )


@dataclass(frozen=True, eq=False)
class Context:
    """Conversions of one float model.

    Attributes:
        flatbuffer: the model.
        samples: to calibrate with.
        target: what for; the search holds the budget, so that its own memory does not count.
    """

    flatbuffer: bytes
    samples: list[list[np.ndarray]]
    target: Target
    _seen: dict[tuple[str, ...], Calibration] = field(default_factory=dict, repr=False)

    def converted(self, scheme: Scheme) -> Artifact:
        """The artifact of a scheme.

        Raises:
            UnsupportedError: it cannot be expressed for the target.
        """
        return convert(
            self.flatbuffer,
            target=dataclasses.replace(self.target, ram_bytes=None, flash_bytes=None, memories=()),
            quantization=scheme,
            calibration=self._calibration(scheme),
            name="model",
        )

    def _calibration(self, scheme: Scheme) -> Calibration:
        """One for every set of activations that schemes want to see."""
        model = prepare(self.flatbuffer).model
        watched = tuple(tensor.name for tensor, _ in unknown_activations(model.main, scheme))
        if watched not in self._seen:
            self._seen[watched] = Calibration(scheme=scheme)
            self._seen[watched].observe(model, self.samples)
        return self._seen[watched]


def arena_of(artifact: Artifact) -> int | None:
    """Bytes of generated C's arena; None for targets without C."""
    footprint = artifact.emission.footprint
    return None if footprint is None else footprint.arena_bytes


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
