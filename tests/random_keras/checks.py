"""What must hold for every model that is quantised: with rounding off it is still the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import keras
import numpy as np
from keras_layers.models import randomize
from outcomes import NO_MODEL, Outcome, WrongError, outcome_of
from random_keras.program import Program, needed_lines

import tfedge
from tfedge.quantization import schemes
from tfedge.quantization.phase import FLOAT
from tfedge.quantization.quantized_forward import attach, detach

# Float arithmetic in another order; far below one step of eight bits.
_TOLERANCE = 2e-4
_SAMPLES = 8


def inputs_for(model: Any, rng: np.random.Generator, count: int = _SAMPLES) -> list[np.ndarray]:
    """Normal numbers, and small integers where the model takes these."""
    return [
        rng.integers(0, 5, (count, *tensor.shape[1:])).astype(tensor.dtype)
        if "int" in tensor.dtype
        else rng.normal(size=(count, *tensor.shape[1:])).astype(np.float32)
        for tensor in model.inputs
    ]


def outputs_of(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Flat, in inference mode."""
    given = keras.tree.pack_sequence_as(model._inputs_struct, list(inputs))
    return [np.asarray(y) for y in keras.tree.flatten(model(given, training=False))]


def device_outputs(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Outputs without the masks that Keras hands on beside tensors, which devices do not have."""
    with mock.patch.object(keras.src.backend, "set_keras_mask", lambda x, mask: None):
        return outputs_of(model, inputs)


def difference(outputs: list[np.ndarray], wanted: list[np.ndarray]) -> str:
    """In words; empty where there is none but for the noise of float32."""
    if len(outputs) != len(wanted):
        return f"{len(outputs)} outputs, not {len(wanted)}"
    for index, (output, expected) in enumerate(zip(outputs, wanted, strict=True)):
        if output.shape != expected.shape:
            return f"output {index} has shape {output.shape}, not {expected.shape}"
        # What is nearly nothing is what is left of a difference.
        largest = max(float(np.abs(expected).max(initial=0)), 1e-2)
        far = float(np.abs(output.astype(np.float64) - expected).max(initial=0)) / largest
        if not far <= _TOLERANCE:
            return f"output {index} is off by {far:.2g} of its largest value"
    return ""


def quantized_form(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """`tfedge.quantize`, with rounding off."""
    quantized = tfedge.quantize(model)
    quantized.set_phase(FLOAT)
    return device_outputs(quantized, inputs)


def attached_form(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The model itself, as the callback changes it before the first step."""
    attach(model, schemes.get("int8"))
    try:
        return device_outputs(model, inputs)
    finally:
        detach(model)


Form = Callable[[Any, list[np.ndarray]], list[np.ndarray]]
FORMS: dict[str, Form] = {"quantize": quantized_form, "callback": attached_form}


def check(program: Program, seed: int) -> dict[str, Outcome]:
    """Both forms of a program's model."""
    rng = np.random.default_rng(seed)
    model = program.model
    if model is None:
        return {form: Outcome(NO_MODEL, "names") for form in FORMS}
    randomize(model, rng)
    inputs = inputs_for(model, rng)
    try:
        wanted = outputs_of(model, inputs)
    except Exception as error:  # what Keras builds and does not run
        return {form: Outcome(NO_MODEL, type(error).__name__) for form in FORMS}
    if not all(np.isfinite(output).all() for output in wanted if output.dtype.kind == "f"):
        return {form: Outcome(NO_MODEL, "not finite") for form in FORMS}
    return {form: _same(run, model, inputs, wanted) for form, run in FORMS.items()}


def _same(run: Form, model: Any, inputs: list[np.ndarray], wanted: list[np.ndarray]) -> Outcome:
    def trial() -> None:
        words = difference(run(model, inputs), wanted)
        if words:
            raise WrongError(words)

    return outcome_of(trial)


def smallest(program: Program, form: str, seed: int) -> list[str]:
    """The lines of the first tensor at which the form goes wrong: a model of its own."""
    for name, tensor in program.tensors.items():
        if "float" not in tensor.dtype or name in program.inputs:
            continue
        lines = needed_lines(program.lines, name)
        namespace = dict(program.namespace)
        used = [n for n in program.inputs if any(line.startswith(f"{n} =") for line in lines)]
        if not used:
            continue
        ending = f"model = keras.Model([{', '.join(used)}], {name})"
        try:
            exec(ending, namespace)
            rng = np.random.default_rng(seed)
            inputs = inputs_for(namespace["model"], rng)
            wanted = outputs_of(namespace["model"], inputs)
        except Exception:
            continue
        if _same(FORMS[form], namespace["model"], inputs, wanted).is_fault:
            return [*lines, ending]
    return program.lines
