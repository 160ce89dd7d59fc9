"""Pruning-identified exemplars of the arms that have enough dense models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.measures.exemplars import LEAST_MODELS, exemplars, swapped, votes
from pruneviz.measures.statistics import holm
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.pairs import PRUNED, REPLICATE, RETRAINED, Arm
from pruneviz_analyses.prediction_changes.compared import Compared
from pruneviz_analyses.prediction_changes.schemas import EXEMPLARS

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]

_EACH = 40  # exchanges for each arm, so that the least p there can be stays below 5 % after Holm's correction


@dataclass(frozen=True, eq=False)
class Forgotten:
    """An arm's exemplars.

    Attributes:
        models: dense models, and as many of the arm.
        before, after: (S, classes) their votes.
        at: (E,) places of the exemplars among the samples.
        columns: of the arms table.
        alone: (E,) which of them are exemplars of the dense models trained on alike; None where those have none.
    """

    models: int
    before: Ints
    after: Ints
    at: Ints
    columns: dict[str, Any]
    alone: npt.NDArray[np.bool_] | None = None


def exemplars_of(
    c: Compared, arms: Mapping[Arm, Sequence[int]], runs: pd.DataFrame, classes: int, draws: int, seed: int
) -> dict[Arm, Forgotten]:
    """The exemplars of every arm of at least 10 dense models, beside those of its controls.

    Each dense model has one run in an arm: that of the least seed.

    Args:
        c: all pairs.
        arms: the pairs of each arm.
        runs: the study's.
        classes: how many there are.
        draws: exchanges drawn, more where there are many arms.
        seed: of the draws.
    """
    seeds = dict(zip(runs["run_id"], runs["seed"].fillna(-1), strict=True))
    row = {run_id: i for i, run_id in enumerate(c.predictions.run_ids)}
    chosen: dict[Arm, list[tuple[str, str]]] = {}
    for arm, members in arms.items():
        by_model: dict[str, str] = {}
        for pair in sorted((c.pairs[i] for i in members), key=lambda p: (seeds[p.run_id], p.run_id)):
            by_model.setdefault(pair.reference_run_id, pair.run_id)
        if arm.kind != REPLICATE and len(by_model) >= LEAST_MODELS:
            chosen[arm] = list(by_model.items())
    draws = max(draws, _EACH * len(chosen))
    found = {arm: _of(c, [(row[a], row[b]) for a, b in own], classes, draws, seed) for arm, own in chosen.items()}
    return _beside(found, _controls(c, arms, runs))


def _controls(c: Compared, arms: Mapping[Arm, Sequence[int]], runs: pd.DataFrame) -> dict[Arm, Arm]:
    """The arm of the random pruning of as much, for the arms that have it."""
    arm_of = {p.run_id: p.arm for p in c.pairs if p.arm.kind == PRUNED}
    named = dict(zip(runs["run_id"], runs["control_run_id"], strict=True))
    controls = {a: [named[c.pairs[i].run_id] for i in members] for a, members in arms.items() if a.kind == PRUNED}
    return {a: arm_of[ids[0]] for a, ids in controls.items() if ids[0] in arm_of}


def _beside(found: Mapping[Arm, Forgotten], controls: Mapping[Arm, Arm]) -> dict[Arm, Forgotten]:
    """The same, each pruned arm with how many its controls have, and its p corrected for the number of pruned arms."""
    pruned = [a for a in found if a.kind == PRUNED]
    corrected = holm(np.array([found[a].columns["exemplars_p"] for a in pruned]))
    whole = dict(found)
    for arm, p in zip(pruned, corrected.tolist(), strict=True):
        own, columns = found[arm], {"exemplars_p_holm": p}
        if (random := found.get(controls[arm]) if arm in controls else None) is not None:
            columns["control_exemplars"] = len(random.at)
        alone = found.get(Arm(RETRAINED, arm.model, "dense", arm.recovery, "", 0))
        shared = np.isin(own.at, alone.at) if alone is not None else None
        if alone is not None and shared is not None:
            columns |= {"retrained_exemplars": len(alone.at), "shared_exemplars": int(shared.sum())}
        whole[arm] = replace(own, columns=own.columns | columns, alone=shared)
    return whole


def _of(c: Compared, own: Sequence[tuple[int, int]], classes: int, draws: int, seed: int) -> Forgotten:
    before, after = (c.predictions.prediction[list(rows)] for rows in zip(*own, strict=True))
    votes_before, votes_after = votes(before, classes), votes(after, classes)
    at = np.flatnonzero(exemplars(votes_before, votes_after))
    by_chance = swapped(before, after, classes, draws, seed)
    right = before[:, at] == c.predictions.labels[at]
    columns = {
        "exemplars": len(at),
        "exemplars_expected": float(by_chance.mean()),
        "exemplars_p": float((1 + np.count_nonzero(by_chance >= len(at))) / (1 + draws)),
        "exemplars_dense_accuracy": float(right.mean()) if len(at) else None,
    }
    return Forgotten(len(own), votes_before, votes_after, at, columns)


def exemplars_frame(c: Compared, forgotten: Mapping[Arm, Forgotten], classes: Sequence[str]) -> pd.DataFrame:
    """Every exemplar with what most models say of it, and how many."""
    if not any(len(f.at) for f in forgotten.values()):
        return EXEMPLARS.frame([])
    names = np.array(classes, dtype=object)
    found = list(forgotten.values())
    at = np.concatenate([f.at for f in found])
    before, after = (np.concatenate([getattr(f, side)[f.at] for f in found]) for side in ("before", "after"))
    arm = np.repeat(np.arange(len(found)), [len(f.at) for f in found])
    most_before, most_after = before.argmax(axis=1), after.argmax(axis=1)
    each = np.arange(len(arm))
    alone: list[bool | None] = []
    for f in found:
        alone += f.alone.tolist() if f.alone is not None else [None] * len(f.at)
    return frame_of(
        EXEMPLARS,
        {
            "arm": repeated([a.label for a in forgotten], arm),
            "sample_id": c.predictions.sample_ids[at],
            "label": names[c.predictions.labels[at]],
            "dense_prediction": names[most_before],
            "dense_agreeing": before.max(axis=1),
            "dense_tied": (before == before.max(axis=1, keepdims=True)).sum(axis=1) - 1,
            "dense_already": before[each, most_after],
            "prediction": names[most_after],
            "agreeing": after.max(axis=1),
            "tied": (after == after.max(axis=1, keepdims=True)).sum(axis=1) - 1,
            "still": after[each, most_before],
            "models": np.array([f.models for f in found])[arm],
            "retrained_too": alone,
        },
    )
