"""The original against each check, paired."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.statistics import hierarchical_bootstrap, holm
from pruneviz_analyses.mask_checks.schemas import ARMS, CHECKS, ORIGINAL, RUNS, SEEN
from pruneviz_analyses.pairs import Arm, pairs_of

if TYPE_CHECKING:
    import pandas as pd


def measure(tables: Tables, level: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """Both tables; see :class:`pruneviz_analyses.mask_checks.MaskChecks` for the arguments."""
    try:
        seen = tables.table(SEEN.name)
    except KeyError:  # no run has been looked at yet
        seen = SEEN.frame([])
    results = {
        str(run): own.pivot_table(index="repeat", columns="variant", values="accuracy", observed=True, dropna=False)
        for run, own in seen.groupby("run_id", observed=True)
    }
    epochs = int(seen["epochs"].max()) if len(seen) else 0
    planned = tables.runs
    controls = set(planned["control_run_id"].dropna())
    dense_of = dict(zip(planned["run_id"], planned["dense_run_id"], strict=True))
    arms: dict[tuple[Arm, str], list[dict[str, Any]]] = defaultdict(list)
    for p in sorted(pairs_of(planned), key=lambda p: p.run_id):
        for check in CHECKS if p.run_id in results else ():
            row = _compared(p.run_id, results[p.run_id], check)
            if row is not None:
                arms[p.arm, check].append({**row, "arm": p.arm.label})
    means = [
        {**_arm(arm, check, own, dense_of, level, resamples, seed), "epochs": epochs}
        | {"control": any(r["run_id"] in controls for r in own)}
        for (arm, check), own in arms.items()
    ]
    for row, p in zip(means, holm([row["p"] for row in means]) if means else (), strict=True):
        row["p_holm"] = float(p)
    rows = [r for own in arms.values() for r in own]
    return {RUNS.name: RUNS.frame(rows), ARMS.name: ARMS.frame(means)}


def _compared(run_id: str, table: pd.DataFrame, check: str) -> dict[str, Any] | None:
    """One run's mean over the repeats in which neither has diverged."""
    if check not in table or ORIGINAL not in table:
        return None
    both = table[[ORIGINAL, check]].dropna()
    if both.empty:
        return None
    original, destroyed = float(both[ORIGINAL].mean()), float(both[check].mean())
    found = {"run_id": run_id, "check": check, "repeats": len(both)}
    return {**found, "original": original, "accuracy": destroyed, "difference": original - destroyed}


def _arm(
    arm: Arm, check: str, own: list[dict[str, Any]], dense_of: dict[Any, Any], level: float, resamples: int, seed: int
) -> dict[str, Any]:
    dense = [str(dense_of[r["run_id"]]) for r in own]
    differences = np.array([r["difference"] for r in own])
    got = hierarchical_bootstrap(differences, dense, level=level, bounds=(-1, 1), resamples=resamples, seed=seed)
    means = {
        name: hierarchical_bootstrap([r[name] for r in own], dense, resamples=200).mean
        for name in ("original", "accuracy")
    }
    return {
        "arm": arm.label,
        "model": arm.model,
        "method": arm.method,
        "target": arm.target,
        "check": check,
        "dense_models": got.n,
        "runs": len(own),
        "repeats": min(r["repeats"] for r in own),
        **means,
        "difference": got.mean,
        "low": got.low,
        "high": got.high,
        "least": float(differences.min()),
        "most": float(differences.max()),
        "p": got.p,
    }
