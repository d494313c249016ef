"""Everything that tfedge writes, with each operation on files failing in turn, as on a bad disk.

What lies there then is the old state or the new one, or says itself that it is neither; nothing is
left beside it, the message is one line, and the next writer comes to its end. `test_file_sets.py`
has the same for what is below: a folder that is killed, and single files.
"""

from __future__ import annotations

import errno
import functools
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from hostile.bases import float_twin
from random_graphs import random_model
from written_sets import FailingCalls, leftovers

import tfedge
from tfedge import atomic_writing
from tfedge.distillation import TeacherCache, cache_outputs
from tfedge.errors import TfedgeError
from tfedge.file_sets import manifests_in
from tfedge.quantization.schemes import SCHEMES, write_scheme
from tfedge_converters.board.device_files import LINK
from tfedge_converters.cli import main
from tfedge_converters.diagnosis import figures
from tfedge_converters.edgetpu.compiler import Compilation
from tfedge_converters.graph import write_file, write_model

X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)

_MOST_FAILURES = 60

# Given a folder for what is needed: what writes the old state into a folder, and the new one.
Write = Callable[[Path], object]
Writers = Callable[[Path], tuple[Write, Write]]


def _model(seed: int) -> bytes:
    return write_model(random_model("fully_connected", seed, 1))


def _float_model() -> tuple[bytes, np.ndarray]:
    twin = float_twin(random_model("conv_2d", 1, 1))
    shape = (4, *twin.main.inputs[0].shape[1:])
    return write_model(twin), np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _artifacts(target: str, package: str | None = None) -> Writers:
    def writers(scratch: Path) -> tuple[Write, Write]:
        old, new = (tfedge.convert(_model(seed), name="net", target=target) for seed in (1, 2))
        return lambda folder: old.save(folder, package), lambda folder: new.save(folder, package)

    return writers


def _calibrations(scratch: Path) -> tuple[Write, Write]:
    model, x = _float_model()
    old = tfedge.calibrate(model, x)
    old.save(scratch / "old.npz")
    new = tfedge.calibrate(model, x, resume=scratch / "old.npz")
    return lambda folder: old.save(folder / "seen.npz"), lambda folder: new.save(
        folder / "seen.npz"
    )


def _reports(ending: str) -> Writers:
    def writers(scratch: Path) -> tuple[Write, Write]:
        old, new = (tfedge.check(_model(seed)) for seed in (1, 2))
        path = f"report{ending}"
        return lambda folder: old.save(folder / path), lambda folder: new.save(folder / path)

    return writers


def _diagnoses(scratch: Path) -> tuple[Write, Write]:
    """Tables and pictures, which are drawn once: that takes a second."""
    model, x = _float_model()
    old, new = (
        tfedge.diagnose(model, calibration=x, quantization=name) for name in ("int8", "int16x8")
    )
    drawn = functools.cache(figures.figures)

    def written(diagnosis: tfedge.Diagnosis) -> Write:
        def write(folder: Path) -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(figures, "figures", drawn)
                diagnosis.save(folder)

        return write

    return written(old), written(new)


def _schemes(scratch: Path) -> tuple[Write, Write]:
    return (
        lambda folder: write_scheme(folder / "scheme.json", SCHEMES["int8"]),
        lambda folder: write_scheme(folder / "scheme.json", SCHEMES["int16x8"]),
    )


def _models(scratch: Path) -> tuple[Write, Write]:
    old, new = (random_model("fully_connected", seed, 1) for seed in (1, 2))
    return (
        lambda folder: write_file(old, folder / "net.tflite"),
        lambda folder: write_file(new, folder / "net.tflite"),
    )


def _compiled(scratch: Path) -> tuple[Write, Write]:
    old, new = (Compilation("net", _model(seed), f"log {seed}", None) for seed in (1, 2))
    return old.save, new.save


def _links(scratch: Path) -> tuple[Write, Write]:
    for seed in (1, 2):
        made = tfedge.convert(_model(seed), name=f"net{seed}", target="cortex-m4")
        made.save(scratch / f"{seed}")

    def written(seed: int) -> Write:
        def write(folder: Path) -> None:
            if main(["link", str(scratch / f"{seed}"), "--output", str(folder)]):
                raise TfedgeError("")

        return write

    return written(1), written(2)


