"""Random graphs of random layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from random_keras.layers import LAYERS, OPERATIONS, arguments, text
from random_keras.program import Program

_SHAPES = [(6,), (4,), (5, 4), (4, 4), (3, 6), (6, 5, 4), (4, 4, 4), (5, 6, 2)]
# Names that users give and that collide with those of wrappers, inputs and copies.
_NAMES = ["dense", "dense_1", "a", "a_quantize", "b", "out", "relu", "conv2d"]
_MERGES = ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"]
_CONSTANTS = ["0.5", "2.0", "-1.0", "1.25"]


def random_program(seed: int, index: int) -> Program:
    """The program of this number: its last line makes `model`."""
    rng = np.random.default_rng([seed, index])
    program = Program(rng)
    _inputs(program)
    wanted = int(rng.integers(1, 7))
    for _ in range(4 * wanted):
        if len(program.lines) < wanted + 4:
            _grow(program)
    _finish(program)
    return program


def _inputs(program: Program) -> None:
    rng = program.rng
    names = ["a", "b", "c"]
    for _ in range(1 + int(rng.random() < 0.35) + int(rng.random() < 0.1)):
        shape = program.choice(_SHAPES)
        if program.inputs and program.chance(0.6):
            shape = program.shape(program.inputs[0])
        named = f", name={program.unused_name(names)!r}" if program.chance(0.5) else ""
        program.add(f"keras.Input({shape}{named})")
    if program.chance(0.15):
        tokens = program.add(f"keras.Input(({program.choice([3, 5])},), dtype='int32')")
        program.add(f"L.Embedding(5, 4, mask_zero={program.chance(0.5)})({tokens})")


def _finish(program: Program) -> None:
    outputs = program.unread() or [list(program.tensors)[-1]]
    if program.chance(0.15):
        outputs.append(program.choice(_real_tensors(program)))
    outputs = outputs[-3:]
    made = ", ".join(program.inputs)
    listed = ", ".join(outputs)
    if len(outputs) == 1 and program.chance(0.9):
        program.add_model(f"keras.Model([{made}], {listed})")
    elif program.chance(0.3):
        named = ", ".join(f"'y{n}': {name}" for n, name in enumerate(outputs))
        program.add_model(f"keras.Model([{made}], {{{named}}})")
    else:
        program.add_model(f"keras.Model([{made}], [{listed}])")


def _real_tensors(program: Program) -> list[str]:
    return [name for name, tensor in program.tensors.items() if "float" in tensor.dtype]


def _grow(program: Program) -> None:
    weights = np.array([weight for _, weight in _WAYS], float)
    number = int(program.rng.choice(len(_WAYS), p=weights / weights.sum()))
    _WAYS[number][0](program)


def _layer(program: Program) -> None:
    """A layer of the table on a tensor of a rank that it takes."""
    name = program.choice(LAYERS)
    row = LAYERS[name]
    operand = program.pick(*row.ranks)
    if operand is None:
        return
    given = arguments(row, program.rng, program.shape(operand))
    if program.chance(0.1) and (unused := program.unused_name(_NAMES)):
        given["name"] = unused
    made = f"L.{name}({text(given)})"
    if program.chance(0.25):
        layer = program.add(made, "layer")
        if layer is None:
            return
        made = layer
    program.add(f"{made}({operand})")


def _wrapped(program: Program) -> None:
    """Bidirectional recurrent layers, and layers on every step."""
    operand = program.pick(3, 4)
    if operand is None:
        return
    if len(program.shape(operand)) == 2 and program.chance(0.5):
        name = program.choice(["LSTM", "GRU", "SimpleRNN"])
        given = arguments(LAYERS[name], program.rng, program.shape(operand))
        merge = program.choice(["concat", "sum", "mul", "ave", None])
        program.add(f"L.Bidirectional(L.{name}({text(given)}), merge_mode={merge!r})({operand})")
        return
    name = program.choice(["Dense", "Conv1D", "BatchNormalization", "ReLU", "Flatten", "Permute"])
    given = arguments(LAYERS[name], program.rng, program.shape(operand)[1:])
    program.add(f"L.TimeDistributed(L.{name}({text(given)}))({operand})")


def _shared_layer(program: Program) -> None:
    """A layer once more."""
    if program.layers:
        operand = program.pick()
        if operand:
            program.add(f"{program.choice(program.layers)}({operand})")


def _merge(program: Program) -> None:
    """Tensors of one shape, some of them more than once."""
    first = program.pick()
    if first is None:
        return
    count = program.choice([2, 2, 2, 3, 4])
    operands = [first, *(program.choice(program.like(first)) for _ in range(count - 1))]
    program.rng.shuffle(operands)
    name = program.choice(_MERGES)
    given = {}
    if name == "Concatenate" and program.chance(0.5):
        given["axis"] = int(program.rng.integers(1, len(program.shape(first)) + 1))
    if name == "Subtract":
        operands = operands[:2]
    listed = f"[{', '.join(operands)}]"
    program.add(f"L.{name}({text(given)})({'inputs=' if program.chance(0.1) else ''}{listed})")


def _dot(program: Program) -> None:
    first = program.pick(2, 3)
    if first is None:
        return
    second = program.choice(program.like(first))
    axes = program.choice([1, 2, -1, (1, 2), (2, 1)])
    normalize = program.choice(["", "", ", normalize=True"])
    program.add(f"L.Dot({axes}{normalize})([{first}, {second}])")


def _arithmetic(program: Program) -> None:
    """Python's operators, and the functions that they stand for."""
    first = program.pick()
    if first is None:
        return
    second = program.choice([*program.like(first), *program.choice([[], _CONSTANTS])])
    if program.chance(0.3):
        first, second = second, first
    form = program.choice([
        "{} + {}", "{} - {}", "{} * {}", "ops.add({}, {})", "ops.subtract(x2={1}, x1={0})",
        "ops.multiply({}, {})", "ops.maximum({}, {})", "ops.minimum({}, {})",
        "ops.subtract({}, {})", "{} / (ops.abs({}) + 1.0)", "{} / {}",
    ])  # fmt: skip
    program.add(form.format(first, second))


