"""MEAN, SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY and REDUCE_ALL."""

from __future__ import annotations

from functools import partial
from itertools import groupby

from tfedge_converters.arithmetic.fixed_point import INT32_MAX, mean_multiplier
from tfedge_converters.arithmetic.wide_products import product_reach, quantize_wide_multiplier
from tfedge_converters.c.kernel_call import KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.requantization import LARGEST_REAL
from tfedge_converters.c.limits import SAME_GRID, SHAPES, TYPES, AtMost, ConstantOperand, Limit
from tfedge_converters.c.registry import LITERT, TFLITE_MICRO, kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# The kernels' loops from the outside in: kept and reduced runs of axes by turns.
_LOOPS = 7

# More values could overflow 32 bits.
_VALUES = {
    "s8": AtMost(1 << 23, "values a result in int8"),
    "s16": AtMost((1 << 16) - 1, "values a result in int16"),
}

AXES = ConstantOperand("the axes")
_RUNS = Limit(f"at most {_LOOPS} runs of axes that are kept and reduced by turns")
_PRODUCT = Limit("products that stay within 32 bits, whatever the values")
_REDUCTION = (AXES, _RUNS)


@kernel("MEAN", "int8 int16 float32", limits=(*_REDUCTION, *_VALUES.values()))
def lower_mean(operator: Operator) -> Lowered:
    """The mean over constant axes."""
    return _lower_sum(operator, mean=True)


@kernel("SUM", "int8 int16 float32", limits=(*_REDUCTION, *_VALUES.values()))
def lower_sum(operator: Operator) -> Lowered:
    """The sum over constant axes."""
    return _lower_sum(operator, mean=False)


@kernel("REDUCE_PROD", "int8 int16", limits=(*_REDUCTION, _PRODUCT), oracle=LITERT)
def lower_reduce_prod(operator: Operator) -> Lowered:
    """The product over constant axes, where it stays within 32 bits."""
    source, output, shape, reduced = _reduction(operator)
    width = checks.activations(source, output)
    count = source.elements // output.elements
    scale, zero_point = checks.scale_and_zero_point(source)
    out_scale, out_zero_point = checks.scale_and_zero_point(output)
    # Every product is rescaled, so that all of them together end on the output's scale.
    multiplier, shift = quantize_wide_multiplier(float(scale) / float(out_scale) ** (1 / count))
    low, high = checks.LIMITS[source.type]
    largest = max(high - zero_point, zero_point - low)
    if product_reach(largest, count, multiplier, shift) > INT32_MAX:
        _PRODUCT.refuse(
            f"the product of {count} values of scale {scale:.3g} could leave 32 bits, where the "
            "reference wraps: reduce fewer values at a time, or smaller ones"
        )
    fields: dict[str, Param] = {
        "input_zero_point": zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": out_zero_point,
    }
    return _call(f"reduce_prod_{width}", source, output, shape, reduced, fields)


@kernel("REDUCE_PROD", "float32", limits=_REDUCTION, oracle=LITERT)
def lower_float_reduce_prod(operator: Operator) -> Lowered:
    """Lower the product of real numbers."""
    source, output, shape, reduced = _reduction(operator)
    checks.real(source, output)
    return _real_call("reduce_prod_f32", source, output, shape, reduced, 1.0)


def _lower_min_max(operator: Operator, largest: int) -> Lowered:
    source, output, shape, reduced = _reduction(operator)
    width = checks.numbers(source, output)
    if width == checks.REAL_WIDTH:
        kernel, first = _REAL_LIMIT[largest]
        return _real_call(kernel, source, output, shape, reduced, first)
    checks.same_quantization(operator, source, output)
    return _call(f"reduce_min_max_{width}", source, output, shape, reduced, {"largest": largest})


# Of real numbers, by whether it is the largest: the kernel, and what it begins with.
_REAL_LIMIT = {1: ("reduce_max_f32", -LARGEST_REAL), 0: ("reduce_min_f32", LARGEST_REAL)}


for _code, _largest in (("REDUCE_MAX", 1), ("REDUCE_MIN", 0)):
    for _type, _oracle in (("int8 float32", TFLITE_MICRO), ("int16", LITERT)):
        kernel(_code, _type, limits=(*_REDUCTION, SAME_GRID), oracle=_oracle)(
            partial(_lower_min_max, largest=_largest)
        )


