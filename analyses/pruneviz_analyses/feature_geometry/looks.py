"""What was seen of every run under every condition, as arrays over the samples that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.geometry import METRICS, constant, geometry_vector
from pruneviz_analyses.feature_geometry.schemas import PER_SAMPLE, SAMPLES, SEEN

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Looks:
    """The samples' metrics.

    Attributes:
        row: by run, its place on the first axis of the arrays.
        conditions: C of them, on the second axis, the clean one first.
        sample_ids: (S,) that every run has been shown under every condition, sorted.
        each: by metric and ``right``, (R, C, S) float32; NaN where not defined.
        seen: by run and condition, their row of the table of what was seen.
        vectors: (R, C, 3, S) geometry vectors, float32; NaN all through where a metric is constant.
    """

    row: Mapping[str, int]
    conditions: tuple[str, ...]
    sample_ids: npt.NDArray[np.object_]
    each: Mapping[str, npt.NDArray[np.float32]]
    seen: Mapping[tuple[str, str], Mapping[Any, Any]]
    vectors: npt.NDArray[np.float32]

    @property
    def samples(self) -> int:
        """S."""
        return len(self.sample_ids)

    def contributions(self, metric: str, run_id: str, condition: str) -> npt.NDArray[np.float32]:
        """(S,) what each sample adds to a metric that is a mean over samples."""
        at = self.row[run_id], self.conditions.index(condition)
        if metric != "margin_scaled":
            return np.asarray(self.each["right" if metric == "accuracy" else metric][at])
        norm = float(self.each["norm"][at].mean(dtype=np.float64))
        return np.asarray(self.each["margin"][at] / np.float32(norm if norm > 0 else np.nan))

    def value(self, metric: str, run_id: str, condition: str, dense: str) -> float:
        """A compared metric of a run; NaN where it is not defined, or is not for every sample.

        Args:
            metric: a compared one.
            run_id, condition: where.
            dense: the run's dense model, for distances.
        """
        if metric in PER_SAMPLE:
            return float(self.contributions(metric, run_id, condition).mean(dtype=np.float64))
        if metric == "distance":
            return self.between(run_id, dense, condition)
        return float(self.seen[run_id, condition][metric])

    def between(self, run_id: str, other: str, condition: str) -> float:
        """Distance of two runs' geometry vectors under one condition; NaN where one has none."""
        c = self.conditions.index(condition)
        a, b = (self.vectors[self.row[r], c].astype(np.float64) for r in (run_id, other))
        both = np.isfinite(a) & np.isfinite(b)
        return float(np.sqrt(np.mean((a[both] - b[both]) ** 2))) if both.any() else float("nan")


def read_looks(tables: Tables, run_ids: Sequence[str]) -> Looks | None:
    """The looks of these runs that were taken under every condition; None where there is none.

    Runs that lack a condition that others were seen under are left out, and so are samples that some run lacks.
    """
    import pandas as pd

    try:
        seen, table = tables.table(SEEN.name), tables.table(SAMPLES.name)
    except KeyError:  # nothing has been looked at yet
        return None
    seen = seen[seen["run_id"].isin(list(run_ids))]
    conditions = tuple(str(c) for c in seen["condition"].drop_duplicates())
    full = seen.groupby("run_id", observed=True)["condition"].nunique()
    have = set(full.index[full == len(conditions)].astype(str))
    runs = [r for r in run_ids if r in have]
    if not runs:
        return None
    run = pd.Index(runs).get_indexer(pd.Index(table["run_id"].to_numpy(object)))
    condition = pd.Index(conditions).get_indexer(pd.Index(table["condition"].to_numpy(object)))
    code, ids = pd.factorize(table["sample_id"].to_numpy(object), sort=True)
    ours = (run >= 0) & (condition >= 0)
    shape = len(runs), len(conditions), len(ids)
    each = {}
    at = (run[ours], condition[ours], code[ours])
    have_sample = np.zeros(shape, bool)
    have_sample[at] = True
    common = have_sample.all(axis=(0, 1))
    for name in METRICS:
        values = np.full(shape, np.nan, np.float32)
        values[at] = table[name].to_numpy(np.float32)[ours]
        each[name] = values[:, :, common]
    right = np.zeros(shape, np.float32)
    right[at] = (table["prediction"] == table["label"]).to_numpy(bool)[ours]
    each["right"] = right[:, :, common]
    rows = {(str(r["run_id"]), str(r["condition"])): r for r in seen.to_dict("records")}
    names = np.asarray(ids, dtype=object)[common]
    row = {r: i for i, r in enumerate(runs)}
    return Looks(row, conditions, names, each, rows, _vectors(each))


def _vectors(each: Mapping[str, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    runs, conditions, samples = each["angle"].shape
    out = np.full((runs, conditions, len(METRICS), samples), np.nan, np.float32)
    for r in range(runs):
        for c in range(conditions):
            own = [each[name][r, c] for name in METRICS]
            if not constant(np.stack(own, axis=1)).any():
                out[r, c] = geometry_vector(*own)
    return out