def _operation(program: Program) -> None:
    name = program.choice(OPERATIONS)
    row = OPERATIONS[name]
    operand = program.pick(*row.ranks)
    if operand is None:
        return
    given = text(arguments(row, program.rng, program.shape(operand)))
    program.add(f"ops.{name}({operand}{', ' if given else ''}{given})")


def _several_operands(program: Program) -> None:
    """Operations of two tensors that are no arithmetic."""
    first = program.pick()
    if first is None:
        return
    second = program.choice(program.like(first))
    rank = len(program.shape(first)) + 1
    axis = int(program.rng.integers(1, rank))
    forms = [
        "ops.concatenate([{0}, {1}, {0}], axis={2})", "ops.stack([{0}, {1}], axis={2})",
        "ops.where({0} > {1}, {0}, {1})", "ops.where({0} > 0, {1}, 0.5)",
        "ops.einsum('bi,bi->b' if {3} == 2 else 'bij,bkj->bik', {0}, {1})",
    ]  # fmt: skip
    if rank > 2:  # else of a batch's samples with each other
        forms += ["ops.matmul({0}, ops.swapaxes({1}, -1, -2))", "ops.matmul({0}, {1})"]
    form = program.choice(forms)
    program.add(form.format(first, second, axis, rank))


def _mixed(program: Program) -> None:
    """Masks and counts among real numbers, as Keras casts them."""
    first = program.pick()
    if first is None:
        return
    second = program.choice(program.like(first))
    axis = int(program.rng.integers(1, len(program.shape(first)) + 1))
    other = program.choice([
        "({} > 0)", "ops.cast({} > 0, 'int32')", "ops.logical_not({} > 0.5)", "ops.isfinite({})",
    ]).format(second)  # fmt: skip
    form = program.choice([
        "{0} * {1}", "{1} - {0}", "{1} + {0}", "L.Multiply()([{0}, {1}])", "L.Add()([{1}, {0}])",
        "ops.minimum({0}, {1})", "ops.where({2} < 0, {0}, {1})", "L.Dense(3)({1})",
        "ops.concatenate([{0}, {1}], axis={3})", "L.Dot({3})([{0}, {1}])",
        "ops.mean({1}, axis={3}, keepdims=True) * {0}", "{0} + 0.5 * ops.cast({1}, 'float32')",
    ])  # fmt: skip
    program.add(form.format(first, other, second, axis))


def _slice(program: Program) -> None:
    operand = program.pick()
    if operand is None:
        return
    parts = [":"]
    for size in program.shape(operand):
        parts.append(program.choice([":", ":", "1:", ":-1", "::2", "0", f"{size - 1}", "None, :"]))
    if program.chance(0.2):
        parts = ["...", parts[-1]]
    program.add(f"{operand}[{', '.join(parts)}]")


