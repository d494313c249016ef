"""Images, words and gestures that the accuracy benchmark classifies, from a folder of data sets.

The folder holds what each function names: mnist/mnist.npz, fsdd/{train,test}.npz (spoken digits)
and magic_wand_digits/digits.npz. Nothing is downloaded.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_FRAME, _HOP, _BANDS, _FRAMES = 256, 160, 20, 49
_POINTS = 64


@dataclass(frozen=True)
class Split:
    """What a seed trains and tests with: float32 inputs, integer classes."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits(folder: Path, seed: int, count: int) -> Split:
    """`count` training images that the seed draws, and all 10,000 test images, in [0, 1]."""
    with np.load(folder / "mnist" / "mnist.npz") as data:
        chosen = np.random.default_rng(seed).permutation(len(data["x_train"]))[:count]
        return Split(
            _pixels(data["x_train"][chosen]), _classes(data["y_train"][chosen]),
            _pixels(data["x_test"]), _classes(data["y_test"]),
        )  # fmt: skip


def _pixels(images: np.ndarray) -> np.ndarray:
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def _classes(labels: np.ndarray) -> np.ndarray:
    return labels.astype(np.int32)


def words(folder: Path, seed: int) -> Split:
    """Spoken digits as log-mel spectrograms (49, 20, 1); one of five speakers is the test."""
    parts = [_clips(folder / "fsdd" / f"{part}.npz") for part in ("train", "test")]
    x, y, speaker = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    left_out = speaker == np.unique(speaker)[seed % len(np.unique(speaker))]
    mean, deviation = x[~left_out].mean(), x[~left_out].std()
    x = ((x - mean) / deviation).astype(np.float32)
    return Split(x[~left_out], y[~left_out], x[left_out], y[left_out])


def _clips(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(path) as data:
        audio, offset, rate = data["audio"], data["offset"], int(data["sr"])
        clips = [audio[start:end] for start, end in itertools.pairwise(offset)]
        bands = _mel_bands(rate)
        spectrograms = np.stack([_spectrogram(clip, bands) for clip in clips])
        return spectrograms[..., np.newaxis], _classes(data["y"]), data["speaker"]


def _spectrogram(clip: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Logarithm of the power in mel bands, of the clip cut or padded to about a second."""
    length = _FRAME + _HOP * (_FRAMES - 1)
    padded = np.zeros(length)
    padded[: len(clip)] = clip[:length]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME))) ** 2
    return np.log(power @ bands + 1e4)


def _mel_bands(rate: int) -> np.ndarray:
    """Triangles (frequencies, bands), evenly spaced in mel from 60 Hz to half the rate."""
    edges = np.linspace(_mel(60.0), _mel(rate / 2), _BANDS + 2)
    mel = _mel(np.fft.rfftfreq(_FRAME, 1 / rate))[:, np.newaxis]
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


def _mel(frequency: np.ndarray | float) -> np.ndarray:
    return 2595.0 * np.log10(1.0 + np.asarray(frequency) / 700.0)


def gestures(folder: Path, seed: int, count: int) -> Split:
    """Strokes of a wand as 64 points of two coordinates (64, 1, 2); `count` are for training."""
    with np.load(folder / "magic_wand_digits" / "digits.npz") as data:
        points, offset = data["xy_q7"].astype(np.float64), data["offset"]
        x = np.stack([_resampled(points[a:b]) for a, b in itertools.pairwise(offset)])
        y = data["y"].astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order], y[order]
    return Split(x[:count], y[:count], x[count:], y[count:])


def _resampled(stroke: np.ndarray) -> np.ndarray:
    places = np.linspace(0, len(stroke) - 1, _POINTS)
    columns = [np.interp(places, np.arange(len(stroke)), column) for column in stroke.T]
    return (np.stack(columns, -1)[:, np.newaxis] / 64).astype(np.float32)
