"""The tables of feature geometry, from what was seen of each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.statistics import Interval, hierarchical_bootstrap, points_only, resampled_means
from pruneviz_analyses.feature_geometry.likeness import layouts
from pruneviz_analyses.feature_geometry.looks import Looks, read_looks
from pruneviz_analyses.feature_geometry.schemas import ARMS, COMPARED, LAYOUT, PER_SAMPLE, RUNS, TREE
from pruneviz_analyses.pairs import REPLICATE, Arm, dense_models, pairs_of

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Drawn = Mapping[tuple[str, str, str], Floats]  # by metric, run and condition, a value for each draw of the samples

DENSE = "dense"


@dataclass(frozen=True)
class Member:
    """A run of an arm.

    Attributes:
        run_id: the run.
        dense: its dense model; itself for a dense model.
        retrained: that model after the same recovery and seed, unpruned, where it was looked at.
        control: its random control, where it was looked at.
    """

    run_id: str
    dense: str
    retrained: str | None = None
    control: str | None = None


@dataclass(frozen=True)
class Settings:
    """What the analysis was asked for.

    Attributes:
        level, resamples: of the intervals.
        layout, neighbours: of the layouts.
        seed: of both.
    """

    level: float
    resamples: int
    layout: str
    neighbours: int
    seed: int


def measure(tables: Tables, asked: Settings) -> dict[str, pd.DataFrame]:
    """All tables; see :class:`pruneviz_analyses.feature_geometry.FeatureGeometry`."""
    runs = tables.runs[tables.runs["status"] == "done"]
    looks = read_looks(tables, [str(r) for r in runs["run_id"]])
    if looks is None:
        return {s.name: s.frame([]) for s in (RUNS, ARMS, LAYOUT, TREE)}
    arms = arms_of(runs[runs["run_id"].isin(list(looks.row))])
    rows = [_run_row(a, m, c, looks) for a, own in arms.items() for m in own for c in looks.conditions]
    drawn = _draw(arms, looks, asked)
    means = [r for a, own in arms.items() for c in looks.conditions for r in _arm_rows(a, own, c, looks, drawn, asked)]
    return {
        RUNS.name: RUNS.frame(rows),
        ARMS.name: ARMS.frame(means),
        **layouts(looks, set(runs["control_run_id"].dropna()), asked.layout, asked.neighbours, asked.seed),
    }


def arms_of(runs: pd.DataFrame) -> dict[Arm, list[Member]]:
    """The dense models of each model, then the runs that are compared with them; each by id, for the bootstrap."""
    arms: dict[Arm, list[Member]] = {}
    known = set(runs["run_id"])
    controls = dict(zip(runs["run_id"], runs["control_run_id"].astype(object), strict=True))
    dense = dense_models(runs)
    for run_id, model in zip(dense["run_id"], dense["model"], strict=True):
        arms.setdefault(Arm(DENSE, str(model), DENSE, "none", "", 0), []).append(Member(str(run_id), str(run_id)))
    for p in pairs_of(runs):
        if p.arm.kind != REPLICATE:
            control = controls[p.run_id] if controls[p.run_id] in known else None
            arms.setdefault(p.arm, []).append(Member(p.run_id, p.reference_run_id, p.retrained_run_id, control))
    return {a: sorted(own, key=lambda m: m.run_id) for a, own in arms.items()}


def label(arm: Arm) -> str:
    """An arm's readable name."""
    return f"{arm.model} · dense" if arm.kind == DENSE else arm.label


def _run_row(arm: Arm, m: Member, condition: str, looks: Looks) -> dict[str, Any]:
    values = looks.seen[m.run_id, condition]
    distance = looks.value("distance", m.run_id, condition, m.dense) if arm.kind != DENSE else float("nan")
    return {
        **{k: v for k, v in values.items() if k in RUNS.names},
        "run_id": m.run_id,
        "condition": condition,
        "reference_run_id": None if arm.kind == DENSE else m.dense,
        "retrained_run_id": m.retrained,
        "control_run_id": m.control,
        "kind": arm.kind,
        "arm": label(arm),
        "distance": distance if np.isfinite(distance) else None,
    }


