"""Rewrites of operators that an accelerator does not take.

Target files name these changes. Trying one on a copy of the graph says what it would gain; exact
ones can also be made (`accelerators/fitting.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tfedge_converters.accelerators.rewrites import (
    activations,
    approximate,
    convolutions,
    inputs_and_outputs,
    movement,
    versions,
)
from tfedge_converters.graph.types import Graph, Operator


@dataclass(frozen=True)
class Rewrite:
    """A change of the graph that lets an accelerator compute an operator.

    Attributes:
        what: what to do, for people, to follow "operators 3, 7: ".
        make: does what `attempt` promises, for operators that are as the schema wants them; raises
            before it changes anything where they are not.
        exact: whether every output bit stays, so that it can be made without asking.
    """

    what: str
    make: Callable[[Graph, Operator], bool]
    exact: bool = False

    def attempt(self, graph: Graph, operator: Operator) -> bool:
        """Change the graph, in place, at an operator; say whether it could.

        A malformed operator, without the options or operands that its code asks for, stays.
        """
        try:
            return self.make(graph, operator)
        except (AttributeError, IndexError, TypeError, ValueError, ZeroDivisionError):
            return False


REWRITES: Mapping[str, Rewrite] = MappingProxyType(
    {
        "activation_to_relu": Rewrite("use ReLU instead", approximate.activation_to_relu),
        "batch_1": Rewrite("export with batch 1", inputs_and_outputs.take_one_sample),
        "dense_rows_to_convolution": Rewrite(
            "compute dense layers on rows as 1x1 convolutions",
            convolutions.dense_to_convolution,
            True,
        ),
        "equal_dilation": Rewrite(
            "give both dimensions one dilation, where the kernel has size 1 in the other",
            convolutions.equal_dilation,
            True,
        ),
        "gather_to_slice": Rewrite(
            "slice what constant indices pick in a row", movement.gather_to_slice, True
        ),
        "groups_to_split": Rewrite(
            "convolve the groups one by one, between Split and Concatenate",
            convolutions.groups_to_split,
            True,
        ),
        "hard_swish_to_silu": Rewrite(
            "use SiLU (x * sigmoid(x)) instead of hard swish", approximate.hard_swish_to_silu
        ),
        "integer_ends": Rewrite(
            "let the model take and give integers instead of float32",
            inputs_and_outputs.take_integers,
        ),
        "leaky_relu_to_prelu": Rewrite(
            "use PReLU(shared_axes=[1, 2]) instead of LeakyReLU",
            activations.leaky_relu_to_prelu,
            True,
        ),
        "lowest_version": Rewrite(
            "write the lowest version of the operator", versions.lowest_version, True
        ),
        "pixel_to_tile": Rewrite(
            "repeat one pixel instead of resizing it", movement.pixel_to_tile, True
        ),
        "plain_slice": Rewrite("slice by numbers, then reshape", movement.plain_slice, True),
        "repeat_to_resize": Rewrite(
            "write repeated pixels (UpSampling2D) as one resize", movement.repeat_to_resize, True
        ),
        "resize_in_steps": Rewrite("resize in steps of at most 8", approximate.resize_in_steps),
        "split_to_slices": Rewrite(
            "slice the parts instead of SPLIT_V", movement.split_to_slices, True
        ),
        "to_host": Rewrite(
            "end the model before it, and compute it on the host", inputs_and_outputs.cut_before
        ),
        "unfuse_activation": Rewrite(
            "apply the activation in an operator of its own", activations.unfuse_activation, True
        ),
        "unpack_to_split": Rewrite(
            "split and reshape instead of UNPACK", movement.unpack_to_split, True
        ),
    }
)