def _lower_logical(operator: Operator, largest: int) -> Lowered:
    source, output, shape, reduced = _reduction(operator)
    checks.bools(source, output)
    return _call("reduce_min_max_s8", source, output, shape, reduced, {"largest": largest})


for _code, _largest, _oracle in (("REDUCE_ANY", 1, LITERT), ("REDUCE_ALL", 0, TFLITE_MICRO)):
    kernel(_code, "bool", limits=_REDUCTION, oracle=_oracle)(
        partial(_lower_logical, largest=_largest)
    )


def _lower_sum(operator: Operator, mean: bool) -> Lowered:
    source, output, shape, reduced = _reduction(operator)
    width = checks.numbers(source, output)
    count = source.elements // output.elements
    if width == checks.REAL_WIDTH:
        return _real_call("sum_f32", source, output, shape, reduced, 0.0, count if mean else 1)
    _VALUES[width].refuse_above(count, f"the sum of {count} values could overflow 32 bits")
    zero_point = checks.scale_and_zero_point(source)[1]
    scales = checks.scale_and_zero_point(source)[0], checks.scale_and_zero_point(output)[0]
    multiplier, shift = mean_multiplier(*scales, count if mean else 1)
    fields: dict[str, Param] = {"multiplier": multiplier, "shift": shift}
    if width == "s8":
        fields = {"first": -zero_point * count, **fields}
        fields["output_zero_point"] = checks.scale_and_zero_point(output)[1]
    return _call(f"sum_{width}", source, output, shape, reduced, fields)


def _reduction(operator: Operator) -> tuple[Tensor, Tensor, dict[str, Param], set[int]]:
    """Input, output, the fields of a tfedge_reduction, and the reduced axes."""
    checks.operands(operator, least=2)
    source, axes = checks.operand(operator, 0), checks.operand(operator, 1)
    output = operator.outputs[0]
    keeps = operator.options.keepDims
    checks.elements(source)
    reduced = axes_of(source, axes)
    kept = [
        1 if axis in reduced else size
        for axis, size in enumerate(source.shape)
        if keeps or axis not in reduced
    ]
    checks.shape(output, kept)
    return source, output, _loops(source.shape, reduced), reduced


def axes_of(source: Tensor, axes: Tensor) -> set[int]:
    """Axes that a constant names, from 0 on.

    Raises:
        RefusedError: they are not int32, computed at run time, or of more dimensions.
    """
    rank = len(source.shape)
    if axes.type != TensorType.INT32:
        TYPES.refuse(f"the axes '{axes.name}' are {axes.type.name}, not INT32")
    values = [int(axis) for axis in AXES.values(axes).reshape(-1)]
    if any(not -rank <= axis < rank for axis in values):
        SHAPES.refuse(f"axes {values} do not exist in shape {source.shape}")
    return {axis % rank for axis in values}


def _loops(shape: tuple[int, ...], reduced: set[int]) -> dict[str, Param]:
    """Merge neighbouring axes of one kind and lay the runs onto the kernels' inner loops."""
    axes = [axis for axis, size in enumerate(shape) if size != 1]
    extents = [1] * _LOOPS
    position = _LOOPS - 1
    for is_reduced, run in groupby(reversed(axes), key=lambda axis: axis in reduced):
        position -= position % 2 != is_reduced
        if position < 0:
            _RUNS.refuse(f"axes {sorted(reduced)} of shape {shape} are too scattered")
        for axis in run:
            extents[position] *= shape[axis]
        position -= 1
    return {"kept": tuple(extents[0::2]), "reduced": tuple(extents[1::2])}


def _real_call(
    kernel: str,
    source: Tensor,
    output: Tensor,
    shape: dict[str, Param],
    reduced: set[int],
    first: float,
    divisor: int = 1,
) -> Lowered:
    fields: dict[str, Param] = {"first": first, "divisor": float(divisor)}
    header = "reduce_f32"
    return _call(kernel, source, output, shape, reduced, fields, header)


def _call(
    kernel: str,
    source: Tensor,
    output: Tensor,
    shape: dict[str, Param],
    reduced: set[int],
    fields: dict[str, Param],
    header: str = "",
) -> Lowered:
    call = KernelCall(
        kernel=kernel,
        header=header or kernel,
        struct=header or kernel,
        params={"shape": shape, **fields},
        operands=(source,),
        output=output,
    )
    return Lowered((call,), detail=f"over axes {sorted(reduced)}")
