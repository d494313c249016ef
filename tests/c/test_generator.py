"""The generated program as a whole: names, files, memory, refusals."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_graphs import random_model

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, Vector, generate
from tfedge_converters.c.runtime_files import runtime_directory
from tfedge_converters.execute import build_host
from tfedge_converters.graph import Graph, Model, Operator, Quantization, Tensor, TensorType

HOST = targets.load("host")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]


def options(name="model", optimize="balanced", target=HOST):
    return Options(name, target, optimize)


def add_model(elements=64, name="ADD") -> Model:
    builder = Builder(np.random.default_rng(0))
    quantization = Quantization.per_tensor(0.1, 3)
    from ai_edge_litert import schema_py_generated as schema

    a, b = builder.input((1, elements), quantization), builder.input((1, elements), quantization)
    builder.output(name, [a, b], (1, elements), quantization, schema.AddOptionsT())
    return builder.model()


def test_the_same_model_gives_the_same_bytes():
    first = generate(random_model("conv_2d", 5, 4), options())
    second = generate(random_model("conv_2d", 5, 4), options())
    assert dict(first.files) == dict(second.files)


@pytest.mark.parametrize("old", [".h", ".c", "_weights.h", "_weights.c", "_self_test.c"])
def test_files_of_different_conversions_do_not_compile(tmp_path, old):
    """Of models alike but for a number, so that nothing else would tell."""
    first, second = random_model("fully_connected", 1, 1), random_model("fully_connected", 1, 1)
    scale = second.main.outputs[0].quantization.scale
    scale[:] = np.nextafter(scale, np.float32(np.inf))
    generate(first, options()).write(tmp_path)
    sources = sorted(map(str, tmp_path.glob("*.c")))
    compilation = ["cc", *STRICT, "-fsyntax-only", *sources]
    subprocess.run(compilation, check=True)
    of_another = generate(second, options()).files[f"model{old}"]
    (tmp_path / f"model{old}").write_text(of_another)
    run = subprocess.run(compilation, capture_output=True, text=True)
    assert run.returncode != 0
    assert "are of different conversions: convert again" in run.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("optimize", ["speed", "shared"])
def test_every_kernel_compiles_without_warnings(compiler, optimize, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    for name in ("conv_2d", "depthwise_conv_2d", "softmax", "add", "mean", "quantize_float"):
        folder = tmp_path / name
        generate(random_model(name, 3, 3), options(optimize=optimize)).write(folder)
        sources = sorted(map(str, folder.glob("*.c")))
        subprocess.run([compiler, *STRICT, "-O2", "-fsyntax-only", *sources], check=True)


@pytest.mark.parametrize("channels", [1, 4, 16])
def test_few_real_channels_compile_without_warnings(channels, tmp_path):
    """Loops without turns, once their shape is a literal: GCC took one for endless."""
    builder = Builder(np.random.default_rng(1))
    source = Tensor("x", (1, 16), TensorType.FLOAT32)
    weights = builder.constant(np.ones((channels, 16)), type_=TensorType.FLOAT32)
    builder.inputs.append(source)
    options = schema.FullyConnectedOptionsT()
    builder.output("FULLY_CONNECTED", [source, weights, None], (1, channels), None, options,
                   type_=TensorType.FLOAT32)  # fmt: skip
    program = generate(builder.model(), Options("model", targets.load("host"), "speed"))
    [[result]] = build_host(program.write(tmp_path)).run([[np.ones((1, 16), np.float32)]])
    assert result.tolist() == [[16.0] * channels]


def test_the_header_is_cpp_too(tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    generate(add_model(), options()).write(tmp_path)
    user = tmp_path / "user.cpp"
    user.write_text('#include "model.h"\nint use(model_context *c) { return model_invoke(c); }\n')
    subprocess.run(["g++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", str(user)], check=True)


def test_two_models_share_kernels_and_an_arena(tmp_path):
    """One folder for both: kernels are the same files, symbols do not clash."""
    for name, seed in (("first", 1), ("second", 2)):
        generate(random_model("fully_connected", seed, 1), options(name, "shared")).write(tmp_path)
    (tmp_path / "main.c").write_text(
        """#include <string.h>
