"""The tables of prediction_changes, from the predictions of all runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.changes import mcnemar, paired_interval
from pruneviz.measures.statistics import holm
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.pairs import REPLICATE, Arm, pairs_of
from pruneviz_analyses.prediction_changes.arms import arms_frame, samples_frame
from pruneviz_analyses.prediction_changes.compared import Compared, Floats, compare
from pruneviz_analyses.prediction_changes.forgotten import exemplars_frame, exemplars_of
from pruneviz_analyses.prediction_changes.schemas import ARMS, CLASSES, EXEMPLARS, PAIRS, SAMPLES

if TYPE_CHECKING:
    import pandas as pd


def measure(tables: Tables, level: float, resamples: int, seed: int, small_class: int) -> dict[str, pd.DataFrame]:
    """All tables; see :class:`pruneviz_analyses.prediction_changes.PredictionChanges` for the arguments."""
    pairs = pairs_of(tables.runs)
    if not pairs:
        return {s.name: s.frame([]) for s in (PAIRS, CLASSES, ARMS, SAMPLES, EXEMPLARS)}
    compared = compare(tables, pairs)
    arms: dict[Arm, list[int]] = {}
    for i, pair in enumerate(pairs):
        arms.setdefault(pair.arm, []).append(i)
    for members in arms.values():  # by id, so that bootstrap draws do not depend on the order of the runs
        members.sort(key=lambda i: (pairs[i].run_id, pairs[i].reference_run_id))
    forgotten = exemplars_of(compared, arms, tables.runs, len(tables.classes), resamples, seed)
    return {
        PAIRS.name: _pairs(compared, level),
        CLASSES.name: _classes(compared, tables.classes, level, small_class),
        ARMS.name: arms_frame(compared, arms, forgotten, level, resamples, seed),
        SAMPLES.name: samples_frame(compared, arms),
        EXEMPLARS.name: exemplars_frame(compared, forgotten, tables.classes),
    }


def _pairs(c: Compared, level: float) -> pd.DataFrame:
    flips, count, n = c.flips.overall, len(c.pairs), len(c.predictions.labels)
    low, high = paired_interval(flips.right_to_wrong, flips.wrong_to_right, flips.n, level)
    more, fewer = np.zeros(count, np.int64), np.zeros(count, np.int64)
    changed, alone = c.changed, c.retrained < 0
    for i in np.flatnonzero(~alone):
        more[i] = np.count_nonzero(changed[i] & ~changed[c.retrained[i]])
        fewer[i] = np.count_nonzero(changed[c.retrained[i]] & ~changed[i])
    excess_low, excess_high = paired_interval(fewer, more, flips.n, level)
    replicates, churn, negative = _replicates(c)
    left_out = dict(zip(c.predictions.run_ids, c.predictions.left_out.tolist(), strict=True))
    return frame_of(
        PAIRS,
        {
            "run_id": [p.run_id for p in c.pairs],
            "reference_run_id": [p.reference_run_id for p in c.pairs],
            "kind": [p.arm.kind for p in c.pairs],
            "arm": [p.arm.label for p in c.pairs],
            "samples": flips.n,
            "left_out": [left_out[p.run_id] for p in c.pairs],
            "right_to_wrong": flips.right_to_wrong,
            "wrong_to_right": flips.wrong_to_right,
            "wrong_to_wrong": flips.wrong_to_wrong,
            "unchanged": flips.unchanged,
            "churn": flips.churn,
            "negative_flips": flips.negative_flips,
            "positive_flips": flips.positive_flips,
            "accuracy_difference": flips.accuracy_difference,
            "accuracy_difference_low": low,
            "accuracy_difference_high": high,
            "p": mcnemar(flips.right_to_wrong, flips.wrong_to_right),
            "retrained_run_id": [p.retrained_run_id for p in c.pairs],
            "retrained_churn": c.beside(flips.churn),
            "retrained_negative_flips": c.beside(flips.negative_flips),
            "excess_churn": np.where(alone, np.nan, (more - fewer) / n),
            "excess_churn_low": np.where(alone, np.nan, excess_low),
            "excess_churn_high": np.where(alone, np.nan, excess_high),
            "replicates": replicates,
            "replicate_churn": churn,
            "replicate_negative_flips": negative,
        },
    )


def _replicates(c: Compared) -> tuple[list[int | None], Floats, Floats]:
    """For each pair that is no replicate itself, the mean over its dense model's replicates."""
    flips = c.flips.overall
    changed, lost, gained = flips.churn, flips.negative_flips, flips.positive_flips
    churn: dict[str, list[float]] = {}
    negative: dict[str, list[float]] = {}
    for i, p in enumerate(c.pairs):
        if p.arm.kind == REPLICATE:
            # Seen from either side: what one has right and the other wrong depends on which of them is the reference.
            for own, only_right in ((p.reference_run_id, lost[i]), (p.run_id, gained[i])):
                churn.setdefault(own, []).append(float(changed[i]))
                negative.setdefault(own, []).append(float(only_right))
    keys = [None if p.arm.kind == REPLICATE else p.reference_run_id for p in c.pairs]
    return (
        [None if k is None else len(churn.get(k, ())) for k in keys],
        np.array([np.mean(churn[k]) if k in churn else np.nan for k in keys]),
        np.array([np.mean(negative[k]) if k in negative else np.nan for k in keys]),
    )


def _classes(c: Compared, names: Sequence[str], level: float, small: int) -> pd.DataFrame:
    flips, count, k = c.flips, len(c.pairs), len(names)
    pair, index = np.repeat(np.arange(count), k), np.tile(np.arange(k), count)
    low, high = paired_interval(flips.right_to_wrong, flips.wrong_to_right, flips.n, level, small)
    p = np.where(flips.n > 0, mcnemar(flips.right_to_wrong, flips.wrong_to_right), np.nan)
    wide = {
        "samples": flips.n,
        "right_to_wrong": flips.right_to_wrong,
        "wrong_to_right": flips.wrong_to_right,
        "wrong_to_wrong": flips.wrong_to_wrong,
        "churn": flips.churn,
        "reference_accuracy": flips.accuracy_before,
        "accuracy_difference": flips.accuracy_difference,
        "accuracy_difference_low": low,
        "accuracy_difference_high": high,
        "p": p,
        "p_holm": np.stack([holm(row) for row in p]),
        "retrained_churn": c.beside(flips.churn),
        "retrained_difference": c.beside(flips.accuracy_difference),
    }
    return frame_of(
        CLASSES,
        {
            "run_id": repeated([p.run_id for p in c.pairs], pair),
            "reference_run_id": repeated([p.reference_run_id for p in c.pairs], pair),
            "kind": repeated([p.arm.kind for p in c.pairs], pair),
            "class_index": index,
            "class": repeated(names, index),
            **{name: values.reshape(-1) for name, values in wide.items()},
        },
    )
