"""Whether the methods of a study rank alike before and after their recovery, by the study's own runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.rank_correlation import kendall, noise_ceiling, shared_label_p
from pruneviz.measures.statistics import Interval, holm
from pruneviz_analyses.retrain_correlation.cells import LEAST
from pruneviz_analyses.retrain_correlation.correlating import columns, mean, spread
from pruneviz_analyses.retrain_correlation.schemas import RANKED, RANKINGS
from pruneviz_analyses.retrain_correlation.verdicts import ALPHA, verdict

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["model", "unit", "recovery", "target", "level"]


def pairs_frame(runs: pd.DataFrame) -> pd.DataFrame:
    """Every finished recovered run beside the same model before its recovery.

    Random controls are left out: they end last before and after, and would make criteria look as if they agreed.

    Returns:
        The columns of :data:`KEYS`, ``dense_run_id``, ``method``, ``seed``, ``before`` (loss before the recovery: on
        the validation split where both runs have one, else on the test split) and ``after`` (test accuracy).
    """
    import pandas as pd

    control = runs["run_id"].isin(set(runs["control_run_id"].dropna()))
    done = runs[(runs["status"] == "done") & (runs["method"] != "dense") & ~control]
    bare: dict[tuple[Any, ...], float] = {}
    for run in done[done["recovery"] == "none"].to_dict("records"):
        loss = run["val_loss"] if math.isfinite(run["val_loss"]) else run["loss"]
        bare[(*_which(run), _seed(run))] = loss
    rows = []
    for run in done[done["recovery"] != "none"].to_dict("records"):
        # Without a recovery, what does not draw is one run for all seeds.
        before = bare.get((*_which(run), _seed(run)), bare.get((*_which(run), None)))
        if before is not None:
            rows.append({**run, "before": before, "after": run["accuracy"]})
    columns = [*KEYS, "dense_run_id", "method", "seed", "before", "after"]
    return pd.DataFrame(rows, columns=columns)


def _which(run: Mapping[Any, Any]) -> tuple[Any, ...]:
    return run["dense_run_id"], run["method"], run["target"], run["level"]


def _seed(run: Mapping[Any, Any]) -> int | None:
    return None if run["seed"] is None or str(run["seed"]) == "<NA>" else int(run["seed"])


def rankings_frames(tables: Tables, permutations: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of rankings, and of their dense models."""
    rows: list[dict[str, Any]] = []
    each: list[dict[str, Any]] = []
    for key, group in pairs_frame(tables.runs).groupby(KEYS, sort=False, dropna=False):
        named = dict(zip(KEYS, key, strict=True))
        found, own = _ranking(group, permutations, seed)
        if found:
            rows.append({**named, **found})
            each += [{**named, **one} for one in own]
    corrected = holm(np.array([row["p"] for row in rows], dtype=float))
    for row, p in zip(rows, corrected.tolist(), strict=True):
        row |= {"p_holm": p, "verdict": _verdict(row.pop("over"), row["ceiling"], p, row["methods"])}
    return RANKINGS.frame(rows), RANKED.frame(each)


def _ranking(group: pd.DataFrame, permutations: int, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One row, and one for each of its dense models; nothing where too few methods are common to all of them."""
    finite = group[np.isfinite(group["before"]) & np.isfinite(group["after"])]
    means = finite.groupby(["dense_run_id", "method"], sort=False)[["before", "after"]].mean().unstack("method")
    common = means.dropna(axis=1)
    methods = [m for m in common["after"].columns if m in common["before"].columns] if len(common.columns) else []
    if len(methods) < LEAST:
        return {}, []
    before, after = -common["before"][methods].to_numpy(), common["after"][methods].to_numpy()
    taus = np.diagonal(kendall(before, after))
    known = taus[np.isfinite(taus)]
    best = before.argmax(axis=1), after.argmax(axis=1)
    over = spread(known)
    row = {
        "methods": len(methods),
        "dense_models": len(known),
        "p": shared_label_p(before, after, permutations, seed),
        "ceiling": _ceiling(finite[finite["method"].isin(methods)]),
        "best_stays": int(np.sum(best[0] == best[1])),
        "over": over,
        **columns(over, known),
    }
    each = [
        {"run_id": run_id, "tau": t, "best_before": methods[b], "best_after": methods[a]}
        for run_id, t, b, a in zip(common.index, taus, *best, strict=True)
    ]
    return row, each


def _ceiling(group: pd.DataFrame) -> float:
    """τ between the results of different seeds, in each dense model, over the methods that have them all."""
    import pandas as pd

    ceilings = []
    for _, own in group.groupby("dense_run_id", sort=False):
        repeats = own.pivot_table(index="seed", columns="method", values="after").dropna(axis=1)
        if repeats.shape[1] >= LEAST:
            ceilings.append(noise_ceiling(repeats.to_numpy()))
    return mean(pd.Series(ceilings, dtype=float))


def _verdict(over: Interval | None, ceiling: float, p: float, methods: int) -> str:
    """As for sets of filters, but the test over the methods' names decides, however many dense models there are.

    All dense models rank the same few methods: an interval over them says how steady τ is for these methods, and
    leaves out 0 too where two rankings that have nothing to do with each other happen to agree by a pair.
    """
    tested = int(math.isfinite(p) and 2 / math.factorial(methods) <= ALPHA)  # the least p that there can be
    hit = bool(tested) and p <= ALPHA and over is not None
    found = int(hit and over is not None and over.mean > 0)
    return verdict(over is not None, True, ceiling, found, int(hit) - found, tested, 1)
