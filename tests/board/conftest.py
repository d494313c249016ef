"""A small model in a folder, and what it computes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from random_graphs import random_model, random_sample

import tfedge
from tfedge_converters.board.emulation import HostBoard
from tfedge_converters.execute import CProgram, build_host
from tfedge_converters.graph import write_model
from tfedge_converters.verify.written import open_written


@dataclass(frozen=True)
class Converted:
    """A folder, the program in it, samples, and the outputs that this computer computes.

    Every three samples are a sequence; `board` is this computer as one, which
    stops at undefined behaviour.
    """

    folder: Path
    program: CProgram
    board: HostBoard
    samples: list[list[np.ndarray]]
    right: list[list[np.ndarray]]


@pytest.fixture(scope="session")
def converted(tmp_path_factory) -> Converted:
    """An LSTM that keeps its state: what runs twice shows."""
    folder = tmp_path_factory.mktemp("board") / "net"
    model = random_model("lstm_continued", 1, 3)
    tfedge.convert(write_model(model), name="net", target="cortex-m4").save(folder)
    program = open_written(folder).program
    rng = np.random.default_rng(0)
    samples = [random_sample(model, rng) for _ in range(6)]
    return Converted(
        folder, program, HostBoard(program), samples, build_host(program).run(samples, 3)
    )
