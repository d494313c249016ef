"""Models on boards, over a link that loses, changes and repeats bytes: no wrong answer is taken.

    make sweep SWEEP=board_link SEED=1 COUNT=10000

COUNT exchanges, a request and its answer, with each of three boards: this computer, a Cortex-M4 and
an RV32IMC core in QEMU. Outputs and digests of every run are compared with those of the same C over
a clean line. A board with an LSTM that keeps its state shows what is computed twice.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faulty_ports import ROUGH, FaultyPort
from random_graphs import random_model, random_sample

from tfedge_converters import targets
from tfedge_converters.board.emulation import EmulatedBoard, HostBoard
from tfedge_converters.board.ports import Port
from tfedge_converters.board.session import Run, Session
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import CORES, CProgram

_SAMPLES = 50
_MODELS = ("lstm_continued", "conv_2d")


@dataclass(frozen=True)
class Trial:
    """A model on a board, and what every run has to give."""

    program: CProgram
    inputs: list[bytes]
    right: list[Run]

    def runs(self, session: Session) -> Iterator[tuple[int, Run]]:
        """The samples in their order, again and again; each round is a sequence."""
        while True:
            for index, inputs in enumerate(self.inputs):
                yield index, session.run(inputs, begins=index == 0)

    def is_right(self, index: int, run: Run) -> bool:
        """Whether outputs and digests are those of a clean line."""
        digests, right = ([layer.digest for layer in r.layers] for r in (run, self.right[index]))
        return run.outputs == self.right[index].outputs and digests == right


def prepared(name: str, target: str, folder: Path, seed: int) -> Trial:
    """A random model, and what it computes on this computer over a clean line."""
    model = random_model(name, seed, 1)
    program = generate(model, Options("model", targets.load(target))).write(folder)
    rng = np.random.default_rng(seed)
    samples = [random_sample(model, rng) for _ in range(_SAMPLES)]
    inputs = [b"".join(array.tobytes() for array in sample) for sample in samples]
    with HostBoard(program).opened() as port:
        session = Session(port)
        right = [session.run(data, begins=index == 0) for index, data in enumerate(inputs)]
    return Trial(program, inputs, right)


Opened = Callable[[CProgram], AbstractContextManager[Port]]


def _emulated(core: str) -> tuple[str, Opened]:
    return core, lambda program: EmulatedBoard(program, CORES[core]).opened()


BOARDS: dict[str, tuple[str, Opened]] = {
    "host": ("host", lambda program: HostBoard(program).opened()),
    "cortex-m4": _emulated("cortex-m4"),
    "rv32imc": _emulated("rv32imc"),
}


@dataclass
class Outcome:
    """What came of a board's exchanges."""

    exchanges: int = 0
    runs: int = 0
    wrong: int = 0
    retries: int = 0


def talk(trial: Trial, opened: Opened, count: int, seed: int) -> tuple[Outcome, Counter[str]]:
    """At least so many exchanges with a model on a board, over a line with faults."""
    outcome = Outcome()
    with opened(trial.program) as clean:
        port = FaultyPort(clean, ROUGH, random.Random(seed))
        session = Session(port)
        for index, run in trial.runs(session):
            outcome.runs += 1
            outcome.wrong += not trial.is_right(index, run)
            outcome.exchanges, outcome.retries = session.exchanges, session.retries
            if session.exchanges >= count:
                break
    return outcome, port.faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--board", action="append", choices=BOARDS)
    arguments = parser.parse_args()
    wrong = 0
    for board in arguments.board or BOARDS:
        target, opened = BOARDS[board]
        for name in _MODELS:
            begun = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                trial = prepared(name, target, Path(folder), arguments.seed)
                count = -(-arguments.count // len(_MODELS))
                outcome, faults = talk(trial, opened, count, arguments.seed)
            wrong += outcome.wrong
            injected = ", ".join(f"{number:,} {kind}" for kind, number in sorted(faults.items()))
            print(
                f"{board} {name}: {outcome.exchanges:,} exchanges, {outcome.runs:,} runs, "
                f"{outcome.wrong} wrong, {outcome.retries:,} requests again; {injected}; "
                f"{time.monotonic() - begun:.0f} s",
                flush=True,
            )
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