#include "first.h"
#include "second.h"
#define LARGER (FIRST_ARENA_BYTES > SECOND_ARENA_BYTES ? FIRST_ARENA_BYTES : SECOND_ARENA_BYTES)
static union { uint8_t bytes[LARGER]; long double align; } arena;
int main(void) {
  first_context first;
  second_context second;
  if (first_init(&first, arena.bytes, sizeof arena.bytes) != TFEDGE_OK ||
      second_init(&second, arena.bytes, sizeof arena.bytes) != TFEDGE_OK) {
    return 1;
  }
  memset(first_input(&first, 0), 1, FIRST_IN0_BYTES);
  if (first_invoke(&first) != TFEDGE_OK) {
    return 2;
  }
  memset(second_input(&second, 0), 1, SECOND_IN0_BYTES);
  return second_invoke(&second) == TFEDGE_OK && second_output(&second, 1) == NULL ? 0 : 3;
}
"""
    )
    program = tmp_path / "program"
    sources = sorted(map(str, tmp_path.glob("*.c")))
    subprocess.run(["cc", *STRICT, *sources, "-o", str(program)], check=True)
    subprocess.run([str(program)], check=True)


def test_cmake_builds_two_models_that_share_kernels(tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    for name, seed in (("first", 1), ("second", 2)):
        generate(random_model("conv_2d", seed, 1), options(name, "shared")).write(tmp_path / name)
    (tmp_path / "main.c").write_text(
        '#include "first.h"\n#include "second.h"\n'
        "int main(void) { return first_invoke(0) == second_invoke(0) ? 0 : 1; }\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(firmware C)\n"
        "add_subdirectory(first)\nadd_subdirectory(second)\n"
        "add_executable(firmware main.c)\ntarget_link_libraries(firmware first second)\n"
    )
    build = tmp_path / "build"
    subprocess.run(["cmake", "-S", tmp_path, "-B", build], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    subprocess.run([str(build / "firmware")], check=True)


def two_models_in_folders_of_their_own(folder):
    """Write two that share kernels, and a program; the command that links all objects."""
    for name, seed in (("first", 1), ("second", 2)):
        generate(random_model("conv_2d", seed, 1), options(name, "shared")).write(folder / name)
    (folder / "main.c").write_text(
        '#include "first/first.h"\n#include "second/second.h"\n'
        "int main(void) { return first_invoke(0) == second_invoke(0) ? 0 : 1; }\n"
    )
    sources = sorted(map(str, folder.rglob("*.c")))
    assert len([source for source in sources if source.endswith("tfedge_conv_2d_s8.c")]) == 2
    return ["cc", *STRICT, *sources, "-o", str(folder / "program"), "-lm"]


def test_all_c_files_of_two_models_link_by_globbing(tmp_path):
    subprocess.run(two_models_in_folders_of_their_own(tmp_path), check=True)
    subprocess.run([str(tmp_path / "program")], check=True)


def test_models_of_different_versions_do_not_link(tmp_path):
    command = two_models_in_folders_of_their_own(tmp_path)
    model = tmp_path / "second/second.c"
    other = re.sub(r'(?<=TFEDGE_KERNELS_OF\("0x)\w+', "12345678", model.read_text())
    model.write_text(other)
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode != 0
    assert "tfedge_models_of_one_firmware_need_the_same_tfedge" in run.stderr


def test_every_kernel_can_be_shared():
    for path in sorted(runtime_directory().glob("*.c")):
        text = path.read_text()
        defined = re.findall(
            r"^(?:TFEDGE_(?!INLINE)\w+ )?(?:\w+ \**)(tfedge_\w+)\(", text, re.MULTILINE
        )
        assert defined
        assert text.count("TFEDGE_SHARED\n") == len(defined), path.name


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no compiler for Arm")
@pytest.mark.parametrize("dialect", ["-std=c99", "-std=gnu17"])
def test_no_product_and_sum_are_fused(dialect, tmp_path):
    """GCC fuses them in its own dialects of C, which platforms compile with."""
    core = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
    for kernel in ("conv_2d_f32", "lstm_f32", "resize_bilinear_float_s8"):
        source = runtime_directory() / f"tfedge_{kernel}.c"
        command = ["arm-none-eabi-gcc", *core, dialect, "-O2", "-S", "-o", "-", str(source)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert re.search(r"\tvmul\.f32|\tvmla\.f32", text)
        assert not re.search(r"\tvfn?m[as]\.f32", text), kernel


def test_the_header_is_cpp_and_brings_numbers_and_statuses_as_words(tmp_path):
    """Real numbers become integers and back as TFLite's QUANTIZE and DEQUANTIZE have it."""
    builder = Builder(np.random.default_rng(0))
    small, wide = Quantization.per_tensor(0.1, 3), Quantization.per_tensor(0.001, 0)
    builder.output("RELU", [builder.input((1, 4), small)], (1, 4), small)
    builder.output(
        "RELU",
        [builder.input((1, 4), wide, TensorType.INT16)],
        (1, 4),
        wide,
        type_=TensorType.INT16,
    )
    generate(builder.model(), options()).write(tmp_path)
    reals = [0.0, 0.05, -0.05, 0.25, 12.39, 12.4, 1e9, -1e9, -13.1, 32.767, -40.0]
    (tmp_path / "main.cpp").write_text(
        '#include "model.h"\n#include <cstdio>\n'
        f"static const float reals[] = {{{', '.join(f'{real}f' for real in reals)}}};\n"
        "int main() {\n"
        "  for (float real : reals)\n"
        '    std::printf("%d %d\\n", model_quantize_in0(real), model_quantize_in1(real));\n'
        '  std::printf("%d ", model_quantize_in0(0.0f / 0.0f));\n'
        '  std::printf("%g %g ", model_dequantize_out0(-128), model_dequantize_out1(-32768));\n'
        '  std::printf("%s\\n", tfedge_status_name(TFEDGE_ERROR_INDEX));\n'
        "}\n"
    )
    strict = [flag for flag in STRICT if not flag.startswith("-std")]
    program = tmp_path / "program"
    command = ["c++", "-std=c++11", *strict, str(tmp_path / "main.cpp"), "-o", str(program)]
    subprocess.run(command, check=True)
    printed = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    *lines, last = printed.splitlines()
    for real, line in zip(reals, lines, strict=True):
        scales = ((np.float32(0.1), 3, 127), (np.float32(0.001), 0, 32767))
        steps = [np.float32(real) / scale for scale, _, _ in scales]
        away = [np.trunc(step + np.copysign(np.float32(0.5), step)) for step in steps]
        expected = [
            int(np.clip(whole + zero, -top - 1, top))
            for whole, (_, zero, top) in zip(away, scales, strict=True)
        ]
        assert line == f"{expected[0]} {expected[1]}", real
    assert last == "3 -13.1 -32.768 TFEDGE_ERROR_INDEX"


