"""Comparison of a changed model with its original: both have to compute the same.

Both run on the same random inputs, in inference and without rounding. What differs by more than
float arithmetic explains is an error that names the first layer that differs. While they run,
weights that are all one number, as biases and batch-norms are when a model is built, are others:
along which axis a batch-norm runs does not show before it has learned.

What a device is to compute, it computes of one sample at a time. So a model that is made for one is
run on another batch than its original, which has one sample in common with the original's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from tfedge.errors import DifferenceError, UnsupportedError
from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call, Computation, computation_of
from tfedge.keras_graph.graph_run import outputs_of, results_of
from tfedge.keras_graph.kinds import described
from tfedge.keras_graph.random_inputs import random_inputs, small_inputs
from tfedge.one_sample import FIRST, SECOND, among_others, batch_of, of_the_sample

# Noise over signal that rounding in float explains, by the widest rounding of any layer.
FLOAT32_NOISE, _FLOAT16_NOISE = 1e-4, 5e-2
_NARROW = frozenset({"float16", "bfloat16"})
# Below this part of the largest number, numbers are what is left of a difference of others.
_NOTHING = 1e-6
# About which weights lie that are all 0, while models are compared.
_NEAR_ZERO = 0.2
# Of a larger result, so many numbers from everywhere in it are compared.
_COMPARED = 1 << 14


def require_equivalence(
    what: str,
    original: Any,
    computation: Computation,
    run_changed: Callable[[list[Any]], list[Any]],
    calls: Sequence[Call],
) -> None:
    """Compare a changed model with its original, layer by layer.

    Args:
        what: was done, as the subject of a message: "tfedge.quantize".
        original: a Keras model.
        computation: the original, taken apart.
        run_changed: of inputs, flat, of whatever sizes the layers take: what the changed model
            gives in the places of the first results of `calls`, then its outputs.
        calls: of the computation, in order.

    Raises:
        DifferenceError: the models differ.
        UnsupportedError: what the original returns for a sample depends on the others of its batch.
    """
    noise = noise_of(original, computation)

    def run(inputs: list[Any]) -> list[Any]:
        with unchanged_states(original):
            return run_changed(inputs)

    def compare(inputs: list[Any]) -> _Difference | None:
        known, expected = _run(original, computation, inputs)
        places = [*(described(call.operation) for call in calls), *_output_names(expected)]
        wanted = [*(known.get(id(call.results[0])) for call in calls), *expected]
        batch = batch_of(inputs)
        if batch < 2:
            return _first_of(places, run(inputs), wanted, noise)
        moved = run(among_others(inputs))
        apart = _first_of(places, moved, wanted, noise, batch)
        if apart is None:
            return None
        found = _first_of(places, run(inputs), wanted, noise)
        # Between layers the first axis may be another than the batch's.
        outputs = slice(len(calls), None)
        if found or not _first_of(places[outputs], moved[outputs], expected, noise, batch):
            return found
        raise UnsupportedError(mixing_sentence(original, apart.where))

    with telling_weights(original):
        found = _difference_on_inputs(computation, compare)
    if found is not None:
        raise DifferenceError(_sentence(what, original, found))


def mixing_sentence(model: Any, where: str) -> str:
    """Say that a model is none for a device, which has one sample at a time."""
    return (
        f"what model '{model.name}' returns for a sample depends on the other samples of its batch "
        f"(first seen at {where}), and a device has one sample at a time; compute along other axes "
        "than the first there, or leave that part out of the model"
    )


def require_same_outputs(what: str, original: Any, changed: Any, rounding: float = 1.0) -> None:
    """Compare the outputs of a model that was built anew with those of its original.

    Args:
        what: was done, as the subject of a message: "tfedge.pruning.remove_channels".
        original, changed: Keras models with the same inputs and outputs.
        rounding: how many times more than usual float arithmetic may round.

    Raises:
        DifferenceError: the models differ; the message names the first layer that both have whose
            result differs.
    """
    computation = computation_of(original)
    noise = rounding * noise_of(original, computation)

    def compare(inputs: list[Any]) -> _Difference | None:
        with unchanged_states(original), unchanged_states(changed):
            expected = _outputs_of(original, computation, inputs)
            outputs = _outputs_of(changed, computation, inputs)
        found = _first_of(_output_names(expected), outputs, expected, noise)
        if found is None:
            return None
        where = _first_layer(computation, computation_of(changed), inputs, noise)
        return replace(found, where=where or found.where)

    found = _difference_on_inputs(computation, compare)
    if found is not None:
        raise DifferenceError(_sentence(what, original, found))


@dataclass(frozen=True)
class _Difference:
    """Where two models differ first.

    Attributes:
        where: the layer or output.
        found, expected: what the changed model gives there, and the original.
    """

    where: str
    found: Any
    expected: Any


def _difference_on_inputs(
    computation: Computation, compare: Callable[[list[Any]], _Difference | None]
) -> _Difference | None:
    """Compare on random inputs, small ones first.

    Layers that work at any size compute on small images what they compute on large ones, in a
    fraction of the time. Others fail there or differ, which says nothing of the models.
    """
    small = small_inputs(computation)
    if small is not None:
        try:
            if compare(_tensors(small)) is None:
                return None
        except Exception:  # whatever layers raise that do not work at this size
            pass
    return compare(_tensors(random_inputs(computation)))


def _tensors(arrays: Sequence[np.ndarray]) -> list[Any]:
    return [keras.ops.convert_to_tensor(array) for array in arrays]


def _output_names(outputs: Sequence[Any]) -> list[str]:
    return [f"output {index}" for index in range(len(outputs))]


def _first_of(
    places: Sequence[str],
    found: Sequence[Any],
    expected: Sequence[Any],
    noise: float,
    batch: int | None = None,
) -> _Difference | None:
    """The first place where results differ; nothing is known where None is expected.

    Of a batch, only the sample is compared that both have.
    """
    for where, one, other in zip(places, found, expected, strict=True):
        if other is None:
            continue
        given, wanted = keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
        if batch is not None and given.shape == wanted.shape:
            given = of_the_sample(given, SECOND, batch)
            wanted = of_the_sample(wanted, FIRST, batch)
        if differ(given, wanted, noise):
            return _Difference(where, one, other)
    return None


def _run(
    original: Any, computation: Computation, inputs: list[Any]
) -> tuple[dict[int, Any], list[Any]]:
    """The results of a model's calls by the values' identity, and the model's own outputs.

    Calls one by one are only a reading of the model: where they do not give the model's own
    outputs, nothing is known of what lies between.
    """
    with unchanged_states(original):
        results = results_of(original, computation.calls, inputs)
    if results is not None:
        known = {id(value): x for value, x in zip(computation.inputs, inputs, strict=True)}
        for call, flat in zip(computation.calls, results, strict=True):
            known.update((id(value), x) for value, x in zip(call.results, flat, strict=True))
        return known, [known[id(value)] for value in computation.outputs]
    with unchanged_states(original):
        outputs = _outputs_of(original, computation, inputs)
    with unchanged_states(original):
        known = _run_calls(computation, inputs)
    read = [known[id(value)] for value in computation.outputs]
    noise = noise_of(original, computation)
    is_read = not any(differ(x, y, noise) for x, y in zip(read, outputs, strict=True))
    return known if is_read else {}, outputs


def _outputs_of(model: Any, computation: Computation, inputs: list[Any]) -> list[Any]:
    """A model's own outputs in inference, flat, whatever stands in for its `call`."""
    outputs = outputs_of(model, inputs)
    if outputs is not None:
        return outputs
    given = keras.tree.pack_sequence_as(computation.input_structure, inputs)
    stand_in = vars(model).pop("call", None)
    try:
        return keras.tree.flatten(model(given, training=False))
    finally:
        if stand_in is not None:
            object.__setattr__(model, "call", stand_in)


