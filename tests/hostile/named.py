"""Gives hostile names to everything that has one, and looks at what becomes of them."""

from __future__ import annotations

import csv
import html.parser
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
from accelerators.small_graphs import Net
from ai_edge_litert import schema_py_generated as schema
from hostile.bases import float_twin
from hostile.names import MARKER, file_name, hostile_name
from random_builder import Builder

import tfedge
from tfedge.errors import MissingToolError, TfedgeError
from tfedge.file_sets import manifest_name
from tfedge.quantization.schemes import LayerScheme, Scheme, WeightScheme, read_scheme, write_scheme
from tfedge.terminal_text import readable
from tfedge_converters import targets
from tfedge_converters.artifact import Artifact
from tfedge_converters.ethosu import require_vela
from tfedge_converters.execute import build_host
from tfedge_converters.execute.toolchain import STRICT_C99
from tfedge_converters.graph import Model, Operator, Quantization, Signature, write_model

SAMPLES = [
    [np.random.default_rng(seed).integers(-128, 128, shape, np.int8) for shape in ((1, 6), (1, 4))]
    for seed in range(3)
]
_COMPILERS = ("gcc", "clang")
_GENERATED = re.compile(r"[a-z][a-z0-9_]*(\.(c|h|tflite)|_plan\.json)|CMakeLists\.txt")

Names = Callable[[], str]
Problems = Iterator[str]


def network() -> Model:
    """Two inputs and two outputs, with weights and a constant operand."""
    b = Builder(np.random.default_rng(0))
    q = Quantization.per_tensor(0.05, -3)
    x, y = b.input((1, 6), q), b.input((1, 4), q)
    weights = b.weights((4, 6), 0, per_channel=True)
    options = schema.FullyConnectedOptionsT()
    dense = b.output("FULLY_CONNECTED", [x, weights, b.bias(x, weights)], (1, 4), q, options, 4)
    added = b.output("ADD", [dense, y], (1, 4), q, schema.AddOptionsT())
    b.output("MUL", [added, b.activation_constant((1, 4), q)], (1, 4), q, schema.MulOptionsT())
    b.outputs[:] = [b.outputs[-1], added]
    return b.model()


def rename(model: Model, name: Names) -> Model:
    """The model with other names for its graph, its tensors and a signature of them."""
    graph = model.main
    for tensor in graph.tensors():
        tensor.name = name()
    graph.name, model.description = name(), name()
    ends = ({name(): tensor for tensor in tensors} for tensors in (graph.inputs, graph.outputs))
    model.signatures = [Signature(name(), *ends, graph)]
    return model


def problems_of_names(rng: np.random.Generator, folder: Path, thorough: bool) -> list[str]:
    """What goes wrong with one set of names.

    Args:
        rng: makes the names.
        folder: an empty one, which is the current one too.
        thorough: whether CMake, Keras, diagnosis and Vela, which take seconds, have a turn.
    """
    name = partial(hostile_name, rng)
    roads = [_c_program, _array, _report, _target, _scheme]
    roads += [_cmake, _keras, _diagnosis, _ethos_u] if thorough else []
    found = []
    for number, road in enumerate(roads):
        place = folder / str(number)
        place.mkdir()
        try:
            found += [f"{road.__name__}: {problem}" for problem in road(name, place)]
        except Exception as error:  # a sweep goes on, and reports whatever went wrong
            found.append(f"{road.__name__}: {type(error).__name__}: {str(error)[:400]!r}")
    found += [f"made {path.parent}" for path in folder.rglob(MARKER)]
    return found


