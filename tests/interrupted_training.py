"""Training that is killed in the middle and goes on from its last checkpoint.

A script trains twice, the second time with a pause in which the test kills it, and is then started
once more; what both trainings end with has to be the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from warm_commands import start_script

MARK, WHOLE, RESUMED = "in_the_middle", "whole.npz", "resumed.npz"
State = dict[str, np.ndarray]


class PauseInTheThirdEpoch(keras.callbacks.Callback):
    """Leaves a mark in the middle of the epoch, and time to be killed; only once."""

    def __init__(self, mark: Path):
        super().__init__()
        self.mark = mark
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2 and batch == 1 and not self.mark.exists():
            self.mark.touch()
            time.sleep(60)


def train_twice(train: Callable[[list[Any]], State]) -> None:
    """What a script does, in the folder that it is given.

    Args:
        train: of the callbacks that keep checkpoints, what training ends with.
    """
    folder = Path(sys.argv[1])
    tf.config.experimental.enable_op_determinism()
    if not (folder / WHOLE).exists():
        _save(folder / WHOLE, train([_checkpoints(folder / "whole")]))
    pause = PauseInTheThirdEpoch(folder / MARK)
    _save(folder / RESUMED, train([_checkpoints(folder / "broken"), pause]))


def _checkpoints(folder: Path) -> Any:
    return keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)


def _save(path: Path, state: State) -> None:
    np.savez(path, **{name.replace("/", "."): array for name, array in state.items()})


def assert_resumes_exactly(script: Path, folder: Path) -> list[str]:
    """Kills the script in its pause and runs it to its end.

    Returns:
        The names of the arrays that both trainings ended with.
    """
    _kill_in_the_pause(start_script(script, str(folder)), folder)
    assert not (folder / RESUMED).exists()
    again = start_script(script, str(folder))
    again.join(300)
    assert again.exitcode == 0
    wanted, got = np.load(folder / WHOLE), np.load(folder / RESUMED)
    assert sorted(wanted.files) == sorted(got.files)
    for name in wanted.files:
        np.testing.assert_array_equal(wanted[name], got[name], err_msg=name)
    return wanted.files


def _kill_in_the_pause(process: BaseProcess, folder: Path) -> None:
    while not (folder / MARK).exists():
        assert process.is_alive(), "ended before it could be killed"
        time.sleep(0.02)
    process.kill()
    process.join()
