"""Whatever tfedge reads beside models, damaged at random: read, or refused in one sentence."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile.bases import float_twin
from random_graphs import random_model

import tfedge
from tfedge.calibration import InputSpec, RepresentativeData
from tfedge.distillation.cached_outputs import _facts as read_facts
from tfedge.distillation.cached_outputs import _read_shard, cache_outputs
from tfedge.errors import TfedgeError
from tfedge.file_sets import manifest_name, read_manifest, write_set
from tfedge.quantization.schemes import SCHEMES, read_scheme, write_scheme
from tfedge_converters.edgetpu.compiler_log import parse_log
from tfedge_converters.evaluation import LabelledData
from tfedge_converters.graph import write_model
from tfedge_converters.quantize.calibration import Calibration
from tfedge_converters.quantize.calibration_file import is_record
from tfedge_converters.verify.samples import given_samples

_COUNT = 150
_SHAPE = (1, 4)
_SPEC = InputSpec(("x",), _SHAPE, np.dtype(np.float32))
_X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
_LOG = """Edge TPU Compiler version 16.0.384591198
Model compiled successfully in 52 ms.
Input size: 9.40KiB
On-chip memory used for caching model parameters: 10.75KiB
Number of Edge TPU subgraphs: 1
Total number of operations: 2
Operator                       Count      Status

