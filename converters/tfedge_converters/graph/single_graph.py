"""Why a file has more than one graph, for what takes one alone."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.types import Graph, Model


def single_graph(model: Model, user: str) -> Graph:
    """The one graph of a model.

    Args:
        model: any.
        user: what takes one graph alone, in words that begin a sentence's part: "generated C".

    Raises:
        UnsupportedError: there are several; says whether they are functions of their own or parts
            of a loop or branch, and what to do.
    """
    if len(model.graphs) == 1:
        return model.main
    raise UnsupportedError(
        f"the model has {len(model.graphs)} graphs, {user} takes one: {_reason(model)}"
    )


def _reason(model: Model) -> str:
    for graph in model.graphs:
        for operator in graph.operators:
            if operator.code == "CALL_ONCE":
                return (
                    f"{graph.place(operator)} begins its variables. They can be kept where they "
                    "begin with constants, have one shape, type and grid each, and are assigned "
                    "what the model computes"
                )
            if traits_of(operator.code).runs_graphs:
                return (
                    f"{graph.place(operator)} runs another one, a loop or a branch. Export the "
                    "model without control flow: recurrent layers with unroll=True, no tf.cond or "
                    "tf.while_loop"
                )
    if len({id(signature.graph) for signature in model.signatures}) > 1:
        keys = ", ".join(f"'{signature.key}'" for signature in model.signatures)
        return (
            f"they are functions of their own ({keys}). Write a file of each: give "
            "TFLiteConverter.from_saved_model one of signature_keys, or from_concrete_functions "
            "one function"
        )
    names = ", ".join(f"'{graph.name}'" for graph in model.graphs)
    return f"they are called {names}. Export one function of the model"
