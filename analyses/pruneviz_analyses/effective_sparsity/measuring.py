"""The tables of effective_sparsity: counts of one run, then shares by run and by arm."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.analysis import Seen
from pruneviz.core.tables import Tables
from pruneviz.measures.statistics import hierarchical_bootstrap
from pruneviz_analyses.effective_sparsity.schemas import ARMS, RUNS, SEEN
from pruneviz_analyses.pairs import PRUNED, Arm, pairs_of

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("weights", "kept", "connected", "unfed", "unheard")


def counted(model: Seen) -> pd.DataFrame:
    """The rows of one run.

    Raises:
        Unsupported: paths through the model cannot be followed.
    """
    from pruneviz.pruning.connectivity import connectivity

    found = connectivity(model.net, model.mask, model.example)
    rows = []
    for at, layer in enumerate(model.info.layers):
        if model.mask is not None and layer.parameter in model.mask:
            kept = model.mask[layer.parameter]
        else:
            kept = np.ones(layer.shape, np.bool_)
        reached = found[layer.parameter]
        rows.append(
            {
                "run_id": model.run_id,
                "layer": layer.parameter,
                "index": at,
                "weights": kept.size,
                "kept": int(np.count_nonzero(kept)),
                "connected": int(np.count_nonzero(reached.connected)),
                "unfed": int(np.count_nonzero(kept & ~reached.fed)),
                "unheard": int(np.count_nonzero(kept & ~reached.heard)),
            }
        )
    return SEEN.frame(rows)


def measure(tables: Tables, level: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """Both tables; see :class:`pruneviz_analyses.effective_sparsity.EffectiveSparsity` for the arguments."""
    try:
        seen = tables.table(SEEN.name)
    except KeyError:  # no run has been looked at yet
        seen = SEEN.frame([])
    sums = seen.groupby("run_id", observed=True)[list(COUNTS)].sum().to_dict("index")
    whole = {str(run): {str(k): int(n) for k, n in counts.items()} for run, counts in sums.items()}
    runs = tables.runs.set_index("run_id")
    arms: dict[Arm, list[str]] = defaultdict(list)
    for p in pairs_of(tables.runs):
        if p.arm.kind == PRUNED and p.run_id in whole:
            arms[p.arm].append(p.run_id)
    rows: dict[str, dict[str, Any]] = {}
    for arm, ids in arms.items():
        for run_id in sorted(ids):
            rows[run_id] = {"run_id": run_id, "arm": arm.label, **whole[run_id], **_shares(whole[run_id])}
            rows[run_id]["accuracy"] = runs.loc[run_id, "accuracy"]
            rows[run_id]["control_run_id"] = _text(runs.loc[run_id, "control_run_id"])
    for row in rows.values():
        control = rows.get(str(row["control_run_id"]))
        row["control_effective_sparsity"] = control["effective_sparsity"] if control is not None else None
    controls = {row["control_run_id"] for row in rows.values()}
    means = [
        _arm(arm, [rows[r] for r in sorted(ids)], rows, runs, controls, level, resamples, seed)
        for arm, ids in arms.items()
    ]
    return {RUNS.name: RUNS.frame(list(rows.values())), ARMS.name: ARMS.frame(means)}


def _shares(c: dict[str, int]) -> dict[str, Any]:
    return {
        "sparsity": 1 - c["kept"] / c["weights"],
        "effective_sparsity": 1 - c["connected"] / c["weights"],
        "cut_off": 1 - c["connected"] / c["kept"] if c["kept"] else None,
        "compression": c["weights"] / c["kept"] if c["kept"] else None,
        "effective_compression": c["weights"] / c["connected"] if c["connected"] else None,
        "disconnected": c["connected"] == 0,
    }


def _arm(
    arm: Arm,
    own: list[dict[str, Any]],
    rows: dict[str, dict[str, Any]],
    runs: pd.DataFrame,
    controls: set[str | None],
    level: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    dense = [str(runs.loc[r["run_id"], "dense_run_id"]) for r in own]
    row: dict[str, Any] = {
        "arm": arm.label,
        "model": arm.model,
        "method": arm.method,
        "recovery": arm.recovery,
        "target": arm.target,
        "level": arm.level,
        "control": any(r["run_id"] in controls for r in own),
        "runs": len(own),
        "dense_models": len(set(dense)),
        "disconnected": sum(r["disconnected"] for r in own),
    }
    for name in ("sparsity", "effective_sparsity", "accuracy"):
        values = np.array([r[name] for r in own], np.float64)
        if np.isfinite(values).all():
            row[name] = hierarchical_bootstrap(values, dense, resamples=200).mean
    told = [(r["cut_off"], r, d) for r, d in zip(own, dense, strict=True) if r["cut_off"] is not None]
    row["empty"] = len(own) - len(told)
    if told:
        shares, models = [v for v, _, _ in told], [d for _, _, d in told]
        got = hierarchical_bootstrap(shares, models, level=level, bounds=(0, 1), resamples=resamples, seed=seed)
        row |= {"cut_off": got.mean, "cut_off_low": got.low, "cut_off_high": got.high}
        row |= {"least": min(shares), "most": max(shares)}
    beside = [
        (v - c["cut_off"], d)
        for v, r, d in told
        if (c := rows.get(str(r["control_run_id"]))) is not None and c["cut_off"] is not None
    ]
    row["control_runs"] = len(beside)
    if beside:
        values = np.array([v for v, _ in beside])
        models = [d for _, d in beside]
        got = hierarchical_bootstrap(values, models, level=level, bounds=(-1, 1), resamples=resamples, seed=seed)
        row |= {"beyond_control": got.mean, "beyond_control_low": got.low, "beyond_control_high": got.high}
    return row


def _text(value: Any) -> str | None:
    return None if str(value) in ("<NA>", "nan", "None") else str(value)
