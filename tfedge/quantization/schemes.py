"""Which integers a model computes with.

A scheme says how wide weights and activations are and how their scales are found. Training and
conversion read the same object; importing it costs nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tfedge.atomic_writing import write_atomically
from tfedge.errors import TfedgeError
from tfedge.json_form import Form
from tfedge.near_names import near
from tfedge.quantization.activation_types import ACTIVATION_TYPES, ActivationType

ABSMAX, LEARNED_STEP = "absmax", "learned_step"
MOVING_AVERAGE, PERCENTILE, LEARNED_RANGE = "moving_average", "percentile", "learned_range"

FLOAT32_WEIGHTS, FLOAT16_WEIGHTS = "float32", "float16"
INT8_WEIGHTS, INT4_WEIGHTS = "int8", "int4"

# XNNPACK has a scale for this many int4 weights of a dense layer, or for a multiple of them.
BLOCK_UNIT = 32

_STORED = (FLOAT32_WEIGHTS, FLOAT16_WEIGHTS, INT8_WEIGHTS, INT4_WEIGHTS)
_COMPUTED = (INT8_WEIGHTS, INT4_WEIGHTS)
_WEIGHT_QUANTIZERS = (ABSMAX, LEARNED_STEP)
_ACTIVATION_QUANTIZERS = (MOVING_AVERAGE, PERCENTILE, LEARNED_RANGE)


@dataclass(frozen=True)
class WeightScheme:
    """Symmetric integers in [-limit, limit], limit = 2**(bits - 1) - 1.

    Attributes:
        bits: 2 to 8. Up to four bits are packed two to a byte where the format has them; other
            widths below eight are kept in bytes.
        per_channel_dense: False gives a dense layer one scale, for runtimes that know no more;
            convolutions have a scale for every output channel in any case.
        quantizer: "absmax" (the largest magnitude of a channel is `limit`) or "learned_step"
            (scales are trained; Esser et al., "Learned Step Size Quantization", ICLR 2020).

    Raises:
        TfedgeError: a value that is none of these.
    """

    bits: int = 8
    per_channel_dense: bool = True
    quantizer: str = ABSMAX

    def __post_init__(self) -> None:
        _require(self.bits in range(2, 9), f"weights have 2 to 8 bits, not {self.bits}")
        _require_one_of("a weight quantizer", self.quantizer, _WEIGHT_QUANTIZERS)

    @property
    def limit(self) -> int:
        """The largest integer."""
        return int(2 ** (self.bits - 1) - 1)


@dataclass(frozen=True)
class ActivationScheme:
    """Asymmetric int8, or symmetric int16.

    Attributes:
        bits: 8 or 16.
        quantizer: how training finds ranges: "moving_average" of the batches' extremes,
            "percentile" (a moving average too, of a percentile of each batch) or "learned_range".

    Raises:
        TfedgeError: a value that is none of these.
    """

    bits: int = 8
    quantizer: str = MOVING_AVERAGE

    def __post_init__(self) -> None:
        _require(self.bits in ACTIVATION_TYPES, f"activations have 8 or 16 bits, not {self.bits}")
        _require_one_of("an activation quantizer", self.quantizer, _ACTIVATION_QUANTIZERS)

    @property
    def type(self) -> ActivationType:
        """Type of the activations' integers."""
        return ACTIVATION_TYPES[self.bits]


@dataclass(frozen=True)
class LayerScheme:
    """Settings of a scheme for one layer.

    Attributes:
        weights: None for the scheme's.
        activations: of what the layer computes, but not of what it is given; None for the scheme's.
    """

    weights: WeightScheme | None = None
    activations: ActivationScheme | None = None