def _attention(program: Program) -> None:
    """Attention with operands in any order, by position or name, and masks."""
    query = program.pick(3)
    if query is None:
        return
    like = [
        name
        for name in _real_tensors(program)
        if len(program.shape(name)) == 2 and program.shape(name)[-1] == program.shape(query)[-1]
    ]
    value = program.choice(like)
    key = program.choice([n for n in like if program.shape(n) == program.shape(value)])
    rows, columns = program.shape(query)[0], program.shape(value)[0]
    mask = None
    if program.chance(0.3):
        scores = f"ops.matmul({query}, ops.swapaxes({value}, 1, 2))"
        mask = program.add(f"{scores} + 100.0 * ops.eye({rows}, {columns}) > 0", "mask")
    options = [f"attention_mask={mask}"] if mask else []
    if program.chance(0.3):
        options.append("use_causal_mask=True")
    kind = program.choice(["MultiHeadAttention", "MultiHeadAttention", "GroupQueryAttention",
                           "Attention", "AdditiveAttention"])  # fmt: skip
    if kind in ("Attention", "AdditiveAttention"):
        operands = program.choice([f"[{query}, {value}]", f"[{query}, {value}, {key}]"])
        options = [option for option in options if "causal" in option]
        program.add(f"L.{kind}()({', '.join([operands, *options])})")
        return
    layer = {
        "MultiHeadAttention": "L.MultiHeadAttention(2, 3{})",
        "GroupQueryAttention": "L.GroupQueryAttention(3, 2, 1{})",
    }[kind].format(program.choice(["", "", ", use_bias=False", ", dropout=0.5", ", use_gate=True"]))
    operands = program.choice([
        f"{query}, {value}", f"{query}, {value}, {key}", f"query={query}, key={key}, value={value}",
        f"{query}, {value}, key={key}", f"key={key}, value={value}, query={query}",
    ])  # fmt: skip
    program.add(f"{layer}({', '.join([operands, *options])})")


def _masked(program: Program) -> None:
    """Layers that take a mask, with one of their own."""
    operand = program.pick(3)
    if operand is None:
        return
    mask = program.add(f"ops.sum({operand}, axis=-1) > -1.0", "mask")
    if mask is None:
        return
    layer = program.choice([
        "L.LSTM(3, return_sequences=True)", "L.GRU(2)", "L.SimpleRNN(3)",
        "L.GlobalAveragePooling1D()", "L.BatchNormalization()", "L.Bidirectional(L.LSTM(2))",
        "L.TimeDistributed(L.Dense(3))", "L.RNN(L.GRUCell(2), zero_output_for_mask=True)",
        "L.LSTM(2, unroll=True, go_backwards=True, zero_output_for_mask=True)",
        "L.Bidirectional(L.GRU(2, return_sequences=True, unroll=True))",
    ])  # fmt: skip
    program.add(f"{layer}({operand}, mask={mask})")


def _initial_state(program: Program) -> None:
    operand, state = program.pick(3), program.pick(2)
    if operand is None or state is None:
        return
    units = program.shape(state)[0]
    program.add(f"L.GRU({units}, return_sequences=True)({operand}, initial_state={state})")


def _always_training(program: Program) -> None:
    """Batch statistics, asked for by the call."""
    operand = program.pick()
    if operand is not None:
        program.add(f"L.BatchNormalization()({operand}, training=True)")


def _nested(program: Program) -> None:
    """A model in the model, called once or twice."""
    operand = program.pick()
    if operand is None:
        return
    count = sum("keras.Input" in line for line in program.lines)
    inner = Program(program.rng, f"n{len(program.lines)}_{count}_")
    inner.add(f"keras.Input({program.shape(operand)})")
    two = program.chance(0.3)
    if two:
        inner.add(f"keras.Input({program.shape(operand)})")
    for _ in range(int(program.rng.integers(1, 4))):
        program.choice([_layer, _layer, _merge, _arithmetic])(inner)
    unread = inner.unread() or [list(inner.tensors)[-1]]
    if len(inner.lines) == 1 + two or any(name in unread for name in inner.inputs):
        return
    outputs = unread[0] if len(unread) == 1 else f"[{', '.join(unread)}]"
    for line in inner.lines:
        exec(line, program.namespace)
        program.lines.append(line)
    model = program.add(f"keras.Model([{', '.join(inner.inputs)}], {outputs})", "net")
    if model is None:
        return
    program.layers.pop(model)
    for _ in range(program.choice([1, 1, 2])):
        operands = [program.choice(program.like(operand)) for _ in inner.inputs]
        program.add(f"{model}([{', '.join(operands)}])" if two else f"{model}({operands[0]})")


_WAYS: list[tuple[Callable[[Program], None], float]] = [
    (_layer, 8), (_merge, 2.5), (_arithmetic, 2), (_operation, 2), (_shared_layer, 1.5),
    (_wrapped, 0.7), (_nested, 1), (_attention, 1), (_masked, 0.7), (_several_operands, 1),
    (_slice, 0.7), (_mixed, 0.7), (_dot, 0.4), (_initial_state, 0.2), (_always_training, 0.1),
]  # fmt: skip