@contextmanager
def unchanged_states(model: Any) -> Iterator[None]:
    """Put the states of stateful layers back as they were."""
    with _put_back(_states_of(model)):
        yield


def at_the_start(model: Any) -> AbstractContextManager[None]:
    """Let a sequence begin in stateful layers, and put their states back as they were."""
    return exchanged([(state, np.zeros(state.shape, state.dtype)) for state in _states_of(model)])


def _states_of(model: Any) -> list[Any]:
    return [
        variable
        for layer in private.layers_in(model)
        if getattr(layer, "stateful", False)
        for variable in keras.tree.flatten(layer.states)
    ]


def telling_weights(model: Any, without: Container[int] = ()) -> AbstractContextManager[Any]:
    """Let weights that are all one number be read as different ones near it.

    The weights themselves stay what they are. What is assigned to variables meanwhile is forgotten.

    Args:
        model: a Keras model.
        without: identities of variables that are read as they are.
    """
    rng = np.random.default_rng(0)
    told = []
    for variable in model.weights:
        if id(variable) in without or "float" not in variable.dtype:
            continue
        array = keras.ops.convert_to_numpy(variable.value)
        if array.size > 1 and _is_one_number(array):
            near = np.float32(array.flat[0] or _NEAR_ZERO)
            told.append((variable, near * (rng.random(array.shape, np.float32) + np.float32(0.5))))
    return keras.StatelessScope(state_mapping=told)


