"""The test samples of several runs, brought into one order; each run's are read once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Ids = tuple[str, ...]

UNSEEN = -1  # the class of a sample that a run has not seen


@dataclass(frozen=True, eq=False)
class Samples:
    """What several models said of the same samples.

    Attributes:
        ids: of the samples that all of the runs have, in the first run's order.
        labels: (N,) true classes.
        prediction, loss, confidence, margin: (N,) for each run.
        left_out: samples that some of the runs lack.
    """

    ids: Ids
    labels: Ints
    prediction: Mapping[str, Ints]
    loss: Mapping[str, Floats]
    confidence: Mapping[str, Floats]
    margin: Mapping[str, Floats]
    left_out: int

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that have samples, in the order asked for."""
        return tuple(self.prediction)

    def right(self, run_id: str) -> npt.NDArray[np.bool_]:
        """Where a run's prediction is the label."""
        return np.asarray(self.prediction[run_id] == self.labels)

    def chosen(self, state: ViewState) -> npt.NDArray[np.bool_]:
        """Where a sample is selected; everywhere while nothing is."""
        return held(self.ids, state.samples) if state.narrowed else np.ones(len(self.ids), bool)

    def only(self, keep: npt.NDArray[np.bool_]) -> Samples:
        """The same of some samples."""
        return Samples(
            tuple(np.array(self.ids, dtype=object)[keep]),
            self.labels[keep],
            {r: v[keep] for r, v in self.prediction.items()},
            {r: v[keep] for r, v in self.loss.items()},
            {r: v[keep] for r, v in self.confidence.items()},
            {r: v[keep] for r, v in self.margin.items()},
            self.left_out,
        )


@dataclass(frozen=True, eq=False)
class Said:
    """What one model said of its samples: (N,) each, in the order of its table."""

    ids: Ids
    label: Ints
    prediction: Ints
    loss: Floats
    confidence: Floats
    margin: Floats

    @property
    def bytes(self) -> int:
        """What it takes up, but for the ids, which runs share."""
        return sum(int(v.nbytes) for v in (self.label, self.prediction, self.loss, self.confidence, self.margin))

    def of(self, ids: Ids) -> Said:
        """The same of other samples, in their order: :data:`UNSEEN` and NaN for those that the run has not seen."""
        if ids is self.ids:
            return self
        rows = rows_of(ids, self.ids)
        label, prediction = (at(rows, c, UNSEEN) for c in (self.label, self.prediction))
        return Said(ids, label, prediction, *(at(rows, c, np.nan) for c in (self.loss, self.confidence, self.margin)))


@dataclass(eq=False)
class _Kept:
    """What was last read of a study: runs, alignments of several, and the lists of ids that they share."""

    runs: dict[str, Said]
    several: dict[Ids, Samples]
    ids: list[Ids]


# A run's samples never change, and several pictures of one view ask for the same.
_KEPT: WeakKeyDictionary[Tables, _Kept] = WeakKeyDictionary()
_MOST_BYTES = 512_000_000  # of the samples kept of a study; 1,000 runs of 10,000 samples fit
_MOST_ALIGNED = 4
_MOST_LISTS = 4


def _kept(tables: Tables) -> _Kept:
    return _KEPT.setdefault(tables, _Kept({}, {}, []))


def said(tables: Tables, run_id: str) -> Said | None:
    """What a run that is done said of each sample; None where it has no samples."""
    kept = _kept(tables)
    if run_id not in kept.runs:
        found = _read(tables, run_id)
        if found is None:
            return None  # not kept: it may land yet
        kept.runs[run_id] = found
        while len(kept.runs) > 1 and sum(s.bytes for s in kept.runs.values()) > _MOST_BYTES:
            del kept.runs[next(iter(kept.runs))]
    kept.runs[run_id] = kept.runs.pop(run_id)  # the last to be dropped
    return kept.runs[run_id]


