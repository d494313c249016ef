"""`tfedge.pruning.prune`: pruning of a trained model, in one call."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np

from tfedge.errors import TfedgeError
from tfedge.keras_graph import private
from tfedge.keras_graph.requirements import require_keras3
from tfedge.pruning import distribution as distributions
from tfedge.pruning.distribution import Share
from tfedge.pruning.kernels import Kernel, chosen_kernels, weight_of
from tfedge.pruning.layer_inputs import columns_of, moments_of, watched
from tfedge.pruning.masks import mask_weight, put_mask
from tfedge.pruning.pruner import Plan, Pruner
from tfedge.pruning.reconstruction import Choose, Moments, fit, reconstruct
from tfedge.pruning.selection import largest
from tfedge.quantization.model import refuse_quantized


def prune(
    model: Any,
    sparsity: float,
    pattern: Any = "unstructured",
    *,
    calibration: Any = None,
    distribution: str = "uniform",
    layers: Any = None,
) -> Any:
    """A copy of a trained model with weights of 0, and without training.

    With calibration data, the weights that go are those that change a layer's results least, and
    the others and the bias make up for them by least squares, layer by layer, each on what the
    pruned layers in front of it give (`reconstruction.py`); channels go by magnitude. That
    is for Dense, Conv1D, Conv2D and depthwise layers; other kinds, and all without data, lose their
    smallest weights.

    Args:
        model: a built Keras 3 model; it is not changed.
        sparsity: the share of weights that become 0, in [0, 1).
        pattern, distribution, layers: see `tfedge.callbacks.Pruning`.
        calibration: inputs as an array, a list or dict of arrays, or a tf.data.Dataset of batches;
            some hundreds, more than a layer has weights per output.

    Returns:
        The copy, not compiled. Its zeros stay in further training; `tfedge.strip` lets go of them.

    Raises:
        TfedgeError: see `tfedge.callbacks.Pruning`; or the model cannot be copied.
        UnsupportedError: the model is a tf_keras model.

    Example:
        >>> smaller = tfedge.pruning.prune(model, 0.5, calibration=x_train[:500])
    """
    require_keras3(model)
    refuse_quantized(model)
    plan = Plan.of(sparsity, pattern, "magnitude", distribution)
    copy = _copied(model)
    if calibration is None:
        Pruner.of(copy, plan, layers).renew(0)
        return copy
    batches = [keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
               for batch in _batches_of(calibration, 100)]  # fmt: skip
    kernels = chosen_kernels(copy, layers, plan.pattern)
    counts = _counts(kernels, plan)
    twins = dict(zip(map(id, private.layers_in(copy)), private.layers_in(model), strict=True))
    for kernel in _in_order(copy, kernels, batches[0]):
        moments = None
        if columns_of(kernel.layer) is not None:
            before, now = (model, twins[id(kernel.layer)]), (copy, kernel.layer)
            moments = moments_of(before, now, batches)
        _prune(kernel, plan, counts[id(kernel)], moments)
    return copy


def _batches_of(data: Any, batch_size: int) -> Any:
    """Inputs in batches, of arrays or of a tf.data.Dataset that has batches already."""
    if hasattr(data, "element_spec"):
        for item in data:
            yield item[0] if isinstance(item, tuple) else item
        return
    count = len(keras.tree.flatten(data)[0])
    for start in range(0, count, batch_size):
        rows = slice(start, start + batch_size)
        yield keras.tree.map_structure(lambda array, rows=rows: np.asarray(array)[rows], data)


def _copied(model: Any) -> Any:
    try:
        copy = keras.models.clone_model(model)
    except Exception as error:  # whatever the user's get_config raises
        raise TfedgeError(
            f"model '{model.name}' cannot be copied ({type(error).__name__}: {error}); give its "
            "classes get_config"
        ) from error
    if not copy.built:
        copy.build_from_config(model.get_build_config())
    copy.set_weights(model.get_weights())
    return copy


def _counts(kernels: list[Kernel], plan: Plan) -> dict[int, float]:
    """By the kernel's id, the sparsity that it ends with."""
    shares = []
    for kernel in kernels:
        matrix = kernel.layout.matrix(np.abs(keras.ops.convert_to_numpy(kernel.variable)))
        shares.append(
            Share(tuple(kernel.variable.shape), kernel.cut_by(plan.pattern).groups(matrix))
        )
    sparsity = plan.schedule.final_sparsity
    counts = distributions.get(plan.distribution, plan.pattern)(shares, plan.pattern, sparsity)
    return {
        id(kernel): 1 - count / share.members
        for kernel, share, count in zip(kernels, shares, counts, strict=True)
    }


