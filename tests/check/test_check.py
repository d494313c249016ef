import html.parser
import json
import random

import numpy as np
import pytest
from accelerators.small_graphs import Net, constant

import tfedge
from tfedge.errors import ModelFileError, TfedgeError, UnsupportedError
from tfedge_converters.accelerators.fitting import fit
from tfedge_converters.cli import main
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Tensor,
    TensorType,
    read_file,
    read_model,
    write_model,
)

MLPERF = ("ad", "ic", "kws", "vww")
DEEPLAB = "edgetpu_pairs/deeplabv3_mnv2_pascal_quant.tflite"


def _checked(graph, **options):
    return tfedge.check(write_model(Model([graph])), target="edgetpu", **options)


@pytest.mark.parametrize("name", MLPERF)
def test_the_mlperf_models_are_fully_mapped(model_file, name):
    report = tfedge.check(model_file(f"mlperf_tiny/{name}_int8.tflite"))
    assert report.all_mapped
    assert report.remedies == ()
    assert report.memory.streamed_bytes == 0


@pytest.mark.parametrize("name", MLPERF)
def test_the_mlperf_models_are_fully_mapped_from_keras_too(model_file, name):
    report = tfedge.check(model_file(f"mlperf_tiny/{name}.h5"))
    assert report.all_mapped, report.text()
    assert any("made-up ranges" in note for note in report.notes)


def test_real_accelerators_get_real_models(model_file):
    report = tfedge.check(model_file("mlperf_tiny/ic_float.tflite"), target="litert-gpu")
    assert report.all_mapped, report.text()
    assert "float16" in report.notes[0]
    integers = tfedge.check(model_file("mlperf_tiny/ic_int8.tflite"), target="litert-gpu")
    assert not integers.mapping.mapped


def test_a_network_that_ends_on_the_cpu(model_file):
    report = tfedge.check(model_file(DEEPLAB))
    assert (len(report.mapping.mapped), len(report.mapping.on_cpu)) == (64, 8)
    table = {(name, status): count for name, count, status in report.table()}
    assert table["CONV_2D", "Mapped to Edge TPU"] == 36
    assert table["CONV_2D", "More than one subgraph is not supported"] == 2
    assert table["ARG_MAX", "Operation is working on an unsupported data type"] == 1
    remedies = {remedy.change: remedy for remedy in report.remedies}
    pixel = remedies["pixel_to_tile"]
    # The TILE itself, QUANTIZE, CONCATENATION, two convolutions and a resize of 33x33 to itself.
    assert (pixel.operators, pixel.exact, pixel.mapped) == ((64,), True, 6)
    assert pixel.macs == 33 * 33 * (512 * 256 + 256 * 21)
    assert pixel.on_cpu == 2
    assert remedies["to_host"].on_cpu == 0


def test_exact_changes_are_made_when_asked(model_file):
    report = tfedge.check(model_file(DEEPLAB), rewrite=True)
    assert [left.operator.code for left in report.mapping.on_cpu] == ["RESIZE_BILINEAR", "ARG_MAX"]
    assert "TILE" in [operator.code for operator in report.model.main.operators]


def _leaky_net():
    net = Net(1, 8, 8, 4)
    x = net.convolution(net.input, 8)
    x = net.add("LEAKY_RELU", [x], (1, 8, 8, 8), alpha=0.1)
    x = net.convolution(x, 8)
    x = net.add("MEAN", [x, constant([1, 2])], (1, 8), version=2)
    net.add("ARG_MAX", [x, constant(1)], (1,), type=TensorType.INT64, version=2)
    return net.graph()


def test_what_a_change_gains_is_found_on_the_changed_graph():
    report = _checked(_leaky_net())
    assert [left.index for left in report.mapping.on_cpu] == [1, 2, 3, 4]
    best = report.remedies[0]
    assert (best.change, best.exact) == ("leaky_relu_to_prelu", True)
    assert (best.mapped, best.macs, best.on_cpu) == (3, 8 * 8 * 8 * 9 * 8, 1)
    text = report.text()
    assert "PReLU(shared_axes=[1, 2])" in text
    assert "Operation not supported" in text


