"""Overlap of masks beside chance, and the turnover of masks from level to level."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.overlap import overlap
from pruneviz.measures.statistics import hierarchical_bootstrap
from pruneviz_analyses.similarity.measuring import observed
from pruneviz_analyses.similarity.planning import AT_ONCE, LEVELS, records
from pruneviz_analyses.similarity.schemas import MASKS, METHODS, OVERLAPS, TURNOVER

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


def overlap_frames(tables: Tables, level: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """The tables :data:`OVERLAPS`, :data:`METHODS` and :data:`TURNOVER`."""
    runs = {str(r["run_id"]): r for r in records(tables.runs)}
    seen = observed(tables, MASKS)
    rows: list[Row] = []
    for (run, reference, relation), own in seen.groupby(
        ["run_id", "reference_run_id", "relation"], sort=False, observed=True
    ):
        named = {"run_id": str(run), "reference_run_id": str(reference), "relation": str(relation)}
        rows += [{**named, **r} for r in _overlaps(own, level)]
    whole = [r for r in rows if r["layer"] is None]
    methods = [r for r in whole if r["relation"] not in (LEVELS, AT_ONCE)]
    levels = [r for r in whole if r["relation"] in (LEVELS, AT_ONCE)]
    return {
        OVERLAPS.name: OVERLAPS.frame(rows),
        METHODS.name: METHODS.frame(list(_methods(methods, runs, level, resamples, seed))),
        TURNOVER.name: TURNOVER.frame(list(_turnover(levels, runs))),
    }


def _overlaps(own: pd.DataFrame, level: float) -> Iterator[Row]:
    """All layers together, then each."""
    counts = own[["units", "kept", "reference_kept", "both"]].to_numpy(int)
    yield {"layer": None, **_compared(counts, level)}
    for layer, each in zip(own["layer"], counts, strict=True):
        yield {"layer": str(layer), **_compared(each[None], level)}


def _compared(counts: npt.NDArray[np.int64], level: float) -> Row:
    units, kept, other, both = (column.tolist() for column in counts.T)
    found = asdict(overlap(units, kept, other, both, level))
    names = {"other_kept": "reference_kept", "low": "chance_low", "high": "chance_high"}
    return {"units": sum(units), **{names.get(k, k): v for k, v in found.items()}}


def _methods(rows: Sequence[Row], runs: Mapping[str, Any], level: float, resamples: int, seed: int) -> Iterator[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    place = {m: i for i, m in enumerate(dict.fromkeys(r["method"] for r in runs.values()))}
    for r in rows:
        a, b = runs[r["run_id"]], runs[r["reference_run_id"]]
        first, second = sorted((str(a["method"]), str(b["method"])), key=lambda m: place[m])
        key = (a["model"], a["unit"], a["recovery"], a["target"], first, second)
        groups[key].append(r)
    for key, own in groups.items():
        dense = [runs[r["run_id"]]["dense_run_id"] for r in own]
        told = [(r["excess"], d) for r, d in zip(own, dense, strict=True) if math.isfinite(r["excess"])]
        found: Row = dict(zip(("model", "unit", "recovery", "target", "method", "other"), key, strict=True))
        found |= {"dense_models": len(set(dense)), "pairs": len(own), "undefined": len(own) - len(told)}
        for name in ("jaccard", "chance"):
            values = np.array([r[name] for r in own])
            if np.isfinite(values).all():
                found[name] = hierarchical_bootstrap(values, dense, resamples=200).mean
        if told:
            values, models = np.array([v for v, _ in told]), [d for _, d in told]
            # Two methods' masks may all be the same or nested: then every value is 1 and nothing varies.
            got = hierarchical_bootstrap(
                values, models, level=level, bounds=(-math.inf, 1), resamples=resamples, seed=seed
            )
            found |= {"excess": got.mean, "excess_low": got.low, "excess_high": got.high}
        found["beyond_chance"] = sum(not r["chance_low"] <= r["jaccard"] <= r["chance_high"] for r in own)
        yield found


def _turnover(rows: Sequence[Row], runs: Mapping[str, Any]) -> Iterator[Row]:
    """Of every run of an iterative method, what both comparisons say."""
    found: dict[str, Row] = {}
    for r in rows:
        run = runs[r["run_id"]]
        row = found.setdefault(r["run_id"], {"run_id": r["run_id"], "units": r["units"], "kept": r["kept"]})
        row |= {k: run[k] for k in ("model", "method", "recovery", "level")}
        row["arm"] = " · ".join(str(run[k]) for k in ("model", "method", "recovery"))
        kept, before, both = r["kept"], r["reference_kept"], r["both"]
        if r["relation"] == AT_ONCE:
            row |= {"at_once": r["jaccard"], "at_once_chance": r["chance"], "at_once_excess": r["excess"]}
        else:
            row |= {"previous_run_id": r["reference_run_id"], "previous_kept": before}
            row |= {"dropped": before - both, "regrown": kept - both}
            row["regrown_share"] = (kept - both) / kept if kept else None
            row["dropped_share"] = (before - both) / before if before else None
    yield from sorted(found.values(), key=lambda row: (row["arm"], row["level"], row["run_id"]))
