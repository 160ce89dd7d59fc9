"""Which corruptions say the same: they fail the same images, or make the same models suffer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.measures.robustness import correlation, grouped, mean_of, rank_correlation
from pruneviz.measures.statistics import hierarchical_bootstrap
from pruneviz_analyses.corruption_robustness.arms import CONTROL, DENSE, Group
from pruneviz_analyses.corruption_robustness.reading import Outcomes
from pruneviz_analyses.corruption_robustness.schemas import CLEAN, CORRUPTIONS, PAIRS

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

LEAST_FAILED = 10  # images that a corruption must fail for its failures to be compared with others
LEAST_MODELS = 4  # models of one dense model, itself among them, that can be ranked at all


def redundancy_frames(
    outcomes: Outcomes, groups: Sequence[Group], alike: float, level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of pairs and of corruptions."""
    dense = [m.run_id for g in groups if g.kind == DENSE for m in g.members]
    if not dense or not outcomes.shifts:
        return PAIRS.frame([]), CORRUPTIONS.frame([])
    over_images = [_over_images(outcomes, run_id) for run_id in dense]
    over_models = [found for run_id in dense if (found := _over_models(outcomes, groups, run_id)) is not None]
    rows = list(_pair_rows(outcomes.shifts, "images", over_images, level))
    if over_models:
        rows += _pair_rows((*outcomes.shifts, CLEAN), "models", over_models, level)
    similarity = mean_of([matrix for matrix, _ in over_images])
    return PAIRS.frame(rows), CORRUPTIONS.frame(_corruption_rows(outcomes, dense, similarity, alike))


def _over_images(outcomes: Outcomes, run_id: str) -> tuple[Floats, int]:
    """How alike corruptions are in the images that they fail, of those that the model has right; how many these are."""
    at = outcomes.row[run_id]
    kept = outcomes.right[CLEAN][at, 0]
    wrong = np.stack([outcomes.wrong(n)[at, kept] for n in outcomes.shifts]).astype(np.float64)
    found = correlation(wrong)
    few = (wrong > 0).sum(axis=1) < LEAST_FAILED
    found[few], found[:, few] = np.nan, np.nan
    return found, int(kept.sum())


def _over_models(outcomes: Outcomes, groups: Sequence[Group], dense: str) -> tuple[Floats, int] | None:
    """How alike corruptions rank the models that descend from one dense model; None with too few of them.

    Random controls are left out: they are worst under everything, and would make all corruptions look alike.
    """
    ids = [m.run_id for g in groups if g.kind != CONTROL for m in g.members if m.dense == dense]
    if len(ids) < LEAST_MODELS:
        return None
    at = [outcomes.row[r] for r in ids]
    accuracy = np.stack([outcomes.right[n][at].mean(axis=(1, 2)) for n in (*outcomes.shifts, CLEAN)])
    return rank_correlation(accuracy), len(ids)


def _pair_rows(
    names: Sequence[str], over: str, found: Sequence[tuple[Floats, int]], level: float
) -> list[dict[str, Any]]:
    rows = []
    for i, j in itertools.combinations(range(len(names)), 2):
        each = np.array([matrix[i, j] for matrix, _ in found])
        known = np.isfinite(each)
        row: dict[str, Any] = {"corruption": names[i], "other": names[j], "over": over}
        row |= {"dense_models": int(known.sum()), "n": min(n for _, n in found)}
        if known.any():
            got = hierarchical_bootstrap(each[known], np.arange(known.sum()), level=level, bounds=(-1.0, 1.0))
            row |= {"correlation": got.mean, "low": got.low, "high": got.high}
        rows.append(row)
    return rows


def _corruption_rows(
    outcomes: Outcomes, dense: Sequence[str], similarity: Floats, alike: float
) -> list[dict[str, Any]]:
    at = [outcomes.row[r] for r in dense]
    clean = float(outcomes.right[CLEAN][at].mean())
    told = grouped(similarity, alike)
    place = {int(i): p for p, i in enumerate(told.order)}
    size = np.bincount(told.cluster)
    rows = []
    for i, name in enumerate(outcomes.shifts):
        others = np.where(np.arange(len(similarity)) == i, np.nan, similarity[i])
        accuracy = float(outcomes.right[name][at].mean())
        row: dict[str, Any] = {
            "corruption": name,
            "shift": outcomes.sorts[name],
            "family": outcomes.family(name),
            "faithful": outcomes.faithful(name),
            "accuracy": accuracy,
            "drop": clean - accuracy,
            "place": place[i],
            "cluster": int(told.cluster[i]),
            "cluster_size": int(size[told.cluster[i]]),
        }
        if np.isfinite(others).any():
            best = int(np.nanargmax(others))
            row |= {"nearest": outcomes.shifts[best], "nearest_correlation": float(others[best])}
        rows.append(row)
    return rows
