import json
import time
import tracemalloc

import pytest
from accelerators.small_graphs import Net, constant

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.accelerators.description import parse
from tfedge_converters.accelerators.expressions import Expression
from tfedge_converters.accelerators.facts import ATTRIBUTES, FACTS, OperatorFacts, Wiring
from tfedge_converters.accelerators.mapping import map_graph


def _value(text, operator, graph):
    expression = Expression.parse(text, frozenset(FACTS), ATTRIBUTES)
    return expression.value(OperatorFacts(operator, Wiring(graph)))


def test_every_target_of_the_package_can_be_read():
    for name in targets.names():
        assert targets.load(name).name == name


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("code", "CONV_2D"),
        ("kernel_h * kernel_w", 9),
        ("stride_w", 2),
        ("padding", "SAME"),
        ("activation", "NONE"),
        ("x.shape", (1, 8, 8, 4)),
        ("weights.constant and bias.type == 'INT32'", True),
        ("len(activations)", 1),
        ("y.shape[3]", 16),
        ("macs", 4 * 4 * 16 * 9 * 4),
        ("round_up(x.shape[3], 16)", 16),
        ("rank_above_one(x.shape)", 3),
        ("all(t.rank <= 4 for t in tensors)", True),
        ("any(d > 8 for d in x.shape) or y.read_by == ('RELU',)", True),
        ("x.input and not y.output and x.made_by is None", True),
        ("weights.largest_sum", 36),
        ("option.no_such", None),
    ],
)
def test_expressions_speak_of_operators(text, value):
    net = Net(1, 8, 8, 4)
    net.add("RELU", [net.convolution(net.input, 16, stride=2)], (1, 4, 4, 16))
    graph = net.graph()
    if text == "option.no_such":
        with pytest.raises(TfedgeError, match="there is no 'no_such'"):
            _value(text, graph.operators[0], graph)
        return
    assert _value(text, graph.operators[0], graph) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "x.__class__",
        "(lambda: 1)()",
        "open('a')",
        "x.shape.count(1)",
        "2 ** 99",
        "[x for x in inputs]",
        "x.shpe",
        "kernel",
        "1 +",
        "len(inputs, key=1)",
        "1" * 2000,
    ],
)
def test_what_is_not_of_the_language_is_refused_in_one_message(text):
    with pytest.raises(TfedgeError):
        Expression.parse(text, frozenset(FACTS), ATTRIBUTES)


@pytest.mark.parametrize(
    "text",
    [
        "(0,) * 9000000000",
        "len('a' * 99999999999)",
        "'%999999999d' % 1",
        "x.shape * 9000000000",
        "code * 9000000000",
        "sum(1 for a in inputs[0].values for b in inputs[0].values)",
        "sum(sum(1 for b in weights.values) for a in weights.values)",
        "all(all(all(True for c in weights.values) for b in weights.values) for a in x.shape)",
        "sum(a in (weights.values + weights.values) for a in weights.values)",
        "len(weights.values" + " + weights.values" * 35 + ") + len(weights.values * 9)",
        "prod(9999999999 for a in weights.values)",
        "x.shape + 1",
        "x.type.index",
        "weights.shape.index",
        "-x.shape",
        "x.shape[x.shape]",
        "-" * 900 + "1",
        "(" * 900 + "1" + ")" * 900,
        "not " * 45 + "x",
        "9" * 900,
    ],
)
def test_no_expression_takes_much_time_or_memory(text):
    net = Net(1, 8, 8, 16)
    net.convolution(net.input, 16)
    graph = net.graph()
    assert len(graph.operators[0].inputs[1].data.reshape(-1)) == 2304
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises((TfedgeError, ValueError)):
        _value(text, graph.operators[0], graph)
    taken, (_, most) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 30e6
    assert taken < 5


def _accelerator(**fields):
    return parse({"name": "test", **fields}, "here")


def test_conditions_say_why_and_what_to_do():
    stride = {
        "require": "stride_h <= 3",
        "when": "kernel_h > 1",
        "why": "strides are 1 to 3",
        "advice": "Use a stride of 3.",
        "changes": ["to_host"],
    }
    accelerator = _accelerator(
        conditions={"stride": stride},
        operators=[{"codes": ["CONV_2D"], "versions": [1, 3], "conditions": ["stride"]}],
        refused=[{"codes": ["RELU"], "why": "no RELU", "advice": "Fuse it."}],
        words={"operator": "NOPE"},
    )
    net = Net(1, 16, 16, 4)
    wide = net.convolution(net.input, 4, stride=4)
    pointwise = net.convolution(wide, 4, kernel=1, stride=4)
    net.add("RELU", [pointwise], (1, 1, 1, 4))
    net.operators[1].version = 4
    first, second, third = map_graph(net.graph(), accelerator).placements
    assert [o.why for o in first.reasons] == ["strides are 1 to 3"]
    assert first.reasons[0].advice == "Use a stride of 3."
    assert [o.kind for o in second.reasons] == ["version"]
    assert [(o.status, o.why, o.advice) for o in third.reasons] == [("NOPE", "no RELU", "Fuse it.")]


