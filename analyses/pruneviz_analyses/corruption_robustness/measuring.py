"""The tables of corruption_robustness, from what was seen of each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.changes import paired_interval
from pruneviz.measures.statistics import hierarchical_bootstrap, wilson
from pruneviz_analyses.corruption_robustness.arms import DENSE, Group, Item, Member, groups_of, items_of, weights_of
from pruneviz_analyses.corruption_robustness.errors import RATIOS, Errors, errors_of
from pruneviz_analyses.corruption_robustness.fragile import images_frame
from pruneviz_analyses.corruption_robustness.reading import Outcomes, read_outcomes
from pruneviz_analyses.corruption_robustness.redundancy import redundancy_frames
from pruneviz_analyses.corruption_robustness.schemas import (
    AGAINST,
    ARMS,
    CELLS,
    CLEAN,
    CORRUPTIONS,
    DIFFERENCES,
    IMAGES,
    METRICS,
    PAIRS,
    RUNS,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

_CALIBRATION = ("ece", "ece_floor", "squared_error")


def measure(tables: Tables, level: float, alike: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """All tables; see :class:`pruneviz_analyses.corruption_robustness.CorruptionRobustness` for the arguments."""
    outcomes = read_outcomes(tables)
    groups = groups_of(tables.runs, outcomes.run_ids) if outcomes is not None else []
    if outcomes is None or not groups:
        return {s.name: s.frame([]) for s in (CELLS, RUNS, ARMS, DIFFERENCES, PAIRS, CORRUPTIONS, IMAGES)}
    means = _means(outcomes)
    cells = [row for g in groups for m in g.members for row in _cells(g, m, outcomes, level)]
    runs: list[dict[str, Any]] = []
    arms: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    if outcomes.shifts:
        errors, items = errors_of(outcomes, groups, resamples, seed), items_of(outcomes)
        for group in groups:
            for item in items:
                runs += [_run_row(group, m, item, errors, means, level) for m in group.members]
                common = _common(group, item, outcomes)
                arms.append(common | _arm_row(group, item, errors, means, level, seed))
                differences += [common | d for d in _differences(group, item, errors, means, level, seed)]
    pairs, corruptions = redundancy_frames(outcomes, groups, alike, level)
    return {
        CELLS.name: CELLS.frame(cells),
        RUNS.name: RUNS.frame(runs),
        ARMS.name: ARMS.frame(arms),
        DIFFERENCES.name: DIFFERENCES.frame(differences),
        PAIRS.name: pairs,
        CORRUPTIONS.name: corruptions,
        IMAGES.name: images_frame(outcomes, groups),
    }


def _means(outcomes: Outcomes) -> dict[str, Floats]:
    """By metric of calibration, (R, C) means over severities."""
    seen = outcomes.seen[outcomes.seen["run_id"].isin(outcomes.run_ids)]
    by = seen.assign(run_id=seen["run_id"].astype(str), corruption=seen["corruption"].astype(str))
    found = {}
    for name in _CALIBRATION:
        table = by.groupby(["run_id", "corruption"])[name].mean().unstack()
        found[name] = table.reindex(index=list(outcomes.run_ids), columns=list(outcomes.shifts)).to_numpy(np.float64)
    return found


def _cells(group: Group, m: Member, outcomes: Outcomes, level: float) -> Iterator[dict[str, Any]]:
    seen = outcomes.seen[outcomes.seen["run_id"] == m.run_id]
    told = {(str(r["corruption"]), int(r["severity"])): r for r in seen.to_dict("records")}
    at, reference = outcomes.row[m.run_id], m.against("dense")
    for name in (CLEAN, *outcomes.shifts):
        own = sorted(k for k in told if k[0] == name)
        for i, key in enumerate(own):
            right = outcomes.right[name][at, i]
            low, high = wilson(int(right.sum()), len(right), level)
            row = {k: v for k, v in told[key].items() if k in CELLS.names}
            row |= {"kind": group.kind, "arm": group.label, "reference_run_id": reference}
            row |= {"family": outcomes.family(name), "faithful": outcomes.faithful(name)}
            row |= {"accuracy_low": float(low), "accuracy_high": float(high)}
            if reference is not None:
                before = outcomes.right[name][outcomes.row[reference], i]
                lost, gained = int((before & ~right).sum()), int((~before & right).sum())
                ends = paired_interval(lost, gained, len(right), level)
                row["difference"] = (gained - lost) / len(right)
                row |= {"difference_low": float(ends[0]), "difference_high": float(ends[1])}
            yield row


def _run_row(
    group: Group, m: Member, item: Item, errors: Errors, means: Mapping[str, Floats], level: float
) -> dict[str, Any]:
    at, members = errors.row[m.run_id], list(item.members)
    row: dict[str, Any] = {
        "run_id": m.run_id,
        "kind": group.kind,
        "arm": group.label,
        "scope": item.scope,
        "corruption": item.name,
        "shift": item.sort,
        "corruptions": len(members),
        "clean_accuracy": float(1 - errors.clean[at]),
        "accuracy": errors.values("accuracy", m.run_id, item)[0],
        "drop": errors.values("drop", m.run_id, item)[0],
        **{name: float(means[name][at, members].mean()) for name in _CALIBRATION},
    }
    if group.kind != DENSE:
        for name in ("accuracy", "drop"):
            own, other = (errors.values(name, r, item) for r in (m.run_id, m.dense))
            row |= _with_ends(f"{name}_difference", own[0] - other[0], own[1] - other[1], level)
        for name in RATIOS:
            value, draws, left_out = errors.ratios(name, m.run_id, m.dense, item)
            row |= _with_ends(name, value, draws, level)
            if name == "relative_error":
                row["relative_left_out"] = left_out
    return row


def _with_ends(name: str, value: float, draws: Floats, level: float) -> dict[str, float]:
    """A value and its interval over draws of the images; nothing where it is not known."""
    if not np.isfinite(value):
        return {}
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}


def _common(group: Group, item: Item, outcomes: Outcomes) -> dict[str, Any]:
    arm = group.arm
    return {
        "arm": group.label,
        "kind": group.kind,
        "model": arm.model,
        "method": arm.method,
        "recovery": arm.recovery,
        "target": arm.target,
        "level": arm.level,
        "control_arm": group.control_arm,
        "scope": item.scope,
        "corruption": item.name,
        "shift": item.sort,
        "corruptions": len(item.members),
        "runs": len(group.members),
        "dense_models": len({m.dense for m in group.members}),
        "images": len(outcomes.labels),
    }


def _arm_row(
    group: Group, item: Item, errors: Errors, means: Mapping[str, Floats], level: float, seed: int
) -> dict[str, Any]:
    ids, dense = [m.run_id for m in group.members], [m.dense for m in group.members]
    at, members = [errors.row[r] for r in ids], list(item.members)
    weights = weights_of(dense)

    def mean(values: Sequence[float] | Floats) -> float:
        return float(weights @ np.asarray(values))

    accuracy = [errors.values("accuracy", r, item)[0] for r in ids]
    row: dict[str, Any] = {
        "clean_accuracy": mean(1 - errors.clean[at]),
        "accuracy": mean(accuracy),
        "accuracy_least": min(accuracy),
        "accuracy_most": max(accuracy),
        "collapsed": sum(errors.collapsed(m.run_id, m.dense) for m in group.members),
        "drop": mean([errors.values("drop", r, item)[0] for r in ids]),
        **{name: mean(means[name][np.ix_(at, members)].mean(axis=1)) for name in _CALIBRATION},
    }
    for name in RATIOS if group.kind != DENSE else ():
        told = [errors.ratios(name, m.run_id, m.dense, item) for m in group.members]
        if name == "relative_error":
            row["relative_left_out"] = told[0][2]
        if np.isfinite([value for value, _, _ in told]).all():
            drawn = np.stack([draws for _, draws, _ in told])
            got = hierarchical_bootstrap([v for v, _, _ in told], dense, resampled=drawn, level=level, seed=seed)
            row |= {name: got.mean, f"{name}_low": got.low, f"{name}_high": got.high}
    return row


def _differences(
    group: Group, item: Item, errors: Errors, means: Mapping[str, Floats], level: float, seed: int
) -> Iterator[dict[str, Any]]:
    for against in AGAINST:
        pairs = [(m.run_id, other, m.dense) for m in group.members if (other := m.against(against)) is not None]
        pairs = [p for p in pairs if p[1] in errors.row]
        if not pairs:
            continue
        dense = [p[2] for p in pairs]
        for metric in METRICS:
            if metric == "squared_error":
                each = means[metric][:, list(item.members)].mean(axis=1)
                values, drawn = [float(each[errors.row[a]] - each[errors.row[b]]) for a, b, _ in pairs], None
            else:
                told = [(errors.values(metric, a, item), errors.values(metric, b, item)) for a, b, _ in pairs]
                values = [a[0] - b[0] for a, b in told]
                drawn = np.stack([a[1] - b[1] for a, b in told])
            got = hierarchical_bootstrap(values, dense, resampled=drawn, level=level, seed=seed)
            yield {
                "metric": metric,
                "against": against,
                "runs": len(pairs),
                "dense_models": len(set(dense)),
                "difference": got.mean,
                "low": got.low,
                "high": got.high,
            }