def _converted(name: Names, folder: Path, backend: str) -> tuple[Artifact, Path]:
    """A model in a file of some name, converted for a target in another, and saved in a folder."""
    model = folder / f"{file_name(name())}.tflite"
    model.write_bytes(write_model(rename(network(), name)))
    target = folder / f"{file_name(name())}.json"
    fields = {"description": readable(name())[:500], "core": "", "flags": ["-O2"]}
    target.write_text(json.dumps({**fields, "backend": backend}))
    artifact = tfedge.convert(str(model), target=str(target), command=name())
    saved = folder / file_name(name()) / "saved"
    artifact.save(saved)
    return artifact, saved


def _c_program(name: Names, folder: Path) -> Problems:
    artifact, saved = _converted(name, folder, "c")
    yield from _compiles(saved)
    assert artifact.source is not None
    program = build_host(artifact.source.write(saved))
    if program.self_test() != 0:
        yield "the self-test fails"
    for right, given in zip(_right_outputs(), program.run(SAMPLES), strict=True):
        if any((a != b).any() for a, b in zip(right, given, strict=True)):
            yield "other numbers than with plain names"
    yield from _shown("summary", artifact.summary())


@cache
def _right_outputs() -> list[list[np.ndarray]]:
    artifact = tfedge.convert(write_model(network()))
    scratch = Path("plain").absolute()
    assert artifact.source is not None
    return build_host(artifact.source.write(scratch)).run(SAMPLES)


def _compiles(saved: Path) -> Problems:
    yield from (f"a file is called {p.name!r}" for p in saved.iterdir() if not _is_good(p.name))
    sources = sorted(map(str, saved.glob("*.c")))
    for compiler in filter(shutil.which, _COMPILERS):
        command = [compiler, *STRICT_C99, "-fsyntax-only", *sources]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            yield f"{compiler} refuses it: {done.stderr[:400]}"


def _is_good(name: str) -> bool:
    return name == manifest_name("convert") or _GENERATED.fullmatch(name) is not None


def _array(name: Names, folder: Path) -> Problems:
    _, saved = _converted(name, folder, "tflite-micro")
    yield from _compiles(saved)


def _report(name: Names, folder: Path) -> Problems:
    """Of a model with an operator that nobody knows."""
    net = Net(1, 8, 8, 4)
    graph = net.graph(net.convolution(net.input, 4))
    custom = Operator("CUSTOM", [graph.outputs[0]], [net.convolution(net.input, 4)], None, 1)
    custom.custom_name, custom.custom_options = name() or "x", b""
    graph.operators[:] = [graph.operators[0], custom]
    graph.outputs = list(custom.outputs)
    path = folder / f"{file_name(name())}.tflite"
    path.write_bytes(write_model(rename(Model([graph]), name)))
    report = tfedge.check(str(path), target="edgetpu")
    yield from _shown("text", report.text())
    yield from _page(report.html())
    json.loads(report.json())
    yield from _refused("convert", lambda: tfedge.convert(str(path)))