def test_there_is_a_word_for_operators_without_an_entry():
    accelerator = _accelerator(
        operators=[{"codes": ["RELU"]}],
        refused=[{"codes": ["TANH"], "why": "no TANH"}],
        unlisted={"why": "no such operator", "changes": ["to_host"]},
    )
    net = Net(1, 4)
    net.add("EXP", [net.add("TANH", [net.input], (1, 4))], (1, 4))
    tanh, exp = map_graph(net.graph(), accelerator).placements
    assert [placement.reasons[0].why for placement in (tanh, exp)] == [
        "no TANH",
        "no such operator",
    ]
    assert exp.reasons[0].changes == ("to_host",)


def test_an_operator_of_which_a_question_makes_no_sense_does_not_pass():
    accelerator = _accelerator(
        operators=[{"codes": ["CONV_2D"], "conditions": [{"require": "weights.low >= 0"}]}]
    )
    net = Net(1, 8, 8, 4)
    net.add("CONV_2D", [net.input], (1, 8, 8, 4))
    assert not map_graph(net.graph(), accelerator).mapped


def _regions_net():
    """A trunk; a branch over an unknown operator; a branch of its own; and their sum."""
    net = Net(1, 8, 8, 4)
    trunk = net.convolution(net.input, 4)
    unknown = net.add("FLOOR", [trunk], (1, 8, 8, 4))
    behind = net.convolution(unknown, 4)
    beside = net.convolution(trunk, 4)
    net.add("ADD", [behind, beside], (1, 8, 8, 4))
    return net.graph()


@pytest.mark.parametrize(("regions", "mapped"), [("anywhere", [0, 2, 3, 4]), ("first", [0, 3])])
def test_regions(regions, mapped):
    accelerator = _accelerator(regions=regions, operators=[{"codes": ["CONV_2D", "ADD"]}])
    found = map_graph(_regions_net(), accelerator)
    assert [placement.index for placement in found.mapped] == mapped


def test_a_region_may_begin_behind_operators_of_the_cpu():
    net = Net(1, 8, 8, 4)
    flat = net.add("FLOOR", [net.input], (1, 8, 8, 4))
    net.convolution(net.convolution(flat, 4), 4)
    accelerator = _accelerator(regions="first", operators=[{"codes": ["CONV_2D"]}])
    assert [placement.index for placement in map_graph(net.graph(), accelerator).mapped] == [1, 2]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"operatrs": []}, "there is no 'operatrs' here; did you mean 'operators'"),
        ({"regions": "two"}, 'regions: one of "anywhere", "first" is expected, not "two"'),
        ({"operators": [{"codes": ["ADD"], "conditions": ["rank"]}]}, "no condition 'rank'"),
        ({"operators": [{"codes": ["ADD"]}, {"codes": ["ADD"]}]}, "ADD is listed twice"),
        (
            {"every_operator": [{"require": "rank > 1"}]},
            r"every_operator\[0\].require: .* no fact 'rank'",
        ),
        (
            {"every_operator": [{"require": "1", "kind": "bad"}]},
            r"every_operator\[0\].kind: one of",
        ),
        ({"every_operator": [{"why": "?"}]}, r"every_operator\[0\]: 'require' is missing"),
        ({"memory": {"cache": 1}}, "memory: there is no 'cache' here"),
        ({"operators": 3}, "operators: a list is expected, not 3"),
        ({"operators": [{"codes": "ADD"}]}, 'a list of operators.* not "ADD"'),
        ({"operators": [{"codes": ["ADD"], "versions": [1]}]}, "lowest and the highest"),
        ({"name": 3}, "name: a line of up to 1,000 characters is expected, not 3"),
        ({"unlisted": {"changes": ["to_hst"]}}, r"unlisted.changes\[0\]: one of .*\"to_host\""),
    ],
)
def test_mistakes_in_a_file_are_named(fields, message):
    with pytest.raises(TfedgeError, match=message):
        _accelerator(**fields)


def _write(folder, name, **fields):
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"description": name, "core": "", "flags": [], **fields}))
    return str(path)


