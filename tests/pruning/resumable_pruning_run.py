"""Prunes with checkpoints in the folder given; run by a test that kills it once."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from pruning_cases import compiled, data, net

from tfedge.callbacks import Pruning
from tfedge.pruning import PolynomialDecay, Regrowth, masks_of


class SlowDown(keras.callbacks.Callback):
    """Leaves a mark in the middle of the third epoch, and time to be killed; only once."""

    def __init__(self, folder: Path):
        super().__init__()
        self.mark = folder / "in_the_middle"
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2 and batch == 1 and not self.mark.exists():
            self.mark.touch()
            time.sleep(2)


def main() -> None:
    folder = Path(sys.argv[1])
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(1)
    # Without dropout: plain Keras does not keep the state of its seeds in checkpoints.
    optimizer = keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9)
    model = compiled(net(), optimizer, steps_per_execution=2)
    pipeline = tf.data.Dataset.from_tensor_slices(data()).batch(16)
    # Renewals fall between checkpoints and onto them, and between executions.
    schedule = Regrowth(PolynomialDecay(0.8, 15, frequency=3, begin=1), 0.4)
    model.fit(
        pipeline,
        epochs=5,
        verbose=0,
        callbacks=[
            keras.callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False),
            Pruning(schedule, importance="movement", distribution="global"),
            SlowDown(folder),
        ],
    )
    found = {v.path: v.numpy() for v in model.weights}
    found |= {f"mask/{path}": mask for path, mask in masks_of(model).items()}
    np.savez(folder / "final.npz", **{name.replace("/", "."): a for name, a in found.items()})


if __name__ == "__main__":
    main()
