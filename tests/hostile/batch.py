"""Compiles many generated programs as one, under the sanitizers, and runs them on random bytes.

Arenas are allocated at their exact size, so that the address sanitizer sees the first byte behind
them. Kernels are compiled once; the programs of a batch share them.
"""

from __future__ import annotations

import re
import resource
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.c import CSource
from tfedge_converters.c.runtime_files import runtime_directory
from tfedge_converters.execute.program import TensorSpec
from tfedge_converters.execute.toolchain import STRICT_C99
from tfedge_converters.graph import read_model
from tfedge_converters.verify.differences import reason
from tfedge_converters.verify.engines import run_litert_reference, run_micro
from tfedge_converters.verify.samples import random_samples

_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_FLAGS = (*STRICT_C99, "-O0", "-g1", *_SANITIZERS)
_RUN_SECONDS = 120  # which take a second where nothing else runs
_CANNOT_RUN = (TfedgeError, ValueError, RuntimeError)
_MOST_MACS = 20_000_000
_LARGEST_ARENA = 1 << 24

_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int good, int code) {
  if (!good) {
    fprintf(stderr, "the harness stops with %d\\n", code);
    exit(code);
  }
}

#define RUN(name, NAME)                                                             \\
  static void run_##name(const size_t *inputs, const size_t *outputs) {            \\
    name##_context context;                                                        \\
    void *arena = NULL;                                                            \\
    check(posix_memalign(&arena, NAME##_ARENA_ALIGN, NAME##_ARENA_BYTES) == 0, 2); \\
    check(name##_init(&context, arena, NAME##_ARENA_BYTES) == TFEDGE_OK, 3);       \\
    for (int i = 0; i < NAME##_NUM_INPUTS; i++) {                                  \\
      void *const input = name##_input(&context, i);                               \\
      check(input != NULL && fread(input, 1, inputs[i], stdin) == inputs[i], 4);   \\
    }                                                                              \\
    if (name##_invoke(&context) != TFEDGE_OK) { /* an index lies outside */          \\
      free(arena);                                                                   \\
      return;                                                                        \\
    }                                                                                \\
    for (int i = 0; i < NAME##_NUM_OUTPUTS; i++) {                                 \\
      const void *const output = name##_output(&context, i);                       \\
      check(output != NULL && fwrite(output, 1, outputs[i], stdout) == outputs[i], 6); \\
    }                                                                              \\
    free(arena);                                                                   \\
  }
"""


@dataclass(frozen=True)
class Finding:
    """Something wrong with one program: it does not compile, a sanitizer stopped it, or it
    computes something else than TFLite Micro.
    """

    name: str
    kind: str
    text: str


def compile_kernels(folder: Path) -> list[Path]:
    """Every kernel of the runtime as an object file with sanitizers."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted(runtime_directory().glob("*.c"))
    subprocess.run(["cc", *_FLAGS, "-c", *sources], cwd=folder, check=True)
    return [folder / f"{source.stem}.o" for source in sources]


def worth_running(source: CSource) -> bool:
    """Whether a program ends within a moment."""
    macs = sum(layer.macs for layer in source.plan.layers)
    return macs < _MOST_MACS and source.arena_bytes < _LARGEST_ARENA


def try_programs(
    programs: Sequence[tuple[CSource, bytes]],
    kernels: Sequence[Path],
    folder: Path,
    rng: np.random.Generator,
    stage: Callable[[str], None] = lambda _: None,
) -> Iterator[Finding]:
    """Compiles and runs programs of different names.

    Args:
        programs: generated C and the integer model's file.
        kernels: from `compile_kernels`.
        folder: an empty one.
        rng: for the inputs.
        stage: is told before TFLite Micro runs a model, which may crash.
    """
    programs = list(programs)
    for source, _ in programs:
        source.write(folder)
    while programs:
        errors = _compile([source for source, _ in programs], kernels, folder)
        if not errors:
            break
        culprit = _culprit(errors, [source.name for source, _ in programs])
        yield Finding(culprit, "does not compile", errors)
        programs = [item for item in programs if item[0].name != culprit]
    for index, (source, flatbuffer) in enumerate(programs):
        command = [folder / "batch", str(index)]
        finding = _run(source, [_random_bytes(spec, rng) for spec in source.inputs], command)
        stage(f"reference {source.name}")
        finding = finding or _compare(source, flatbuffer, command)
        if finding is not None:
            yield finding


def _compile(sources: Sequence[CSource], kernels: Sequence[Path], folder: Path) -> str:
    """The compiler's errors, or nothing."""
    parts = [f'#include "{s.name}{suffix}"\n' for s in sources for suffix in ("_weights.c", ".c")]
    (folder / "programs.c").write_text("".join(parts))
    parts = [f'#include "{source.name}.h"\n' for source in sources]
    parts += [_MAIN, *(f"RUN({source.name}, {source.name.upper()})\n" for source in sources)]
    parts.append("int main(int argc, char **argv) {\n  check(argc == 2, 7);\n")
    for index, source in enumerate(sources):
        ends = (source.inputs, source.outputs)
        sizes = ["".join(f"{spec.byte_size}u, " for spec in specs) for specs in ends]
        parts.append(
            f'  if (strcmp(argv[1], "{index}") == 0) {{\n'
            f"    const size_t inputs[] = {{{sizes[0]}0}};\n"
            f"    const size_t outputs[] = {{{sizes[1]}0}};\n"
            f"    run_{source.name}(inputs, outputs);\n    return 0;\n  }}\n"
        )
    (folder / "main.c").write_text("".join([*parts, "  return 8;\n}\n"]))
    for command in (
        ["cc", *_FLAGS, "-c", "programs.c"],
        ["cc", *_SANITIZERS, "-w", "-c", "main.c"],
        ["cc", *_SANITIZERS, "main.o", "programs.o", *kernels, "-lm", "-o", "batch"],
    ):
        result = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, preexec_fn=_unlimited
        )
        if result.returncode:
            return result.stderr
    return ""


def _culprit(errors: str, names: Sequence[str]) -> str:
    """The program that the first error lies in."""
    for word in re.findall(r"\w+", errors):
        for name in names:
            if word in (name, f"{name}_weights"):
                return name
    return names[0]


def _unlimited() -> None:
    """The sanitizers reserve terabytes of addresses."""
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _random_bytes(spec: TensorSpec, rng: np.random.Generator) -> np.ndarray:
    """Whatever a careless caller may hand over; truth values are not only 0 and 1."""
    return rng.integers(0, 256, spec.byte_size, dtype=np.uint8)


def _run(
    source: CSource,
    sample: Sequence[np.ndarray],
    command: Sequence[str | Path],
    outputs: list[bytes] | None = None,
) -> Finding | None:
    data = b"".join(value.tobytes() for value in sample)
    try:
        result = subprocess.run(
            command, input=data, capture_output=True, timeout=_RUN_SECONDS, preexec_fn=_unlimited
        )
    except subprocess.TimeoutExpired:
        return Finding(source.name, "does not end", f"{source.arena_bytes} bytes of arena")
    if result.returncode:
        words = result.stderr.decode(errors="replace")
        return Finding(source.name, f"stops: {_reason(words)}", words)
    if outputs is not None:
        outputs.append(result.stdout)
    return None


def _reason(words: str) -> str:
    found = re.search(r"(runtime error: .*|ERROR: AddressSanitizer: \S+|the harness .*)", words)
    place = re.search(r"(tfedge_\w+\.[ch]):\d+", words)
    return f"{found[1] if found else words[:100]} {place[1] if place else ''}"


def _compare(source: CSource, flatbuffer: bytes, command: Sequence[str | Path]) -> Finding | None:
    """Where TFLite Micro runs the model, it, or else LiteRT, must find the same bytes."""
    codes = {layer.operator.code for layer in source.plan.layers}
    if not codes or any(reason("c", code) for code in codes):
        return None
    try:
        sample = random_samples(read_model(flatbuffer).main, 1, 0)[0]
        right = _joined(run_micro(flatbuffer, [sample])[0])
    except _CANNOT_RUN:
        return None
    outputs: list[bytes] = []
    finding = _run(source, sample, command, outputs)
    if finding is not None:
        return finding
    actual = outputs[0]
    # Nothing comes out where an index lies outside; TFLite Micro reads whatever is there.
    if actual in (right, b"") or actual == _litert(flatbuffer, sample):
        return None
    a, b = (np.frombuffer(raw, np.uint8) for raw in (actual, right))
    wrong = np.flatnonzero(a != b) if a.size == b.size else np.arange(1)
    text = f"{wrong.size} of {b.size} bytes, {a[wrong[:4]]} for {b[wrong[:4]]}"
    return Finding(source.name, f"differs from TFLite Micro: {sorted(codes)}", text)


def _litert(flatbuffer: bytes, sample: Sequence[np.ndarray]) -> bytes | None:
    """What LiteRT computes; TFLite Micro's own values are not defined everywhere."""
    try:
        return _joined(run_litert_reference(flatbuffer, [sample])[0])
    except _CANNOT_RUN:
        return None


def _joined(values: Sequence[np.ndarray]) -> bytes:
    return b"".join(value.tobytes() for value in values)
