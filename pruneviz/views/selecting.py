"""Which ids a selection means in a study."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import SpecError, unknown
from pruneviz.core.selection import (
    OUTCOMES,
    AllOf,
    AnyOf,
    Became,
    Column,
    Contains,
    Ids,
    Inside,
    Named,
    Not,
    Polygon,
    Range,
    Rule,
    Selection,
    Values,
)
from pruneviz.core.tables import RUNS, SAMPLES, Tables
from pruneviz.measures.changes import changes
from pruneviz.views.embedded import COLUMNS, axis
from pruneviz.views.samples import UNSEEN, Said, held, said, said_of
from pruneviz.views.voted import EXEMPLAR, whether

if TYPE_CHECKING:
    import pandas as pd

Bools = npt.NDArray[np.bool_]
Told = tuple[Bools, Bools]  # where a rule holds, and where it does not; neither where what it reads is not known
Extra = Mapping[Column, npt.NDArray[np.float64]]

CLASS_COLUMNS = ("label", "prediction")
CORRECT = "correct"


def chosen(
    selection: Selection, tables: Tables, saved: Mapping[str, Selection] | None = None, extra: Extra | None = None
) -> tuple[str, ...]:
    """The ids that a selection means, in the study's order.

    Of what a rule reads, not all may be known: images that were not looked at have no place, for instance. Such an id
    is neither in the rule nor in its inverse, and in a combination only where the other rules decide (Kleene 1952,
    Introduction to Metamathematics, section 64).

    Args:
        selection: of runs or of test samples.
        tables: the study.
        saved: the named selections that it may refer to.
        extra: further columns of test samples, one number a sample, in the order of :func:`sample_ids`, besides
            :data:`~pruneviz.views.embedded.COLUMNS` of runs that have them.

    Raises:
        SpecError: it reads a run, a column or a saved selection that is not there, or saved selections refer to each
            other in a circle.
    """
    ids, (holds, _) = _told(selection, tables, saved or {}, extra or {})
    return tuple(itertools.compress(ids, holds.tolist()))


def undecided(selection: Selection, tables: Tables, saved: Mapping[str, Selection] | None = None) -> int:
    """How many ids are neither in a selection nor in its inverse: what it reads is not known of them.

    Raises:
        SpecError: as :func:`chosen`.
    """
    ids, (holds, fails) = _told(selection, tables, saved or {}, {})
    return len(ids) - int(np.count_nonzero(holds)) - int(np.count_nonzero(fails))


def _told(
    selection: Selection, tables: Tables, saved: Mapping[str, Selection], extra: Extra
) -> tuple[tuple[str, ...], Told]:
    ids = sample_ids(tables) if selection.kind == "samples" else tuple(str(r) for r in tables.runs["run_id"])
    reader: _Runs | _Samples = _Samples(tables, ids, extra) if selection.kind == "samples" else _Runs(tables, ids)
    return ids, _Holds(selection.kind, reader, saved)(selection.rule)


def numbers_of(tables: Tables, column: Column, ids: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """A column of test samples that rules may read, for samples in the order given; NaN where one has no number.

    Raises:
        SpecError: there is no such column or run.
    """
    return _Samples(tables, ids, {}).numbers(column)


def sample_ids(tables: Tables) -> tuple[str, ...]:
    """The ids of the test samples, in the order in which they were measured; none before the first run is done."""
    runs = tables.runs
    done = runs.loc[runs["status"] == "done", "run_id"]
    first = said(tables, str(done.iloc[0])) if len(done) else None
    return first.ids if first is not None else ()


def within(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], polygon: Polygon) -> Bools:
    """Which points lie in a polygon, by the even-odd rule; NaN lies outside.

    Args:
        x, y: (n,) each.
        polygon: its corners in order; it closes itself.
    """
    n = len(x)
    (left, low), (right, high) = np.min(polygon, axis=0), np.max(polygon, axis=0)
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= low) & (y <= high))  # the others, and NaN, are outside
    x, y = x[near], y[near]
    crossed = np.zeros(len(near), dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if y0 != y1:
            crossed ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    inside = np.zeros(n, dtype=bool)
    inside[near] = crossed
    return inside


@dataclass
class _Holds:
    """Where rules hold and where they do not, over all ids of one kind."""

    kind: str
    reader: _Runs | _Samples
    saved: Mapping[str, Selection]
    open: tuple[str, ...] = ()

    def __call__(self, rule: Rule) -> Told:
        match rule:
            case Ids(ids):
                return _where(self.reader.is_one_of(frozenset(ids)), self.reader.everything)
            case Values(column, values):
                texts = self.reader.texts(column)
                return _where(np.isin(texts, np.array(values, dtype=object)), self.reader.stated(texts))
            case Contains(column, part):
                texts = self.reader.texts(column)
                sought = part.casefold()
                found = np.array([sought in str(t).casefold() for t in texts], dtype=bool)
                return _where(found, self.reader.stated(texts))
            case Range(column, low, high):
                numbers = self.reader.numbers(column)
                held = numbers >= low if low is not None else self.reader.everything
                return _where(held & (numbers <= high) if high is not None else held, np.isfinite(numbers))
            case Became(run, reference, outcomes):
                found = self.reader.outcomes(run, reference)
                return _where(np.isin(found, [OUTCOMES.index(o) for o in outcomes]), found >= 0)
            case Inside(x, y, polygon):
                across, up = self.reader.numbers(x), self.reader.numbers(y)
                return _where(within(across, up, polygon), np.isfinite(across) & np.isfinite(up))
            case Named(name):
                return self._named(name)
            case Not(inner):
                holds, fails = self(inner)
                return fails, holds
            case AllOf(rules):
                return self._all([self(r) for r in rules])
            case AnyOf(rules):
                fails, holds = self._all([(fails, holds) for holds, fails in map(self, rules)])
                return holds, fails
        raise TypeError(f"no rule: {rule!r}")

    def _all(self, told: Sequence[Told]) -> Told:
        every = self.reader.everything
        holds, fails = every, ~every
        for true, false in told:
            holds, fails = holds & true, fails | false
        return holds, fails

    def _named(self, name: str) -> Told:
        if name not in self.saved:
            raise unknown("selection", name, self.saved)
        if name in self.open:
            circle = " → ".join((*self.open[self.open.index(name) :], name))
            raise SpecError("selection", circle, "saved selections that do not refer to each other in a circle")
        found = self.saved[name]
        if found.kind != self.kind:
            raise SpecError("selection", name, f"a saved selection of {self.kind}; this one is of {found.kind}")
        return _Holds(self.kind, self.reader, self.saved, (*self.open, name))(found.rule)


def _where(holds: Bools, known: Bools) -> Told:
    """Where a rule holds and where it does not, of what is known."""
    return holds & known, known & ~holds


@dataclass
class _Runs:
    tables: Tables
    ids: tuple[str, ...]

    @cached_property
    def frame(self) -> pd.DataFrame:
        return self.tables.runs

    @property
    def everything(self) -> Bools:
        return np.ones(len(self.ids), dtype=bool)

    def stated(self, texts: npt.NDArray[np.object_]) -> Bools:
        """Where a column says something: a run without a target says that it has none."""
        return self.everything

    def is_one_of(self, ids: frozenset[str]) -> Bools:
        return np.array([i in ids for i in self.ids], dtype=bool)

    def numbers(self, column: Column) -> npt.NDArray[np.float64]:
        if RUNS[self._known(column)].type == "str":
            raise SpecError("selection", column.text, "a column of numbers between two values; this one holds texts")
        found: npt.NDArray[np.float64] = self.frame[column.name].to_numpy(dtype=float, na_value=np.nan)
        return found

    def texts(self, column: Column) -> npt.NDArray[np.object_]:
        values = self.frame[self._known(column)].astype(object)
        return np.array(["" if v is None or v != v else str(v) for v in values], dtype=object)

    def outcomes(self, run: str, reference: str) -> npt.NDArray[np.int8]:
        raise SpecError("selection", f"{reference} → {run}", "what became of predictions, of samples and not of runs")

    def _known(self, column: Column) -> str:
        if column.run:
            raise SpecError("selection", column.text, f"the column {column.name} alone: rules about runs name no run")
        if column.name not in RUNS.names:
            raise unknown("selection: column", column.name, RUNS.names)
        return column.name


@dataclass
class _Samples:
    tables: Tables
    ids: tuple[str, ...]
    extra: Extra
    known: dict[str, Said] = field(default_factory=dict)

    @property
    def everything(self) -> Bools:
        return np.ones(len(self.ids), dtype=bool)

    def stated(self, texts: npt.NDArray[np.object_]) -> Bools:
        """Where a column says something: not of samples that its run has not seen."""
        return np.asarray(texts != "", dtype=bool)

    def is_one_of(self, ids: frozenset[str]) -> Bools:
        return held(self.ids, ids)

    def numbers(self, column: Column) -> npt.NDArray[np.float64]:
        if column in self.extra:
            return self.extra[column]
        if column.name in COLUMNS:
            return axis(self.tables, column, self.ids)
        if column.name == EXEMPLAR:
            raise SpecError("selection", column.text, "a column of numbers between two values; this one has yes and no")
        found = self._column(column).astype(np.float64)
        if column.run:
            found[self._said(column.run).label == UNSEEN] = np.nan
        return found

    def texts(self, column: Column) -> npt.NDArray[np.object_]:
        if column.name == "sample_id":
            return np.array(self.ids, dtype=object)
        if column.name == EXEMPLAR:
            return whether(self.tables, column.run, self.ids)
        values, classes = self._column(column), self.tables.classes
        if column.name in CLASS_COLUMNS:
            numbers, places = np.unique(values, return_inverse=True)
            names = ["" if k == UNSEEN else classes[k] if k < len(classes) else str(k) for k in numbers]
            return np.array(names, dtype=object)[places]
        if column.name == CORRECT:
            seen = self._said(column.run).label != UNSEEN
            return np.where(seen, np.where(values, "yes", "no"), "").astype(object)
        raise SpecError(
            "selection", column.text, "a column of names with values; this one holds numbers, from low to high"
        )

    def outcomes(self, run: str, reference: str) -> npt.NDArray[np.int8]:
        now, before = (self._said(r) for r in (run, reference))
        found = changes(now.label, before.prediction, now.prediction)
        return np.where((now.label == UNSEEN) | (before.label == UNSEEN), np.int8(-1), found)

    def _column(self, column: Column) -> npt.NDArray[Any]:
        known = [n for n in SAMPLES.names if n not in ("run_id", "sample_id")] + [CORRECT, EXEMPLAR, *COLUMNS]
        if column.name not in known:
            raise unknown("selection: column", column.name, [*known, *(c.name for c in self.extra)])
        if column.name == "label" and not column.run:
            done = self.tables.runs
            return self._said(str(done.loc[done["status"] == "done", "run_id"].iloc[0])).label
        if not column.run:
            form = f'{{"column": "{column.name}", "run": "…"}}'
            raise SpecError("selection", f"{column.name} of no run", f"{form}: it is another number in each run")
        found = self._said(column.run)
        return np.asarray(found.prediction == found.label if column.name == CORRECT else getattr(found, column.name))

    def _said(self, run: str) -> Said:
        if run not in self.known:
            runs = self.tables.runs
            here = runs.loc[runs["run_id"] == run, "status"]
            if here.empty or here.iloc[0] != "done":
                state = "not in this study" if here.empty else f"{here.iloc[0]}, not measured"
                allowed = f"a run of this study that is done; this one is {state}"
                raise SpecError("selection: run", run, allowed, "Carry the selection to another run, or run the study.")
            self.known[run] = said_of(self.tables, run, self.ids)
        return self.known[run]
