"""Measure TFLite Micro's structures with compilers, for the arena that a model is said to need.

Prints tflm/struct_sizes.json: bytes of each structure that an interpreter or a kernel allocates. It
has them as arm-none-eabi-gcc lays them out, with enumerations as short as they can be; as they are
largest on cores of 32 bits, with enumerations of 4 bytes and without TF_LITE_STATIC_MEMORY, as
Zephyr builds it; and as in TFLite Micro's package for x86-64, which is built with compression.

    python tools/micro_struct_sizes.py TFLITE_MICRO FLATBUFFERS GEMMLOWP RUY > struct_sizes.json

Each is a checkout of that project, of the version that TFLite Micro's makefile downloads. The
compilers are arm-linux-gnueabihf-g++ (apt-get install g++-arm-linux-gnueabihf) and g++.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

_ARM = ["arm-linux-gnueabihf-g++", "-march=armv7-a+fp"]
_STATIC = "-DTF_LITE_STATIC_MEMORY"
_COMPILERS = {
    "arm": [*_ARM, "-fshort-enums", _STATIC],
    "largest": _ARM,
    "x86_64": ["g++", "-DUSE_TFLM_COMPRESSION", _STATIC],
}
_INCLUDES = (
    "tensorflow/compiler/mlir/lite/core/c/builtin_op_data.h",
    "tensorflow/lite/core/c/common.h",
    "tensorflow/lite/kernels/internal/types.h",
    "tensorflow/lite/micro/kernels/decode_state_lut.h",
    "tensorflow/lite/micro/recording_micro_allocator.h",
    "tensorflow/lite/micro/micro_allocation_info.h",
    "tensorflow/lite/micro/memory_planner/greedy_memory_planner.h",
)
_OPTIONS = (
    "Add ArgMax ArgMin BatchMatMul Cast Concatenation Conv Cumsum DepthToSpace DepthwiseConv Div "
    "FullyConnected Gather L2Norm LeakyRelu MirrorPadding Mul Pack Pool Reducer Reshape "
    "ResizeBilinear ResizeNearestNeighbor SVDF Shape Softmax SpaceToDepth Split SplitV Squeeze "
    "StridedSlice Sub TransposeConv UnidirectionalSequenceLSTM Unpack"
)
_PUBLIC = (
    "AllocationInfo DecodeStateLut GreedyMemoryPlanner HardSwishParams L2NormalizationParams "
    "MicroAllocator NodeAndRegistration PreluParams RecordingMicroAllocator "
    "RecordingSingleArenaBufferAllocator ScratchBufferHandle SingleArenaBufferAllocator "
    "SoftmaxParams SpaceToBatchParams StridedSliceParams SubgraphAllocations "
    "TfLiteAffineQuantization TfLiteEvalTensor TfLiteTensor"
)
# Structures of kernels, which have no header that can be included alone: by their file.
_OF_KERNELS = {
    "activations.h": "Relu6OpData ReluOpData",
    "add.h": "OpDataAdd",
    "batch_matmul.h": "QuantizationOpDataBatchMatmul OpDataBatchMatmul",
    "conv.h": "OpDataConv",
    "dequantize.h": "DequantizeOpData",
    "div.cc": "OpDataDiv",
    "elementwise.cc": "OpDataAbsRsqrt",
    "fully_connected.h": "OpDataFullyConnected",
    "leaky_relu.h": "LeakyReluOpData",
    "log_softmax.cc": "LogSoftmaxOpData",
    "logistic.h": "OpDataLogistic",
    "lstm_shared.h": "LstmSizeInfo CellStateInfo GateParameters InterGateParameters OpDataLSTM",
    "mirror_pad.cc": "OpDataMirrorPad",
    "mul.h": "OpDataMul",
    "pooling.h": "OpDataPooling",
    "quantize.h": "OpDataQuantizeReference",
    "reduce.h": "OpDataReduce",
    "sub.h": "OpDataSub",
    "svdf.h": "OpDataSvdf",
}
# Those that call theirs OpData.
_OP_DATA = (
    "add_n.cc comparisons.cc concatenation.cc cumsum.cc elu.cc embedding_lookup.cc pad.h select.cc "
    "squared_difference.cc tanh.cc transpose_conv.cc"
)
_OF_CMSIS_NN = {
    "conv.cc": ("OpData", "OpDataConv"),
    "fully_connected.cc": ("OpData", "OpDataFullyConnected"),
    "pooling.cc": ("OpData", "OpDataPooling"),
    "softmax.cc": ("CMSISNNSoftmaxParams", "SoftmaxParams"),
}
# A pointer; and private to micro_allocator.cc: one to its functions, and one to an allocator.
_UNNAMED = {
    "DecodeState*": "void *",
    "MicroBuiltinDataAllocator": "void *[2]",
    "ScratchBufferRequest": "internal::ScratchBufferRequest",
}
# As of the Python package of 2026-10, found by what it allocates: it is younger than the sources.
_OF_THE_PACKAGE = {"TfLiteFullyConnectedParams": 32}


def measure(checkouts: list[Path]) -> dict[str, list[int]]:
    """Structures to bytes, in the order of `_COMPILERS`."""
    kernels = checkouts[0] / "tensorflow/lite/micro/kernels"
    program, symbols = _program(kernels)
    columns = [_sizes(command, program, symbols, checkouts) for command in _COMPILERS.values()]
    columns[-1] |= _OF_THE_PACKAGE
    return {name: [column[name] for column in columns] for name in sorted(symbols.values())}


def _program(kernels: Path) -> tuple[str, dict[str, str]]:
    """C++ with an array of the size of each structure, and the arrays' names to the structures'."""
    lines = [f'#include "{name}"' for name in _INCLUDES]
    lines += ["#include <limits>", "using namespace tflite;", "constexpr int kMaxInputNum = 10;"]
    types = {f"TfLite{name}Params": f"TfLite{name}Params" for name in _OPTIONS.split()}
    types |= {name: name for name in _PUBLIC.split()} | _UNNAMED
    for file, names in _OF_KERNELS.items():
        lines += [_definition(kernels / file, name) for name in names.split()]
        types |= {name: name for name in names.split()}
    for file in _OP_DATA.split():
        stem = Path(file).stem
        lines.append(f"namespace of_{stem} {{ {_definition(kernels / file, 'OpData')} }}")
        types[f"OpData of {stem}"] = f"of_{stem}::OpData"
    for file, (name, base) in _OF_CMSIS_NN.items():
        space = f"cmsis_{Path(file).stem}"
        lines.append(f"namespace {space} {{ {_definition(kernels / 'cmsis_nn' / file, name)} }}")
        types[f"{base} of CMSIS-NN"] = f"{space}::{name}"
    symbols = {f"size_{index}": name for index, name in enumerate(types)}
    lines += [f"char {symbol}[sizeof({types[name]})];" for symbol, name in symbols.items()]
    return "\n".join(lines) + "\n", symbols


def _definition(file: Path, name: str) -> str:
    found = re.search(rf"struct {name}\s*\{{.*?\n\}};", file.read_text("utf-8"), re.DOTALL)
    if found is None:
        raise SystemExit(f"{file}: has no structure {name}; is it another version?")
    return found[0]


def _sizes(
    command: list[str], program: str, symbols: dict[str, str], checkouts: list[Path]
) -> dict[str, int]:
    micro, flatbuffers, *others = checkouts
    includes = [f"-I{path}" for path in (micro, flatbuffers / "include", *others)]
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "sizes.cc"), Path(folder, "sizes.o")
        source.write_text(program, "utf-8")
        flags = ["-std=c++17", "-w", *includes]
        subprocess.run([*command, *flags, "-c", source, "-o", made], check=True)
        listed = subprocess.run(["nm", "-S", made], check=True, capture_output=True, text=True)
    found = re.findall(r"^\w+ (\w+) \w (size_\d+)$", listed.stdout, re.MULTILINE)
    return {symbols[name]: int(size, 16) for size, name in found}


def main() -> None:
    """Print the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("tflite_micro", "flatbuffers", "gemmlowp", "ruy"):
        parser.add_argument(name, type=Path)
    checkouts = list(vars(parser.parse_args()).values())
    document = {
        "source": "tflite-micro 90b983c2, measured by tools/micro_struct_sizes.py",
        "columns": list(_COMPILERS),
        "sizes": measure(checkouts),
    }
    text = json.dumps(document, indent=1)
    print(re.sub(r"\[\s+(\d+),\s+(\d+),\s+(\d+)\s+\]", r"[\1, \2, \3]", text))


if __name__ == "__main__":
    main()