def test_init_refuses_what_would_go_wrong(tmp_path):
    generate(add_model(), options()).write(tmp_path)
    (tmp_path / "main.c").write_text(
        """#include "model.h"
static union { uint8_t bytes[MODEL_ARENA_BYTES + 16]; long double align; } arena;
int main(void) {
  model_context context = {NULL};
  if (model_invoke(&context) != TFEDGE_ERROR_NULL || model_invoke(NULL) != TFEDGE_ERROR_NULL)
    return 1;
  if (model_input(&context, 0) != NULL || model_input(NULL, 0) != NULL) return 9;
  if (model_output(&context, 0) != NULL || model_output(NULL, 0) != NULL) return 10;
  if (model_self_test(NULL) != TFEDGE_ERROR_NULL) return 11;
  if (model_init(NULL, arena.bytes, sizeof arena.bytes) != TFEDGE_ERROR_NULL) return 2;
  if (model_init(&context, NULL, MODEL_ARENA_BYTES) != TFEDGE_ERROR_NULL) return 3;
  if (model_init(&context, arena.bytes, MODEL_ARENA_BYTES - 1) != TFEDGE_ERROR_ARENA_TOO_SMALL)
    return 4;
  if (model_init(&context, arena.bytes + 1, MODEL_ARENA_BYTES) != TFEDGE_ERROR_ARENA_ALIGNMENT)
    return 5;
  if (model_init(&context, arena.bytes + MODEL_ARENA_ALIGN / 2, MODEL_ARENA_BYTES) !=
      TFEDGE_ERROR_ARENA_ALIGNMENT)
    return 12;
  if (model_invoke(&context) != TFEDGE_ERROR_NULL) return 13;
  if (model_init(&context, arena.bytes, MODEL_ARENA_BYTES) != TFEDGE_OK) return 6;
  if (model_input(&context, 2) != NULL || model_input(&context, -1) != NULL) return 7;
  if (model_output(&context, 1) != NULL || model_output(&context, -1) != NULL) return 14;
  return model_self_test(&context) == TFEDGE_ERROR_NO_VECTORS ? 0 : 8;
}
"""
    )
    program = tmp_path / "program"
    sources = sorted(map(str, tmp_path.glob("*.c")))
    subprocess.run(["cc", "-std=c99", *sources, "-o", str(program)], check=True)
    subprocess.run([str(program)], check=True)


