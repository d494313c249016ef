import itertools

import numpy as np
import pytest
from accelerators.small_graphs import Net, constant

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.cli import main
from tfedge_converters.edgetpu.pipelining import propose_segments
from tfedge_converters.graph import Model, TensorType, write_model


def _dense(widths):
    net = Net(1, widths[0])
    x = net.input
    for width in widths[1:]:
        weights = constant(np.ones((width, x.shape[1])), TensorType.INT8)
        x = net.add("FULLY_CONNECTED", [x, weights, None], (1, width), version=4)
        x = net.add("RELU", [x], (1, width), version=2)
    return tfedge.check(write_model(Model([net.graph()])))


def _best(sizes, count):
    """The least maximum over all ways to cut."""
    places = itertools.combinations(range(1, len(sizes)), count - 1)
    return min(
        max(sum(sizes[a:b]) for a, b in itertools.pairwise((0, *cuts, len(sizes))))
        for cuts in places
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_no_cut_has_a_smaller_largest_segment(count):
    report = _dense([64, 128, 16, 512, 256, 64, 320])
    segments = propose_segments(report.mapping, report.memory, count)
    assert len(segments) == count
    sizes = [0] * len(report.mapping.placements)
    for each in report.memory.parameters:
        sizes[each.index] = each.bytes
    assert max(s.parameter_bytes for s in segments) == _best(sizes, count)
    ends = [segment.last for segment in segments]
    assert [segment.first for segment in segments] == [0, *(end + 1 for end in ends[:-1])]
    assert ends[-1] == len(sizes) - 1
    assert segments[-1].outputs == ()
    assert all(segment.output_bytes > 0 for segment in segments[:-1])


def test_little_is_passed_on():
    net = Net(1, 32, 32, 8)
    wide = net.convolution(net.input, 64, kernel=1)
    small = net.add("MAX_POOL_2D", [wide], (1, 4, 4, 64), version=2)
    net.convolution(small, 64, kernel=1)
    report = tfedge.check(write_model(Model([net.graph()])))
    first, _ = propose_segments(report.mapping, report.memory, 2)
    assert (first.last, first.output_bytes) == (1, 4 * 4 * 64)


def test_what_does_not_fit_is_said():
    report = _dense([3000, 3000, 3000])
    segments = propose_segments(report.mapping, report.memory, 2)
    assert [segment.fits for segment in segments] == [False, False]


@pytest.mark.parametrize("count", [0, 99])
def test_impossible_counts_are_refused(count):
    report = _dense([8, 8])
    with pytest.raises(TfedgeError, match="1 to 2 segments"):
        propose_segments(report.mapping, report.memory, count)


def test_the_command_describes_compiled_files_and_pipelines(published, capsys):
    name = "edgetpu_pairs/mobilenet_v1_0.5_160_quant"
    original, compiled = published(f"{name}.tflite"), published(f"{name}_edgetpu.tflite")
    assert main(["check", str(compiled)]) == 0
    assert "EXECUTION_ONLY: 12,871 instructions" in capsys.readouterr().out
    assert main(["check", str(original), "--compiled", str(compiled), "--tpus", "2"]) == 0
    printed = capsys.readouterr().out
    assert "on 2 Edge TPUs in a row" in printed
    assert "agree on every operator" in printed
    assert "1,473,280 bytes predicted, 1,473,280 in fact" in printed
