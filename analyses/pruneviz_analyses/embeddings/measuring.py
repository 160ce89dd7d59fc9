"""How far neighbourhoods have changed, by pairs of runs, from the neighbours that were kept of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.embedding import change_by_chance, neighbourhood_change
from pruneviz.measures.statistics import hierarchical_bootstrap
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.embeddings.schemas import ARMS, CHANGES, NEIGHBOURS, RUNS, SEEN
from pruneviz_analyses.pairs import REPLICATE, Arm, Pair, pairs_of

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Near:
    """The neighbours of one run's samples, as positions among the study's samples.

    Attributes:
        samples: (n,) the samples that have neighbours, ascending.
        neighbours: (n, k).
    """

    samples: npt.NDArray[np.int64]
    neighbours: npt.NDArray[np.int64]


def measure(tables: Tables, level: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """All three tables; see :class:`pruneviz_analyses.embeddings.Embeddings` for the arguments."""
    near, ids = _read(tables)
    seen = _table(tables, SEEN.name)
    residual = dict(zip(seen["run_id"].astype(str), seen["residual"].to_numpy(float, na_value=np.nan), strict=True))
    runs = tables.runs
    control = dict(zip(runs["run_id"], runs["control_run_id"], strict=True))
    rows: list[dict[str, Any]] = []
    each: dict[str, tuple[npt.NDArray[np.int64], Floats]] = {}
    arms: dict[Arm, list[dict[str, Any]]] = {}
    for p in pairs_of(runs):
        if p.run_id not in near or p.reference_run_id not in near:
            continue
        found = _changed(near[p.reference_run_id], near[p.run_id])
        if not len(found[0]):
            continue
        row = _row(p, found, near[p.run_id].neighbours.shape[1], control, residual)
        rows.append(row)
        arms.setdefault(p.arm, []).append(row)
        if p.arm.kind != REPLICATE:
            each[p.run_id] = found
    by_run = {r["run_id"]: r["change"] for r in rows if r["kind"] != REPLICATE}
    return {
        RUNS.name: RUNS.frame(rows),
        ARMS.name: ARMS.frame([_arm_row(a, own, by_run, level, resamples, seed) for a, own in arms.items()]),
        CHANGES.name: _changes(each, ids),
    }


def _table(tables: Tables, name: str) -> pd.DataFrame:
    try:
        return tables.table(name)
    except KeyError:  # no run has been looked at yet
        return {SEEN.name: SEEN, NEIGHBOURS.name: NEIGHBOURS}[name].frame([])


def _read(tables: Tables) -> tuple[dict[str, _Near], npt.NDArray[np.object_]]:
    """The neighbours of each run, and the samples' ids: sorted, so that the order of the rows says nothing."""
    import pandas as pd

    frame = _table(tables, NEIGHBOURS.name)
    names = [frame[c].astype(str).to_numpy(object) for c in ("sample_id", "neighbour_id")]
    ids = np.array(sorted(set(names[0]) | set(names[1])), dtype=object)
    place = pd.Index(ids)
    sample, neighbour = (place.get_indexer(pd.Index(n)) for n in names)
    rank, run = frame["rank"].to_numpy(np.int64), frame["run_id"].astype(str).to_numpy(object)
    found: dict[str, _Near] = {}
    codes, labels = pd.factorize(run)
    for code, run_id in enumerate(labels):
        own = np.flatnonzero(codes == code)
        own = own[np.lexsort((rank[own], sample[own]))]
        k = int(rank[own].max())
        found[str(run_id)] = _Near(sample[own][::k], neighbour[own].reshape(-1, k))
    return found, ids


def _changed(before: _Near, after: _Near) -> tuple[npt.NDArray[np.int64], Floats]:
    """The samples that both have neighbours of, and the change of each."""
    common, i, j = np.intersect1d(before.samples, after.samples, assume_unique=True, return_indices=True)
    return common, neighbourhood_change(before.neighbours[i], after.neighbours[j])


def _row(
    p: Pair,
    found: tuple[npt.NDArray[np.int64], Floats],
    k: int,
    control: Mapping[str, Any],
    residual: Mapping[str, float],
) -> dict[str, Any]:
    given = control.get(p.run_id)
    left = residual.get(p.run_id, np.nan)
    return {
        "run_id": p.run_id,
        "reference_run_id": p.reference_run_id,
        "retrained_run_id": p.retrained_run_id,
        "control_run_id": str(given) if isinstance(given, str) else None,
        "kind": p.arm.kind,
        "arm": p.arm.label,
        "samples": len(found[0]),
        "neighbours": k,
        "change": float(found[1].mean()),
        "by_chance": change_by_chance(len(found[0]), k),
        "residual": left if np.isfinite(left) else None,
    }


def _arm_row(
    arm: Arm, own: Sequence[Mapping[str, Any]], by_run: Mapping[str, float], level: float, resamples: int, seed: int
) -> dict[str, Any]:
    dense = [r["reference_run_id"] for r in own]
    row: dict[str, Any] = {
        "arm": arm.label,
        **asdict(arm),
        "runs": len(own),
        "dense_models": len({*dense, *(r["run_id"] for r in own)} if arm.kind == REPLICATE else set(dense)),
        "samples": min(r["samples"] for r in own),
        "by_chance": float(np.mean([r["by_chance"] for r in own])),
    }
    change = np.array([r["change"] for r in own])
    if arm.kind == REPLICATE:  # pairs share models: they are no independent replicates, and get no interval
        return row | {"change": float(change.mean())}
    got = hierarchical_bootstrap(change, dense, level=level, resamples=resamples, seed=seed, bounds=(0.0, 1.0))
    row |= {"change": got.mean, **_ends("change", got.low, got.high)}
    for other, name, difference in (
        ("retrained_run_id", "retrained", "excess"),
        ("control_run_id", "control", "against_control"),
    ):
        beside = [i for i, r in enumerate(own) if r[other] in by_run]
        row[f"{name}_runs"] = len(beside)
        if beside:
            theirs = np.array([by_run[own[i][other]] for i in beside])
            of = [dense[i] for i in beside]
            row[f"{name}_change"] = hierarchical_bootstrap(theirs, of).mean
            got = hierarchical_bootstrap(change[beside] - theirs, of, level=level, resamples=resamples, seed=seed)
            row |= {difference: got.mean, **_ends(difference, got.low, got.high)}
    return row


def _ends(name: str, low: float, high: float) -> dict[str, float | None]:
    return {f"{name}_low": low if np.isfinite(low) else None, f"{name}_high": high if np.isfinite(high) else None}


def _changes(each: Mapping[str, tuple[npt.NDArray[np.int64], Floats]], ids: npt.NDArray[np.object_]) -> pd.DataFrame:
    counts = [len(samples) for samples, _ in each.values()]
    none = np.zeros(0, np.int64)
    columns = {
        "run_id": repeated(each or [""], np.repeat(np.arange(len(each)), counts) if each else none),
        "sample_id": repeated(
            ids if len(ids) else [""], np.concatenate([s for s, _ in each.values()]) if each else none
        ),
        "change": np.concatenate([c for _, c in each.values()]) if each else np.zeros(0),
    }
    return frame_of(CHANGES, columns)