def _is_one_number(array: np.ndarray) -> bool:
    """Whether all elements are the same; the first few tell most arrays apart."""
    flat = array.reshape(-1)
    return bool((flat[:4] == flat[0]).all() and (flat == flat[0]).all())


@contextmanager
def exchanged(values: Sequence[tuple[Any, Any]]) -> Iterator[None]:
    """Give variables other values for a while.

    Args:
        values: pairs of a variable and an array of its shape.
    """
    with _put_back([variable for variable, _ in values]):
        for variable, array in values:
            variable.assign(array)
        yield


@contextmanager
def _put_back(variables: Sequence[Any]) -> Iterator[None]:
    """Give variables the values that they have now, whatever comes of them."""
    before = [keras.ops.copy(variable.value) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def _run_calls(computation: Computation, inputs: list[Any]) -> dict[int, Any]:
    """Every value of a computation, by its identity."""
    known = {id(value): x for value, x in zip(computation.inputs, inputs, strict=True)}
    for call in computation.calls:
        given = [known[id(value)] for value in call.operands]
        results = call.run(given, training=False, in_float32=bool(call.within))
        flat = keras.tree.flatten(results)
        known.update((id(value), x) for value, x in zip(call.results, flat, strict=True))
    return known


def _first_layer(
    computation: Computation, others: Computation, inputs: list[Any], noise: float
) -> str | None:
    known, found = _run_calls(computation, inputs), _run_calls(others, inputs)
    by_name = {call.operation.name: call for call in others.calls}
    for call in computation.calls:
        other = by_name.get(call.operation.name)
        if other is None or other.results[0].spec.shape != call.results[0].spec.shape:
            continue
        if differ(found[id(other.results[0])], known[id(call.results[0])], noise):
            return described(call.operation)
    return None


def noise_of(model: Any, computation: Computation | None = None) -> float:
    """Noise over signal that float arithmetic explains, in the types that a model computes in.

    Args:
        model: whose layers have policies.
        computation: the model, taken apart, where its own casts count too.
    """
    types = [str(layer.compute_dtype) for layer in private.layers_in(model)]
    for call in computation.calls if computation else ():
        types += [str(value.spec.dtype) for value in call.results]
    return _FLOAT16_NOISE if _NARROW.intersection(types) else FLOAT32_NOISE


def differ(found: Any, expected: Any, noise: float) -> bool:
    """Whether two results differ by more than `noise`, relative to the expected one."""
    if tuple(found.shape) != tuple(expected.shape):
        return True
    if not math.prod(expected.shape):
        return False
    found, expected = _array(found), _array(expected)
    # Where the original is no number, as the root of a negative one, nothing is right or wrong.
    finite, undefined = _finite(expected), np.isnan(expected)
    if ((_finite(found) != finite) & ~undefined).mean() > noise:
        return True
    error, signal = found[finite] - expected[finite], expected[finite]
    if not error.size:
        return False
    floor = _NOTHING * max(1.0, float(np.abs(signal).max()))
    return float(np.sqrt(np.mean(error**2))) > noise * float(np.sqrt(np.mean(signal**2))) + floor


def _finite(x: np.ndarray) -> np.ndarray:
    """Where numbers are finite; kernels that clamp theirs have the largest one for infinity."""
    return np.abs(x) < np.finfo(np.float32).max


def _array(x: Any) -> np.ndarray:
    """A result, or of a large one numbers from all its rows, columns and channels."""
    flat = (x if isinstance(x, np.ndarray) else keras.ops.convert_to_numpy(x)).reshape(-1)
    if flat.size > _COMPARED:
        step = flat.size // _COMPARED
        while math.gcd(step, flat.size) > 1:
            step += 1
        flat = flat[::step]
    return flat.astype(np.float64)


def difference(found: Any, expected: Any) -> str:
    """How two results differ, as the end of a sentence."""
    if tuple(found.shape) != tuple(expected.shape):
        return f"its shape is {tuple(found.shape)}, not {tuple(expected.shape)}"
    found, expected = _array(found), _array(expected)
    finite = _finite(found) & _finite(expected)
    if not finite.all():
        unlike = int((_finite(found) != _finite(expected)).sum())
        return f"{unlike} of {found.size} numbers are finite in one of both alone"
    error, signal = np.mean((found - expected) ** 2), np.mean(expected**2)
    ratio = 10 * np.log10(signal / error) if error > 0 and signal > 0 else 0.0
    return f"without any rounding its signal to noise ratio is {ratio:.1f} dB"


def _sentence(what: str, model: Any, found: _Difference) -> str:
    return (
        f"{what} would change what model '{model.name}' computes, from {found.where} on: "
        f"{difference(found.found, found.expected)}. This is a fault of tfedge, please report the "
        "layer; check=False goes on all the same"
    )
