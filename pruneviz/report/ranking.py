"""Which configurations may be marked: only where enough paired dense models and the tests allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.measures.contrasts import PLAIN_MAGNITUDE, rank_contrasts
from pruneviz.measures.statistics import RANKING_LEAST, Ranking, friedman, holm
from pruneviz.views.text import several

if TYPE_CHECKING:
    from pruneviz.report.arms import Arm

LEVEL = 0.05
BEST, OVER_RANDOM, OVER_MAGNITUDE = "●", "†", "‡"


@dataclass(frozen=True)
class Marks:
    """Signs by configuration, and the words that explain them or say why there are none."""

    signs: Mapping[tuple[str, ...], str]
    words: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Group:
    """The methods of one model, recovery, target and level, paired by dense model: (dense models, methods)."""

    arms: tuple[Arm, ...]
    values: npt.NDArray[np.float64]


def marks(arms: Sequence[Arm], controls: set[str]) -> Marks:
    """Friedman's test of each group of methods at one target and recovery, then contrasts against the baselines.

    Accuracy on the test split, paired by dense model, seeds averaged; at least
    :data:`~pruneviz.measures.statistics.RANKING_LEAST` dense models that all methods of the group have. Friedman's
    p-values are Holm-corrected over the groups; within a group that differs, the contrasts against random pruning and
    plain magnitude are Holm-corrected together.
    """
    groups = [g for g in _groups(arms) if len(g.arms) >= 3]
    ranked = [(g, friedman(g.values, "high")) for g in groups if len(g.values) >= RANKING_LEAST]
    if not ranked:
        return Marks({}, (_why_none(groups),) if groups else ())
    p = holm([r.p or 0.0 for _, r in ranked])
    signs: dict[tuple[str, ...], str] = {}
    for (group, ranking), corrected in zip(ranked, p, strict=True):
        if corrected < LEVEL:
            signs |= _signs(group, ranking, controls)
    n = sorted({len(g.values) for g, _ in ranked})
    paired = f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}"
    tests = f"Friedman over {paired} paired dense models, Holm over {several(len(ranked), 'group')}, level {LEVEL:g}"
    if not signs:
        return Marks({}, (f"No best is marked: the methods' accuracies do not differ detectably ({tests}).",))
    words = (
        f"{BEST} best mean rank of the methods at this target and recovery, where these differ ({tests}). "
        f"{OVER_RANDOM} differs from random pruning, {OVER_MAGNITUDE} from plain magnitude "
        "(contrasts of mean ranks, Holm)."
    )
    return Marks(signs, (words,))


def _groups(arms: Sequence[Arm]) -> list[_Group]:
    by_place: dict[tuple[str, ...], list[Arm]] = {}
    for arm in arms:
        if not arm.dense:
            model, _, recovery, target, level = arm.key
            by_place.setdefault((model, recovery, target, level), []).append(arm)
    return [_paired(tuple(group)) for group in by_place.values()]


def _paired(arms: tuple[Arm, ...]) -> _Group:
    means = [a.runs.groupby("dense_run_id", sort=False)["accuracy"].mean().dropna() for a in arms]
    common = [d for d in means[0].index if all(d in m.index for m in means)]
    values = np.array([[float(m[d]) for m in means] for d in common]).reshape(len(common), len(arms))
    return _Group(arms, values)


def _why_none(groups: Sequence[_Group]) -> str:
    most = max(len(g.values) for g in groups)
    return (
        f"No best is marked: {several(most, 'paired dense model')}; a ranking of methods needs at least "
        f"{RANKING_LEAST}. The order of rows is no ranking."
    )


def _signs(group: _Group, ranking: Ranking, controls: set[str]) -> dict[tuple[str, ...], str]:
    ranks = ranking.mean_ranks or ()
    methods = [a.key[1] for a in group.arms]
    random = [i for i, m in enumerate(methods) if m in controls]
    plain = [i for i, m in enumerate(methods) if m in PLAIN_MAGNITUDE.values()]
    pairs, kinds = [], []
    for i in range(len(methods)):
        if i in random:
            continue
        for baseline, sign in ((random, OVER_RANDOM), (plain, OVER_MAGNITUDE)):
            nearest = min(baseline, key=lambda j: ranks[j], default=None)
            if nearest is not None and nearest != i:
                pairs.append((i, nearest))
                kinds.append(sign)
    found: dict[tuple[str, ...], str] = {group.arms[int(np.argmin(ranks))].key: BEST}
    if pairs:
        corrected = holm(rank_contrasts(ranks, ranking.n, pairs))
        for (i, _), sign, p in zip(pairs, kinds, corrected, strict=True):
            if p < LEVEL:
                key = group.arms[i].key
                found[key] = found.get(key, "") + sign
    return found
