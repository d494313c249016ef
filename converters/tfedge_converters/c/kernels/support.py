"""What people should know of each operator in generated C: types, restrictions, and who is right.

The lowerings enforce all of it; this table says it in words, for docs/operators.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TFLITE_MICRO = "TFLite Micro"
LITERT = "LiteRT reference"

_STORED = "int8, uint8, int16, int32, int64, bool, float32"
_CONSTANT_SIZES = "axes and sizes constant"
_NUMBERS = "int8, int32, int64"
_WIDE_IN_LITERT = "int64 as LiteRT has it; plain integers without a fused activation"
_COMPARED = f"{_NUMBERS}, float32 to bool"
_INT16_IN_LITERT = "int16 as LiteRT has it"
_FLOAT_IN_MICRO = "TFLite Micro computes it in float only"


@dataclass(frozen=True)
class Support:
    """One operator.

    Attributes:
        types: of what it computes with.
        restrictions: beyond what the operator itself asks for; empty if none.
        oracle: whose arithmetic is the truth.
    """

    types: str = "int8"
    restrictions: str = ""
    oracle: str = TFLITE_MICRO


_PLAIN = Support()
_MOVES = Support(_STORED, _CONSTANT_SIZES)

# Operators that are not int8 without restrictions, with TFLite Micro as the truth.
_SPECIAL: dict[str, Support] = {
    "ADD": Support(_NUMBERS, _WIDE_IN_LITERT),
    "ADD_N": Support(restrictions="operands of one shape"),
    "ARG_MAX": Support("int8 to int32", "axis constant"),
    "ARG_MIN": Support("int8 to int32", "axis constant"),
    "BATCH_MATMUL": Support(restrictions="2 to 5 dimensions; at most 33,025 products an output"),
    "BATCH_TO_SPACE_ND": Support(_STORED, "3 or 4 dimensions; block product at most 64"),
    "BROADCAST_TO": _MOVES,
    "BYTE_FUNCTION": Support(
        restrictions="what files have as DEQUANTIZE, element-wise operators in float32, QUANTIZE"
    ),
    "CAST": Support("int8, int32, bool, float32"),
    "CONCATENATION": Support(_STORED, "operands of one scale and zero point"),
    "CONV_2D": Support(restrictions="weights constant; at most 131,071 products an output"),
    "CUMSUM": Support(restrictions="axis constant"),
    "DEPTHWISE_CONV_2D": Support(restrictions="weights constant"),
    "DEPTH_TO_SPACE": Support(_STORED),
    "DEQUANTIZE": Support("int8, int16 to float32"),
    "DIV": Support(restrictions="scales at which the reference's shifts are defined"),
    "EMBEDDING_LOOKUP": Support("int8 rows, int32 indices"),
    "EQUAL": Support(f"{_NUMBERS}, float32, bool to bool"),
    "EXP": Support(restrictions=_FLOAT_IN_MICRO, oracle=LITERT),
    "EXPAND_DIMS": _MOVES,
    "FILL": _MOVES,
    "FULLY_CONNECTED": Support("int8, uint8", "weights unshuffled, bias constant"),
    "GATHER": Support("int8; int32 indices", "indices are checked when they are computed"),
    "GATHER_ND": Support("int8; int32 indices", "at most 6 indices a tuple, checked"),
    "GELU": Support(oracle=LITERT),
    "GREATER": Support(_COMPARED),
    "GREATER_EQUAL": Support(_COMPARED),
    "HARD_SWISH": Support(restrictions="output scale at least 1/128 of the input's"),
    "LESS": Support(_COMPARED),
    "LESS_EQUAL": Support(_COMPARED),
    "LOG": Support(restrictions=_FLOAT_IN_MICRO, oracle=LITERT),
    "LOGICAL_AND": Support("bool"),
    "LOGICAL_NOT": Support("bool"),
    "LOGICAL_OR": Support("bool"),
    "MAXIMUM": Support(_NUMBERS),
    "MEAN": Support(restrictions="axes constant"),
    "MINIMUM": Support(_NUMBERS),
    "MUL": Support(_NUMBERS, _WIDE_IN_LITERT),
    "NEG": Support(restrictions="same scale, mirrored zero point", oracle=LITERT),
    "NOT_EQUAL": Support(f"{_NUMBERS}, bool to bool"),
    "PACK": _MOVES,
    "PAD": _MOVES,
    "PADV2": _MOVES,
    "MIRROR_PAD": _MOVES,
    "PRELU": Support(restrictions="at most 4 dimensions"),
    "QUANTIZE": Support(
        "float32 to int8, int16; int8, uint8 to int8, uint8; int8, int16, int32 from or to int16"
    ),
    "REDUCE_ALL": Support("bool", "axes constant"),
    "REDUCE_ANY": Support("bool", "axes constant", LITERT),
    "REDUCE_MAX": Support(restrictions=f"axes constant; {_INT16_IN_LITERT}"),
    "REDUCE_MIN": Support(restrictions=f"axes constant; {_INT16_IN_LITERT}"),
    "REDUCE_PROD": Support(
        restrictions="axes constant; not where the product could leave 32 bits", oracle=LITERT
    ),
    "RELU_0_TO_1": Support(restrictions="output scale at least 1e-9", oracle=LITERT),
    "RELU_N1_TO_1": Support(restrictions="output scale at least 1e-9", oracle=LITERT),
    "RESHAPE": _MOVES,
    "RESIZE_BILINEAR": Support(
        "int8, uint8",
        "sides at most 32,768; not where the reference reads outside its input; "
        + _INT16_IN_LITERT,
    ),
    "RESIZE_NEAREST_NEIGHBOR": Support(restrictions="sides at most 32,768"),
    "REVERSE_V2": _MOVES,
    "SELECT": Support(_STORED, "bool condition", LITERT),
    "SELECT_V2": Support(_STORED, "bool condition; int32, int64, bool and uint8 as LiteRT has it"),
    "SHAPE": Support("any to int32"),
    "SLICE": _MOVES,
    "SOFTMAX": Support(restrictions="at most 4,095 values a row"),
    "SPACE_TO_BATCH_ND": Support(_STORED, "3 or 4 dimensions; block product at most 64", LITERT),
    "SPACE_TO_DEPTH": Support(_STORED),
    "SPLIT": _MOVES,
    "SPLIT_V": _MOVES,
    "SQRT": Support(restrictions=_FLOAT_IN_MICRO, oracle=LITERT),
    "SQUARED_DIFFERENCE": Support("int8, int32"),
    "SQUEEZE": _MOVES,
    "STRIDED_SLICE": Support(_STORED, "begins, ends and strides constant; no offset"),
    "SUB": Support(_NUMBERS, _WIDE_IN_LITERT),
    "SUM": Support(restrictions="axes constant"),
    "TILE": Support(_STORED, _CONSTANT_SIZES, LITERT),
    "TOPK_V2": Support("int8, int32 positions", "k constant", LITERT),
    "TRANSPOSE": _MOVES,
    "TRANSPOSE_CONV": Support(restrictions="weights constant"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Support(
        "int8 with a cell of int16", "one sequence; plain variant with tanh"
    ),
    "UNPACK": _MOVES,
    "ZEROS_LIKE": Support(_STORED),
}

# Operators that compute in int16, with int8 weights and int64 biases, as they do in int8.
_WIDE_NAMES = (
    "ABS ADD AVERAGE_POOL_2D BATCH_MATMUL CONV_2D DEPTHWISE_CONV_2D EXP FULLY_CONNECTED GELU "
    "LEAKY_RELU LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL REDUCE_MAX REDUCE_MIN RELU RELU6 "
    "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SOFTMAX SQUARED_DIFFERENCE SUB SUM TANH TOPK_V2 "
    "TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM"
)
_WIDE = frozenset(_WIDE_NAMES.split())


def support(code: str) -> Support:
    """What to know of an operator that has a lowering."""
    known = _SPECIAL.get(code, _PLAIN)
    if code not in _WIDE:
        return known
    return replace(known, types=known.types.replace("int8", "int8, int16", 1))


def described() -> frozenset[str]:
    """The operators that this table has something to say of."""
    return frozenset(_SPECIAL)
