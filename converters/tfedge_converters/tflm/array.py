"""A model as a C array, with the operator resolver that TFLite Micro needs for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

import tfedge
from tfedge_converters.c import arrays
from tfedge_converters.c.set_id import PLACEHOLDER, tied
from tfedge_converters.foreign_text import Code, check_model_name, code_templates
from tfedge_converters.graph.blockwise_scales import refuse_blocks
from tfedge_converters.graph.types import Model
from tfedge_converters.tflm.arena import arena_bytes
from tfedge_converters.tflm.offline_plan import planned_offsets
from tfedge_converters.tflm.resolver import resolver_methods

# TFLite Micro reads tensors in place, and its kernels load whole vectors.
ALIGNMENT = 16


def generate_array(
    model: Model,
    flatbuffer: bytes,
    name: str,
    methods: list[str] | None = None,
    entries: Mapping[str, bytes] | None = None,
) -> dict[str, str]:
    """The files `<name>_model_data.h`, `<name>_model_data.c` and `<name>_op_resolver.h`.

    Args:
        model: the typed model.
        flatbuffer: its bytes, or what a compiler made of them.
        name: one that `foreign_text.check_model_name` takes.
        methods: what registers the operators of `flatbuffer`; None for those of `model`.
        entries: the file's metadata, where a plan of memory may be.

    Raises:
        TfedgeError: `name` cannot be that of a model.
        UnsupportedError: TFLite Micro has no kernel for an operator.
    """
    for graph in model.graphs:
        refuse_blocks(graph, "TFLite Micro")
    arena = None
    if methods is None:
        methods = resolver_methods(model)
        arena = arena_bytes(model.graphs, planned_offsets(model.main, entries or {}))
    context = {
        "arena": arena,
        "version": tfedge.__version__,
        "set_id": Code(PLACEHOLDER),
        "hash": hashlib.sha256(flatbuffer).hexdigest(),
        "name": check_model_name(name),
        "NAME": name.upper(),
        "alignment": ALIGNMENT,
        "size": len(flatbuffer),
        "data": Code(arrays.initializer(np.frombuffer(flatbuffer, np.uint8))),
        "methods": methods,
        "stateful": any(tensor.is_variable for graph in model.graphs for tensor in graph.tensors()),
    }
    templates = code_templates("tfedge_converters.tflm")
    return tied(
        {
            f"{name}_{file}": templates.get_template(f"{file}.j2").render(context)
            for file in ("model_data.h", "model_data.c", "op_resolver.h")
        }
    )
