"""Pictures of a diagnosis, as the bytes of PNG files."""

from __future__ import annotations

import io
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from tfedge.errors import MissingToolError
from tfedge_converters.ptq.noise import decibels

if TYPE_CHECKING:
    from tfedge_converters.diagnosis.report import Diagnosis, LayerDiagnosis

_LAYER_INCHES, _LEAST_INCHES, _HEIGHT = 0.45, 7.0, 5.5
_BLUE, _ORANGE, _RED, _GREY = "#2b6cb0", "#dd8a1f", "#c0392b", "#8a8f98"


def figures(diagnosis: Diagnosis) -> dict[str, bytes]:
    """All pictures, by the names of their files.

    Raises:
        MissingToolError: matplotlib is not installed.
    """
    try:
        import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingToolError(
            "without matplotlib there are no figures, only tables: pip install 'tfedge[figures]'"
        ) from error
    return {"snr.png": _snr_figure(diagnosis), "ranges.png": _ranges_figure(diagnosis)}


def _snr_figure(diagnosis: Diagnosis) -> bytes:
    """Signal-to-noise ratio along the network, and how much noise each layer adds by itself."""
    figure, (levels, shares) = _axes(diagnosis, 2, height_ratios=(2, 1))
    places = np.arange(len(diagnosis.layers))
    for label, colour, values in (
        ("whole model quantised", _BLUE, [layer.noise for layer in diagnosis.layers]),
        ("layer alone, at its result", _GREY, [layer.own_noise for layer in diagnosis.layers]),
        ("layer alone, at the output", _ORANGE, [layer.output_noise for layer in diagnosis.layers]),
    ):
        heights = [decibels(value) for value in values]
        levels.plot(places, heights, "o-", label=label, color=colour, markersize=4)
    levels.set_ylabel("signal to noise, dB")
    levels.set_title(f"{diagnosis.name}, {diagnosis.scheme}", parse_math=False)
    levels.legend(fontsize=8)
    colours = [_RED if layer is diagnosis.worst else _ORANGE for layer in diagnosis.layers]
    parts = [100 * diagnosis.share(layer) for layer in diagnosis.layers]
    shares.bar(places, parts, color=colours)
    shares.set_ylabel("share of noise, %")
    return _png(figure)


def _ranges_figure(diagnosis: Diagnosis) -> bytes:
    """The largest magnitude of every channel of activations and weights, on logarithmic axes."""
    figure, axes = _axes(diagnosis, 2)
    for axis, what, colour in zip(axes, ("activations", "weights"), (_BLUE, _ORANGE), strict=True):
        for place, layer in enumerate(diagnosis.layers):
            ranges = getattr(layer, what)
            if ranges is None:
                continue
            magnitudes = ranges.magnitudes[ranges.magnitudes > 0]
            axis.scatter([place] * magnitudes.size, magnitudes, s=9, alpha=0.5, color=colour)
            if magnitudes.size:
                axis.scatter([place], [np.median(magnitudes)], marker="_", s=120, color="black")
        axis.set_yscale("log")
        axis.set_ylabel(f"{what}: largest |value|")
    axes[0].set_title(
        f"{diagnosis.name}: one dot a channel, bar at the median channel", parse_math=False
    )
    return _png(figure)


def _axes(diagnosis: Diagnosis, rows: int, **ratios: Any) -> tuple[Any, Any]:
    """Axes one above the other with the layers' names below."""
    from matplotlib.figure import Figure

    width = max(_LEAST_INCHES, _LAYER_INCHES * len(diagnosis.layers) + 2)
    figure = Figure(figsize=(width, _HEIGHT + 1), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, gridspec_kw=ratios or None)
    names = [f"{_number(layer)}{_last(layer.name)}" for layer in diagnosis.layers]
    style = {"rotation": 60, "ha": "right", "fontsize": 7, "parse_math": False}
    axes[-1].set_xticks(range(len(names)), names, **style)
    for axis in axes:
        axis.grid(alpha=0.3)
    return figure, axes


def _number(layer: LayerDiagnosis) -> str:
    return "" if layer.number is None else f"{layer.number} "


def _last(name: str) -> str:
    """The last parts of a long name."""
    return "/".join(name.split("/")[-2:])[-28:]


def _png(figure: Any) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()
