"""An accelerator as its target file describes it. docs/accelerators.md is the format's manual."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfedge.errors import TfedgeError
from tfedge_converters.accelerators.expressions import Expression
from tfedge_converters.accelerators.facts import ATTRIBUTES, FACTS

# What can be wrong with an operator, and what it is called where a file has no words of its own.
KINDS: Mapping[str, str] = {
    "operator": "there is no such operator on the accelerator",
    "version": "this version of the operator is unknown to the accelerator",
    "type": "a type that the accelerator does not compute with",
    "rank": "more dimensions than the accelerator knows",
    "constant": "a parameter that is not constant",
    "limit": "outside of the accelerator's limits",
    "region": "computed after something that stays on the CPU",
    "rejected": "the accelerator's compiler does not take it",
}

# How the accelerator's share of a graph may lie in it.
ANYWHERE, FIRST_REGION = "anywhere", "first"

_FACT_NAMES = frozenset(FACTS)


@dataclass(frozen=True)
class Condition:
    """What an operator must fulfil.

    Attributes:
        require: must be true.
        when: where that matters; None for always.
        kind: a key of `KINDS`.
        why: one sentence for people, with the numbers of the limit.
        advice: what to change in the model; empty if there is nothing to say.
        changes: names of `remedies.CHANGES` to try.
    """

    require: Expression
    when: Expression | None = None
    kind: str = "limit"
    why: str = ""
    advice: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OperatorRules:
    """What the accelerator computes of one operator.

    Attributes:
        versions: lowest and highest version of the operator; None for any.
        conditions: all of them must be fulfilled.
    """

    versions: tuple[int, int] | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why an operator that has no rules stays on the CPU, and what to do about it."""

    why: str = ""
    advice: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Memory:
    """What the accelerator has, and how it keeps parameters.

    Attributes:
        parameter_cache_bytes: on-chip memory for parameters; None if there
            is none of its own.
        working_bytes: for activations, of each of `tiles`; None if unknown.
        parameter_bytes: bytes that the parameters of an operator take there, by code.
        tiles: units that share the work.
        streamed_when: where parameters are sent for every run, even if there is room; None for
            nowhere.
    """

    parameter_cache_bytes: int | None = None
    working_bytes: int | None = None
    parameter_bytes: Mapping[str, Expression] = field(default_factory=dict)
    tiles: int = 1
    streamed_when: Expression | None = None


@dataclass(frozen=True)
class Accelerator:
    """What an accelerator computes.

    Attributes:
        name: what people call it.
        regions: `ANYWHERE`, or `FIRST_REGION` for the first connected share of a graph alone.
        words: what its own tools call each of `KINDS`, and "mapped".
        every_operator: conditions before anything else.
        operators: rules by operator code.
        refused: operators without rules about which there is something to say, by code.
        unlisted: what to say of all others without rules.
        sources: where the file's facts come from.
        memory: its memory.
        fixed_shapes: whether its tools want no size left open, in signatures of shapes either.
        lowest_versions: whether they know but the versions of operators that int8 needs.
    """

    name: str
    regions: str = ANYWHERE
    words: Mapping[str, str] = field(default_factory=dict)
    every_operator: tuple[Condition, ...] = ()
    operators: Mapping[str, OperatorRules] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    unlisted: Refusal = field(default_factory=Refusal)
    sources: tuple[str, ...] = ()
    memory: Memory = field(default_factory=Memory)
    fixed_shapes: bool = False
    lowest_versions: bool = False

    def word(self, kind: str) -> str:
        """What its tools call this kind of refusal."""
        return self.words.get(kind) or KINDS[kind]


def parse(fields: Mapping[str, Any], source: str) -> Accelerator:
    """Reads the "accelerator" of a target file.

    Args:
        fields: decoded JSON.
        source: what error messages call the file.

    Raises:
        TfedgeError: something is missing, misspelt or of another kind than it should be.
    """
    try:
        return _Parser(fields).accelerator()
    except TfedgeError as error:
        raise TfedgeError(f"{source}: accelerator: {error}") from None
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise TfedgeError(f"{source}: accelerator: malformed ({error})") from None


