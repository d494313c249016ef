"""What all packages have in common."""

from __future__ import annotations

import json
import re

import pytest

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.artifact import Artifact
from tfedge_converters.cli import main
from tfedge_converters.foreign_text import plain
from tfedge_converters.packages import all_packages
from tfedge_converters.targets import load

PACKAGES = [package.name for package in all_packages()]


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_whole_and_the_same_each_time(converted, tmp_path, package, model_file):
    artifact = converted("cortex-m4")
    paths = artifact.save(tmp_path / "first", package=package)
    assert all(path.is_file() for path in paths)
    first = content(tmp_path / "first")
    again = tfedge.convert(model_file, target="cortex-m4")
    again.save(tmp_path / "second", package=package)
    assert content(tmp_path / "second") == first
    assert list(artifact.save(tmp_path / "first", package=package)) == paths
    assert content(tmp_path / "first") == first
    assert first["LICENSE"].startswith(b"                                 Apache License")
    assert first["three.tflite"] == artifact.flatbuffer
    readme = first["README.md"].decode()
    assert len(readme.splitlines()) < 120
    assert readme.count("\n## ") >= 3 and readme.count("\n# ") == 1
    assert "\n\n\n" not in readme
    assert all(before.endswith("\n\n") for before in re.split(r"(?m)^## ", readme)[:-1])
    named = re.findall(r"^\| `([\w/.]+)`", readme, re.MULTILINE)
    assert named
    for name in named:
        assert any(path == name or path.startswith(name) for path in first), name


def test_verify_reads_packages(converted, tmp_path):
    """The C that lies below, in the package, is what is compiled and compared."""
    converted("host").save(tmp_path, package="arduino")
    assert tfedge.verify(tmp_path, samples=2).passed
    weights = next(tmp_path.rglob("three_weights.c"))
    text = weights.read_text()
    number = re.search(r"(?m)^ +(-?\d+),", text)
    weights.write_text(text.replace(number[0], number[0].replace(number[1], "11"), 1))
    verification = tfedge.verify(tmp_path, samples=2)
    assert not verification.passed
    assert "changed since tfedge wrote it" in str(verification)


def test_a_package_takes_the_place_of_another(converted, tmp_path):
    artifact = converted("cortex-m4")
    artifact.save(tmp_path, package="arduino")
    artifact.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == set()
    assert set(content(tmp_path)) == {*artifact.files, "tfedge_convert.manifest.json"}


def test_files_of_users_stay(converted, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(TfedgeError, match=r"README\.md would be replaced"):
        converted("cortex-m4").save(tmp_path, package="cmake")
    assert content(tmp_path) == {"README.md": b"mine"}


def test_names_and_help_agree(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["convert", "--help"])
    printed = " ".join(capsys.readouterr().out.split()).replace("- ", "-")
    for text in (printed, Artifact.save.__doc__):
        assert all(name in text for name in PACKAGES)


def test_mistakes_are_answered_before_a_model_is_opened(tmp_path, capsys):
    model = str(tmp_path / "missing.tflite")
    out = str(tmp_path / "out")
    assert main(["convert", model, "--output", out, "--package", "ardiuno"]) == 2
    assert "there is no package 'ardiuno'; use " in (error := capsys.readouterr().err)
    assert "did you mean 'arduino'?" in error
    command = ["convert", model, "--output", out, "--package", "cmake", "--target"]
    assert main([*command, "tflite"]) == 2
    assert "for tflite there is none" in capsys.readouterr().err
    (tmp_path / "out").mkdir()
    (tmp_path / "out/README.md").write_text("mine")
    assert main([*command, "cortex-m4"]) == 2
    assert "README.md would be replaced" in capsys.readouterr().err


def test_the_command_line_writes_packages(model_file, tmp_path):
    out = tmp_path / "out"
    command = ["convert", str(model_file), "--target", "cortex-m0", "--output", str(out)]
    assert main([*command, "--package", "arduino"]) == 0
    assert "--package arduino" in (out / "src/three.c").read_text()


def test_strangers_words_are_nothing_but_text(model_file, tmp_path):
    """A target's description goes into pages, and its flags into CMake."""
    nasty = '`rm` ${X} $(x) "; #} {{ 7 * 7 }} --> </b> */ \\ end'
    target = tmp_path / "odd.json"
    target.write_text('{"extends": "cortex-m4", "description": ' + json.dumps(nasty) + "}")
    artifact = tfedge.convert(model_file, target=target)
    assert load(target).description == nasty
    for package in PACKAGES:
        artifact.save(tmp_path / package, package=package)
        for name, data in content(tmp_path / package).items():
            assert b"rm` ${X}" not in data, name
        assert plain(nasty) in (tmp_path / package / "README.md").read_text()
