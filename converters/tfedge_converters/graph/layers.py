"""Names and numbers of a graph's layers: the same in every table, file and message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from tfedge.terminal_text import readable
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.sequences import memories
from tfedge_converters.graph.types import Graph, Operator, Tensor

# Scopes that TensorFlow opens within one layer: nobody has called anything so.
_INNER_SCOPES = frozenset({"Tensordot", "batchnorm"})

# Longer paths than that are known as a whole only.
_DEEPEST = 4


def needed_operators(graph: Graph) -> list[Operator]:
    """The operators that the graph's outputs depend on, in this invocation or a later one."""
    wanted = {id(tensor) for tensor in graph.outputs}
    wanted.update(id(memory.state) for memory in memories(graph))
    needed = []
    for operator in reversed(graph.operators):
        if any(id(tensor) in wanted for tensor in operator.outputs):
            needed.append(operator)
            wanted.update(id(tensor) for tensor in operator.inputs)
    return needed[::-1]


def layer_numbers(graph: Graph) -> dict[int, int]:
    """The number of the layer of an integer graph that makes a tensor, by the tensor's identity.

    Layers are what generated C has a function for: every operator that the outputs depend on, from
    0, with a function of one byte as one of them. What no layer makes has no number.
    """
    return {
        id(tensor): number
        for number, operator in enumerate(needed_operators(as_tables(graph)))
        for tensor in operator.outputs
    }


def layer_names(graph: Graph) -> dict[int, str]:
    """Short names of the graph's inputs and of what its operators make, by the tensor's identity.

    Converters call a tensor by the paths of all operations that it took, joined by semicolons. A
    short name is one that no other tensor of the graph answers to (`answers_to`): if it can be, the
    name of the Keras layer; else with the scopes around it, or the operation in it; else the whole.
    """
    # Copies of activations on other grids go by the name of the original.
    casts = [operator for operator in graph.operators if traits_of(operator.code).requantizes]
    copies = {id(tensor) for operator in casts for tensor in operator.outputs}
    made = [tensor for operator in graph.operators for tensor in operator.outputs]
    made = [*graph.inputs, *(tensor for tensor in made if id(tensor) not in copies)]
    counts = Counter(key for tensor in made for key in answers_to(tensor))
    names = {
        id(tensor): next(
            (key for key in _short_names(tensor) if counts[key] == 1), readable(tensor.name)
        )
        for tensor in made
    }
    for operator in casts:
        source = next(iter(operator.inputs), None)
        for tensor in operator.outputs:
            names[id(tensor)] = _copy_name(tensor, source, names)
    return names


def _copy_name(copy: Tensor, source: Tensor | None, names: Mapping[int, str]) -> str:
    """That of the original with what the copy's name has beyond it."""
    if source is None or not source.name or not copy.name.startswith(source.name):
        return readable(copy.name)
    rest = readable(copy.name.removeprefix(source.name))
    return names.get(id(source), readable(source.name)) + rest


def answers_to(tensor: Tensor | str) -> list[str]:
    """The names that a scheme may call a tensor by, the most telling first.

    These are its whole name, the paths that it is joined from, and parts of these paths: names of
    layers, with what they are in and what is in them.
    """
    name = tensor if isinstance(tensor, str) else tensor.name
    text = readable(name)
    paths = text.split(";")
    parts = [
        "/".join(segments[start : start + length])
        for length in range(_DEEPEST, 1, -1)
        for segments in (path.split("/") for path in paths)
        for start in range(len(segments) - length + 1)
    ]
    return list(dict.fromkeys([name, text, *paths, *parts, *re.split("[/;]", text)]))


def _short_names(tensor: Tensor) -> Iterator[str]:
    """From what a person would say to what is certain."""
    text = readable(tensor.name)
    paths = [path.split("/") for path in text.split(";")]
    layers = [
        [scope for scope in scopes if scope not in _INNER_SCOPES] or [operation]
        for *scopes, operation in paths
    ]
    yield from (layer[-1] for layer in layers)
    yield from ("/".join(path[-2:]) for path in paths)
    for depth in range(2, _DEEPEST + 1):
        yield from ("/".join(layer[-depth:]) for layer in layers)
    yield from (*text.split(";"), text)