def _read(tables: Tables, run_id: str) -> Said | None:
    table = tables.table("samples", [run_id])
    if not len(table):
        return None

    def column(name: str, kind: type) -> Any:
        return table[name].to_numpy(dtype=kind)

    numbers = (column(n, np.float64) for n in ("loss", "confidence", "margin"))
    ids = shared_ids(tables, table["sample_id"])
    return Said(ids, column("label", np.int64), column("prediction", np.int64), *numbers)


def shared_ids(tables: Tables, column: pd.Series[Any]) -> Ids:
    """A column of sample ids as a tuple: the very same one for the same ids, so that ``is`` tells equal orders."""
    found, kept = column.to_numpy(dtype=object), _kept(tables)
    for ids in kept.ids:
        if len(ids) == len(found) and ids[0] == found[0] and bool((np.array(ids, dtype=object) == found).all()):
            return ids
    kept.ids = [*kept.ids[1 - _MOST_LISTS :], tuple(map(str, found))]
    return kept.ids[-1]


def said_of(tables: Tables, run_id: str, ids: Ids) -> Said:
    """What a run said of these samples, in their order."""
    found = said(tables, run_id)
    nothing, none = np.zeros(0), np.zeros(0, np.int64)
    return (found or Said((), none, none, nothing, nothing, nothing)).of(ids)


def rows_of(wanted: Ids, ids: Ids) -> npt.NDArray[np.intp]:
    """Where each id wanted stands among others; -1 where it does not."""
    if wanted is ids:
        return np.arange(len(ids))
    places = {s: i for i, s in enumerate(ids)}
    return np.array([places.get(s, -1) for s in wanted], dtype=np.intp)


def at(rows: npt.NDArray[np.intp], values: npt.NDArray[Any], missing: float) -> npt.NDArray[Any]:
    """The values of these rows; ``missing`` for those of -1."""
    return np.where(rows >= 0, values[rows], missing) if len(values) else np.full(len(rows), missing)


# What was asked for last: several views of one page ask which of the same samples are selected.
_HELD: list[tuple[Ids, Collection[str], npt.NDArray[np.bool_]]] = []
_MOST_HELD = 4


def held(ids: Ids, selected: Collection[str]) -> npt.NDArray[np.bool_]:
    """(N,) which of the ids are selected; not to be changed."""
    for known, wanted, found in _HELD:
        if known is ids and wanted is selected:
            return found
    wanted = selected if isinstance(selected, frozenset) else frozenset(selected)
    found = np.fromiter(map(wanted.__contains__, ids), bool, len(ids))
    _HELD[:] = [(ids, selected, found), *_HELD[: _MOST_HELD - 1]]
    return found


def aligned(tables: Tables, run_ids: Sequence[str]) -> Samples:
    """The samples of several runs, matched by their ids; runs without any are left out.

    Args:
        tables: the study.
        run_ids: runs that are done, without repeats.
    """
    recent, key = _kept(tables).several, tuple(run_ids)
    if key not in recent:
        while len(recent) >= _MOST_ALIGNED:
            del recent[next(iter(recent))]
        recent[key] = _aligned(tables, key)
    return recent[key]


def _aligned(tables: Tables, run_ids: tuple[str, ...]) -> Samples:
    found = {r: s for r in run_ids if (s := said(tables, r)) is not None}
    if not found:
        nothing = np.zeros(0, np.int64)
        return Samples((), nothing, {}, {}, {}, {}, 0)
    first = next(iter(found.values()))
    left_out = 0
    if any(s.ids is not first.ids for s in found.values()):
        common = set(first.ids).intersection(*(s.ids for s in found.values()))
        left_out = len(set().union(*(s.ids for s in found.values()))) - len(common)
        order = tuple(i for i in first.ids if i in common)
        found = {r: s.of(order) for r, s in found.items()}
        first = next(iter(found.values()))
    return Samples(
        first.ids,
        first.label,
        {r: s.prediction for r, s in found.items()},
        {r: s.loss for r, s in found.items()},
        {r: s.confidence for r, s in found.items()},
        {r: s.margin for r, s in found.items()},
        left_out,
    )
