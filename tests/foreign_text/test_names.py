"""Names of models and tensors, whatever these are called."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfedge.errors import TfedgeError
from tfedge_converters.foreign_text import (
    ExternalSymbols,
    check_model_name,
    model_name,
    tensor_names,
)

# What names are made of that are nearly good ones.
NEARLY = st.text("abz019_TF é*/\\\n", max_size=40)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("kws", "kws"),
        ("KWS v2.1", "kws_v2_1"),
        ("9 lives!", "model_9_lives"),
        ("", "model"),
        ("Größe", "gr_e"),
        ("tfedge_model", "model_tfedge_model"),
        ("string", "model_string"),
        ("stdint", "model_stdint"),
        ("all", "model_all"),
        ("int", "model_int"),
        ("CON", "model_con"),
        ("m", "model_m"),
        ("pthread_mutex", "model_pthread_mutex"),
    ],
)
def test_a_name_resembles_what_it_is_made_of(text, name):
    assert model_name(text) == name
    assert check_model_name(name) == name


def test_long_names_that_begin_alike_differ():
    names = {model_name("person_detection_model_for_" + place) for place in ("hall", "yard", "")}
    assert len(names) == 3
    assert all(re.fullmatch(r"person_detection_mo_[0-9a-f]{4}", name) for name in names)


@given(NEARLY)
@settings(max_examples=300)
def test_what_is_proposed_is_taken(text):
    assert check_model_name(model_name(text)) == model_name(text)
    try:
        assert model_name(check_model_name(text)) == text
    except TfedgeError as error:
        proposed = re.search(r"use e\.g\. '(\w+)'$", str(error))[1]
        assert check_model_name(proposed) == proposed


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Kws", "lower-case letters"),
        ("a__b", "single underscores"),
        ("a\n", "lower-case letters"),
        ("while", "a word of C or C"),
        ("math", "a header of C;"),
        ("help", "a word or target of CMake"),
        ("lpt1", "a device of Windows"),
        ("tfedge_x", "begins with tfedge"),
        ("a" * 25, "it has 25 characters"),
    ],
)
def test_a_refusal_says_why(name, why):
    with pytest.raises(TfedgeError, match=f"cannot prefix C symbols: .*{why}"):
        check_model_name(name)


@given(st.lists(st.sampled_from(["", "x", "X", "x_1", "é", "a" * 31, "a" * 40, "9"]), max_size=12))
def test_names_of_tensors_are_different_identifiers(texts):
    names = tensor_names(texts)
    assert len(set(names)) == len(names) == len(texts)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name) for name in names)


def test_symbols_that_compilers_could_not_tell_apart_are_numbered():
    symbols = ExternalSymbols("a" * 24)
    made = [symbols.named("a" * 24 + "_layer_0_" + role) for role in ("weights", "bias", "shift")]
    assert made == ["a" * 24 + "_layer_0_weights", "a" * 24 + "_c1", "a" * 24 + "_c2"]
    symbols = ExternalSymbols("kws")
    assert [symbols.named("kws_layer_0_operand") for _ in "abc"] == [
        "kws_layer_0_operand", "kws_layer_0_operand_2", "kws_layer_0_operand_3",
    ]  # fmt: skip
