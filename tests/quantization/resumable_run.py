"""Trains with checkpoints in the folder given; run by a test that kills it once."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from training_cases import compiled, data, small_net

from tfedge.callbacks import QuantizationAwareTraining
from tfedge.quantization import ActivationScheme, Scheme, WeightScheme


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
    scheme = Scheme(
        "learned",
        WeightScheme(quantizer="learned_step"),
        ActivationScheme(quantizer="learned_range"),
    )
    model = compiled(small_net(dropout=0.2))
    pipeline = tf.data.Dataset.from_tensor_slices(data()).batch(16)
    model.fit(
        pipeline,
        epochs=4,
        verbose=0,
        callbacks=[
            QuantizationAwareTraining(scheme, start_epoch=1, freeze_ranges_epoch=3),
            keras.callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False),
            SlowDown(folder),
        ],
    )
    np.savez(folder / "final.npz", **{v.path.replace("/", "."): v.numpy() for v in model.weights})


if __name__ == "__main__":
    main()
