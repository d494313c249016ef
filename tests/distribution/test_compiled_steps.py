"""Training steps are what a TPU takes: XLA programs of static shapes that never ask the host."""

from __future__ import annotations

import re
from typing import Any

import keras
import pytest
import tensorflow as tf
from one_device import of_one_device
from techniques import BATCH, TECHNIQUES, compiled, data, distances, state_of

ASKS_THE_HOST = re.compile(
    r"PyFunc|HostCompute|ToHost|FromHost|HostSend|HostRecv|Infeed|Outfeed|Iterator|Print|Summary"
)
LEAVES_THE_PROGRAM = re.compile(r" (?:custom-call|infeed|outfeed|send|recv)\(")
DYNAMIC = re.compile(r"\[[\d,]*<=")


def operations(graph: Any) -> set[str]:
    """The types of all operations, of functions that are called too."""
    definition = graph.as_graph_def()
    nodes = [*definition.node]
    for function in definition.library.function:
        nodes += function.node_def
    return {node.op for node in nodes}


def offences(step: Any, batch: Any) -> list[str]:
    """What of a step a TPU would not take."""
    compiled_step = tf.function(step, jit_compile=True, autograph=False)
    graph = compiled_step.get_concrete_function(batch).graph
    found = [name for name in sorted(operations(graph)) if ASKS_THE_HOST.search(name)]
    if found:  # which XLA refuses, or prints with a warning
        return found
    hlo = compiled_step.experimental_get_compiler_ir(batch)(stage="hlo")
    assert "ENTRY" in hlo
    return LEAVES_THE_PROGRAM.findall(hlo) + DYNAMIC.findall(hlo)


def first_batch() -> tuple[Any, Any]:
    images, labels = data(BATCH)
    return tf.constant(images), tf.constant(labels)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_step_of(technique: str) -> None:
    """It trains to what it does without XLA; inspected is the step as it is at the end."""
    keras.utils.clear_session()
    model = compiled(technique, jit_compile=True)
    seen = []
    inspector = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: seen.append(offences(model.train_step, first_batch()))
    )
    callbacks = [*TECHNIQUES[technique].callbacks(), inspector]
    images, labels = data()
    model.fit(images, labels, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks)
    assert seen == [[]]
    assert max(distances(state_of(model), of_one_device(technique))) < 1e-4


def printed(batch: Any) -> Any:
    tf.print(tf.reduce_sum(batch[0]))
    return batch[0]


@pytest.mark.parametrize(
    ("step", "offence"),
    [
        (lambda batch: tf.numpy_function(lambda v: v, [batch[0]], tf.float32), "PyFunc"),
        (printed, "PrintV2"),
        (lambda batch: tf.boolean_mask(batch[0], batch[1] > 1), "[<="),
    ],
    ids=["host callback", "print", "dynamic shape"],
)
def test_offences_are_seen(step: Any, offence: str) -> None:
    assert any(offence in found for found in offences(step, first_batch()))
