"""The windows that a kernel sees of an image, and the way back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Tensor

Pair = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """Where the windows of a kernel lie on images; each attribute is (height, width).

    Attributes:
        image: pixels.
        count: windows.
        kernel: taps of a window.
        stride: pixels from window to window.
        dilation: pixels from tap to tap.
        before: pixels of padding in front of the image, which are 0; behind are as many as needed.
    """

    image: Pair
    count: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    before: Pair

    def of(self, images: np.ndarray) -> np.ndarray:
        """A view of padded images, (n, *count, *kernel, channels), not to be written to.

        Args:
            images: (n, *image, channels).
        """
        padded = self._empty(images)
        self._inner(padded)[...] = images
        return self._view(padded)

    def spread(self, taps: np.ndarray) -> np.ndarray:
        """The transpose of `of`: (n, *image, channels), of every pixel the sum over its taps.

        Args:
            taps: (n, *count, *kernel, channels).
        """
        padded = self._empty(taps)
        view = self._view(padded)
        # Windows overlap, the places of one tap do not.
        for row, column in itertools.product(*map(range, self.kernel)):
            view[:, :, :, row, column] += taps[:, :, :, row, column]
        return self._inner(padded)

    def _empty(self, like: np.ndarray) -> np.ndarray:
        """Padded images of zeros; they are large enough for all windows."""
        size = [
            max(before + image, (count - 1) * stride + (kernel - 1) * dilation + 1)
            for before, image, count, stride, kernel, dilation in zip(
                self.before, self.image, self.count, self.stride, self.kernel, self.dilation,
                strict=True,
            )
        ]  # fmt: skip
        return np.zeros((len(like), *size, like.shape[-1]), like.dtype)

    def _inner(self, padded: np.ndarray) -> np.ndarray:
        (top, left), (height, width) = self.before, self.image
        return padded[:, top : top + height, left : left + width]

    def _view(self, padded: np.ndarray) -> np.ndarray:
        images, row, column, channel = padded.strides
        return np.lib.stride_tricks.as_strided(
            padded,
            (len(padded), *self.count, *self.kernel, padded.shape[-1]),
            (
                images,
                row * self.stride[0],
                column * self.stride[1],
                row * self.dilation[0],
                column * self.dilation[1],
                channel,
            ),
        )


def windows_of(options: Any, source: Tensor, result: Tensor, kernel: Sequence[int]) -> Windows:
    """The windows of an operator on images.

    Args:
        options: the operator's, with strides, padding and perhaps dilation.
        source, result: of shape (n, height, width, channels).
        kernel: (height, width).
    """
    image, count = source.shape[1:3], result.shape[1:3]
    stride, dilation, before = [], [], []
    for axis, letter in enumerate("HW"):
        stride.append(getattr(options, f"stride{letter}"))
        dilation.append(getattr(options, f"dilation{letter}Factor", 1))
        covered = (count[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        same = options.padding == schema.Padding.SAME
        before.append(max(covered - image[axis], 0) // 2 if same else 0)
    return Windows(*map(_pair, (image, count, kernel, stride, dilation, before)))


def _pair(values: Sequence[int]) -> Pair:
    height, width = values
    return height, width
