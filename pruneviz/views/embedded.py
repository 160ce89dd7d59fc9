"""Where the study's samples lie in the plane of their features, as far as that was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import SpecError
from pruneviz.core.selection import Column
from pruneviz.core.tables import Tables
from pruneviz.views.analysed import table_of

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

ANALYSIS = "embeddings"
AXES = ("embedding x", "embedding y")  # columns of samples that rules may read, of any run that has them
_PLACES, _CHANGES, _NEIGHBOURS = "embeddings_samples", "embeddings_changes", "embeddings_neighbours"
_MOST_KEPT = 64  # runs

# What was last read of each study, by run: a run's places never change.
_RECENT: WeakKeyDictionary[Tables, dict[tuple[str, str], pd.DataFrame]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Embedded:
    """The samples that were looked at, in one order.

    Attributes:
        ids: of the N samples.
        x, y: (N,) by run; NaN where a sample has no place.
        by: ``PCA`` or ``UMAP``.
    """

    ids: tuple[str, ...]
    x: Mapping[str, Floats]
    y: Mapping[str, Floats]
    by: str

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
    found = {r: f for r, f in found.items() if len(f)}
    if not found:
        return None
    known = set[str]().union(*(f.index for f in found.values()))
    kept = tuple(i for i in ids if i in known)
    at = {r: f.reindex(kept) for r, f in found.items()}
    seen = table_of(tables, ANALYSIS, "embeddings_seen")
    return Embedded(
        kept,
        {r: f["x"].to_numpy(np.float64) for r, f in at.items()},
        {r: f["y"].to_numpy(np.float64) for r, f in at.items()},
        str(seen["by"].iloc[0]) if seen is not None else "PCA",
    )


def axis(tables: Tables, column: Column, ids: Sequence[str]) -> Floats:
    """One of :data:`AXES` of a run, for samples in the order given; NaN where one has no place.

    Raises:
        SpecError: the run was not looked at.
    """
    found = _own(tables, _PLACES, column.run)
    if not len(found):
        names = dict(zip(tables.runs["run_id"], tables.runs["name"], strict=True))
        raise SpecError(
            "selection",
            f"{column.name} of {names.get(column.run, column.run)}",
            "a run whose features were looked at",
            f"Add {ANALYSIS} = {{}} under [analyses] of the study's file and run it again.",
        )
    return np.asarray(found[column.name[-1]].reindex(list(ids)).to_numpy(np.float64))


def changes_of(tables: Tables, run_id: str, ids: Sequence[str]) -> Floats:
    """How far each sample's neighbourhood is another one than in the run's dense model; NaN where that is not known."""
    found = _own(tables, _CHANGES, run_id)
    return np.asarray(found["change"].reindex(list(ids)).to_numpy(np.float64))


def neighbours_of(tables: Tables, run_id: str, sample_id: str) -> tuple[str, ...]:
    """The ids of a sample's nearest neighbours, nearest first; none where they are not known."""
    found = _own(tables, _NEIGHBOURS, run_id)
    own = found[found.index == sample_id].sort_values("rank")
    return tuple(str(i) for i in own["neighbour_id"])


def _own(tables: Tables, name: str, run_id: str) -> pd.DataFrame:
    """A run's rows of a table, by sample id."""
    recent = _RECENT.setdefault(tables, {})
    key = name, run_id
    if key not in recent:
        table = table_of(tables, ANALYSIS, name)
        if table is None:
            return _nothing()
        own = table[(table["run_id"] == run_id).to_numpy(bool)]
        if not len(own):
            return _nothing()  # not kept: it may land yet
        while len(recent) >= _MOST_KEPT:
            del recent[next(iter(recent))]
        kept: Any = own.drop(columns=["run_id", "sample_id"])
        recent[key] = kept.set_axis(own["sample_id"].astype(str).to_numpy(object))
    return recent[key]


def _nothing() -> pd.DataFrame:
    import pandas as pd

    columns = ("x", "y", "change", "rank", "neighbour_id")
    return pd.DataFrame({c: pd.Series(dtype="float64") for c in columns}, index=pd.Index([], dtype=object))
