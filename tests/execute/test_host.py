"""Generated C on this machine: results, and every way in which a run can fail."""

from __future__ import annotations

import dataclasses
import gc
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters.execute import CProgram, ExecutionError, TensorSpec, build_host


@pytest.fixture(scope="module")
def host(negate):
    return build_host(negate.program())


@pytest.fixture(scope="module")
def sanitized(negate):
    return build_host(negate.program(), sanitize=True)


@pytest.mark.parametrize(
    ("compiler", "sanitize"),
    # Debian's clang comes without its sanitizers.
    [("gcc", False), ("gcc", True), ("clang", False)],
)
def test_outputs_are_those_of_the_model(negate, compiler, sanitize):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    program = build_host(negate.program(), compiler=compiler, sanitize=sanitize)
    samples = negate.samples(50)
    for sample, outputs in zip(samples, program.run(samples), strict=True):
        for expected, output in zip(negate.expected(sample), outputs, strict=True):
            np.testing.assert_array_equal(output, expected, strict=True)


def test_outputs_can_be_written_to(negate, host):
    [[vector, _]] = host.run(negate.samples(1))
    vector += 1


@pytest.mark.parametrize("folder", ["-o", "@list", "a b;c$(d)\"'"])
def test_a_folder_is_no_option_of_the_compiler(negate, tmp_path, monkeypatch, folder):
    shutil.copytree(negate.program().directory, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    samples = negate.samples(1)
    [[vector, _]] = build_host(negate.program(Path(folder))).run(samples)
    np.testing.assert_array_equal(vector, negate.expected(samples[0])[0])
    assert [path.name for path in tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize("name", ["a b", "x();", "string", "../a"])
def test_a_program_has_the_name_of_a_model(negate, name):
    with pytest.raises(TfedgeError, match="cannot prefix C symbols"):
        dataclasses.replace(negate.program(), name=name)


def test_no_samples_give_no_outputs(host):
    assert host.run([]) == []


def test_a_generator_of_samples_is_taken_one_at_a_time(negate, host):
    [sample] = negate.samples(1)
    outputs = host.run(sample for _ in range(3000))
    assert len(outputs) == 3000


def test_tensors_larger_than_any_pipe(tmp_path):
    """A 4 MB input and output: a harness that wrote before it had read all would hang here."""
    elements = 1 << 22
    (tmp_path / "big.h").write_text(
        """
        #include <stddef.h>
        #include <stdint.h>
        #define BIG_ARENA_ALIGN 16
        typedef struct big_context { uint8_t *arena; } big_context;
        int big_init(big_context *context, void *arena, size_t arena_bytes);
        void *big_input(const big_context *context, int index);
        int big_invoke(big_context *context);
        const void *big_output(const big_context *context, int index);
        int big_self_test(big_context *context);
        """
    )
    (tmp_path / "big.c").write_text(
        """
        #include "big.h"
        int big_init(big_context *context, void *arena, size_t arena_bytes) {
            context->arena = arena;
            return arena_bytes == 0;
        }
        void *big_input(const big_context *context, int index) { return context->arena + index; }
        int big_invoke(big_context *context) { ++context->arena[1]; return 0; }
        const void *big_output(const big_context *context, int index) {
            return context->arena + index;
        }
        int big_self_test(big_context *context) { (void)context; return -3; }
        """
    )
    spec = TensorSpec("x", (elements,), np.dtype(np.uint8))
    program = build_host(CProgram("big", tmp_path, (spec,), (spec,), elements))
    data = np.random.default_rng(1).integers(0, 255, elements, np.uint8)
    outputs = program.run([[data], [data]])
    data[1] += 1
    for [output] in outputs:
        np.testing.assert_array_equal(output, data)
    assert program.self_test() == -3


def test_self_test_passes(host, sanitized):
    assert host.self_test() == 0
    assert sanitized.self_test() == 0


def test_wrong_dtype_names_the_input(negate, host):
    vector, pair = negate.samples(1)[0]
    with pytest.raises(TfedgeError, match=r"'pair' of sample 1 is float64 .* must be int16"):
        host.run([[vector, pair], [vector, pair.astype(float)]])


def test_wrong_shape_names_the_input(negate, host):
    vector, pair = negate.samples(1)[0]
    with pytest.raises(TfedgeError, match=r"'vector' of sample 0 is int8 of shape \(16,\)"):
        host.run([[vector[0], pair]])


def test_wrong_number_of_arrays_lists_the_inputs(negate, host):
    with pytest.raises(TfedgeError, match=r"has 1 arrays, but .* 2 inputs: 'vector', 'pair'"):
        host.run([negate.samples(1)[0][:1]])


def test_error_code_of_the_model_is_reported(negate, host):
    with pytest.raises(ExecutionError, match="negate_invoke returned -7"):
        host.run([*negate.samples(1), negate.mischief(negate.RETURN_NEGATIVE)])


def test_arena_that_is_too_small_is_reported(negate):
    with pytest.raises(ExecutionError, match="negate_init returned -1"):
        build_host(negate.program(arena_bytes=39)).run(negate.samples(1))


def test_crash_names_the_signal(negate, host):
    with pytest.raises(ExecutionError, match=r"crashed with SIG(ILL|TRAP)"):
        host.run([negate.mischief(negate.TRAP)] * 2)


def test_access_outside_of_the_arena_is_caught(negate, host, sanitized):
    sample = negate.mischief(negate.READ_BEHIND_ARENA)
    host.run([sample])
    with pytest.raises(ExecutionError, match="global-buffer-overflow"):
        sanitized.run([sample])


def test_undefined_behaviour_is_caught(negate, sanitized):
    with pytest.raises(ExecutionError, match="misaligned address"):
        sanitized.run([negate.mischief(negate.READ_UNALIGNED)])


@pytest.fixture
def narrowing(negate_copy):
    """The model with code that gcc and clang warn about."""
    source = negate_copy.directory / "negate_weights.c"
    code = "int narrow(long wide);\nint narrow(long wide) {\n    return wide;\n}\n"
    source.write_text(source.read_text() + code)
    return negate_copy


def test_a_warning_is_an_error_that_quotes_the_compiler(narrowing):
    with pytest.raises(ExecutionError, match="'negate' does not compile") as error:
        build_host(narrowing)
    assert "negate_weights.c:6" in str(error.value)
    assert "-Wconversion" in str(error.value) or "-Werror=conversion" in str(error.value)


def test_a_file_with_thousands_of_errors_is_left_at_the_first(negate_copy):
    """Compilers take seconds for errors of a damaged header, and more for each file of it."""
    source = negate_copy.directory / "negate_weights.c"
    errors = "".join(f"int wrong_{i} = missing_{i};\n" for i in range(3000))
    source.write_text(source.read_text() + errors)
    with pytest.raises(ExecutionError, match="missing_0") as error:
        build_host(negate_copy)
    assert str(error.value).count("error:") == 1


def test_flags_of_the_caller_win(narrowing):
    assert build_host(narrowing, flags=["-Wno-conversion", "-O0"]).self_test() == 0


def test_directory_without_the_model(tmp_path, negate):
    with pytest.raises(TfedgeError, match=r"has no negate\.h"):
        build_host(negate.program(tmp_path))


def test_missing_compiler_says_what_to_install(negate, no_tools):
    with pytest.raises(MissingToolError, match=r"cc or gcc or clang .*apt-get install gcc"):
        build_host(negate.program())


def test_named_compiler_that_is_missing(negate):
    with pytest.raises(MissingToolError, match="no-such-cc"):
        build_host(negate.program(), compiler="no-such-cc")


def test_temporary_files_go_with_the_program(negate):
    program = build_host(negate.program())
    directory = program._scratch.path
    assert directory.exists()
    del program
    gc.collect()
    assert not directory.exists()


def test_importing_is_light():
    """Neither TensorFlow nor Keras, for the command line needs neither."""
    code = (
        "import sys, tfedge_converters.execute\n"
        "sys.exit(', '.join({'tensorflow', 'keras', 'tf_keras'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
