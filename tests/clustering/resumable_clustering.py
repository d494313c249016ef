"""Trains with clusters and checkpoints in the folder given; run by a test that kills it once."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from clustered_nets import compiled, data, net, prune

from tfedge.callbacks import QuantizationAwareTraining, WeightClustering
from tfedge.clustering.sharing import shared_weights
from tfedge.pruning.kernels import selected_kernels


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
    model = compiled(net())
    prune(model)
    model.fit(
        tf.data.Dataset.from_tensor_slices(data()).batch(16),
        epochs=5,
        verbose=0,
        callbacks=[
            QuantizationAwareTraining("int8", start_epoch=1),
            WeightClustering(8, start=1, frequency=2),
            keras.callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False),
            SlowDown(folder),
        ],
    )
    shared = [shared_weights(kernel) for kernel in selected_kernels(model)]
    variables = [*model.weights, *(variable for part in shared for variable in part.variables)]
    np.savez(folder / "final.npz", **{v.path.replace("/", "."): v.numpy() for v in variables})


if __name__ == "__main__":
    main()
