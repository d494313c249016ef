"""An accelerator as its target file describes it. docs/accelerators.md is the format's manual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.terminal_text import readable
from tfedge_converters.accelerators.expressions import Expression
from tfedge_converters.accelerators.facts import ATTRIBUTES, FACTS
from tfedge_converters.accelerators.form import ANYWHERE, FORM, KINDS

_FACT_NAMES = frozenset(FACTS)


@dataclass(frozen=True)
class Condition:
    """Condition that an operator must fulfil.

    Attributes:
        require: must be true.
        when: where that matters; None for always.
        kind: a key of `KINDS`.
        why: one sentence for people, with the numbers of the limit.
        advice: what to change in the model; empty if there is nothing to say.
        changes: names of `rewrites.REWRITES` to try.
    """

    require: Expression
    when: Expression | None = None
    kind: str = "limit"
    why: str = ""
    advice: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OperatorRules:
    """Conditions under which an accelerator computes one operator.

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
    """Memory of an accelerator, and how it keeps parameters.

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
    """Operators that an accelerator computes, its memory, and its tools' words.

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
        """Return the word of the accelerator's tools for this kind of refusal."""
        return self.words.get(kind) or KINDS[kind]


def parse(fields: Mapping[str, Any], source: str) -> Accelerator:
    """Read the "accelerator" of a target file.

    Args:
        fields: decoded JSON.
        source: what error messages call the file.

    Raises:
        TfedgeError: something is missing, misspelt or of another kind than it should be.
    """
    FORM.checked(fields, f"{source}: accelerator")
    try:
        return _Parser(fields).accelerator()
    except TfedgeError as error:
        raise TfedgeError(f"{source}: accelerator: {error}") from None


class _Parser:
    def __init__(self, fields: Mapping[str, Any]):
        self.fields = fields
        self.named = {
            name: self._condition(given, f"conditions.{name}")
            for name, given in fields.get("conditions", {}).items()
        }

    def accelerator(self) -> Accelerator:
        fields = self.fields
        return Accelerator(
            name=fields["name"],
            regions=fields.get("regions", ANYWHERE),
            words=fields.get("words", {}),
            every_operator=self._conditions(fields.get("every_operator", []), "every_operator"),
            operators=self._operators(fields.get("operators", [])),
            refused=_refused(fields.get("refused", [])),
            unlisted=_refusal(fields.get("unlisted", {})),
            sources=tuple(fields.get("sources", ())),
            memory=self._memory(fields.get("memory", {})),
            fixed_shapes=fields.get("fixed_shapes", False),
            lowest_versions=fields.get("lowest_versions", False),
        )

    def _operators(self, listed: list[Any]) -> dict[str, OperatorRules]:
        found: dict[str, OperatorRules] = {}
        for place, entry in enumerate(listed):
            versions = entry.get("versions")
            rules = OperatorRules(
                None if versions is None else (versions[0], versions[1]),
                self._conditions(entry.get("conditions", []), f"operators[{place}].conditions"),
            )
            for code in entry["codes"]:
                if code in found:
                    raise TfedgeError(f"operators: {code} is listed twice")
                found[code] = rules
        return found

    def _conditions(self, listed: list[Any], place: str) -> tuple[Condition, ...]:
        return tuple(
            self._named_or_own(given, f"{place}[{index}]") for index, given in enumerate(listed)
        )

    def _named_or_own(self, given: Any, place: str) -> Condition:
        if not isinstance(given, str):
            return self._condition(given, place)
        if given not in self.named:
            raise TfedgeError(
                f"{place}: there is no condition '{readable(given)}'{near(given, self.named)}"
            )
        return self.named[given]

    def _condition(self, given: Mapping[str, Any], place: str) -> Condition:
        when = given.get("when")
        return Condition(
            require=_expression(given["require"], f"{place}.require"),
            when=None if when is None else _expression(when, f"{place}.when"),
            kind=given.get("kind", "limit"),
            why=given.get("why", ""),
            advice=given.get("advice", ""),
            changes=tuple(given.get("changes", ())),
        )

    def _memory(self, fields: Mapping[str, Any]) -> Memory:
        formulas = {
            code: _expression(text, f"memory.parameter_bytes.{code}")
            for code, text in fields.get("parameter_bytes", {}).items()
        }
        streamed = fields.get("streamed_when")
        if streamed is not None:
            streamed = _expression(streamed, "memory.streamed_when")
        return Memory(**{**fields, "parameter_bytes": formulas, "streamed_when": streamed})


def _refused(listed: list[Any]) -> dict[str, Refusal]:
    return {code: _refusal(entry) for entry in listed for code in entry["codes"]}


def _refusal(given: Mapping[str, Any]) -> Refusal:
    changes = tuple(given.get("changes", ()))
    return Refusal(given.get("why", ""), given.get("advice", ""), changes)


def _expression(text: str, place: str) -> Expression:
    try:
        return Expression.parse(text, _FACT_NAMES, ATTRIBUTES)
    except TfedgeError as error:
        raise TfedgeError(readable(f"{place}: {error}")) from None
