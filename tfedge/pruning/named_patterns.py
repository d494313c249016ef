"""Patterns by their names, those of cores among them."""

from __future__ import annotations

import re
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.pruning.patterns import NM, Blocks, Channels, InputBlocks, Pattern, Unstructured

_NAMED: dict[str, type[Pattern]] = {"unstructured": Unstructured, "channels": Channels}
_WRITTEN: dict[str, type[Pattern]] = {":": NM, "x": Blocks}

# How many input values of one output kernels in C leave out together, by what target files call
# the core: with four, three quarters of zeros made inner loops 1.6 to 2.5 times as fast on
# Cortex-M4. The empty name is that of cores that tfedge does not compile for; they get the same C.
_BLOCKS_OF_CORES: dict[str, int] = {
    "": 4,
    "cortex-m0": 4,
    "cortex-m3": 4,
    "cortex-m33": 4,
    "cortex-m4": 4,
    "cortex-m55": 4,
    "cortex-m7": 4,
    "host": 4,
    "rv32imc": 4,
    "rv64gc": 4,
}


def get(pattern: Any) -> Pattern:
    """A pattern from what users give: an object, its name, (rows, columns), or a target's name.

    Raises:
        TfedgeError: it is none of these, or the target has no kernels that leave out weights.
    """
    if isinstance(pattern, Pattern):
        return pattern
    if isinstance(pattern, (tuple, list)) and len(pattern) == 2:
        return Blocks(*pattern)
    if isinstance(pattern, str):
        if pattern in _NAMED:
            return _NAMED[pattern]()
        written = re.fullmatch(r"(\d+)([:x])(\d+)", pattern)
        if written:
            return _WRITTEN[written[2]](int(written[1]), int(written[3]))  # type: ignore[call-arg]
    return _of_target(pattern)


def _of_target(name: Any) -> Pattern:
    """The pattern of the core of a target, for which `tfedge.targets` is asked."""
    from tfedge import targets

    known = targets.names()
    if not isinstance(name, str) or not (name in known or name.endswith(".json")):
        raise TfedgeError(
            "a pattern is 'unstructured', 'channels', N:M such as '2:4', a block such as '1x4', "
            "(rows, columns), or the name of a target such as 'cortex-m4', not "
            f"{name!r}{near(name, (*_NAMED, *known))}"
        )
    target = targets.load(name)
    if target.backend != "c" or target.core not in _BLOCKS_OF_CORES:
        raise TfedgeError(
            f"target '{name}' has no pattern of its own: tfedge knows of no kernels there that "
            "leave out weights; choose 'unstructured', '2:4' or '1x4', or the name of a target "
            "for generated C, such as 'cortex-m4'"
        )
    return InputBlocks(_BLOCKS_OF_CORES[target.core])