CONV_2D                        2          Mapped to Edge TPU
"""

_JSON_VALUES = (None, True, -1, 1e999, "", "x", [], {}, [[]], {"x": 1}, 10**40)
_ARRAYS = (
    np.zeros((0, 4), np.float32),
    np.full((6, 4), np.nan, np.float32),
    np.full((6, 4), 1e300),
    _X.astype(complex),
    _X.astype(str),
    _X.astype("M8[s]"),
    np.array(3),
    np.zeros((6, 1, 1, 4)),
    np.array([{}, []], object),
    np.zeros(3, [("a", "f4")]),
)


def _model():
    return random_model("conv_2d", 1, 1)


def _write_npz(path):
    np.savez(path, x=_X, y=np.arange(6))


def _write_npy(path):
    with path.open("wb") as file:
        np.save(file, _X)


def _write_calibration(path):
    x, *_ = _model().main.inputs
    data = np.random.default_rng(0).normal(size=(6, *x.shape[1:])).astype(np.float32)
    tfedge.calibrate(write_model(float_twin(_model())), data, method="mse").save(path)


def _write_cache(path):
    import keras

    cache_outputs(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), _X, path.parent)


def _inputs(path):
    graph = float_twin(random_model("logistic", 1, 1)).main
    given_samples(graph, path)


def _read_calibration(path):
    is_record(path)
    Calibration.load(path)


# Of every kind, what writes a good file, what it is called, and what reads it.
_FORMATS = {
    "data": (_write_npz, "x.npz", lambda path: list(RepresentativeData(str(path), [_SPEC]))),
    "labels": (_write_npz, "x.npz", lambda path: LabelledData(path, float_twin(_model()))),
    "inputs of verify": (_write_npz, "x.npz", _inputs),
    "an input of verify": (_write_npy, "x.npy", _inputs),
    "a calibration": (
        _write_calibration,
        "seen.npz",
        _read_calibration,
    ),
    "a shard": (_write_cache, "shard-00000.npz", _read_shard),
    "a cache": (_write_cache, "cache.json", lambda path: read_facts(path.parent)),
    "a scheme": (lambda path: write_scheme(path, SCHEMES["int8"]), "s.json", read_scheme),
    "a manifest": (
        lambda path: write_set(path.parent, "convert", {"a": "b"}, {"name": "a"}),
        manifest_name("convert"),
        lambda path: list(read_manifest(path.parent, "convert").faults(path.parent)),
    ),
    "a compiler's log": (
        lambda path: path.write_text(_LOG),
        "x.log",
        lambda path: parse_log(path.read_text(errors="replace")),
    ),
}


@pytest.mark.parametrize("kind", _FORMATS)
def test_damaged_files_are_refused_in_words(tmp_path, kind):
    write, name, read = _FORMATS[kind]
    path = tmp_path / name
    write(path)
    good = path.read_bytes()
    if "verify" not in kind and kind != "labels":
        read(path)
    rng = random.Random(1)
    refused = 0
    for _ in range(_COUNT):
        path.write_bytes(_damaged(good, rng))
        try:
            read(path)
        except TfedgeError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > _COUNT // 10


def _damaged(good: bytes, rng: random.Random) -> bytes:
    if good.startswith(b"PK") and rng.random() < 0.5:
        return _other_arrays(good, rng)
    if good.startswith(b"{") and rng.random() < 0.7:
        return json.dumps(_other_json(json.loads(good), rng)).encode()
    data = bytearray(good)
    for _ in range(rng.randint(1, 5)):
        at, end = sorted(rng.randrange(len(data) + 1) for _ in "ab")
        what = rng.randrange(5)
        if what == 0:
            del data[at:]
        elif what == 1:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif what == 2:
            del data[at : min(end, at + 20)]
        elif what == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 9)))
        else:
            data[at:at] = data[at : min(end, at + 50)]
    return bytes(data)


def _other_json(value, rng: random.Random):
    """The same but for one place in it."""
    if rng.random() < 0.3 or not isinstance(value, (dict, list)) or not value:
        return rng.choice(_JSON_VALUES)
    key = rng.choice(sorted(value) if isinstance(value, dict) else range(len(value)))
    changed = value.copy()
    if rng.random() < 0.3:
        del changed[key]
    else:
        changed[key] = _other_json(value[key], rng)
    return changed


def _other_arrays(good: bytes, rng: random.Random) -> bytes:
    """A sound archive that lacks an array, or has another in its place."""
    with np.load(io.BytesIO(good)) as archive:
        arrays = dict(archive)
    name = rng.choice(sorted(arrays))
    del arrays[name]
    if rng.random() < 0.8:
        arrays[name] = rng.choice(_ARRAYS)
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _declared(shape) -> bytes:
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue() + bytes(64)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"x.npy": _declared((1 << 31, 4))}, "EOF: reading array data|not enough memory"),
        ({"x.npy": _declared((1 << 60, 4))}, "not enough memory|EOF|too big|too large|exceeds"),
        ({"x.npy": b"\x80\x04N."}, "magic string|'x' is no array|Python objects"),
        ({}, r"holds the arrays \(none\); name them as the inputs are"),
        ({"x.txt": b"4"}, "is no array"),
    ],
)
def test_archives_that_are_no_data(tmp_path, members, reason):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(TfedgeError, match=reason):
        list(RepresentativeData(str(path), [_SPEC]))


def test_arrays_that_no_memory_holds(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.zeros((1 << 18, 4), np.float32))
    monkeypatch.setattr("tfedge.array_files.os.sysconf", lambda name: 1000)
    with pytest.raises(TfedgeError, match=r"'x' takes 0\.0 GiB, more memory than this computer"):
        list(RepresentativeData(str(path), [_SPEC]))


def test_complex_numbers_are_no_data():
    with pytest.raises(TfedgeError, match="takes numbers of type float32, not complex128"):
        list(RepresentativeData(_X.astype(complex), [_SPEC]))
    with pytest.raises(TfedgeError, match="samples are complex64"):
        given_samples(float_twin(random_model("logistic", 1, 1)).main, np.zeros((2, 1, 256), "c8"))


def test_a_record_knows_that_its_numbers_were_written_so(tmp_path):
    path = Path(tmp_path / "seen.npz")
    _write_calibration(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    name = next(key for key in arrays if "/" in key)
    arrays[name] = arrays[name] * 2
    np.savez(path, **arrays)
    with pytest.raises(TfedgeError, match="its numbers are not those that were written"):
        Calibration.load(path)
