"""Changes JSON at random: values of other kinds, keys of other names, more and less of both."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

_OTHERS = (
    *(None, True, 3, -1, 1.5, 1e300, 1 << 70, "", "x", "INT8", "1 +", "all(", "é\n\0", "x" * 2000),
    *([], {}, [1], ["a"], [[]], {"a": 1}),
)
_KEYS = ("x", "name", "é\n", "")
_LETTERS = "()[]*'\"+ ,.0x\n"


def mutant(value: Any, rng: random.Random) -> Any:
    """A copy with one to three changes."""
    changed = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        places = [place for place in _places(changed) if place]
        if places:
            _change(changed, rng.choice(places), rng)
    return changed


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    listed = enumerate(value) if isinstance(value, list) else ()
    for key, part in value.items() if isinstance(value, dict) else listed:
        yield from _places(part, (*above, key))


def _change(value: Any, place: tuple[Any, ...], rng: random.Random) -> None:
    *above, last = place
    for key in above:
        value = value[key]
    kind, old = rng.random(), value[last]
    if kind < 0.2 and isinstance(old, str) and old:
        at = rng.randrange(len(old))
        value[last] = old[:at] + rng.choice(_LETTERS) + old[at + 1 :]
    elif kind < 0.4 and isinstance(value, dict):
        value[rng.choice(_KEYS)] = value.pop(last)
    elif kind < 0.4:
        value.insert(last, copy.deepcopy(rng.choice(_OTHERS)))
    elif kind < 0.5:
        del value[last]
    else:
        value[last] = copy.deepcopy(rng.choice(_OTHERS))
