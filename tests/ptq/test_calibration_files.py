"""Calibrations that are saved, resumed and used later, and those that must be refused."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from graph_parts import activation, constant, model_of, plain

from tfedge.errors import TfedgeError
from tfedge_converters.graph import write_model
from tfedge_converters.ptq import METHODS, Calibration, MinMax, calibrate, quantize

RNG = np.random.default_rng(3)
DATA = RNG.normal(size=(24, 3)).astype(np.float32)


def chain(factor=2.0):
    """x -> (* factor) -> relu -> y."""
    x, a, y = (activation(name, (1, 3)) for name in "xay")
    product = plain("MUL", [x, constant("c", [factor] * 3)], a)
    return model_of([x], [y], [product, plain("RELU", [a], y)])


def quantized(model, scheme="int8"):
    quantize(model, scheme)
    return write_model(model)


@pytest.mark.parametrize("method", METHODS)
def test_in_two_sessions_as_in_one(method, tmp_path):
    whole = chain()
    calibrate(whole, DATA, method=method)
    path = tmp_path / "seen.npz"
    first = Calibration(method)
    first.observe(chain(), DATA[:15])
    first.save(path)
    second = Calibration.load(path)
    assert second.samples == 15
    second.observe(chain(), DATA[15:])
    second.save(path)
    again, model = Calibration.load(path), chain()
    again.apply(model)
    assert quantized(model) == quantized(whole)


def test_the_same_file_whenever_it_is_written(tmp_path):
    for name in "ab":
        calibration = Calibration("mse")
        calibration.observe(chain(), DATA)
        calibration.save(tmp_path / name)
    loaded = [np.load(tmp_path / name) for name in "ab"]
    assert loaded[0].files == loaded[1].files
    assert all(np.array_equal(loaded[0][key], loaded[1][key]) for key in loaded[0].files)


def test_one_calibration_serves_int8_and_int16():
    calibration = Calibration("mse")
    calibration.observe(chain(), DATA)
    for scheme in ("int8", "int16x8"):
        expected, model = chain(), chain()
        calibrate(expected, DATA, scheme=scheme, method="mse")
        calibration.apply(model, scheme)
        assert quantized(model, scheme) == quantized(expected, scheme)


def test_another_model_is_refused():
    calibration = Calibration()
    calibration.observe(chain(), DATA)
    for use in (calibration.apply, lambda model: calibration.observe(model, DATA)):
        with pytest.raises(TfedgeError, match="of another model, or of this one with other weight"):
            use(chain(3.0))
    assert calibration.samples == len(DATA)


@pytest.mark.parametrize("method", ["percentile", "mse", "entropy", "moving_average"])
def test_too_few_samples(method):
    with pytest.raises(TfedgeError, match=f"by {method} needs at least 10 samples, and saw 9"):
        calibrate(chain(), DATA[:9], method=method)


def test_a_failed_calibration_changes_nothing_and_what_was_seen_counts():
    calibration, model = Calibration(), chain()
    with pytest.raises(TfedgeError, match="NaN or infinite"):
        calibration.observe(model, np.array([[1, 2, 3], [1, np.nan, 3]], np.float32))
    assert calibration.samples == 1
    with pytest.raises(TfedgeError, match="takes samples of shape"):
        calibration.observe(model, np.ones((4, 7)))
    assert all(tensor.range is None for tensor in model.main.tensors())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 9}, "version: one of 2 is expected, not 9"),
        ({"samples": "many"}, 'samples: a number of samples is expected, not "many"'),
        ({"method": ["minmax"]}, "method: a method's name is expected"),
        ({"scheme": {"name": "a"}}, "scheme: 'weights' is missing"),
        ({"more": 1}, "there is no 'more' here"),
    ],
)
def test_what_a_file_says_of_itself_is_checked(tmp_path, changes, message):
    path = tmp_path / "a.npz"
    calibration = Calibration()
    calibration.observe(chain(), DATA)
    calibration.save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(str(arrays["tfedge_calibration"])) | changes
    np.savez(path, **{**arrays, "tfedge_calibration": np.array(json.dumps(header))})
    with pytest.raises(TfedgeError, match=rf"a\.npz: .*{message}"):
        Calibration.load(path)


def test_files_that_are_no_calibrations(tmp_path):
    good = tmp_path / "good.npz"
    calibration = Calibration()
    calibration.observe(chain(), DATA)
    calibration.save(good)
    broken = tmp_path / "broken.npz"
    np.savez(tmp_path / "data.npz", DATA)
    contents = [b"", b"PK", good.read_bytes()[:-40], (tmp_path / "data.npz").read_bytes()]
    for content in contents:
        broken.write_bytes(content)
        with pytest.raises(TfedgeError, match=r"broken\.npz: cannot be read as a calibration"):
            Calibration.load(broken)
    with pytest.raises(TfedgeError, match=r"none\.npz: cannot be read"):
        Calibration.load(tmp_path / "none.npz")


def test_methods_without_a_name_cannot_be_saved(tmp_path):
    calibration = Calibration(MinMax)
    calibration.observe(chain(), DATA)
    with pytest.raises(TfedgeError, match="a method with a name"):
        calibration.save(tmp_path / "seen.npz")
    assert not list(tmp_path.iterdir())


def test_constant_activations_are_named_once_and_do_not_fail(caplog):
    x, y = activation("x", (1, 3)), activation("y", (1, 3))
    model = model_of([x], [y], [plain("RELU", [x], y)])
    with caplog.at_level("WARNING", logger="absl"):
        calibrate(model, -np.abs(DATA))
    assert [record.getMessage() for record in caplog.records] == [
        "representative data: 'y' (0) never changed, so that its grid covers nothing else; "
        "check the data, and whether these layers are alive"
    ]
    quantize(model)
    assert model.main.outputs[0].quantization.scale == [1.0]


def test_memory_does_not_grow_with_the_data():
    def peak(samples):
        calibration = Calibration("mse")
        tracemalloc.start()
        calibration.observe(chain(), (np.full((1, 3), i, np.float32) for i in range(samples)))
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(50)
    assert peak(5000) < 2 * peak(50)
