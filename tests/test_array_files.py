"""Arrays of strangers: what they declare is held against what is there, before room is made for it.

`test_small_sweeps` damages whatever tfedge reads at random.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile.bases import float_twin
from random_graphs import random_model

import tfedge
from tfedge.array_files import digest_of, read_array
from tfedge.calibration import InputSpec, RepresentativeData
from tfedge.errors import TfedgeError
from tfedge_converters.graph import write_model
from tfedge_converters.ptq.calibration import Calibration
from tfedge_converters.verify.samples import given_samples

_SHAPE = (1, 4)
_SPEC = InputSpec(("x",), _SHAPE, np.dtype(np.float32))
_X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def _write_calibration(path):
    model = random_model("conv_2d", 1, 1)
    (x,) = model.main.inputs
    data = np.random.default_rng(0).normal(size=(6, *x.shape[1:])).astype(np.float32)
    tfedge.calibrate(write_model(float_twin(model)), data, method="mse").save(path)


def _declared(shape) -> bytes:
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue() + bytes(64)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"x.npy": _declared((1 << 31, 4))}, r"\(2147483648, 4\) values of float32, and 64 bytes"),
        ({"x.npy": _declared((1 << 60, 4))}, r"declares \(1152921504606846976, 4\) values"),
        ({"x.npy": _declared((-1, -4))}, r"declares \(-1, -4\) values"),
        ({"x.npy": b"\x80\x04N."}, "magic string|'x' is no array|Python objects"),
        ({}, r"holds the arrays \(none\); name them as the inputs are"),
        ({"x.txt": b"4"}, "magic string"),
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


def test_an_array_without_a_name_that_declares_gigabytes(tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(_declared((1 << 33,)))
    with pytest.raises(TfedgeError, match=r"declares \(8589934592,\) values .* 64 bytes follow"):
        read_array(path, "an .npy file")


def test_packed_zeros(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.zeros((1 << 23, 4), np.float32))
    with pytest.raises(TfedgeError, match=r"unpacks to 134,217,856 bytes, .* with numpy\.savez"):
        list(RepresentativeData(str(path), [_SPEC]))


def test_python_objects_and_records(tmp_path):
    for array, reason in (
        (np.array([{}], object), "holds Python objects, not numbers"),
        (np.zeros(3, [("\u03b1", "f4")]), r"version 3\.0, not 1\.0 or 2\.0"),
    ):
        np.savez(tmp_path / "x.npz", x=array)
        with pytest.raises(TfedgeError, match=reason):
            list(RepresentativeData(str(tmp_path / "x.npz"), [_SPEC]))


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    for reads in (
        lambda path: list(RepresentativeData(str(path), [_SPEC])),
        Calibration.load,
        lambda path: read_array(path, "an array"),
    ):
        with pytest.raises(TfedgeError, match=r"pipe.npz: cannot be read as .*: it is no file"):
            reads(tmp_path / "pipe.npz")


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


def test_a_record_whose_numbers_say_nothing(tmp_path):
    """With the right hash, as somebody else's program may write it."""
    _write_calibration(tmp_path / "seen.npz")
    with np.load(tmp_path / "seen.npz") as archive:
        sound = dict(archive)
    header = json.loads(str(sound.pop("tfedge_calibration")))
    for name, change in (
        ("0/counts", lambda counts: -counts),
        ("0/counts", lambda counts: counts * 1.0),
        ("0/counts", lambda counts: counts + 1),
        ("0/place", lambda place: place * 3.0),
        ("0/place", lambda place: place * np.inf),
        ("0/extremes", lambda extremes: extremes * np.nan),
    ):
        arrays = {**sound, name: change(sound[name])}
        says = json.dumps({**header, "content": digest_of(arrays)})
        np.savez(tmp_path / "other.npz", tfedge_calibration=np.array(says), **arrays)
        with pytest.raises(TfedgeError, match="not a calibration that this version can read"):
            Calibration.load(tmp_path / "other.npz")
