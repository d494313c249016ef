"""JSON of strangers is refused in one sentence that says where and why."""

import json
import os
import random
from pathlib import Path

import pytest
from hostile.json_mutations import mutant

from tfedge.errors import TfedgeError
from tfedge.json_form import Form
from tfedge.quantization.schemes import (
    ActivationScheme,
    LayerScheme,
    Scheme,
    WeightScheme,
    read_scheme,
)
from tfedge_converters import targets

FORM = Form(
    {
        "type": "object",
        "description": "an object",
        "properties": {
            "size": {"type": "integer", "minimum": 1, "description": "a size"},
            "names": {"type": "array", "description": "a list", "items": {"type": "string"}},
            "any": {},
        },
        "required": ["size"],
        "additionalProperties": False,
    }
)


def test_what_is_as_it_should_be_comes_back(tmp_path):
    value = {"size": 3, "names": ["a", "{x}'\"\n"], "any": None}
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert FORM.read(tmp_path / "a.json") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "here: an object is expected, not 3"),
        ("{}", "here: 'size' is missing"),
        ('{"size": "3"}', 'here: size: a size is expected, not "3"'),
        ('{"size": true}', "here: size: a size is expected, not true"),
        ('{"size": 0}', "here: size: a size is expected, not 0"),
        ('{"size": 1, "names": ["a", 3]}', r"here: names\[1\]: a text is expected, not 3"),
        ('{"size": 1, "nams": []}', "here: there is no 'nams' here; did you mean 'names'"),
        ('{"size": 1, "size": 2}', "here: is not JSON: the key 'size' is there twice"),
        ('{"size": NaN}', "here: is not JSON: NaN is no number"),
        ('{"size": 1e999}', "here: size: a size is expected"),
        ('{"size": %s}' % ("9" * 5000), "here: is not JSON"),
        ("[" * 100_000, "here: is not JSON"),
        ("", "here: is not JSON"),
        (b"\xff", "here: is not JSON"),
        ("[" + "0," * 3_000_000 + "0]", "here: is longer than"),
        ('{"size": "%s"}' % ("x" * 9999), r"not \"x{59}\.\.\.$"),
        ('{"size": 1, "\\u001b[2J\\n": 1}', r"there is no '\?\[2J\?' here"),
    ],
)  # fmt: skip
def test_what_is_not_is_refused(text, message):
    with pytest.raises(TfedgeError, match=message) as caught:
        FORM.parsed(text, "here")
    assert "\n" not in str(caught.value)


def test_devices_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe", Path("/dev/zero"), Path("a\0b")):
        with pytest.raises(TfedgeError, match="cannot be read"):
            FORM.read(path)


_SCHEME = Scheme(
    "mixed",
    overrides={"a": LayerScheme(activations=ActivationScheme(16)), "b": WeightScheme(bits=4)},
)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (read_scheme, _SCHEME.get_config()),
        *((targets.load, name) for name in ("edgetpu", "ethos-u55-128", "stm32f103c8")),
    ],
)
def test_mutants_are_read_or_refused_in_one_sentence(read, value, tmp_path):
    rng = random.Random(1)
    if isinstance(value, str):
        value = json.loads((Path(targets.__file__).parent / f"{value}.json").read_text())
    refused = 0
    for _ in range(100):
        (tmp_path / "mutant.json").write_text(json.dumps(mutant(value, rng)))
        try:
            read(tmp_path / "mutant.json")
        except TfedgeError as error:
            assert "\n" not in str(error) and "mutant.json" in str(error)
            refused += 1
    assert refused > 50


def test_what_is_nested_deeply_is_refused():
    """Whatever goes through it by recursion would end in an error of Python's."""
    for depth, is_refused in ((40, False), (60, True), (100_000, True)):
        text = "[" * depth + "]" * depth
        if is_refused:
            with pytest.raises(TfedgeError, match=r"nested too deeply|is not JSON: maximum"):
                Form({}).parsed(text, "x")
        else:
            Form({}).parsed(text, "x")