def _page(text: str) -> Problems:
    class Tags(html.parser.HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            self.found += [tag, *(key for key, _ in attributes if key.startswith("on"))]

    reader = Tags()
    reader.found = []
    reader.feed(text)
    for tag in {"script", "img", "iframe", "onmouseover", "onload"}.intersection(reader.found):
        yield f"the page has {tag}"
    yield from _shown("page", text)


def _target(name: Names, folder: Path) -> Problems:
    """What a target file cannot say."""
    good = {"description": "a", "core": "", "flags": []}
    path = folder / "mine.json"
    for key, value in (
        ("flags", [name() + ";"]),
        ("schemes", [name()]),
        ("backend", name() + ";"),
        ("core", name() + "/"),
        ("extends", name() or "x"),
        (name() or "x", 1),
        ("packing", name()),
        ("vela", {"accelerator_config": "a", "system_config": "a", "memory_mode": name() + " "}),
        ("accelerator", {"name": "a", "every_operator": [{"require": name() + " +"}]}),
        ("accelerator", {"name": "a", "operators": [{"codes": ["ADD"], "conditions": [name()]}]}),
        ("accelerator", {"name": "a", "words": {name() + ";": "a"}}),
    ):
        path.write_text(json.dumps({**good, key: value}))
        yield from _refused(f"{key} of a target", lambda: targets.load(path))


def _scheme(name: Names, folder: Path) -> Problems:
    wide = {name(): LayerScheme(), name(): WeightScheme(bits=4)}
    scheme = Scheme(name()[:200], overrides=wide)
    path = folder / f"{file_name(name())}.json"
    write_scheme(path, scheme)
    if read_scheme(path) != scheme:
        yield "a scheme does not come back"
    broken = json.loads(path.read_text()) | {name() or "x": 1}
    path.write_text(json.dumps(broken))
    yield from _refused("scheme", lambda: read_scheme(path))


def _cmake(name: Names, folder: Path) -> Problems:
    if shutil.which("cmake") is None:
        return
    artifact, _ = _converted(name, folder, "c")
    saved, build = folder / "saved", folder / "build"  # CMake itself fails at strange folders
    artifact.save(saved)
    for command in (["-S", saved, "-B", build], ["--build", build]):
        done = subprocess.run(["cmake", *command], capture_output=True, text=True, check=False)
        if done.returncode:
            yield f"cmake refuses it: {done.stderr[-400:]}"
    if not (build / f"lib{artifact.name}.a").is_file():
        yield f"cmake makes no lib{artifact.name}.a"


def _keras(name: Names, folder: Path) -> Problems:
    import keras

    x = keras.Input((6,), name=_of_keras(name))
    y = keras.layers.Dense(4, name=_of_keras(name) + "y")(x)
    model = keras.Model(x, y, name=_of_keras(name))
    artifact = tfedge.convert(model, calibration=np.ones((2, 6), np.float32), command=name())
    artifact.save(folder / "saved")
    yield from _compiles(folder / "saved")
    assert artifact.source is not None
    if build_host(artifact.source.write(folder / "saved")).self_test() != 0:
        yield "the self-test fails"


def _of_keras(name: Names) -> str:
    """What Keras takes for a layer's name."""
    return name().replace("/", "|") or "x"


def _diagnosis(name: Names, folder: Path) -> Problems:
    model = rename(float_twin(network()), name)
    inputs = [np.float32(sample) for sample in zip(*SAMPLES, strict=True)]
    data = [np.concatenate(values) for values in inputs]
    found = tfedge.diagnose(write_model(model), calibration=data, samples=2)
    found.save(folder)
    json.loads((folder / "diagnosis.json").read_text())
    for table in ("layers.csv", "channels.csv"):
        with (folder / table).open(newline="") as file:
            for row in csv.DictReader(file):
                if None in row or row["name"].startswith(("=", "+", "-", "@")):
                    yield f"{table}: {row}"
    yield from _shown("verdict", found.verdict())


def _ethos_u(name: Names, folder: Path) -> Problems:
    """What Vela makes of names, which it writes into tables."""
    try:
        require_vela()
    except MissingToolError:
        return
    found = tfedge.convert(write_model(rename(network(), name)), target="ethos-u55-128")
    found.save(folder)
    assert found.compiled is not None
    if len(found.compiled.layers) != len(network().main.operators):
        yield f"Vela's table is taken apart: {found.compiled.layers_csv[:400]!r}"
    yield from _shown("summary", found.summary())


def _refused(what: str, attempt: Callable[[], object]) -> Problems:
    """Nothing, if the attempt ends in one sentence."""
    try:
        attempt()
    except TfedgeError as error:
        yield from _shown(f"the refusal of {what}", str(error), lines=1)
    else:
        yield f"{what} is taken"


def _shown(what: str, text: str, lines: int = 1 << 30) -> Problems:
    strange = sorted({c for c in text if not c.isprintable() and c != "\n"})
    if strange or len(text.split("\n")) > lines:
        yield f"{what} holds {strange or 'several lines'}: {text[:300]!r}"
