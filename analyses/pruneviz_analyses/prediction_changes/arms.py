"""What repeats say together: runs that differ in dense model and seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.measures.changes import Change
from pruneviz.measures.statistics import hierarchical_bootstrap, points_only, resampled_means
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.pairs import REPLICATE, Arm
from pruneviz_analyses.prediction_changes.compared import Compared, Floats
from pruneviz_analyses.prediction_changes.forgotten import Forgotten
from pruneviz_analyses.prediction_changes.schemas import ARMS, SAMPLES

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Draws:
    """Shares of the samples over bootstrap draws of them, for the pairs whose arms are to get intervals.

    Attributes:
        at: (P,) row of each pair below; −1 for pairs that are not there.
        churn, negative, positive: (rows, B).
    """

    at: Ints
    churn: Floats
    negative: Floats
    positive: Floats

    def of(self, metric: str, pairs: Ints, retrained: Ints) -> Floats:
        """(pairs, B) values of a metric of the arms table."""
        row = self.at[pairs]
        if metric == "churn":
            return self.churn[row]
        if metric == "negative_flips":
            return self.negative[row]
        if metric == "accuracy_difference":
            return self.positive[row] - self.negative[row]
        return self.churn[row] - self.churn[self.at[retrained[pairs]]]


def arms_frame(
    c: Compared,
    arms: Mapping[Arm, Sequence[int]],
    forgotten: Mapping[Arm, Forgotten],
    level: float,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Means over each arm, with intervals over dense models, seeds and samples where there are enough dense models.

    Args:
        c: all pairs.
        arms: the pairs of each arm.
        forgotten: the exemplars of those that have enough models.
        level: of the intervals.
        resamples: draws of the bootstrap.
        seed: of the draws.
    """
    dense = np.array([p.reference_run_id for p in c.pairs])
    # Pairs of dense models share models, so that they get no interval however many they are.
    enough = {a: a.kind != REPLICATE and not points_only(len({*dense[list(i)]})) for a, i in arms.items()}
    draws = _draw(c, np.array([m for a, i in arms.items() if enough[a] for m in i], np.int64), resamples, seed)
    rows = []
    for arm, members in arms.items():
        pairs = np.array(members)
        row = _plain(c, arm, pairs, dense) | (forgotten[arm].columns if arm in forgotten else {})
        for name, (values, of, least) in _metrics(c, arm, pairs).items():
            if arm.kind == REPLICATE:
                row[name] = float(np.mean(values[of]))
                continue
            drawn = draws.of(name, of, c.retrained) if enough[arm] else None
            bounds = (least, 1.0)
            got = hierarchical_bootstrap(
                values[of], dense[of], resampled=drawn, level=level, bounds=bounds, resamples=resamples, seed=seed
            )
            row |= {name: got.mean, f"{name}_low": got.low, f"{name}_high": got.high}
        rows.append(row)
    return ARMS.frame(rows)


def samples_frame(c: Compared, arms: Mapping[Arm, Sequence[int]]) -> pd.DataFrame:
    """In how many runs of each arm each sample's prediction changed."""
    size = len(c.predictions.labels)
    each = [c.codes[list(i)] for i in arms.values()]
    return frame_of(
        SAMPLES,
        {
            "arm": repeated([a.label for a in arms], np.repeat(np.arange(len(arms)), size)),
            "sample_id": repeated(c.predictions.sample_ids, np.tile(np.arange(size), len(arms))),
            "runs": np.repeat([len(i) for i in arms.values()], size),
            "flips": np.concatenate([(e >= Change.RIGHT_TO_WRONG).sum(axis=0) for e in each]),
            "right_to_wrong": np.concatenate([(e == Change.RIGHT_TO_WRONG).sum(axis=0) for e in each]),
            "wrong_to_right": np.concatenate([(e == Change.WRONG_TO_RIGHT).sum(axis=0) for e in each]),
        },
    )


def _draw(c: Compared, pairs: Ints, resamples: int, seed: int) -> _Draws:
    baselines = c.retrained[pairs]
    rows = np.unique(np.concatenate([pairs, baselines[baselines >= 0]]))
    at = np.full(len(c.pairs), -1, np.int64)
    at[rows] = np.arange(len(rows))
    codes = c.codes[rows]
    kinds = (codes >= Change.RIGHT_TO_WRONG, codes == Change.RIGHT_TO_WRONG, codes == Change.WRONG_TO_RIGHT)
    return _Draws(at, *(resampled_means(k, resamples, seed) for k in kinds))


def _metrics(c: Compared, arm: Arm, pairs: Ints) -> dict[str, tuple[Floats, Ints, float]]:
    """The arm's metrics: value of every pair, the pairs to average, the least value it can take."""
    flips = c.flips.overall
    if arm.kind == REPLICATE:
        # Which of two dense models is the reference is arbitrary: flips count both ways, and there is no sign.
        both = (flips.negative_flips + flips.positive_flips) / 2
        return {"churn": (flips.churn, pairs, 0.0), "negative_flips": (both, pairs, 0.0)}
    found = {
        "churn": (flips.churn, pairs, 0.0),
        "negative_flips": (flips.negative_flips, pairs, 0.0),
        "accuracy_difference": (flips.accuracy_difference, pairs, -1.0),
    }
    paired = pairs[c.retrained[pairs] >= 0]
    if len(paired):
        found["excess_churn"] = (flips.churn - c.beside(flips.churn), paired, -1.0)
    return found


def _plain(c: Compared, arm: Arm, pairs: Ints, dense: npt.NDArray[np.str_]) -> dict[str, Any]:
    """What needs no interval."""
    churn = c.flips.overall.churn
    paired = pairs[c.retrained[pairs] >= 0]
    models = {*dense[pairs]} | ({c.pairs[i].run_id for i in pairs} if arm.kind == REPLICATE else set())
    row: dict[str, Any] = {
        "arm": arm.label,
        **asdict(arm),
        "sparsity_achieved": float(np.mean([c.pairs[i].sparsity for i in pairs])),
        "runs": len(pairs),
        "dense_models": len(models),
        "samples": len(c.predictions.labels),
        "churn_least": float(churn[pairs].min()),
        "churn_most": float(churn[pairs].max()),
        "retrained_runs": len(paired),
    }
    if len(paired):
        row["retrained_churn"] = hierarchical_bootstrap(c.beside(churn)[paired], dense[paired]).mean
    return row