def test_steps_count_from_where_the_step_before_has_led():
    net = Net(1, 8, 8, 4)
    x = net.convolution(net.input, 8)
    for _ in range(2):
        x = net.add("LEAKY_RELU", [x], (1, 8, 8, 8), alpha=0.1)
        x = net.add("HARD_SWISH", [x], (1, 8, 8, 8))
        x = net.convolution(x, 8)
    net.add("TOPK_V2", [x, constant(1)], (1, 8, 8, 1), (1, 8, 8, 1), version=2)
    report = _checked(net.graph())
    # Alone, SiLU gains nothing: its operators are behind a LeakyReLU.
    assert {r.change: r.helps for r in report.remedies}["hard_swish_to_silu"] is False
    assert [(s.change, s.mapped, s.on_cpu) for s in report.steps] == [
        ("leaky_relu_to_prelu", 1, 6),
        ("hard_swish_to_silu", 7, 1),
        ("to_host", 0, 0),
    ]
    assert report.steps[1].macs == 2 * 8 * 8 * 8 * 9 * 8
    assert not report.end.on_cpu
    assert report.text().count("HARD_SWISH: operators 2, 5") == 1


def _float_ends():
    net = Net(1, 8, 8, 4, type=TensorType.FLOAT32)
    x = net.add("QUANTIZE", [net.input], (1, 8, 8, 4))
    x = net.convolution(x, 8)
    net.add("DEQUANTIZE", [x], (1, 8, 8, 8), type=TensorType.FLOAT32, version=2)
    return net.graph()


def test_real_ends_stay_on_the_cpu_and_cost_nothing_else():
    report = _checked(_float_ends())
    assert [report.status(p) for p in report.mapping.placements] == [
        "Operation is otherwise supported, but not mapped due to some unspecified limitation",
        "Mapped to Edge TPU",
        "Operation is working on an unsupported data type",
    ]
    (ends,) = [remedy for remedy in report.remedies if remedy.change == "integer_ends"]
    assert (ends.operators, ends.on_cpu) == ((0, 2), 0)


REFUSED = {
    "batch": lambda net: net.add("RELU", [net.input], (2, 8, 8, 4)),
    "softmax": lambda net: net.add("SOFTMAX", [net.input], (1, 8, 8, 4)),
    "pool_with_relu": lambda net: net.add(
        "MAX_POOL_2D", [net.input], (1, 4, 4, 4), fusedActivationFunction=1
    ),
    "dilation": lambda net: net.convolution(net.input, 4, dilationHFactor=2),
    "strides": lambda net: net.add(
        "STRIDED_SLICE",
        [net.input, constant([0] * 4), constant([1, 8, 8, 4]), constant([1, 2, 1, 1])],
        (1, 4, 8, 4),
    ),
    "mean_over_batch": lambda net: net.add("MEAN", [net.input, constant([0])], (8, 8, 4)),
    "mean_over_7_channels": lambda net: net.add(
        "MEAN", [net.add("SLICE", _first_7(net), (1, 8, 8, 7)), constant([3])], (1, 8, 8)
    ),
    "split_of_batch": lambda net: net.add("SPLIT", [constant(0), net.input], (1, 8, 8, 4)),
    "constant_in_concatenation": lambda net: net.add(
        "CONCATENATION",
        [net.input, constant(np.ones((1, 8, 8, 4)), TensorType.INT8)],
        (1, 8, 8, 8),
        axis=3,
    ),
    "version": lambda net: net.add("MAX_POOL_2D", [net.input], (1, 4, 4, 4), version=9),
    "prelu_of_pixels": lambda net: net.add(
        "PRELU", [net.input, constant(np.ones((1, 8, 8, 4)), TensorType.INT8)], (1, 8, 8, 4)
    ),
    "computed_weights": lambda net: net.add(
        "FULLY_CONNECTED",
        [
            net.add("RESHAPE", [net.input, constant([1, 256])], (1, 256)),
            net.add("RESHAPE", [net.input, constant([1, 256])], (1, 256)),
            None,
        ],
        (1, 1),
    ),
    "far_resize": lambda net: net.add(
        "RESIZE_NEAREST_NEIGHBOR", [net.input, constant([128, 128])], (1, 128, 128, 4)
    ),
    "large_resize": lambda net: net.add(
        "RESIZE_BILINEAR",
        [net.convolution(net.input, 4096, kernel=1), constant([32, 32])],
        (1, 32, 32, 4096),
    ),
    "gather": lambda net: net.add("GATHER", [net.input, constant([3, 1])], (1, 2, 8, 4), axis=1),
}

