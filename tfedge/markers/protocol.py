"""Protocol of all markers: a name, scalars with types and bounds, and a version.

A marker's scalars are the fields of a dataclass. The same one is written when a model is exported
and read when it is converted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import tfedge
from tfedge.errors import ModelFileError
from tfedge.markers.emission import marker

# To be raised with every marker that is new, has more to say, or means something else.
VERSION = 1

# What every marker says beside its own fields: the version, which tfedge wrote it, and in which
# scope of TensorFlow it was called.
VERSION_NAME, WRITER, SCOPE = "version", "tfedge", "scope"

Scalar = bool | int | float | str
Function = TypeVar("Function", bound=Callable[..., Any])
Content = TypeVar("Content")


class Field(Protocol):
    """One field of a marker's content, as scalars with names."""

    def written(self, value: Any) -> dict[str, Any]:
        """The scalars that say so; none for None."""

    def read(self, scalars: Mapping[str, Scalar]) -> Any:
        """The value that scalars say; None for one that may be missing.

        Raises:
            ModelFileError: a scalar is missing, of another type, or out of bounds.
        """


@dataclass(frozen=True)
class Number:
    """An integer or a float.

    Attributes:
        name: the scalar's.
        type: int or float.
        allows: whether it may have this value.
        rule: the same in words, which ", not 9" can follow.
        required: whether every marker says it.
    """

    name: str
    type: type[int] | type[float]
    allows: Callable[[float], bool]
    rule: str
    required: bool = True

    def written(self, value: Any) -> dict[str, Any]:
        """The scalar, of a number or of a scalar variable."""
        return {} if value is None else {self.name: value}

    def read(self, scalars: Mapping[str, Scalar]) -> float | None:
        """The number; see `Field`. 8.0 is the integer 8."""
        if not self.required and self.name not in scalars:
            return None
        (value,) = _numbers(scalars, self.name)
        if not self.allows(value) or (self.type is int and not value.is_integer()):
            raise ModelFileError(
                f"{self.rule}, not {value:g}; mark it so and export the model again"
            )
        return self.type(value)


@dataclass(frozen=True)
class Flag:
    """Whether something is so. A flag that is not written is False, unless it is required."""

    name: str
    required: bool = False

    def written(self, value: bool) -> dict[str, Any]:
        """The scalar; none for False, unless it is required."""
        return {self.name: bool(value)} if value or self.required else {}

    def read(self, scalars: Mapping[str, Scalar]) -> bool:
        """The flag; see `Field`."""
        if not self.required and self.name not in scalars:
            return False
        return bool(_numbers(scalars, self.name)[0])


@dataclass(frozen=True)
class Interval:
    """The lower and the upper end of a range of real values.

    Attributes:
        name: of the range, where a marker has several.
        required: whether every marker says it.
    """

    name: str = ""
    required: bool = False

    @property
    def ends(self) -> tuple[str, str]:
        """The names of both scalars."""
        prefix = f"{self.name}_" if self.name else ""
        return f"{prefix}lo", f"{prefix}hi"

    def written(self, value: tuple[Any, Any] | None) -> dict[str, Any]:
        """The scalars, of numbers or of scalar variables."""
        return {} if value is None else dict(zip(self.ends, value, strict=True))

    def read(self, scalars: Mapping[str, Scalar]) -> tuple[float, float] | None:
        """Both ends, finite, the lower one first; see `Field`."""
        if not self.required and scalars.keys().isdisjoint(self.ends):
            return None
        low, high = _numbers(scalars, *self.ends)
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ModelFileError(
                f"[{low}, {high}] is not a range; mark finite values with low <= high"
            )
        return low, high


@dataclass(frozen=True)
class Intervals:
    """Ranges of parts, those that are known, by the name of the part."""

    parts: Sequence[str]

    def written(self, value: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
        """The scalars of all parts."""
        return {
            name: end
            for part, ends in value.items()
            for name, end in Interval(part).written(ends).items()
        }

    def read(self, scalars: Mapping[str, Scalar]) -> dict[str, tuple[float, float]]:
        """The ranges; see `Field`."""
        found = {part: Interval(part).read(scalars) for part in self.parts}
        return {part: ends for part, ends in found.items() if ends is not None}


class Marker(Generic[Content]):
    """An operator that exported files carry for the conversion.

    Attributes:
        name: the custom operator's.
    """

    def __init__(self, name: str, content: Callable[..., Content], **fields: Field):
        """Describe the marker's name and fields.

        Args:
            name: the custom operator's, e.g. "tfedge.Range".
            content: the dataclass that has what it says.
            fields: how each field of that is written.
        """
        self.name = name
        self._content = content
        self._fields = fields

    def mark(self, content: Content) -> Callable[[Function], Function]:
        """Decorate a function of tensors to be exported as this operator; see `marker`."""
        scalars: dict[str, Any] = {VERSION_NAME: VERSION, WRITER: tfedge.__version__}
        for name, field in self._fields.items():
            scalars |= field.written(getattr(content, name))
        return marker(self.name, scalars)

    def read(self, scalars: Mapping[str, Scalar]) -> Content:
        """Read the content of an operator in an exported file.

        Args:
            scalars: by name.

        Raises:
            ModelFileError: a scalar is missing, of another type, or out of bounds. The message does
                not say of which operator.
        """
        return self._content(**{name: f.read(scalars) for name, f in self._fields.items()})


def require_known_version(scalars: Mapping[str, Scalar]) -> None:
    """Refuse a marker that a newer tfedge has written.

    Raises:
        ModelFileError: it says a version that this tfedge does not know. The message does not say
            of which operator.
    """
    version = scalars.get(VERSION_NAME, VERSION)
    if isinstance(version, int) and version <= VERSION:
        return
    writer = scalars.get(WRITER, "of another version")
    raise ModelFileError(
        f"it was exported by tfedge {writer}, and this is tfedge {tfedge.__version__}, which knows "
        f"markers up to version {VERSION}, not {version}: convert with tfedge {writer} or newer"
    )


def _numbers(scalars: Mapping[str, Scalar], *names: str) -> list[float]:
    values = [scalars.get(name) for name in names]
    numbers = [float(value) for value in values if isinstance(value, (int, float))]
    if len(numbers) < len(names):
        listed = " and ".join(f"'{name}'" for name in names)
        what = f"attribute {listed}" if len(names) == 1 else f"attributes {listed}"
        raise ModelFileError(f"the {what} cannot be read; export the model again")
    return numbers
