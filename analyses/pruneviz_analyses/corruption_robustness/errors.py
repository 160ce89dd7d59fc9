"""Errors under corruption, over the images there are and over draws of them, and their ratios to the dense model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pruneviz.measures.robustness import ratio, steady
from pruneviz.measures.statistics import resampled_means
from pruneviz_analyses.corruption_robustness.arms import DENSE, Group, Item
from pruneviz_analyses.corruption_robustness.reading import Outcomes
from pruneviz_analyses.corruption_robustness.schemas import CLEAN

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RATIOS = ("error", "relative_error")
COLLAPSED = 0.5  # of what its dense model is right in above chance: a model that keeps less has little left to lose


@dataclass(frozen=True, eq=False)
class Errors:
    """Shares of images that are wrong; the draws of the images are the same for all.

    Attributes:
        row: of each run.
        clean, clean_draws: (R,) and (R, B) on the images as they are.
        error, draws: (R, C) and (R, C, B), mean over severities.
        allowed: by ratio and dense model, (C,) whether the dense models of its kind may all be divided by.
        chance: share of the most frequent class.
    """

    row: Mapping[str, int]
    clean: Floats
    clean_draws: Floats
    error: Floats
    draws: Floats
    allowed: Mapping[str, Mapping[str, Bools]]
    chance: float

    def collapsed(self, run_id: str, dense: str) -> bool:
        """Whether a model keeps so little of its dense model's accuracy on clean images that little can be lost."""
        own, other = (1 - self.clean[self.row[r]] - self.chance for r in (run_id, dense))
        return bool(own < COLLAPSED * other)

    def values(self, metric: str, run_id: str, item: Item) -> tuple[float, Floats]:
        """A run's accuracy, or what corruption takes of it (``drop``), over the images and over draws of them."""
        at, members = self.row[run_id], list(item.members)
        error, draws = self.error[at, members].mean(), self.draws[at, members].mean(axis=0)
        if metric == "accuracy":
            return float(1 - error), 1 - draws
        return float(error - self.clean[at]), draws - self.clean_draws[at]

    def ratios(self, name: str, run_id: str, dense: str, item: Item) -> tuple[float, Floats, int]:
        """A ratio to the dense model, mean over the corruptions where it exists; its draws; how many were left out.

        NaN where there is none, or for the relative error of a model that has collapsed.
        """
        members = np.array(item.members)
        kept = members[self.allowed[name][dense][members]]
        if name == "relative_error" and self.collapsed(run_id, dense):
            kept = kept[:0]
        if not len(kept):
            return np.nan, np.full(self.draws.shape[2], np.nan), len(members)
        sure = np.ones(len(kept), np.bool_)
        own, other = self.row[run_id], self.row[dense]
        less = name == "relative_error"
        top, below = (self.error[r, kept] - less * self.clean[r] for r in (own, other))
        tops, belows = (self.draws[r, kept] - less * self.clean_draws[r] for r in (own, other))
        value, drawn = ratio(top, below, sure), ratio(tops, belows, sure[:, None])
        return float(value.mean()), drawn.mean(axis=0), len(members) - len(kept)


def errors_of(outcomes: Outcomes, groups: Sequence[Group], resamples: int, seed: int) -> Errors:
    """Count what is wrong, and draw the images anew."""
    runs, count = len(outcomes.run_ids), len(outcomes.shifts)
    images = len(outcomes.labels)
    wrong = np.stack([outcomes.wrong(n) for n in (CLEAN, *outcomes.shifts)], axis=1)
    number = np.array([outcomes.right[n].shape[1] for n in (CLEAN, *outcomes.shifts)], np.float64)
    means = wrong.mean(axis=2, dtype=np.float64) / number
    drawn = resampled_means(wrong.reshape(runs * (count + 1), images), resamples, seed)
    drawn = drawn.reshape(runs, count + 1, resamples) / number[:, None]
    allowed: dict[str, dict[str, Bools]] = {name: {} for name in RATIOS}
    for group in (g for g in groups if g.kind == DENSE):
        at = [outcomes.run_ids.index(m.run_id) for m in group.members]
        for name in RATIOS:
            less = name == "relative_error"
            below = means[at, 1:] - less * means[at, :1]
            sure: Bools = np.all(steady(below, drawn[at, 1:] - less * drawn[at, :1]), axis=0)
            allowed[name] |= {m.run_id: sure for m in group.members}
    chance = float(np.bincount(outcomes.labels).max() / images)
    return Errors(outcomes.row, means[:, 0], drawn[:, 0], means[:, 1:], drawn[:, 1:], allowed, chance)
