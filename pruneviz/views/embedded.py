"""Where the study's samples lie in the plane of their features, as far as that was looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import SpecError
from pruneviz.core.selection import Column
from pruneviz.core.tables import Tables
from pruneviz.views.analysed import table_of
from pruneviz.views.samples import at, rows_of, shared_ids

Floats = npt.NDArray[np.float64]

ANALYSIS = "embeddings"
AXES = ("embedding x", "embedding y")
CHANGE = "change of neighbourhood"
COLUMNS = (*AXES, CHANGE)  # of samples, which rules may read of any run that has them
_PLACES, _CHANGES, _NEIGHBOURS = "embeddings_samples", "embeddings_changes", "embeddings_neighbours"
_MOST_BYTES = 256_000_000  # of numbers kept of a study

# What was last read of each study, by run.
_RECENT: WeakKeyDictionary[Tables, dict[tuple[str, str], _Own]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Embedded:
    """The samples that were looked at, in one order.

    Attributes:
        ids: of the N samples.
        x, y: (N,) by run; NaN where a sample has no place.
        by: ``PCA`` or ``UMAP``.
        planes: which layout each run's places are of; see :func:`plane_of`.
    """

    ids: tuple[str, ...]
    x: Mapping[str, Floats]
    y: Mapping[str, Floats]
    by: str
    planes: Mapping[str, str]

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that have places, in the order asked for."""
        return tuple(self.x)


def embedded(tables: Tables, run_ids: Sequence[str], ids: Sequence[str]) -> Embedded | None:
    """The places of several runs' samples; None where the study has not looked at any of these runs.

    Args:
        tables: the study.
        run_ids: runs; those without places are left out.
        ids: the samples, in the order wanted; those that none of the runs has are left out.
    """
    found = {r: _own(tables, _PLACES, r) for r in run_ids}
    found = {r: own for r, own in found.items() if own.ids}
    if not found:
        return None
    first = next(iter(found.values())).ids
    if ids is first and all(own.ids is first for own in found.values()):
        kept = first
    else:
        known = set[str]().union(*(own.ids for own in found.values()))
        kept = tuple(i for i in ids if i in known)
    seen = table_of(tables, ANALYSIS, "embeddings_seen", list(found)[:1])
    return Embedded(
        kept,
        {r: own.of("x", kept) for r, own in found.items()},
        {r: own.of("y", kept) for r, own in found.items()},
        str(seen["by"].iloc[0]) if seen is not None else "PCA",
        {r: plane_of(tables, r) for r in found},
    )


def forget(tables: Tables) -> None:
    """Read places again when they are next asked for: the analysis may have been done with other options."""
    _RECENT.pop(tables, None)


def plane_of(tables: Tables, run_id: str) -> str:
    """What tells the layout that a run's places are of from others: eight digits of where its anchor's images lie.

    Options, other images or, where all models are laid out together, another model make another layout; what was drawn
    in one means something else in the other. Empty where the run was not looked at.
    """
    seen = table_of(tables, ANALYSIS, "embeddings_seen", [run_id])
    if seen is None or seen.empty:
        return ""
    return _own(tables, _PLACES, str(seen["anchor_run_id"].iloc[0])).digest


def axis(tables: Tables, column: Column, ids: Sequence[str]) -> Floats:
    """One of :data:`COLUMNS` of a run, for samples in the order given; NaN where that is not known.

    Raises:
        SpecError: the run was not looked at; a dense model has no :data:`CHANGE`.
    """
    found = _own(tables, _PLACES, column.run)
    if not found.ids:
        names = dict(zip(tables.runs["run_id"], tables.runs["name"], strict=True))
        raise SpecError(
            "selection",
            f"{column.name} of {names.get(column.run, column.run)}",
            "a run whose features were looked at",
            f"Add {ANALYSIS} = {{}} under [analyses] of the study's file and run it again.",
        )
    if column.plane and column.plane != plane_of(tables, column.run):
        raise SpecError(
            "selection",
            "a line drawn in another layout of the images",
            "one drawn in the layout that the study has now",
            "Draw it again; images chosen one by one stay as they are.",
        )
    if column.name != CHANGE:
        return found.of(column.name[-1], tuple(ids))
    changed = changes_of(tables, column.run, ids)
    if not np.isfinite(changed).any():
        raise SpecError("selection", column.text, "a model that was made from a dense one, and compared with it")
    return changed


def changes_of(tables: Tables, run_id: str, ids: Sequence[str]) -> Floats:
    """How far each sample's neighbourhood is another one than in the run's dense model; NaN where that is not known."""
    return _own(tables, _CHANGES, run_id).of("change", tuple(ids))


def neighbours_of(tables: Tables, run_id: str, sample_id: str) -> tuple[str, ...]:
    """The ids of a sample's nearest neighbours, nearest first; none where they are not known."""
    found = table_of(tables, ANALYSIS, _NEIGHBOURS, [run_id])
    if found is None:
        return ()
    own = found[(found["sample_id"] == sample_id).to_numpy(bool)].sort_values("rank")
    return tuple(str(i) for i in own["neighbour_id"])


@dataclass(frozen=True, eq=False)
class _Own:
    """A run's numbers of some samples.

    Attributes:
        ids: of the samples, in the order of the table.
        columns: (N,) by name.
        digest: eight digits that tell these numbers from others; empty where there are none.
    """

    ids: tuple[str, ...]
    columns: Mapping[str, Floats]
    digest: str = ""

    def of(self, name: str, ids: tuple[str, ...]) -> Floats:
        """A column for samples in the order given; NaN where one is not among these."""
        if ids is self.ids:
            return self.columns[name]
        return at(rows_of(ids, self.ids), self.columns[name], np.nan)


def _own(tables: Tables, name: str, run_id: str) -> _Own:
    """A run's rows of a table, as numbers."""
    recent = _RECENT.setdefault(tables, {})
    key = name, run_id
    if key not in recent:
        own = table_of(tables, ANALYSIS, name, [run_id])
        if own is None:
            return _Own((), {n: np.zeros(0) for n in ("x", "y", "change")})  # not kept: it may land yet
        numbers = {n: own[n].to_numpy(np.float64) for n in ("x", "y", "change") if n in own}
        content = hashlib.sha256(b"".join(numbers[n].tobytes() for n in sorted(numbers)))
        recent[key] = _Own(shared_ids(tables, own["sample_id"]), numbers, content.hexdigest()[:8])
        while len(recent) > 1 and sum(_bytes(kept) for kept in recent.values()) > _MOST_BYTES:
            del recent[next(iter(recent))]
    return recent[key]


def _bytes(own: _Own) -> int:
    return sum(int(v.nbytes) for v in own.columns.values())
