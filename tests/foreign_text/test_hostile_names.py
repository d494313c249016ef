"""A sample of `make sweep SWEEP=hostile_names`, and that it would notice."""

from pathlib import Path

import numpy as np
import pytest
from hostile.named import network, problems_of_names
from hostile.names import MARKER

import tfedge
from tfedge_converters.execute import build_host
from tfedge_converters.foreign_text import templates
from tfedge_converters.graph import write_model

INJECTED = (
    "*/ __attribute__((constructor)) static void p_(void) "
    f'{{ extern int creat(const char *, unsigned); (void)creat("{MARKER}", 0600u); }} /*'
)


@pytest.mark.parametrize("index", range(3))
def test_names_do_no_harm(index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng([1, index])
    assert problems_of_names(rng, tmp_path, thorough=index == 0) == []


@pytest.mark.parametrize("escaped", [True, False])
def test_code_in_a_name_runs_unless_it_is_escaped(escaped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if not escaped:
        monkeypatch.setattr(templates, "plain", str)
    model = network()
    constant = model.main.operators[-1].inputs[1]
    constant.name = INJECTED
    artifact = tfedge.convert(write_model(model))
    assert build_host(artifact.source.write(tmp_path / "c")).self_test() == 0
    assert Path(MARKER).exists() is not escaped


def test_what_is_not_escaped_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(templates, "plain", str)
    found = problems_of_names(np.random.default_rng([1, 0]), tmp_path, thorough=False)
    assert any("does not compile" in problem for problem in found)