ACCEPTED = {
    "mean_over_4_channels": lambda net: net.add("MEAN", [net.input, constant([-1])], (1, 8, 8)),
    "zeros_in_concatenation": lambda net: net.add(
        "CONCATENATION",
        [net.input, constant(np.zeros((1, 8, 8, 4)), TensorType.INT8)],
        (1, 8, 8, 8),
        axis=3,
    ),
    "prelu_of_channels": lambda net: net.add(
        "PRELU", [net.input, constant(np.ones((1, 1, 4)), TensorType.INT8)], (1, 8, 8, 4)
    ),
    "silu": lambda net: net.add(
        "MUL", [net.input, net.add("LOGISTIC", [net.input], (1, 8, 8, 4))], (1, 8, 8, 4)
    ),
    "near_resize": lambda net: net.add(
        "RESIZE_BILINEAR", [net.input, constant([16, 16])], (1, 16, 16, 4), version=3
    ),
    "outer_ones": lambda net: net.add(
        "RESHAPE", [net.input, constant([1, 1, 8, 8, 4])], (1, 1, 8, 8, 4)
    ),
    "tile": lambda net: net.add("TILE", [net.input, constant([1, 2, 1, 1])], (1, 16, 8, 4)),
}


def _first_7(net):
    joined = net.add("CONCATENATION", [net.input, net.input], (1, 8, 8, 8), axis=3)
    return [joined, constant([0] * 4), constant([1, 8, 8, 7])]


def _last(cases, name):
    net = Net(*((2 if name == "batch" else 1), 8, 8, 4))
    cases[name](net)
    return _checked(net.graph()).mapping.placements[-1]


@pytest.mark.parametrize("name", REFUSED)
def test_documented_limits(name):
    placement = _last(REFUSED, name)
    assert not placement.mapped
    assert placement.reasons[0].kind != "region"
    assert any(o.why or o.advice for o in placement.reasons)


@pytest.mark.parametrize("name", ACCEPTED)
def test_documented_support(name):
    assert _last(ACCEPTED, name).mapped


