"""A selection is a rule: what must hold of a run or a test sample, not which rows it stood in.

Rules are frozen values with a plain form, so that a selection can be saved with a study, put into an address, sent to
a notebook and carried to other models. :mod:`pruneviz.views.selecting` says which ids a rule means in a study.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pruneviz.core.errors import SpecError, unknown

KINDS = ("samples", "runs")
OUTCOMES = ("stayed right", "stayed wrong", "right to wrong", "wrong to right", "wrong to another wrong")

Polygon = tuple[tuple[float, float], ...]


class Rule(ABC):
    """What must hold; combined with ``&``, ``|`` and ``~``."""

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """As dictionaries, lists and scalars, read back by :func:`pruneviz.core.rule_reading.rule_from`."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The rule in words."""

    @property
    def parts(self) -> tuple[Rule, ...]:
        """The rules that it is made of."""
        return ()

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs whose numbers it reads, each once."""
        return tuple(dict.fromkeys(r for part in self.parts for r in part.runs))

    @property
    def names(self) -> tuple[str, ...]:
        """The saved selections that it refers to, each once."""
        return tuple(dict.fromkeys(n for part in self.parts for n in part.names))

    def carried(self, to: Mapping[str, str]) -> Rule:
        """The same rule about other models.

        Args:
            to: the run to read by the run that is read now; others stay.
        """
        return self

    def spelt_out(self, saved: Mapping[str, Selection]) -> Rule:
        """The same rule with what saved selections mean now in place of their names; unknown names stay.

        Args:
            saved: those of the study, by name, none of which comes back to itself.
        """
        return self

    def __and__(self, other: Rule) -> Rule:
        return AllOf((*_members(self, AllOf), *_members(other, AllOf)))

    def __or__(self, other: Rule) -> Rule:
        return AnyOf((*_members(self, AnyOf), *_members(other, AnyOf)))

    def __invert__(self) -> Rule:
        return self.rule if isinstance(self, Not) else Not(self)

    def _bracketed(self) -> str:
        return f"({self.text})" if isinstance(self, (AllOf, AnyOf)) else self.text


def _members(rule: Rule, kind: type[AllOf] | type[AnyOf]) -> tuple[Rule, ...]:
    return rule.parts if isinstance(rule, kind) else (rule,)


@dataclass(frozen=True)
class Ids(Rule):
    """Being one of these: a click, or a selection frozen as it was."""

    ids: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {"ids": list(self.ids)}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return self.ids[0] if len(self.ids) == 1 else f"{len(self.ids):,} chosen one by one"


@dataclass(frozen=True)
class Column:
    """A column that a rule reads: of the runs table, or a number of each test sample in one run.

    Attributes:
        name: of the table :data:`~pruneviz.core.tables.RUNS` or :data:`~pruneviz.core.tables.SAMPLES`, ``correct``, or
            one that the caller of :func:`~pruneviz.views.selecting.chosen` brings, such as an embedding's axis.
        run: of samples, the run whose number it is; empty for ``label`` and whatever is no run's.
        plane: of an embedding's axis, which layout of the images it was read in; empty for whichever there is.
    """

    name: str
    run: str = ""
    plane: str = ""

    @property
    def text(self) -> str:
        """In words."""
        name = self.name.replace("_", " ")
        return f"{name} of {self.run}" if self.run else name

    def carried(self, to: Mapping[str, str]) -> Column:
        """The same column of another run."""
        return replace(self, run=to.get(self.run, self.run))

    def to_plain(self) -> dict[str, Any]:
        """As a dictionary of texts."""
        more = {"run": self.run, "plane": self.plane}
        return {"column": self.name, **{k: v for k, v in more.items() if v}}


@dataclass(frozen=True)
class _OfColumn(Rule):
    column: Column

    @property
    def runs(self) -> tuple[str, ...]:
        """See :class:`Rule`."""
        return (self.column.run,) if self.column.run else ()

    def carried(self, to: Mapping[str, str]) -> Rule:
        """See :class:`Rule`."""
        return replace(self, column=self.column.carried(to))


@dataclass(frozen=True)
class Values(_OfColumn):
    """A column having one of these values; classes are named by their names."""

    values: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {**self.column.to_plain(), "values": list(self.values)}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return f"{self.column.text} is {' or '.join(self.values) or 'nothing'}"


@dataclass(frozen=True)
class Contains(_OfColumn):
    """A column of texts having this in it, in upper or lower case: a search, as for samples by ``sample_id``."""

    part: str

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {**self.column.to_plain(), "contains": self.part}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return f"{self.column.text} contains {self.part!r}"


@dataclass(frozen=True)
class Range(_OfColumn):
    """A column lying between two numbers, both included; without one, that side is open. NaN lies nowhere."""

    low: float | None = None
    high: float | None = None

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        limits = {"low": self.low, "high": self.high}
        return {**self.column.to_plain(), **{k: v for k, v in limits.items() if v is not None}}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        low = f"{self.low:.4g} ≤ " if self.low is not None else ""
        high = f" ≤ {self.high:.4g}" if self.high is not None else ""
        return f"{low}{self.column.text}{high}"


@dataclass(frozen=True)
class Became(Rule):
    """What became of a sample's prediction from the reference to a run: one of :data:`OUTCOMES`."""

    run: str
    reference: str
    outcomes: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {"became": list(self.outcomes), "run": self.run, "reference": self.reference}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return f"{' or '.join(self.outcomes)} from {self.reference} to {self.run}"

    @property
    def runs(self) -> tuple[str, ...]:
        """See :class:`Rule`."""
        return tuple(dict.fromkeys((self.run, self.reference)))

    def carried(self, to: Mapping[str, str]) -> Rule:
        """See :class:`Rule`."""
        return replace(self, run=to.get(self.run, self.run), reference=to.get(self.reference, self.reference))


