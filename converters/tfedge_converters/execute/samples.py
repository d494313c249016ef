"""Samples as the bytes that the harness reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.execute.program import CProgram, TensorSpec

# As harness.h has them.
_CONTINUES, BEGINS = b"\x01", b"\x02"


def encode_samples(
    program: CProgram, samples: Iterable[Sequence[np.ndarray]], sequence: int | None = None
) -> Iterator[bytes]:
    """Encode each sample as the harness reads it; every `sequence` samples, a sequence begins.

    Raises:
        TfedgeError: a sample does not fit the model's inputs.
    """
    for index, sample in enumerate(samples):
        if len(sample) != len(program.inputs):
            raise TfedgeError(
                f"sample {index} has {len(sample)} arrays, but model '{program.name}' takes "
                f"{len(program.inputs)} inputs: {_listing(program.inputs)}"
            )
        arrays = zip(program.inputs, sample, strict=True)
        begins = sequence is not None and index % sequence == 0
        announcement = BEGINS if begins else _CONTINUES
        yield announcement + b"".join(_encode(spec, array, index) for spec, array in arrays)


def _encode(spec: TensorSpec, array: np.ndarray, index: int) -> bytes:
    array = np.asarray(array)
    if array.dtype != spec.dtype or array.shape != spec.shape:
        raise TfedgeError(
            f"input '{spec.name}' of sample {index} is {array.dtype} of shape {array.shape}, "
            f"but must be {spec.dtype} of shape {spec.shape}"
        )
    return array.tobytes()


def decode_outputs(program: CProgram, data: bytes) -> list[np.ndarray]:
    """The arrays of one sample's outputs, from exactly `output_byte_size` bytes."""
    arrays = []
    start = 0
    for spec in program.outputs:
        flat = np.frombuffer(data[start : start + spec.byte_size], spec.dtype)
        arrays.append(flat.reshape(spec.shape).copy())
        start += spec.byte_size
    return arrays


def output_byte_size(program: CProgram) -> int:
    """Bytes that one sample's outputs take."""
    return sum(spec.byte_size for spec in program.outputs)


def _listing(specs: Iterable[TensorSpec]) -> str:
    return ", ".join(f"'{spec.name}'" for spec in specs) or "none"