class _Parser:
    def __init__(self, fields: Mapping[str, Any]):
        _only(fields, _SECTIONS, "an accelerator")
        self.fields = fields
        self.named = {
            name: self._condition(given, f"conditions.{name}")
            for name, given in fields.get("conditions", {}).items()
        }

    def accelerator(self) -> Accelerator:
        fields = self.fields
        regions = fields.get("regions", ANYWHERE)
        _one_of(regions, (ANYWHERE, FIRST_REGION), "regions")
        words = fields.get("words", {})
        _only(words, {*KINDS, "mapped"}, "words")
        return Accelerator(
            name=str(fields["name"]),
            regions=regions,
            words={kind: str(word) for kind, word in words.items()},
            every_operator=self._conditions(fields.get("every_operator", []), "every_operator"),
            operators=self._operators(fields.get("operators", [])),
            refused=self._refused(fields.get("refused", [])),
            unlisted=self._refusal(fields.get("unlisted", {}), "unlisted"),
            sources=tuple(map(str, fields.get("sources", []))),
            memory=self._memory(fields.get("memory", {})),
            fixed_shapes=bool(fields.get("fixed_shapes", False)),
            lowest_versions=bool(fields.get("lowest_versions", False)),
        )

    def _operators(self, listed: list[Any]) -> dict[str, OperatorRules]:
        found: dict[str, OperatorRules] = {}
        for entry in listed:
            _only(entry, {"codes", "versions", "conditions"}, "an entry of operators")
            low, high = entry.get("versions", (None, None))
            rules = OperatorRules(
                None if low is None else (int(low), int(high)),
                self._conditions(entry.get("conditions", []), str(entry["codes"])),
            )
            for code in entry["codes"]:
                if code in found:
                    raise TfedgeError(f"operators: {code} is listed twice")
                found[code] = rules
        return found

    def _refused(self, listed: list[Any]) -> dict[str, Refusal]:
        found = {}
        for entry in listed:
            said = {key: value for key, value in entry.items() if key != "codes"}
            refusal = self._refusal(said, "an entry of refused")
            found.update(dict.fromkeys(entry["codes"], refusal))
        return found

    def _refusal(self, given: Mapping[str, Any], place: str) -> Refusal:
        _only(given, {"why", "advice", "changes"}, place)
        words = {key: str(given[key]) for key in ("why", "advice") if key in given}
        return Refusal(**words, changes=tuple(given.get("changes", ())))

    def _conditions(self, listed: list[Any], place: str) -> tuple[Condition, ...]:
        return tuple(self._named_or_own(given, place) for given in listed)

    def _named_or_own(self, given: Any, place: str) -> Condition:
        if not isinstance(given, str):
            return self._condition(given, place)
        if given not in self.named:
            raise TfedgeError(f"{place}: there is no condition '{given}'")
        return self.named[given]

    def _condition(self, given: Mapping[str, Any], place: str) -> Condition:
        _only(given, {"require", "when", "kind", "why", "advice", "changes"}, place)
        kind = given.get("kind", "limit")
        _one_of(kind, tuple(KINDS), f"{place}: kind")
        when = given.get("when")
        return Condition(
            require=self._expression(given["require"], place),
            when=None if when is None else self._expression(when, place),
            kind=kind,
            why=str(given.get("why", "")),
            advice=str(given.get("advice", "")),
            changes=tuple(given.get("changes", ())),
        )

    def _expression(self, text: str, place: str) -> Expression:
        try:
            return Expression.parse(text, _FACT_NAMES, ATTRIBUTES)
        except TfedgeError as error:
            raise TfedgeError(f"{place}: {error}") from None

    def _memory(self, fields: Mapping[str, Any]) -> Memory:
        _only(fields, set(Memory.__dataclass_fields__), "memory")
        formulas = {
            code: self._expression(text, f"memory.parameter_bytes.{code}")
            for code, text in fields.get("parameter_bytes", {}).items()
        }
        streamed = fields.get("streamed_when")
        if streamed is not None:
            streamed = self._expression(streamed, "memory.streamed_when")
        return Memory(**{**fields, "parameter_bytes": formulas, "streamed_when": streamed})


_SECTIONS = {
    "name", "sources", "regions", "words", "conditions", "every_operator", "operators", "refused",
    "unlisted", "memory", "fixed_shapes", "lowest_versions",
}  # fmt: skip


def _only(fields: Mapping[str, Any], known: set[str], place: str) -> None:
    unknown = sorted(set(fields) - known)
    if unknown:
        raise TfedgeError(f"{place} has no '{unknown[0]}'; known are {', '.join(sorted(known))}")


def _one_of(given: Any, known: tuple[str, ...], what: str) -> None:
    if given not in known:
        raise TfedgeError(f"{what} is one of {', '.join(known)}, not {json.dumps(given)}")
