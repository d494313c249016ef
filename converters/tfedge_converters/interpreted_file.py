"""A .tflite file as a function of batches of real numbers, as a teacher in distillation is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.files import read_bytes
from tfedge_converters.graph import read_model
from tfedge_converters.interpreters import LITERT, run_model
from tfedge_converters.open_inputs import fix_inputs
from tfedge_converters.ptq.real_values import as_input, as_real


class InterpretedFile:
    """A model of one input and one output, run by LiteRT in a process of its own.

    The file is loaded again for every batch: so it may be called from any thread, no state stays
    from one batch to the next, and nothing is held between them but its bytes.

    Args:
        path: of a .tflite file that computes one sample at a time; its input and output may be
            integers of a scale, which become real numbers.

    Attributes:
        output_shape: of one sample, without the batch.

    Raises:
        ModelFileError: it is no model.
        TfedgeError: it cannot be read, or has not one input and one output, each of one sample.
        UnsupportedError: LiteRT cannot run it.
    """

    def __init__(self, path: Path):
        self._name = str(path)
        self._flatbuffer = read_bytes(path)
        self._model = read_model(self._flatbuffer, source=str(path))
        fix_inputs(self._model, None)
        ends = (self._model.main.inputs, self._model.main.outputs)
        if any(len(end) != 1 for end in ends):
            raise TfedgeError(
                f"{path}: has {len(ends[0])} inputs and {len(ends[1])} outputs; a teacher in a "
                ".tflite file has one of each"
            )
        self._input, self._output = ends[0][0], ends[1][0]
        for tensor in (self._input, self._output):
            if tensor.shape[:1] != (1,) or tensor.type.dtype is None:
                raise TfedgeError(
                    f"{path}: its tensor '{tensor.name}' is {tensor.type.name} of shape "
                    f"{tensor.shape}; a teacher takes and gives one sample of numbers at a time, "
                    "in a batch of 1"
                )
        self.output_shape = self._output.shape[1:]
        self(np.zeros(self._input.shape, np.float32))  # what cannot run says so before a training

    def check_samples(self, shape: Sequence[int | None]) -> None:
        """Refuse samples that are not what the file takes.

        Args:
            shape: of one sample, without the batch; None where a size is not known yet.

        Raises:
            TfedgeError: it is another than the input's.
        """
        wanted = self._input.shape[1:]
        if len(shape) != len(wanted) or any(
            size not in (None, own) for size, own in zip(shape, wanted, strict=True)
        ):
            raise TfedgeError(
                f"{self._name}: the teacher takes samples of shape {wanted}, not {tuple(shape)}; "
                "give it what it takes by Teacher(..., preprocess=...)"
            )

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Compute the outputs of a batch.

        Args:
            batch: shape (samples, *input).

        Returns:
            float32 array of shape (samples, *output_shape).

        Raises:
            UnsupportedError: LiteRT refuses the samples.
            InterpreterDiedError: its process ended over them.
        """
        dtype = self._input.type.dtype
        samples = [[as_input(x[np.newaxis], self._input).astype(dtype)] for x in batch]
        outputs = run_model(LITERT, self._model, self._flatbuffer, samples, what=f"'{self._name}'")
        real = [as_real(values, self._output).astype(np.float32) for (values,) in outputs]
        return np.concatenate(real) if real else np.zeros((0, *self.output_shape), np.float32)