def _in_order(model: Any, kernels: list[Kernel], batch: Any) -> list[Kernel]:
    """The kernels in the order in which the model calls their layers."""
    called: list[Any] = []
    owners = {kernel.layer for kernel in kernels if columns_of(kernel.layer) is not None}
    with watched({layer: partial(_note, called, layer) for layer in owners}):
        model(batch, training=False)
    order = {id(layer): place for place, layer in reversed(list(enumerate(called)))}
    return sorted(kernels, key=lambda kernel: order.get(id(kernel.layer), len(order)))


def _note(called: list[Any], layer: Any, inputs: Any) -> None:
    called.append(layer)


def _prune(kernel: Kernel, plan: Plan, sparsity: float, moments: Moments | None) -> None:
    """Prune one kernel; without moments, the smallest weights."""
    weights = kernel.layout.matrix(keras.ops.convert_to_numpy(kernel.variable))

    pattern = kernel.cut_by(plan.pattern)

    def choose(scores: np.ndarray, share: float) -> np.ndarray:
        groups = pattern.groups(scores)
        kept = largest(groups, pattern.keep(groups.shape[1], share))
        return pattern.expand(kept, scores.shape)

    if moments is None:
        _assign(kernel, weights, choose(np.abs(weights), sparsity))
    elif plan.pattern.whole_outputs:  # nothing in the layer makes up for a whole output
        mask = choose(np.abs(weights), sparsity)
        rows = np.repeat(mask[:, :1], moments.now.shape[-1], axis=1)
        _assign(kernel, fit(_with_bias(kernel, weights), moments, rows), mask)
    else:
        beside = partial(_beside_bias, choose, weights.shape[1])
        found, mask = reconstruct(_with_bias(kernel, weights), moments, beside, sparsity)
        _assign(kernel, found, mask[:, : weights.shape[1]])


def _with_bias(kernel: Kernel, weights: np.ndarray) -> np.ndarray:
    """The matrix with the bias as a last column, if the layer has one."""
    if not kernel.layer.use_bias:
        return weights
    bias = keras.ops.convert_to_numpy(kernel.layer.bias)
    return np.concatenate([weights, bias.reshape(-1, 1)], axis=1)


def _beside_bias(choose: Choose, columns: int, scores: np.ndarray, share: float) -> np.ndarray:
    """A mask of the weights, with all of the bias behind it."""
    mask = np.ones(scores.shape, bool)
    mask[:, :columns] = choose(scores[:, :columns], share)
    return mask


def _assign(kernel: Kernel, weights: np.ndarray, mask: np.ndarray) -> None:
    """Give a kernel new weights, and a bias if they have a column for it, under a mask."""
    shape = tuple(kernel.variable.shape)
    columns = mask.shape[1]
    kernel.variable.assign(kernel.layout.array(weights[:, :columns], shape).astype(np.float32))
    if weights.shape[1] > columns:
        kernel.layer.bias.assign(weights[:, columns].reshape(tuple(kernel.layer.bias.shape)))
    _put(kernel.layer, kernel.attribute, kernel.layout.array(mask, shape))
    for layer, name in kernel.companions:
        _put(layer, name, mask.any(axis=1).reshape(tuple(weight_of(layer, name).shape)))


def _put(layer: Any, attribute: str, mask: np.ndarray) -> None:
    put_mask(layer, attribute)
    mask_weight(layer, attribute, mask)