def test_self_test_passes_on_right_vectors_and_fails_on_wrong_ones(tmp_path):
    model = add_model()
    rng = np.random.default_rng(0)
    inputs = tuple(rng.integers(-128, 128, t.shape, dtype=np.int8) for t in model.main.inputs)
    outputs = build_host(generate(model, options()).write(tmp_path / "a")).run([inputs])[0]
    right = Vector(inputs, tuple(outputs))
    program = generate(model, options(), vectors=[right]).write(tmp_path / "b")
    assert build_host(program).self_test() == 0
    wrong = dataclasses.replace(right, outputs=(outputs[0] ^ 1,))
    program = generate(model, options(), vectors=[right, wrong]).write(tmp_path / "c")
    assert build_host(program).self_test() < 0


def test_the_layer_hook_sees_every_layer(tmp_path):
    generate(random_model("add", 1, 3), options()).write(tmp_path)
    (tmp_path / "main.c").write_text(
        """#include "model.h"
static union { uint8_t bytes[MODEL_ARENA_BYTES]; long double align; } arena;
int seen;
int main(void) {
  model_context context;
  model_init(&context, arena.bytes, sizeof arena.bytes);
  model_invoke(&context);
  return seen == 0 + 1 + 2 ? 0 : 1;
}
"""
    )
    hook = ["-include", "stdint.h", "-DMODEL_ON_LAYER(i)=do{extern int seen;seen+=(i);}while(0)"]
    program = tmp_path / "program"
    sources = sorted(map(str, tmp_path.glob("*.c")))
    subprocess.run(["cc", "-std=c99", *hook, *sources, "-o", str(program)], check=True)
    subprocess.run([str(program)], check=True)


@pytest.mark.parametrize("name", ["add", "conv_2d", "split", "lstm_continued", "unpack"])
def test_a_hook_sees_all_that_a_layer_makes(name):
    source = generate(random_model(name, 1, 3), options())
    _, invoke = source.files["model.c"].split("int model_invoke(")
    calls = re.findall(r"MODEL_ON_OUTPUT\((\d+), .+, (\d+)u\);", invoke)
    made = [
        (str(layer.index), str(tensor.byte_size))
        for layer in source.plan.layers
        if layer.lowered.calls
        for tensor in layer.operator.outputs
    ]
    assert calls == made


