"""The functions of TensorFlow that layers of Keras 2 may call by name (TFOpLambda)."""

from __future__ import annotations

from collections.abc import Mapping

# Modules whose functions compute with tensors and do nothing else, and what is no such function.
_MODULES: Mapping[str, frozenset[str]] = {
    "__operators__": frozenset(),
    "bitwise": frozenset(),
    "image": frozenset(),
    "linalg": frozenset(),
    "math": frozenset(),
    "math.special": frozenset(),
    "nn": frozenset(
        {
            "all_candidate_sampler",
            "fixed_unigram_candidate_sampler",  # reads a file
            "learned_unigram_candidate_sampler",
        }
    ),
    "random": frozenset({"set_seed", "set_global_generator"}),
    "signal": frozenset(),
    "keras.activations": frozenset({"deserialize", "get", "serialize"}),
}
_FUNCTIONS = frozenset(
    {
        "abs", "acos", "acosh", "add", "add_n", "argmax", "argmin", "argsort", "asin", "asinh",
        "atan", "atan2", "atanh", "batch_to_space", "bitcast", "boolean_mask", "broadcast_to",
        "cast", "clip_by_global_norm", "clip_by_norm", "clip_by_value", "complex", "concat",
        "constant", "convert_to_tensor", "cos", "cosh", "cumsum", "divide", "dtypes.cast",
        "dtypes.saturate_cast", "dynamic_partition", "dynamic_stitch", "einsum", "ensure_shape",
        "equal", "exp", "expand_dims", "extract_volume_patches", "eye", "fill", "floor", "gather",
        "gather_nd", "greater", "greater_equal", "identity", "identity_n", "less", "less_equal",
        "linspace", "logical_and", "logical_not", "logical_or", "matmul", "maximum", "meshgrid",
        "minimum", "multiply", "negative", "norm", "not_equal", "one_hot", "ones", "ones_like",
        "pad", "pow", "range", "rank", "realdiv", "reduce_all", "reduce_any", "reduce_logsumexp",
        "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "repeat", "reshape",
        "reverse", "reverse_sequence", "roll", "round", "saturate_cast", "scalar_mul", "scatter_nd",
        "searchsorted", "sequence_mask", "shape", "shape_n", "sigmoid", "sign", "sin", "sinh",
        "size", "slice", "sort", "space_to_batch", "space_to_batch_nd", "split", "sqrt", "square",
        "squeeze", "stack", "stop_gradient", "strided_slice", "subtract", "tan", "tanh",
        "tensor_scatter_nd_add", "tensor_scatter_nd_max", "tensor_scatter_nd_min",
        "tensor_scatter_nd_sub", "tensor_scatter_nd_update", "tensordot", "tile", "transpose",
        "truediv", "truncatediv", "truncatemod", "unique", "unstack", "where", "zeros",
        "zeros_like",
    }
)  # fmt: skip
_OF_KERAS_BACKEND = frozenset(
    {
        "abs", "all", "any", "arange", "argmax", "argmin", "batch_dot", "batch_flatten",
        "batch_normalization", "bias_add", "binary_crossentropy", "cast", "cast_to_floatx",
        "categorical_crossentropy", "clip", "concatenate", "constant", "conv1d", "conv2d",
        "conv2d_transpose", "conv3d", "cos", "cumprod", "cumsum", "depthwise_conv2d", "dot",
        "dropout", "elu", "equal", "exp", "expand_dims", "eye", "flatten", "gather", "greater",
        "greater_equal", "hard_sigmoid", "in_top_k", "int_shape", "l2_normalize", "less",
        "less_equal", "log", "max", "maximum", "mean", "min", "minimum", "ndim", "not_equal",
        "one_hot", "ones", "ones_like", "permute_dimensions", "pool2d", "pool3d", "pow", "prod",
        "random_bernoulli", "random_binomial", "random_normal", "random_uniform", "relu", "repeat",
        "repeat_elements", "reshape", "resize_images", "resize_volumes", "reverse", "round",
        "separable_conv2d", "shape", "sigmoid", "sign", "sin", "softmax", "softplus", "softsign",
        "sparse_categorical_crossentropy", "spatial_2d_padding", "spatial_3d_padding", "sqrt",
        "square", "squeeze", "stack", "std", "stop_gradient", "sum", "tanh", "temporal_padding",
        "tile", "transpose", "truncated_normal", "var", "zeros", "zeros_like",
    }
)  # fmt: skip
_VERSION_1 = "compat.v1."


def is_mathematics(symbol: object) -> bool:
    """Whether a symbol of TensorFlow's interface, such as "math.add", only computes with tensors.

    Everything else is not: `io.write_file`, `load_op_library`, `keras.utils.get_file`.
    """
    if not isinstance(symbol, str):
        return False
    symbol = symbol.removeprefix(_VERSION_1)
    module, _, name = symbol.rpartition(".")
    if module == "keras.backend":
        return name in _OF_KERAS_BACKEND
    if module in _MODULES:
        return name not in _MODULES[module]
    return symbol in _FUNCTIONS