def test_a_file_may_extend_another(tmp_path):
    memory = {"tiles": 16, "working_bytes": 1000}
    base = _write(
        tmp_path,
        "base",
        backend="tflite",
        accelerator={"name": "base", "operators": [{"codes": ["ADD"]}], "memory": memory},
    )
    large = _write(
        tmp_path, "large", extends=base, accelerator={"name": "large", "memory": {"tiles": 64}}
    )
    target = targets.load(large)
    assert (target.name, target.backend, target.accelerator.name) == ("large", "tflite", "large")
    assert (target.accelerator.memory.tiles, target.accelerator.memory.working_bytes) == (64, 1000)
    assert set(target.accelerator.operators) == {"ADD"}


def test_a_file_names_another_from_its_own_folder(tmp_path):
    (tmp_path / "boards").mkdir()
    _write(tmp_path, "chip", ram_bytes=1000)
    board = _write(tmp_path / "boards", "board", extends="../chip.json")
    assert targets.load(board).ram_bytes == 1000


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "{}", '{"description": 1, "colour": 2}', "[" * 9999]
)
def test_a_file_that_is_no_target_ends_in_one_message(tmp_path, text):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(TfedgeError, match=r"mine\.json"):
        targets.load(str(path))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backend": 3}, "backend: the name of a back end is expected, not 3"),
        ({"backend": "d"}, "there is no back end 'd'; there are c, ethos-u, tflite, tfl"),
        ({"schemes": 3}, "schemes: a list of schemes is expected, not 3"),
        ({"schemes": ["int3"]}, r'schemes\[0\]: one of "int8", .* is expected, not "int3"'),
        ({"ram_bytes": "9"}, 'ram_bytes: a number of bytes, or null is expected, not "9"'),
        ({"flash_bytes": -1}, "flash_bytes: a number of bytes"),
        ({"extends": []}, r"extends: .* is expected, not \[\]"),
        ({"flags": "-O2"}, 'flags: a list of compiler flags is expected, not "-O2"'),
        ({"flags": 5}, "flags: a list of compiler flags is expected, not 5"),
        ({"flags": ["x\nfile(WRITE a b)"]}, r"flags\[0\]: one flag for the architecture"),
        ({"flags": ["-mcpu=a\n"]}, r"flags\[0\]: one flag"),
        ({"flags": ["-mthumb", "-fplugin=/tmp/a.so"]}, r"flags\[1\]: one flag"),
        ({"flags": ["-B/tmp"]}, r"flags\[0\]: one flag"),
        ({"flags": ["@a"]}, r"flags\[0\]: one flag"),
        ({"flags": ["-O2; x", "-m$x"]}, r"flags\[0\]: one flag"),
        ({"description": 3}, "description: a line of up to 500 characters is expected, not 3"),
        ({"description": "a\nb"}, "description: a line of up to 500 characters is expected"),
        ({"description": "\u202eb"}, "description: a line of up to 500 characters is expected"),
        ({"core": "../a"}, "core: a core's name"),
        ({"packing": "tight"}, 'packing: one of "natural"'),
        ({"channel_multiple": 0}, "channel_multiple: a number of channels is expected, not 0"),
        ({"backend": "ethos-u"}, "'vela' is missing"),
        ({"vela": {"memory_mode": "--config=/a"}}, "vela.memory_mode: a word of Vela's"),
        ({"vela": {"memory_mode": "a"}}, "vela: 'accelerator_config' is missing"),
        ({"accelerator": []}, r"accelerator: an object is expected, not \[\]"),
        ({"colour": 1}, "there is no 'colour' here; did you mean 'core'?"),
    ],
)
def test_a_field_that_is_wrong_is_named(tmp_path, fields, message):
    with pytest.raises(TfedgeError, match=rf"mine\.json'?: {message}") as caught:
        targets.load(_write(tmp_path, "mine", **fields))
    assert "\n" not in str(caught.value)


def test_a_file_that_extends_itself_is_refused(tmp_path):
    path = _write(tmp_path, "loop", extends=str(tmp_path / "loop.json"))
    with pytest.raises(TfedgeError, match="extends itself"):
        targets.load(path)
    _write(tmp_path, "a", extends="b.json")
    path = _write(tmp_path, "b", extends="./x/../a.json")
    with pytest.raises(TfedgeError, match="extends itself"):
        targets.load(path)


def test_files_that_extend_each_other_have_an_end(tmp_path):
    for index in range(20):
        path = _write(tmp_path, str(index), extends=f"{index - 1}.json")
    with pytest.raises(TfedgeError, match="extends more than 7 files in a row"):
        targets.load(path)


def test_axes_count_from_the_first_dimension():
    net = Net(1, 8, 8, 4)
    net.add("MEAN", [net.input, constant([-1, 1])], (1, 8))
    graph = net.graph()
    assert _value("axes", graph.operators[0], graph) == (1, 3)
