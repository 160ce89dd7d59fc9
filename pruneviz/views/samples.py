"""The test samples of several runs, brought into one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """What several models said of the same samples.

    Attributes:
        ids: of the samples that all of the runs have, in the first run's order.
        labels: (N,) true classes.
        prediction, loss, confidence, margin: (N,) for each run.
        left_out: samples that some of the runs lack.
    """

    ids: tuple[str, ...]
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
        if not state.samples:
            return np.ones(len(self.ids), bool)
        wanted = set(state.samples)
        return np.fromiter((i in wanted for i in self.ids), bool, len(self.ids))

    def only(self, keep: npt.NDArray[np.bool_]) -> Samples:
        """The same of some samples."""
        return Samples(
            tuple(i for i, k in zip(self.ids, keep, strict=True) if k),
            self.labels[keep],
            {r: v[keep] for r, v in self.prediction.items()},
            {r: v[keep] for r, v in self.loss.items()},
            {r: v[keep] for r, v in self.confidence.items()},
            {r: v[keep] for r, v in self.margin.items()},
            self.left_out,
        )


# The last few alignments of each study: several pictures of one view ask for the same. A run's samples never change.
_RECENT: WeakKeyDictionary[Tables, dict[tuple[str, ...], Samples]] = WeakKeyDictionary()
_KEPT = 4


def aligned(tables: Tables, run_ids: Sequence[str]) -> Samples:
    """The samples of several runs, matched by their ids; runs without any are left out.

    Args:
        tables: the study.
        run_ids: runs that are done, without repeats.
    """
    recent = _RECENT.setdefault(tables, {})
    key = tuple(run_ids)
    if key not in recent:
        while len(recent) >= _KEPT:
            del recent[next(iter(recent))]
        recent[key] = _aligned(tables, key)
    return recent[key]


def _aligned(tables: Tables, run_ids: tuple[str, ...]) -> Samples:
    table = tables.table("samples", run_ids)
    by_run = {str(r): g for r, g in table.groupby("run_id", sort=False)}
    found = [by_run[r] for r in run_ids if r in by_run]
    kept = [r for r in run_ids if r in by_run]
    if not found:
        nothing = np.zeros(0, np.int64)
        return Samples((), nothing, {}, {}, {}, {}, 0)
    ids = found[0]["sample_id"].to_numpy(dtype=object)
    if all(len(f) == len(ids) and (f["sample_id"].to_numpy(dtype=object) == ids).all() for f in found):
        left_out = 0
    else:
        common = set(ids).intersection(*(set(f["sample_id"]) for f in found[1:]))
        every = set(ids).union(*(set(f["sample_id"]) for f in found[1:]))
        ids = np.array([i for i in ids if i in common], dtype=object)
        found = [f.set_index("sample_id").loc[ids].reset_index() for f in found]
        left_out = len(every) - len(ids)

    def floats(column: str) -> dict[str, Floats]:
        return {r: f[column].to_numpy(dtype=np.float64) for r, f in zip(kept, found, strict=True)}

    return Samples(
        tuple(str(i) for i in ids),
        found[0]["label"].to_numpy(dtype=np.int64),
        {r: f["prediction"].to_numpy(dtype=np.int64) for r, f in zip(kept, found, strict=True)},
        floats("loss"),
        floats("confidence"),
        floats("margin"),
        left_out,
    )