class _Page(html.parser.HTMLParser):
    """Counts rows, and complains about tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.rows, self.tags = [], 0, set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.rows += tag == "tr"
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_names_are_escaped():
    graph = _leaky_net()
    graph.operators[1].outputs[0].name = "<script>alert(1)</script>"
    report = _checked(graph)
    page = _Page()
    page.feed(report.html())
    assert page.open == []
    assert "script" not in page.tags
    # Three tables with a head; LEAKY_RELU has one reason, ARG_MAX two.
    assert page.rows == 3 + len(report.steps) + 3 + len(graph.operators)


def test_the_document_has_every_operator(tmp_path):
    report = _checked(_leaky_net())
    for suffix in ("html", "json", "txt"):
        report.save(tmp_path / f"report.{suffix}")
    document = json.loads((tmp_path / "report.json").read_text())
    assert [layer["mapped"] for layer in document["layers"]] == [True, False, False, False, False]
    assert document["layers"][1]["advice"]
    assert document["parameters"]["cached_bytes"] == report.memory.cached_bytes > 0
    assert (tmp_path / "report.txt").read_text() == report.text()


def test_parameters_beyond_the_cache_are_streamed():
    net = Net(1, 3000)
    x = net.input
    for outputs in (2000, 2000, 64):
        weights = constant(np.ones((outputs, x.shape[1])), TensorType.INT8)
        x = net.add("FULLY_CONNECTED", [x, weights, None], (1, outputs), version=4)
    memory = _checked(net.graph()).memory
    assert [each.cached for each in memory.parameters] == [True, False, True]
    assert memory.streamed_bytes == 2048 * (2000 + 4)


def test_parameters_of_long_sums_are_streamed_though_there_is_room():
    # The dense layer of a published log: 26 x 26 x 12 values to 10, 126.81 KiB streamed.
    net = Net(1, 8112)
    weights = constant(np.ones((10, 8112)), TensorType.INT8)
    net.add("FULLY_CONNECTED", [net.input, weights, None], (1, 10), version=4)
    memory = _checked(net.graph()).memory
    assert (memory.cached_bytes, memory.streamed_bytes) == (0, round(126.8125 * 1024))


def test_targets_without_an_accelerator_are_refused(model_file):
    with pytest.raises(TfedgeError, match="cortex-m4 has no accelerator; try edgetpu"):
        tfedge.check(model_file("mlperf_tiny/kws_int8.tflite"), target="cortex-m4")


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_truncated_files_end_in_one_message(model_file, tmp_path, share, capsys):
    data = model_file("mlperf_tiny/kws_int8.tflite").read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelFileError):
        tfedge.check(path)
    assert main(["check", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_mutated_files_end_in_a_report_or_one_message(model_file):
    names = ("edgetpu_pairs/split_concat", "edgetpu_pairs/keras_lstm_mnist_ptq")
    files = [model_file(f"{name}.tflite").read_bytes() for name in names]
    chosen = random.Random(8)
    reports = 0
    for _ in range(200):
        broken = bytearray(chosen.choice(files))
        for _ in range(chosen.randrange(1, 8)):
            # Tables lie at the beginning and at the end, constants in between.
            place = chosen.randrange(min(1800, len(broken)))
            place = chosen.choice([place, -1 - place])
            broken[place] = chosen.choice([0, 1, 127, 128, 255, chosen.randrange(256)])
        try:
            report = tfedge.check(bytes(broken), rewrite=chosen.random() < 0.5)
        except TfedgeError as error:
            assert "\n" not in str(error)
        else:
            reports += 1
            assert report.text()
            assert report.html()
    assert reports > 20


def test_the_command(model_file, tmp_path, capsys):
    path = str(model_file(DEEPLAB))
    page, fitted = tmp_path / "page.html", tmp_path / "fitted.tflite"
    assert main(["check", path, "--html", str(page)]) == 0
    assert "64 of 72 operators are mapped" in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")
    assert main(["check", path, "--json", "--strict", "--rewrite", str(fitted)]) == 1
    assert json.loads(capsys.readouterr().out)["mapped"] == 70
    assert "TILE" in [operator.code for operator in read_file(fitted).main.operators]


def test_inputs_that_no_device_has_are_not_made_up():
    x, y = (Tensor(name, (1, 1 << 25), TensorType.FLOAT32) for name in "xy")
    with pytest.raises(UnsupportedError, match=r"take 33,554,432 values; .* smaller input shapes"):
        _checked(Graph([x], [y], [Operator("RELU", [x], [y])]))


def test_fitting_fixes_shapes_and_versions():
    net = Net(1, 4)
    weights = constant(np.ones((3, 4)), TensorType.INT8)
    net.add("FULLY_CONNECTED", [net.input, weights, None], (1, 3), version=12)
    graph = net.graph()
    net.input.shape_signature = (-1, 4)
    model = Model([graph])
    accelerator = tfedge.check(write_model(model)).mapping.accelerator
    assert fit(model, accelerator)
    assert not fit(model, accelerator)
    again = read_model(write_model(model)).main
    assert again.inputs[0].shape_signature is None
    assert again.operators[0].version == 4