def _draw(arms: Mapping[Arm, Sequence[Member]], looks: Looks, asked: Settings) -> Drawn:
    """Means over draws of the samples, the same draws for all, of the runs whose arms get intervals."""
    enough = [own for a, own in arms.items() if a.kind != DENSE and not points_only(len({m.dense for m in own}))]
    needed = {r for own in enough for m in own for r in (m.run_id, m.dense, m.retrained, m.control) if r is not None}
    keys = [(m, r, c) for m in PER_SAMPLE for r in sorted(needed) for c in looks.conditions]
    if not keys:
        return {}
    rows = np.array([looks.contributions(*key) for key in keys])
    return dict(zip(keys, resampled_means(rows, asked.resamples, asked.seed), strict=True))


def _arm_rows(
    arm: Arm, members: Sequence[Member], condition: str, looks: Looks, drawn: Drawn, asked: Settings
) -> Iterator[dict[str, Any]]:
    for metric in COMPARED:
        if metric == "distance" and arm.kind == DENSE:
            values = _from_each_other([m.run_id for m in members], condition, looks)
        else:
            values = {m.run_id: looks.value(metric, m.run_id, condition, m.dense) for m in members}
        # A run without a value, such as one whose features are 0 somewhere, is left out here; the findings name it.
        own = [m for m in members if np.isfinite(values[m.run_id])]
        if not own:
            continue
        known = [values[m.run_id] for m in own]
        row: dict[str, Any] = {
            "arm": label(arm),
            **asdict(arm),
            "condition": condition,
            "metric": metric,
            "runs": len(own),
            "dense_models": len({m.dense for m in own}),
            "samples": looks.samples,
            "mean": hierarchical_bootstrap(known, [m.dense for m in own]).mean,
            "least": min(known),
            "most": max(known),
        }
        sides = {"retrained": [m.retrained for m in own], "control": [m.control for m in own]}
        if arm.kind != DENSE and metric != "distance":
            sides["dense"] = [m.dense for m in own]
        for name, others in sides.items():
            row |= _beside(name, own, others, metric, condition, looks, drawn, asked)
        yield row


def _from_each_other(run_ids: Sequence[str], condition: str, looks: Looks) -> dict[str, float]:
    """How far each dense model's geometry vector is from the others', on average: what another seed alone does."""
    found = {}
    for r in run_ids:
        others = [looks.between(r, other, condition) for other in run_ids if other != r]
        known = [d for d in others if np.isfinite(d)]
        found[r] = float(np.mean(known)) if known else float("nan")
    return found


_NAMES = {  # of the columns for the mean of the others, the difference, and its ends
    "dense": ("", "difference", "difference_low", "difference_high"),
    "retrained": ("retrained_mean", "excess", "excess_low", "excess_high"),
    "control": ("control_mean", "control_difference", "control_low", "control_high"),
}


def _beside(
    name: str,
    own: Sequence[Member],
    others: Sequence[str | None],
    metric: str,
    condition: str,
    looks: Looks,
    drawn: Drawn,
    asked: Settings,
) -> dict[str, Any]:
    """The columns that compare an arm's runs with others, one for each run where it has one."""
    mean, difference, low, high = _NAMES[name]
    pairs = [
        (m, other, looks.value(metric, m.run_id, condition, m.dense), looks.value(metric, other, condition, m.dense))
        for m, other in zip(own, others, strict=True)
        if other is not None
    ]
    pairs = [p for p in pairs if np.isfinite(p[3])]
    row: dict[str, Any] = {} if name == "dense" else {f"{name}_runs": len(pairs)}
    if not pairs:
        return row
    dense = [m.dense for m, *_ in pairs]
    found = _interval(pairs, metric, condition, drawn, asked)
    if mean:
        row[mean] = hierarchical_bootstrap([b for *_, b in pairs], dense).mean
    return {**row, difference: found.mean, low: found.low, high: found.high}


def _interval(
    pairs: Sequence[tuple[Member, str, float, float]], metric: str, condition: str, drawn: Drawn, asked: Settings
) -> Interval:
    keys = [((metric, m.run_id, condition), (metric, other, condition)) for m, other, _, _ in pairs]
    there = metric in PER_SAMPLE and all(k in drawn for pair in keys for k in pair)
    resampled = np.array([drawn[a] - drawn[b] for a, b in keys]) if there else None
    return hierarchical_bootstrap(
        [a - b for *_, a, b in pairs],
        [m.dense for m, *_ in pairs],
        resampled=resampled,
        level=asked.level,
        resamples=asked.resamples,
        seed=asked.seed,
    )
