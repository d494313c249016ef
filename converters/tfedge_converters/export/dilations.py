"""Restoration of dilated convolutions as one operator.

TensorFlow runs a dilated convolution as SPACE_TO_BATCH_ND, a plain convolution and
BATCH_TO_SPACE_ND. TFLite's converter writes one CONV_2D instead, but not where two convolutions
share the SPACE_TO_BATCH_ND, as branches of the same dilation do; biases then stay apart, too.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.graph.making import integers, like, reshape

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def restore_dilations(model: Model) -> None:
    """Replace convolutions between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, in place.

    What nobody reads any more stays, for a pass to remove.
    """
    for graph in model.graphs:
        _Restorer(graph).run()


@dataclass(frozen=True)
class _Chain:
    """SPACE_TO_BATCH_ND, a convolution that only BATCH_TO_SPACE_ND reads, and that.

    Attributes:
        source: what is convolved, [batch, sizes, channels].
        convolution: the operator in between.
        edges: [sizes, 2]: zeros that the dilated convolution adds before and behind.
        dilation: by size.
        result: of the chain.
    """

    source: Tensor
    convolution: Operator
    edges: np.ndarray
    dilation: tuple[int, ...]
    result: Tensor


class _Restorer:
    def __init__(self, graph: Graph):
        self._graph = graph
        self._makers = {id(t): operator for operator in graph.operators for t in operator.outputs}
        self._readers: dict[int, list[Operator]] = defaultdict(list)
        for operator in graph.operators:
            for tensor in operator.inputs:
                self._readers[id(tensor)].append(operator)
        self._outputs = {id(tensor) for tensor in graph.outputs}

    def run(self) -> None:
        replaced: dict[int, list[Operator]] = {}
        for operator in self._graph.operators:
            chain = self._chain(operator)
            if chain is not None:
                bias = self._bias(chain)
                last = operator if bias is None else bias[0]
                replaced[id(last)] = _operators(chain, bias)
                if bias is not None:
                    replaced[id(operator)] = []
        self._graph.operators = [
            made for one in self._graph.operators for made in replaced.get(id(one), [one])
        ]

    def _chain(self, last: Operator) -> _Chain | None:
        if last.code != "BATCH_TO_SPACE_ND":
            return None
        convolution = self._behind_reshape(last.inputs[0])
        if convolution is None or convolution.code not in _CONVOLUTIONS:
            return None
        first = self._behind_reshape(convolution.inputs[0], shared=True)
        if first is None or first.code != "SPACE_TO_BATCH_ND" or not _is_plain(convolution):
            return None
        blocks, padded, crops = _amounts(first), _amounts(first, 2), _amounts(last, 2)
        source = first.inputs[0]
        after = _amounts(last)
        if source is None or blocks is None or after is None or padded is None or crops is None:
            return None
        edges = padded - crops
        if not np.array_equal(blocks, after) or edges.min() < 0:
            return None
        if len(edges) != len(source.shape) - 2 or not self._fits(first, source):
            return None
        dilation = tuple(int(block) for block in blocks)
        return _Chain(source, convolution, edges, dilation, last.outputs[0])

    def _behind_reshape(self, tensor: Tensor | None, shared: bool = False) -> Operator | None:
        """Find what makes a tensor, but for its shape, if nobody else reads it or that may be."""
        while tensor is not None:
            read_once = len(self._readers[id(tensor)]) == 1 and id(tensor) not in self._outputs
            maker = self._makers.get(id(tensor))
            if maker is None or not (read_once or shared):
                return None
            if maker.code != "RESHAPE":
                return maker
            tensor = maker.inputs[0]
        return None

    def _fits(self, first: Operator, source: Tensor) -> bool:
        """Whether a sequence is convolved as an image of one row; images are what they are."""
        if len(source.shape) == 4:
            return True
        readers = self._readers[id(first.outputs[0])]
        return len(source.shape) == 3 and all(
            reader.code == "RESHAPE" and reader.outputs[0].shape[1] == 1 for reader in readers
        )

    def _bias(self, chain: _Chain) -> tuple[Operator, Tensor] | None:
        """The ADD of a vector behind a chain that has none yet."""
        readers = self._readers[id(chain.result)]
        if len(readers) != 1 or readers[0].code != "ADD" or id(chain.result) in self._outputs:
            return None
        own = chain.convolution.inputs[2] if len(chain.convolution.inputs) > 2 else None
        if own is not None and (own.data is None or own.data.any()):
            return None
        addend = next((t for t in readers[0].inputs if t is not chain.result), None)
        channels = (chain.result.shape[-1],)
        if addend is None or addend.data is None or addend.shape != channels:
            return None
        return readers[0], addend


def _is_plain(convolution: Operator) -> bool:
    options = convolution.options
    return (
        options.padding == schema.Padding.VALID
        and options.strideH == options.strideW == 1
        and options.dilationHFactor == options.dilationWFactor == 1
        and not options.fusedActivationFunction
    )


def _amounts(operator: Operator, index: int = 1) -> np.ndarray | None:
    tensor = operator.inputs[index]
    return None if tensor is None else tensor.data


def _operators(chain: _Chain, bias: tuple[Operator, Tensor] | None) -> list[Operator]:
    """The dilated convolution, and what makes its operand and its result."""
    result = chain.result if bias is None else bias[0].outputs[0]
    source = chain.source
    made: list[Operator] = []
    if len(source.shape) == 3:
        row = like(result, "row", _as_image(source.shape))
        made.append(reshape(source, row))
        source = row
    dilation = (1, *chain.dilation) if len(chain.dilation) == 1 else chain.dilation
    edges = np.pad(chain.edges, [(2 - len(chain.edges), 0), (0, 0)])
    kernel = chain.convolution.inputs[1]
    assert kernel is not None
    reach = [(size - 1) * step for size, step in zip(kernel.shape[1:3], dilation, strict=True)]
    same = [[total // 2, total - total // 2] for total in reach]
    options = copy.copy(chain.convolution.options)
    options.dilationHFactor, options.dilationWFactor = dilation
    if bias is not None:
        options.fusedActivationFunction = bias[0].options.fusedActivationFunction
    if edges.any() and np.array_equal(edges, same):
        options.padding = schema.Padding.SAME
    elif edges.any():
        made.append(_padded(source, edges, result))
        source = made[-1].outputs[0]
    inputs = [source, *chain.convolution.inputs[1:]]
    if bias is not None:
        inputs = [source, kernel, bias[1]]
    convolution = replace(chain.convolution, inputs=inputs, options=options)
    if len(chain.source.shape) == 4:
        return [*made, replace(convolution, outputs=[result])]
    convolved = like(result, "convolved", _as_image(result.shape))
    return [*made, replace(convolution, outputs=[convolved]), reshape(convolved, result)]


def _as_image(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], 1, *shape[1:])


def _padded(source: Tensor, edges: np.ndarray, result: Tensor) -> Operator:
    """Zeros around an image, on the way to a result."""
    amounts = np.pad(edges, [(1, 1), (0, 0)])
    sizes = zip(source.shape, amounts, strict=True)
    shape = tuple(int(size + before + behind) for size, (before, behind) in sizes)
    padded = like(result, "padded", shape)
    return Operator(
        "PAD", [source, integers(padded, "edges", amounts)], [padded], schema.PadOptionsT()
    )