@dataclass(frozen=True)
class Scheme:
    """Weights, activations, and layers that differ.

    Attributes:
        name: what messages and reports call it.
        weights: for every layer with weights.
        activations: for every activation.
        overrides: single layers, by layer name; a WeightScheme for those whose weights alone are
            different. The name of a model's input stands for the input.

    Example:
        >>> Scheme("study", WeightScheme(bits=3), overrides={"logits": WeightScheme(bits=8)})
        >>> wide = LayerScheme(activations=ActivationScheme(bits=16))
        >>> Scheme("mixed", overrides={"logits": wide})
    """

    name: str
    weights: WeightScheme = field(default_factory=WeightScheme)
    activations: ActivationScheme = field(default_factory=ActivationScheme)
    overrides: Mapping[str, LayerScheme | WeightScheme] = field(default_factory=dict)

    def layer(self, name: str) -> LayerScheme:
        """Return the settings for the layer of this name."""
        given = self.overrides.get(name, LayerScheme())
        return LayerScheme(given) if isinstance(given, WeightScheme) else given

    def weights_of(self, layer: str) -> WeightScheme:
        """How the weights of the layer of this name are quantised."""
        return self.layer(layer).weights or self.weights

    def activations_of(self, layer: str) -> ActivationScheme:
        """How the results of the layer of this name are quantised."""
        return self.layer(layer).activations or self.activations

    def with_overrides(
        self, layers: list[Any], choose: Callable[[Any], WeightScheme | None]
    ) -> Scheme:
        """This scheme with `choose(layer)` for every layer for which that is not None."""
        chosen = {layer.name: choose(layer) for layer in layers}
        found = {
            name: dataclasses.replace(self.layer(name), weights=weights)
            for name, weights in chosen.items()
            if weights is not None
        }
        return dataclasses.replace(self, overrides={**self.overrides, **found})

    def get_config(self) -> dict[str, Any]:
        """Plain values, for `from_config`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], source: str = "a scheme") -> Scheme:
        """The scheme that `get_config` described.

        Args:
            config: what it returned; files hold it too, which anybody may have written.
            source: what messages call it.

        Raises:
            TfedgeError: it is something else.
        """
        _FORM.checked(config, source)
        return cls(
            config["name"],
            WeightScheme(**config["weights"]),
            ActivationScheme(**config["activations"]),
            {name: _override(parts) for name, parts in config["overrides"].items()},
        )


def _object(kind: str | list[str], required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    """The form of an object, or of what may be null in its place."""
    return {
        "type": kind,
        "description": f"an object with {', '.join(properties)}",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _weights(kind: str | list[str]) -> dict[str, Any]:
    bits = {"type": "integer", "minimum": 2, "maximum": 8, "description": "a number from 2 to 8"}
    quantizer = {"type": "string", "enum": _WEIGHT_QUANTIZERS}
    return _object(kind, (), bits=bits, per_channel_dense={"type": "boolean"}, quantizer=quantizer)


def _activations(kind: str | list[str]) -> dict[str, Any]:
    bits = {"type": "integer", "enum": tuple(ACTIVATION_TYPES)}
    quantizer = {"type": "string", "enum": _ACTIVATION_QUANTIZERS}
    return _object(kind, (), bits=bits, quantizer=quantizer)


_OPTIONAL = ["object", "null"]

# What `Scheme.get_config` returns; an override without activations is that of weights alone.
_FORM = Form(
    _object(
        "object",
        ("name", "weights", "activations", "overrides"),
        name={"type": "string", "maxLength": 200, "description": "a name"},
        weights=_weights("object"),
        activations=_activations("object"),
        overrides={
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "if": {"required": ["activations"]},
                "then": _object(
                    "object",
                    ("weights", "activations"),
                    weights=_weights(_OPTIONAL),
                    activations=_activations(_OPTIONAL),
                ),
                "else": _weights("object"),
            },
        },
    )
)


def _override(config: Mapping[str, Any]) -> LayerScheme | WeightScheme:
    if "activations" not in config:
        return WeightScheme(**config)
    weights, activations = config["weights"], config["activations"]
    return LayerScheme(
        None if weights is None else WeightScheme(**weights),
        None if activations is None else ActivationScheme(**activations),
    )


@dataclass(frozen=True)
class StorageScheme:
    """Float activations, and weights that take less room: for conversion, not for training.

    Attributes:
        name: what messages and reports call it.
        weights: the type that they are stored in: "float32", "float16", "int8" or "int4".
        computed: whether kernels multiply the integers of the weights with those that they round
            activations to while the model runs ("dynamic range", "hybrid"), where there are such
            kernels. Otherwise DEQUANTIZE makes weights real before they are used.
        asymmetric_inputs: whether such rounding has a zero point.
        minimum_elements: what has fewer stays in float, if the weights are integers: it would save
            less than its scales cost. The default is that of TensorFlow's converter.
        integer_only: whether activations are integers, too, with exponents that are found at run
            time (block floating point), so that no real number is computed with: for generated C
            alone, with `computed` int8 weights.
        block_size: how many int4 weights of a dense layer, along its inputs, share a scale, with
            `computed`: a positive multiple of 32, as XNNPACK has it; None for a scale for each
            channel, which layers keep whose inputs it does not divide. Only with XNNPACK, which is
            its default, does LiteRT compute such weights rightly.

    Raises:
        TfedgeError: a value that is none of these.
    """

    name: str
    weights: str
    computed: bool = False
    asymmetric_inputs: bool = True
    minimum_elements: int = 1024
    block_size: int | None = None
    integer_only: bool = False

    def __post_init__(self) -> None:
        _require_one_of("a type of stored weights", self.weights, _STORED)
        _require(
            not self.computed or self.weights in _COMPUTED,
            f"kernels compute with stored weights of {' or '.join(_COMPUTED)}, not of "
            f"{self.weights}",
        )
        _require(
            not self.integer_only or (self.computed and self.weights == INT8_WEIGHTS),
            f"integers alone are computed with {INT8_WEIGHTS} weights, where kernels compute with "
            "these",
        )
        if self.block_size is not None:
            _require(
                self.computed and self.weights == INT4_WEIGHTS,
                f"blocks have scales of their own where kernels compute with {INT4_WEIGHTS} alone",
            )
            _require(
                self.block_size > 0 and self.block_size % BLOCK_UNIT == 0,
                f"a block has a positive multiple of {BLOCK_UNIT} weights, not {self.block_size}",
            )


def _require_one_of(what: str, given: Any, known: tuple[str, ...]) -> None:
    _require(
        given in known,
        f"{what} is one of {', '.join(known)}, not {given!r}{near(given, known)}",
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise TfedgeError(message)


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        scheme.name: scheme
        for scheme in (
            Scheme("int8"),
            Scheme("int16x8", activations=ActivationScheme(bits=16)),
            Scheme("int4", WeightScheme(bits=4)),
            Scheme("edgetpu", WeightScheme(per_channel_dense=False)),
        )
    }
)


STORAGE_SCHEMES: Mapping[str, StorageScheme] = MappingProxyType(
    {
        scheme.name: scheme
        for scheme in (
            StorageScheme("float32", FLOAT32_WEIGHTS),
            StorageScheme("float16", FLOAT16_WEIGHTS),
            StorageScheme("dynamic", INT8_WEIGHTS, computed=True),
            StorageScheme(
                "dynamic_integer",
                INT8_WEIGHTS,
                computed=True,
                minimum_elements=1,
                integer_only=True,
            ),
            StorageScheme("dynamic4", INT4_WEIGHTS, computed=True),
            StorageScheme("dynamic4_b32", INT4_WEIGHTS, computed=True, block_size=32),
            StorageScheme("dynamic4_b64", INT4_WEIGHTS, computed=True, block_size=64),
            StorageScheme("weights8", INT8_WEIGHTS),
            StorageScheme("weights4", INT4_WEIGHTS),
        )
    }
)


def get(scheme: str | Scheme) -> Scheme:
    """A scheme of integers by name, from a file that `write_scheme` wrote, or the object itself.

    Raises:
        TfedgeError: there is none of this name, the file cannot be read, or activations are real.
    """
    if isinstance(scheme, Scheme):
        return scheme
    if isinstance(scheme, str) and is_scheme_file(scheme):
        return read_scheme(Path(scheme))
    name = scheme.name if isinstance(scheme, StorageScheme) else scheme
    _require(
        name not in STORAGE_SCHEMES and not isinstance(scheme, StorageScheme),
        f"with '{name}', activations stay real: it needs neither training nor calibration; give it "
        "to convert",
    )
    _require_one_of("a scheme", scheme, tuple(SCHEMES))
    return SCHEMES[scheme]


def for_conversion(scheme: str | Scheme | StorageScheme) -> Scheme | StorageScheme:
    """Return a scheme for conversion: by name, from a file as `get` takes it, or the object.

    Raises:
        TfedgeError: there is none of this name, or the file cannot be read.
    """
    if not isinstance(scheme, str) or is_scheme_file(scheme):
        return scheme if isinstance(scheme, StorageScheme) else get(scheme)
    known: dict[str, Scheme | StorageScheme] = {**SCHEMES, **STORAGE_SCHEMES}
    _require_one_of("a scheme", scheme, tuple(known))
    return known[scheme]


def is_scheme_file(name: str) -> bool:
    """Whether a scheme is named by a file."""
    return name.endswith(".json")


def write_scheme(path: Path, scheme: Scheme) -> None:
    """Write a JSON file that stands for the scheme wherever one is named.

    Raises:
        TfedgeError: it cannot be written.
    """
    write_atomically(path, json.dumps(scheme.get_config(), indent=1) + "\n")


def read_scheme(path: Path) -> Scheme:
    """Read a file of `write_scheme`.

    Raises:
        TfedgeError: it cannot be read, or is no such file.
    """
    return Scheme.from_config(_FORM.read(path), str(path))