def test_in_place_operators_do_not_harm_values_that_are_needed_later(tmp_path):
    """x is added to itself, used again, and is an output too."""
    from ai_edge_litert import schema_py_generated as schema

    q = Quantization.per_tensor(0.1, 0)
    x, y, z = (Tensor(n, (1, 8), TensorType.INT8, q) for n in "xyz")
    first = Operator("ADD", [x, x], [y], schema.AddOptionsT(), 2)
    second = Operator("SUB", [y, x], [z], schema.SubOptionsT(), 2)
    model = Model([Graph([x], [y, z], [first, second])])
    program = generate(model, options()).write(tmp_path)
    value = np.arange(-4, 4, dtype=np.int8)[None]
    outputs = build_host(program).run([[value]])[0]
    np.testing.assert_array_equal(outputs[0], 2 * value)
    np.testing.assert_array_equal(outputs[1], value)


def test_memory_is_reused_along_a_chain():
    from ai_edge_litert import schema_py_generated as schema

    q = Quantization.per_tensor(0.1, 0)
    tensors = [Tensor(f"t{i}", (1, 1000), TensorType.INT8, q) for i in range(6)]
    chain = [
        Operator("ADD", [a, a], [b], schema.AddOptionsT(), 2)
        for a, b in itertools.pairwise(tensors)
    ]
    model = Model([Graph(tensors[:1], tensors[-1:], chain)])
    assert generate(model, options()).arena_bytes == 1000


def test_operators_without_a_kernel_are_named_with_their_place():
    model = add_model(name="ADD")
    model.main.operators[0].code = "FFT2D"
    with pytest.raises(UnsupportedError, match=r"operator 0 \(.*Supported are .*CONV_2D"):
        model.main.operators[0].code = "COMPLEX_ABS"
        generate(model, options())


def test_what_nothing_makes_is_named():
    model = add_model()
    orphan = dataclasses.replace(model.main.outputs[0], name="orphan")
    model.main.outputs.append(orphan)
    with pytest.raises(UnsupportedError, match="nothing makes 'orphan'"):
        generate(model, options())
    model = add_model()
    model.main.operators[0].inputs[1] = orphan
    with pytest.raises(UnsupportedError, match="nothing makes 'orphan'"):
        generate(model, options())


def test_real_numbers_and_integers_do_not_meet_in_one_operator():
    model = add_model()
    model.main.operators[0].inputs[0].type = TensorType.FLOAT32
    with pytest.raises(UnsupportedError, match="other operands are FLOAT32; put a DEQUANTIZE"):
        generate(model, options())


def test_a_model_that_does_not_fit_its_board_is_refused():
    with pytest.raises(TfedgeError, match=r"stm32f103c8 has 20,480 bytes of RAM"):
        generate(add_model(30_000), options(target=targets.load("stm32f103c8")))


@pytest.mark.parametrize("name", ["Model", "1st", "for", "my-model", "", "tfedge_x"])
def test_names_that_cannot_prefix_symbols_are_refused(name):
    with pytest.raises(TfedgeError, match="cannot prefix C symbols"):
        generate(add_model(), options(name))


def test_hostile_names_cannot_leave_their_comment(tmp_path):
    model = add_model()
    model.main.inputs[0].name = 'x */ int evil; /* "\n#error'
    model.main.outputs[0].name = "y*/\\"
    for text in generate(model, options()).files.values():
        code = re.sub(r"/\*.*?\*/|\"[^\"\n]*\"", "", text, flags=re.DOTALL)
        assert "evil;" not in code
    build_host(generate(model, options()).write(tmp_path))


def test_external_symbols_differ_in_their_first_31_characters():
    name = "abcdefghijklmnopqrstuvwx"
    source = generate(random_model("unidirectional_sequence_lstm", 1, 2), options(name))
    text = source.files[f"{name}.h"] + source.files[f"{name}_weights.h"]
    symbols = re.findall(
        rf"^(?:extern .*|(?!TFEDGE_INLINE)\w.*?)\b({name}_\w+)[(\[]", text, re.MULTILINE
    )
    assert len(symbols) > 12
    assert len({symbol[:31] for symbol in symbols}) == len(set(symbols)) == len(symbols)


def test_nothing_is_written_where_a_file_is_in_the_way(tmp_path):
    source = generate(add_model(), options())
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(TfedgeError, match="cannot be written"):
        source.write(in_the_way)
    assert in_the_way.read_text() == ""