def _network(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


def _caches(scratch: Path) -> tuple[Write, Write]:
    """A cache is for one teacher; the old state is that there is none."""
    teacher = _network(1)
    return lambda folder: None, lambda folder: cache_outputs(
        teacher, X, folder, batch_size=4, shard_size=4
    )


def _trained(method: str, name: str) -> Writers:
    def writers(scratch: Path) -> tuple[Write, Write]:
        old, new = (tfedge.quantize(_network(seed), calibration=X) for seed in (1, 2))
        return (
            lambda folder: getattr(old, method)(folder / name),
            lambda folder: getattr(new, method)(folder / name),
        )

    return writers


WRITERS: dict[str, Writers] = {
    "artifact": _artifacts("tflite"),
    "artifact with C": _artifacts("tflite-micro"),
    "package": _artifacts("host", "cmake"),
    "calibration": _calibrations,
    "report as text": _reports(".txt"),
    "report as a page": _reports(".html"),
    "diagnosis": _diagnoses,
    "scheme": _schemes,
    "model": _models,
    "what Edge TPU's compiler made": _compiled,
    "link": _links,
    "cache of a teacher": _caches,
    "trained model": _trained("save", "net.keras"),
    "its weights": _trained("save_weights", "net.weights.h5"),
}


def _content(folder: Path) -> dict[str, object]:
    """Every file of a folder and those below."""
    return {
        path.relative_to(folder).as_posix(): _undated(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _undated(path: Path) -> object:
    """What a file holds; archives of Keras also say when they were written."""
    if path.suffix != ".keras":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}


def _says_that_it_is_neither(folder: Path) -> bool:
    if any(not manifest.complete for manifest in manifests_in(folder)):
        return True
    try:
        TeacherCache(folder).with_targets(X)
    except TfedgeError as error:
        return "is not whole" in str(error) or "cache.json: cannot be read" in str(error)
    return False


def _failures(calls: int) -> Iterator[tuple[int, int, bool]]:
    """Each operation with an error of its own, and of a disk that is full from then on.

    Of the hundreds by which a package is written, one of every so many.
    """
    step = 1 + calls // _MOST_FAILURES
    for at in range(0, calls, step):
        yield at, (errno.EIO, errno.EROFS, errno.EACCES)[at % 3], False
        if at % (4 * step) == 0:
            yield at, errno.ENOSPC, True


@pytest.mark.parametrize("kind", WRITERS)
def test_each_operation_fails_in_turn(kind, tmp_path, monkeypatch, capsys):
    write_old, write_new = WRITERS[kind](tmp_path)
    whole = tmp_path / "whole"
    whole.mkdir()
    write_old(whole)
    old = _content(whole)
    calls = _counted(monkeypatch)
    write_new(whole)
    new, count = _content(whole), calls.calls
    assert old != new
    assert count >= 8
    for at, error, lasting in _failures(count):
        folder = tmp_path / f"{at} {error}"
        folder.mkdir()
        _counted(monkeypatch)
        write_old(folder)
        monkeypatch.setattr(atomic_writing, "os", FailingCalls(at, error, lasting))
        capsys.readouterr()
        said = None
        try:
            write_new(folder)
        except TfedgeError as refusal:
            said = str(refusal) or capsys.readouterr().err.strip()
        _counted(monkeypatch)
        found = _content(folder)
        assert not leftovers(folder)
        assert found in (old, new) or _says_that_it_is_neither(folder), sorted(found)
        assert said is not None or found == new
        assert said is None or ("cannot be written" in said and "\n" not in said)
        write_new(folder)
        assert _content(folder) == new


def _counted(monkeypatch) -> FailingCalls:
    calls = FailingCalls()
    monkeypatch.setattr(atomic_writing, "os", calls)
    return calls


def test_links_are_known_by_their_manifest(tmp_path):
    """So that a test of the table that finds nothing of them to be incomplete means something."""
    _, write = _links(tmp_path)
    write(tmp_path / "out")
    assert [manifest.complete for manifest in manifests_in(tmp_path / "out")] == [True]
    assert LINK in "".join(path.name for path in (tmp_path / "out").iterdir())
