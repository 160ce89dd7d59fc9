"""τ of what was seen: by dense model, and of all dense models together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz.measures.rank_correlation import (
    anomaly_ratio,
    kendall,
    noise_ceiling,
    published_p,
    relabelled,
    relabelling_p,
)
from pruneviz.measures.statistics import Interval, holm, t_interval
from pruneviz_analyses.retrain_correlation.cells import LEAST, enough_relabellings, members, set_of
from pruneviz_analyses.retrain_correlation.schemas import CELLS, MODELS, OUTCOMES, RELABELLED, RETRAINED, SUBSETS
from pruneviz_analyses.retrain_correlation.verdicts import ALPHA, verdict

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

EXPECTED = {"test_accuracy": -1, "test_loss": 1, "train_loss": 1}  # τ's sign, if a small loss before is a good sign


@dataclass(frozen=True, eq=False)
class _Seen:
    """What was seen of one dense model at one layer and ratio.

    Attributes:
        losses: (S,), before retraining; NaN where not finite.
        sets: (S, filters), which filters each set removes.
        sizes: filters of each layer.
        every: whether those are all sets of that size.
        chosen: (D,), rows of the sets retrained as often as asked.
        repeats: by outcome, (R, D).
        best: by outcome, (D,): the mean over repeats at the epoch of best test accuracy.
        failed: sets of which a retraining failed.
        waiting: sets retrained less often than asked, so far.
        drawn: (P, D), the chosen sets' losses as relabelled, where sets are drawn and that was asked for.
    """

    losses: Floats
    sets: npt.NDArray[np.bool_]
    sizes: tuple[int, ...]
    every: bool
    chosen: npt.NDArray[np.int64]
    repeats: Mapping[str, Floats]
    best: Mapping[str, Floats]
    failed: int
    waiting: int
    drawn: Floats


def read(tables: Tables, name: str) -> pd.DataFrame | None:
    """A table of what was seen; None where nothing was seen yet."""
    try:
        return tables.table(name)
    except KeyError:
        return None


def models_frame(tables: Tables, permutations: int, seed: int) -> pd.DataFrame:
    """The table of dense models, layers, ratios and outcomes."""
    losses, after, drawn = (read(tables, schema.name) for schema in (SUBSETS, RETRAINED, RELABELLED))
    runs = {str(r["run_id"]): r for r in tables.runs.to_dict("records")}
    rows: list[dict[str, Any]] = []
    if losses is None:
        return MODELS.frame([])
    keys = ["run_id", "layer", "ratio"]
    by_cell = dict(iter(after.groupby(keys, observed=True))) if after is not None else {}
    drawn_in = dict(iter(drawn.groupby(keys, observed=True))) if drawn is not None else {}
    groups = losses.groupby(keys, observed=True, sort=False)
    least, permutations = enough_relabellings(1, groups.ngroups), enough_relabellings(permutations, groups.ngroups)
    for key, own in groups:
        run_id, layer = str(key[0]), str(key[1])
        if run_id not in runs:
            continue
        seen = _seen(own.sort_values("subset"), by_cell.get(key), drawn_in.get(key))
        common = {
            "run_id": run_id,
            "model": runs[run_id]["model"],
            "replicate": int(runs[run_id]["replicate"]),
            "layer": layer,
            "ratio": float(own["ratio"].iloc[0]),
            "filters": str(own["filters"].iloc[0]),
            "subsets": len(seen.losses),
            "all_subsets": seen.every,
            "unknown": int(np.count_nonzero(~np.isfinite(seen.losses))),
            "retrained": len(seen.chosen),
            "failed": seen.failed,
            "waiting": seen.waiting,
            "repeats": len(next(iter(seen.repeats.values()))),
        }
        rows += [{**common, **found} for found in _correlated(seen, least, permutations, seed)]
    frame = MODELS.frame(rows)
    for _, at in frame.groupby("outcome").groups.items():
        frame.loc[at, "p_holm"] = holm(frame.loc[at, "p"].to_numpy(float))
    return frame


def _seen(losses: pd.DataFrame, after: pd.DataFrame | None, drawn: pd.DataFrame | None) -> _Seen:
    sets = [set_of(str(text)) for text in losses["removed"]]
    sizes = tuple(int(n) for n in str(losses["filters"].iloc[0]).split("+"))
    kept: dict[int, pd.DataFrame] = {}
    failed = waiting = 0
    repeats = int(after["repeat"].max()) + 1 if after is not None and len(after) else 0
    for subset, rows in after.groupby("subset") if after is not None else ():
        if rows["reason"].notna().any():
            failed += 1
        elif len(rows) == repeats:
            kept[int(str(subset))] = rows.sort_values("repeat")
        else:
            waiting += 1
    # Results as an array: (sets, repeats, outcomes, theirs at the last epochs and at the best one).
    names = [*OUTCOMES, *(f"best_{name}" for name in OUTCOMES)]
    values = np.array([rows[names].to_numpy(float) for rows in kept.values()]).reshape(len(kept), repeats, len(names))
    return _Seen(
        losses["pruned_loss"].to_numpy(float, na_value=np.nan),
        members(sets, sizes),
        sizes,
        bool(losses["all_subsets"].all()),
        np.array(list(kept), np.int64),
        {name: values[:, :, i].T for i, name in enumerate(OUTCOMES)},
        {name: values[:, :, len(OUTCOMES) + i].sum(axis=1) / max(repeats, 1) for i, name in enumerate(OUTCOMES)},
        failed,
        waiting,
        _drawn(drawn, list(kept)),
    )


def _drawn(drawn: pd.DataFrame | None, chosen: Sequence[int]) -> Floats:
    """The losses of the draws that are known for all chosen sets, (draws, sets)."""
    if drawn is None or not set(chosen) <= set(drawn["subset"]):
        return np.empty((0, len(chosen)))
    wide = drawn.pivot(index="draw", columns="subset", values="pruned_loss")[list(chosen)]
    there = drawn.pivot(index="draw", columns="subset", values="run_id")[list(chosen)].notna().all(axis=1)
    return wide[there].to_numpy(float, na_value=np.nan)


def _correlated(seen: _Seen, least: int, permutations: int, seed: int) -> list[dict[str, Any]]:
    """Each outcome's τ and what is needed to judge it.

    Args:
        seen: the sets of one dense model, layer and ratio.
        least: relabellings that a p-value needs to say anything; of drawn sets there may be fewer so far.
        permutations: relabellings where all sets are looked at.
        seed: of those.
    """
    if len(seen.chosen) < LEAST:
        return [{"outcome": name} for name in OUTCOMES]
    before = seen.losses[seen.chosen]
    means = np.array([seen.repeats[name].mean(axis=0) for name in OUTCOMES])
    p, losses = np.full(len(means), np.nan), seen.drawn
    if seen.every and np.isfinite(seen.losses).all():  # else a relabelled set's loss may not be known
        losses = seen.losses[relabelled(seen.sets, seen.chosen, seen.sizes, permutations, seed)]
    if len(losses) >= least and np.isfinite(losses).all():
        p = relabelling_p(before, losses, means)
    taus = kendall(before, means)[0]
    # Where the set of least loss has no result, another one in its place would say something else.
    oracle = before.min() <= np.nanmin(np.where(np.isfinite(seen.losses), seen.losses, np.nan))
    found = []
    for i, (name, better) in enumerate(OUTCOMES.items()):
        found.append(
            {
                "outcome": name,
                "tau": taus[i],
                "p": p[i],
                "relabellings": len(losses),
                "p_published": published_p(before, means[i]),
                "tau_published": float(kendall(before, seen.best[name])[0, 0]),
                "ceiling": noise_ceiling(seen.repeats[name]),
                "anomaly_ratio": anomaly_ratio(before, means[i], better) if oracle else math.nan,
            }
        )
    return found


def cells_frame(models: pd.DataFrame) -> pd.DataFrame:
    """The table of what the dense models say together."""
    keys = ["model", "layer", "ratio", "outcome"]
    own = dict(iter(models.groupby(keys, sort=False)))
    over = {key: spread(rows["tau"].dropna().to_numpy(float)) for key, rows in own.items()}
    judged: dict[Any, Judged] = {}
    for outcome in OUTCOMES:  # by the name of the outcome, as the tests within dense models are corrected
        judged |= judge({key: i for key, i in over.items() if i is not None and key[3] == outcome})
    rows = [
        {**dict(zip(keys, key, strict=True)), **_together(rows, EXPECTED[str(key[3])], over[key], judged.get(key))}
        for key, rows in own.items()
    ]
    return CELLS.frame(rows)


def _together(own: pd.DataFrame, expected: int, over: Interval | None, judged: Judged | None) -> dict[str, Any]:
    known = own[own["tau"].notna()]
    taus, p = known["tau"].to_numpy(float), known["p_holm"].to_numpy(float)
    hit = p <= ALPHA
    found, against = int(np.sum(hit & (taus * expected > 0))), int(np.sum(hit & (taus * expected < 0)))
    ceiling, tested = mean(known["ceiling"]), int(np.isfinite(p).sum())
    enough = bool((own["retrained"] >= LEAST).any())
    return {
        "dense_models": len(known),
        "retrained": int(own["retrained"].min()),
        "subsets": int(own["subsets"].min()),
        "repeats": int(own["repeats"].min()),
        "found": found,
        "against": against,
        "tested": tested,
        "ceiling": ceiling,
        "anomaly_ratio": mean(known["anomaly_ratio"]),
        "verdict": verdict(over is not None, enough, ceiling, found, against, tested, expected, judged),
        **columns(over, taus),
    }


def spread(taus: Sequence[float] | Floats) -> Interval | None:
    """τ over dense models; None where there is none."""
    values = np.asarray(taus, np.float64)
    return t_interval(values, varied="dense models") if len(values) else None


def columns(over: Interval | None, taus: Floats) -> dict[str, float]:
    """The columns of a τ over dense models, its interval cut to what τ can be."""
    if over is None:
        return {}
    low, high = max(over.low, -1.0) if over.shown else math.nan, min(over.high, 1.0) if over.shown else math.nan
    least, most = float(taus.min()), float(taus.max())
    return {"tau": over.mean, "tau_least": least, "tau_most": most, "tau_low": low, "tau_high": high}


def mean(values: pd.Series[float]) -> float:
    """The mean of what is known; NaN where nothing is."""
    known = values.to_numpy(float)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else math.nan