@dataclass(frozen=True)
class Inside(Rule):
    """Lying within a polygon (even-odd rule) that was drawn over two columns, such as an embedding's axes."""

    x: Column
    y: Column
    polygon: Polygon

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {"inside": [list(p) for p in self.polygon], "x": self.x.to_plain(), "y": self.y.to_plain()}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return f"within a line of {len(self.polygon)} corners drawn over {self.x.text} and {self.y.text}"

    @property
    def runs(self) -> tuple[str, ...]:
        """See :class:`Rule`."""
        return tuple(dict.fromkeys(c.run for c in (self.x, self.y) if c.run))

    def carried(self, to: Mapping[str, str]) -> Rule:
        """See :class:`Rule`."""
        return replace(self, x=self.x.carried(to), y=self.y.carried(to))


@dataclass(frozen=True)
class Named(Rule):
    """What a saved selection means now."""

    name: str

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {"named": self.name}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return f"‘{self.name}’"

    @property
    def names(self) -> tuple[str, ...]:
        """See :class:`Rule`."""
        return (self.name,)

    def spelt_out(self, saved: Mapping[str, Selection]) -> Rule:
        """See :class:`Rule`."""
        return saved[self.name].rule.spelt_out(saved) if self.name in saved else self


@dataclass(frozen=True)
class Not(Rule):
    """The rule not holding; where what it reads is not known, it neither holds nor does it not."""

    rule: Rule

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {"not": self.rule.to_plain()}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return f"not {self.rule._bracketed()}"

    @property
    def parts(self) -> tuple[Rule, ...]:
        """See :class:`Rule`."""
        return (self.rule,)

    def carried(self, to: Mapping[str, str]) -> Rule:
        """See :class:`Rule`."""
        return Not(self.rule.carried(to))

    def spelt_out(self, saved: Mapping[str, Selection]) -> Rule:
        """See :class:`Rule`."""
        return Not(self.rule.spelt_out(saved))


@dataclass(frozen=True)
class _Many(Rule):
    rules: tuple[Rule, ...]

    @property
    def parts(self) -> tuple[Rule, ...]:
        """See :class:`Rule`."""
        return self.rules

    def carried(self, to: Mapping[str, str]) -> Rule:
        """See :class:`Rule`."""
        return type(self)(tuple(r.carried(to) for r in self.rules))

    def spelt_out(self, saved: Mapping[str, Selection]) -> Rule:
        """See :class:`Rule`."""
        return type(self)(tuple(r.spelt_out(saved) for r in self.rules))


@dataclass(frozen=True)
class AllOf(_Many):
    """Every one of the rules holding; of none, always."""

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {"all": [r.to_plain() for r in self.rules]}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return " and ".join(r._bracketed() for r in self.rules) or "everything"


@dataclass(frozen=True)
class AnyOf(_Many):
    """At least one of the rules holding; of none, never."""

    def to_plain(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {"any": [r.to_plain() for r in self.rules]}

    @property
    def text(self) -> str:
        """See :class:`Rule`."""
        return " or ".join(r._bracketed() for r in self.rules) or "nothing"


@dataclass(frozen=True)
class Selection:
    """A rule, and what it is about.

    Attributes:
        kind: ``samples`` (test samples) or ``runs``.
        rule: what must hold.
    """

    kind: str
    rule: Rule

    def __post_init__(self) -> None:
        """Hold the kind to those there are.

        Raises:
            SpecError: another kind.
        """
        if self.kind not in KINDS:
            raise unknown("selection", self.kind, KINDS)

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.kind}: {self.rule.text}"

    def __and__(self, other: Selection) -> Selection:
        return replace(self, rule=self.rule & self._alike(other))

    def __or__(self, other: Selection) -> Selection:
        return replace(self, rule=self.rule | self._alike(other))

    def __invert__(self) -> Selection:
        return replace(self, rule=~self.rule)

    def _alike(self, other: Selection) -> Rule:
        if not isinstance(other, Selection) or other.kind != self.kind:
            got = other.kind if isinstance(other, Selection) else other
            raise SpecError("selection", got, f"another selection of {self.kind}, to be combined with this one")
        return other.rule

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"<Selection of {self.text}>")  # what notebooks show: ids may be many

    def to_plain(self) -> dict[str, Any]:
        """As dictionaries, lists and scalars."""
        return {"of": self.kind, "rule": self.rule.to_plain()}

    @classmethod
    def from_plain(cls, value: Any, where: str = "selection") -> Selection:
        """The selection that :meth:`to_plain` wrote.

        Raises:
            SpecError: it is none.
        """
        from pruneviz.core.rule_reading import rule_from

        if not isinstance(value, Mapping) or set(value) != {"of", "rule"}:
            raise SpecError(where, value, 'a table of what it is of and its rule, {"of": "samples", "rule": {…}}')
        return cls(value["of"], rule_from(value["rule"], f"{where} rule"))


def walk(rule: Rule) -> Iterator[Rule]:
    """The rule and all that it is made of."""
    yield rule
    for part in rule.parts:
        yield from walk(part)
