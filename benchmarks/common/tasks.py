"""What the accuracy benchmarks train: real data sets, each with the network for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import real_data
from common.networks import (
    depthwise_digits_net,
    gestures_net,
    plain_digits_net,
    residual_digits_net,
    words_net,
)
from common.real_data import Split

DIGITS_NETS = {
    "plain": plain_digits_net,
    "residual": residual_digits_net,
    "depthwise": depthwise_digits_net,
}


@dataclass(frozen=True)
class Task:
    """A data set with the network for it.

    Attributes:
        load: of the folder and a seed, the data.
        build: of a Keras module, the network.
        epochs, tuned_epochs: of the float model, and of every variant made from it.
        gate: whether the test set is large enough to hold tenths of a point to account.
    """

    name: str
    load: Callable[[Path, int], Split]
    build: Callable[[Any], Any]
    epochs: int
    tuned_epochs: int
    gate: bool = False


def digits(net: str, count: int, epochs: int, tuned_epochs: int, gate: bool = False) -> Task:
    """Handwritten digits: `count` images to train with, 10,000 to test."""
    load = functools.partial(real_data.digits, count=count)
    return Task(f"digits, {net} net", load, DIGITS_NETS[net], epochs, tuned_epochs, gate)


def words(epochs: int, tuned_epochs: int) -> Task:
    """Spoken digits, with one speaker left out to test."""
    return Task("words", real_data.words, words_net, epochs, tuned_epochs)


def gestures(epochs: int, tuned_epochs: int) -> Task:
    """Digits drawn in the air: 300 to train with."""
    load = functools.partial(real_data.gestures, count=300)
    return Task("gestures", load, gestures_net, epochs, tuned_epochs)
