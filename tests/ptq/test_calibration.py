"""Calibration of float models."""

import numpy as np
import pytest
from graph_parts import activation, concatenation, constant, model_of, plain, reshape
from model_files import float_model
from seeded_models.mlperf_tiny import inputs_for

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.graph import Range, read_file, write_model
from tfedge_converters.ptq import MinMax, calibrate, quantize


def chain():
    """x -> (* 2) -> (+ 1) -> relu -> y: every range is known in the head."""
    x, a, b, y = (activation(name, (1, 3)) for name in "xaby")
    operators = [
        plain("MUL", [x, constant("two", [2.0, 2.0, 2.0])], a),
        plain("ADD", [a, constant("one", [1.0, 1.0, 1.0])], b),
        plain("RELU", [b], y),
    ]
    return model_of([x], [y], operators)


def ranges(model):
    return {
        tensor.name: (tensor.range.low, tensor.range.high)
        for tensor in model.main.tensors()
        if tensor.range is not None
    }


def test_ranges_are_those_of_all_samples():
    model = chain()
    calibrate(model, np.array([[-1.0, 0.5, 0.0], [-4.0, 2.0, 1.0]]))
    assert ranges(model) == {"x": (-4, 2), "a": (-8, 4), "b": (-7, 5), "y": (0, 5)}


def test_intermediate_values_are_those_before_anything_overwrites_them():
    """TensorFlow's calibrator sees a product that is overwritten in place by the sum behind it."""
    model = chain()
    calibrate(model, np.array([[10.0, 10.0, 10.0]]))
    assert ranges(model)["a"] == (20, 20)


def test_known_ranges_stay_and_need_no_data():
    model = chain()
    for tensor in [*model.main.inputs, *(op.outputs[0] for op in model.main.operators)]:
        tensor.range = Range(-3, 3)
    calibrate(model, None)
    assert set(ranges(model).values()) == {(-3, 3)}


def test_only_what_is_missing_is_observed():
    model = chain()
    model.main.operators[0].outputs[0].range = Range(-1, 1)
    calibrate(model, np.ones((1, 3)))
    assert ranges(model)["a"] == (-1, 1)
    assert ranges(model)["b"] == (3, 3)


def test_a_range_from_training_covers_what_shares_its_grid():
    """Otherwise values that training clips would widen the grid that it has learned."""
    x, a, flat = (
        activation("x", (1, 2, 2, 1)),
        activation("a", (1, 2, 2, 1)),
        activation("f", (1, 4)),
    )
    y = activation("y", (1, 4))
    model = model_of([x], [y], [plain("RELU", [x], a), reshape(a, flat), plain("RELU", [flat], y)])
    a.range = Range(0, 6)
    calibrate(model, np.full((1, 2, 2, 1), 100.0))
    assert ranges(model) == {"x": (100, 100), "a": (0, 6), "y": (100, 100)}


def test_a_concatenation_is_covered_by_all_operands_or_its_result():
    def build(**known):
        a, b, y = activation("a", (1, 2)), activation("b", (1, 2)), activation("y", (1, 4))
        for tensor in (a, b, y):
            tensor.range = known.get(tensor.name)
        return model_of([a, b], [y], [concatenation([a, b], y)])

    data = [np.full((1, 2), 50.0), np.full((1, 2), -50.0)]
    one = Range(-1, 1)
    expected = {
        "a": {"a": (-1, 1), "b": (-50, -50), "y": (-50, 50)},
        "ab": {"a": (-1, 1), "b": (-1, 1)},
        "y": {"y": (-1, 1)},
        "": {"a": (50, 50), "b": (-50, -50), "y": (-50, 50)},
    }
    for known, wanted in expected.items():
        model = build(**dict.fromkeys(known, one))
        calibrate(model, data)
        assert ranges(model) == wanted


def test_prescribed_grids_are_not_observed_unless_they_are_moved():
    x, soft, y = activation("x", (1, 2)), activation("soft", (1, 2)), activation("y", (1, 4))
    x.range = Range(-0.1, 0.1)
    model = model_of([x], [y], [plain("SOFTMAX", [x], soft), concatenation([x, soft], y)])
    calibrate(model, np.zeros((1, 2)))
    assert ranges(model) == {"x": (-0.1, 0.1), "y": (0, 0.5)}


def test_every_range_of_a_real_network_becomes_known(model_file):
    model = float_model(model_file, "ic")
    calibrate(model, inputs_for("ic", 2))
    quantize(model)


def test_data_come_in_the_order_of_the_inputs():
    a, b, y = (activation(name, (1, 2)) for name in "aby")
    model = model_of([a, b], [y], [plain("ADD", [a, b], y)])
    calibrate(model, {"in_1": np.ones((3, 2)), "in_0": np.zeros((3, 2))})
    assert ranges(model) == {"a": (0, 0), "b": (1, 1), "y": (1, 1)}


def test_other_observers_can_take_the_place_of_min_max():
    class Halved(MinMax):
        def range(self, form):
            whole = super().range(form)
            return Range(whole.low / 2, whole.high / 2)

    model = chain()
    calibrate(model, np.ones((2, 3)), method=Halved)
    assert ranges(model)["x"] == (0.5, 0.5)


def test_integer_models_need_no_calibration(model_file):
    model = read_file(model_file("mlperf_tiny/ad_int8.tflite"))
    before = write_model(model)
    calibrate(model, None)
    assert write_model(model) == before


def test_unsupported_operators_are_found_before_the_data_are_read():
    x, y = activation("x", (1, 3)), activation("y", (1, 3))
    model = model_of([x], [y], [plain("ATAN2", [x], y)])
    with pytest.raises(UnsupportedError, match="ATAN2"):
        calibrate(model, iter(()))


def test_models_that_overflow_are_named_by_tensor():
    x, y = activation("x", (1, 4)), activation("y", (1,))
    model = model_of([x], [y], [plain("MEAN", [x, constant("axis", [1], np.int32)], y)])
    with pytest.raises(TfedgeError, match="tensor 'y' becomes NaN or infinite"):
        calibrate(model, np.full((1, 4), 3e38))


def test_models_that_litert_cannot_run():
    x, y = activation("x", (1, 3)), activation("y", (1, 3))
    model = model_of([x], [y], [plain("ADD", [x, constant("c", [1.0, 2.0])], y)])
    with pytest.raises(UnsupportedError, match="LiteRT cannot run the float model"):
        calibrate(model, np.ones((1, 3)))


def test_nothing_is_printed_unless_asked(capfd):
    calibrate(chain(), np.ones((4, 3)))
    assert capfd.readouterr() == ("", "")
    calibrate(chain(), np.ones((4, 3)), progress=True)
    printed = capfd.readouterr()
    assert not printed.out and "Calibrating" in printed.err
