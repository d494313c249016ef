"""Proposals where there is no such target: its family, and similar names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfedge_converters.targets import Target

_SIMILAR = 3
# Fewer letters begin too many names.
_FEWEST_LETTERS = 3


def suggestion(given: str, known: Sequence[Target]) -> str:
    """Propose targets, in words that follow a semicolon.

    A part's full ordering code leads to the part, a family's name or a part of it that is not
    listed to its family, anything else to names that look alike.

    Args:
        given: the name that is none of theirs.
        known: all targets.
    """
    asked = _plain(given)
    longer = [t.name for t in known if (t.core or t.part) and asked.startswith(_plain(t.name))]
    if longer:
        return f"did you mean '{max(longer, key=len)}'?"
    members = [target.name for target in known if belongs(target, asked)]
    if len(members) == 1:
        return f"did you mean '{members[0]}'?"
    if members:
        return f"of this kind there are {', '.join(members)}"
    family = _family_of(asked, known)
    if family:
        names = [t.name for t in known if t.part is not None and t.part.family == family]
        base = next(t.core for t in known if t.name == names[0])
        more = f'; others: a file with "extends": "{base}"' if base else ""
        return f"of the family {family} there are {', '.join(names)}{more}"
    similar = get_close_matches(asked, {_plain(t.name): t.name for t in known}, _SIMILAR)
    if similar:
        by_plain = {_plain(target.name): target.name for target in known}
        return f"did you mean {' or '.join(repr(by_plain[name]) for name in similar)}?"
    cores = [target.name for target in known if target.part is None]
    families = sorted({target.part.family for target in known if target.part is not None})
    return f"there are {', '.join(cores)}, and parts of the families {', '.join(families)}"


def belongs(target: Target, asked: str) -> bool:
    """Whether a target's name, family or vendor is what was asked for, or begins so."""
    part = target.part
    if len(asked) < _FEWEST_LETTERS:
        return part is not None and _plain(part.vendor) == _plain(asked)
    names = [target.name] if part is None else [target.name, part.family, part.vendor]
    return any(_plain(name).startswith(_plain(asked)) for name in names)


def _family_of(asked: str, known: Sequence[Target]) -> str:
    """The family whose name begins what was asked for; empty if there is none."""
    families = {target.part.family for target in known if target.part is not None}
    fitting = [family for family in families if asked.startswith(_plain(family))]
    return max(fitting, key=len, default="")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
