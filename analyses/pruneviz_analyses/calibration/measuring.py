"""The tables of calibration, from what was seen of each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.statistics import Interval, hierarchical_bootstrap, points_only, resampled_means, t_interval
from pruneviz_analyses.calibration.contributions import Contributions, contributions
from pruneviz_analyses.calibration.schemas import ARMS, DIFFERENCES, ERRORS, METRICS, RUNS, SEEN
from pruneviz_analyses.pairs import REPLICATE, Arm, Pair, dense_models, pairs_of

if TYPE_CHECKING:
    import pandas as pd

Floors = Mapping[str, Mapping[str, float]]  # by metric, then by run

DENSE = "dense"


@dataclass(frozen=True, eq=False)
class _Member:
    """A run of an arm.

    Attributes:
        run_id: the run.
        dense: its dense model; itself for a dense model.
        retrained: that model after the same recovery and seed, unpruned, where it is in the study.
    """

    run_id: str
    dense: str
    retrained: str | None = None


def measure(tables: Tables, bins: int, level: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """All three tables; see :class:`pruneviz_analyses.calibration.Calibration` for the arguments."""
    seen = _seen(tables)
    runs = tables.runs[tables.runs["run_id"].isin(set(seen["run_id"]))]
    arms = _arms(runs)
    if not arms:
        return {s.name: s.frame([]) for s in (RUNS, DIFFERENCES, ARMS)}
    members = [m for own in arms.values() for m in own]
    whole = seen.set_index("run_id")
    c = contributions(tables, sorted(m.run_id for m in members), bins)
    floors = {e: dict(zip(whole.index, whole[f"{e}_floor"].to_numpy(float), strict=True)) for e in ERRORS}
    rows = [_run_row(arm, m, whole) for arm, own in arms.items() for m in own]
    differences = [d for m in members for d in _differences(m, c, floors, level)]
    draws = _draw(arms, c, resamples, seed)
    means = [r for arm, own in arms.items() for r in _arm_rows(arm, own, c, draws, whole, floors, level, seed)]
    return {
        RUNS.name: RUNS.frame(rows),
        DIFFERENCES.name: DIFFERENCES.frame(differences),
        ARMS.name: ARMS.frame(means),
    }


def _seen(tables: Tables) -> pd.DataFrame:
    try:
        return tables.table(SEEN.name)
    except KeyError:  # no run has been looked at yet
        return SEEN.frame([])


def _arms(runs: pd.DataFrame) -> dict[Arm, list[_Member]]:
    """The dense models of each model, then the runs that are compared with them; each by id, for the bootstrap."""
    arms: dict[Arm, list[_Member]] = {}
    dense = dense_models(runs)
    for run_id, model in zip(dense["run_id"], dense["model"], strict=True):
        arms.setdefault(Arm(DENSE, str(model), DENSE, "none", "", 0), []).append(_Member(str(run_id), str(run_id)))
    for p in pairs_of(runs):
        if p.arm.kind != REPLICATE:
            arms.setdefault(p.arm, []).append(_member(p))
    return {a: sorted(own, key=lambda m: m.run_id) for a, own in arms.items()}


def _member(pair: Pair) -> _Member:
    return _Member(pair.run_id, pair.reference_run_id, pair.retrained_run_id)


def label(arm: Arm) -> str:
    """An arm's readable name."""
    return f"{arm.model} · dense" if arm.kind == DENSE else arm.label


def _run_row(arm: Arm, m: _Member, whole: pd.DataFrame) -> dict[str, Any]:
    values = whole.loc[m.run_id].to_dict()
    reference = None if arm.kind == DENSE else m.dense
    return {
        **{k: v for k, v in values.items() if k in RUNS.names},
        "run_id": m.run_id,
        "reference_run_id": reference,
        "retrained_run_id": m.retrained,
        "kind": arm.kind,
        "arm": label(arm),
    }


def _differences(m: _Member, c: Contributions, floors: Floors, level: float) -> Iterator[dict[str, Any]]:
    against = {"dense": m.dense if m.dense != m.run_id else None, "retrained": m.retrained}
    for kind, reference in against.items():
        for metric in METRICS if reference is not None else ():
            got = t_interval(c.between(metric, m.run_id, str(reference)), level, "test images")
            got = _widened(got, metric, floors, [m.run_id], [str(reference)])
            yield {
                "run_id": m.run_id,
                "reference_run_id": reference,
                "against": kind,
                "metric": metric,
                "samples": c.samples,
                "value": c.value(metric, m.run_id),
                "reference_value": c.value(metric, str(reference)),
                "difference": got.mean,
                "low": got.low,
                "high": got.high,
            }


def _widened(got: Interval, metric: str, floors: Floors, runs: Sequence[str], references: Sequence[str]) -> Interval:
    """An interval that holds whatever part of its floor each calibration error contains.

    An error overstates by its floor where the model is calibrated, by nothing where it is far from it (the bias of
    |x| falls as |x| grows), and by something between elsewhere.
    """
    if metric not in ERRORS:
        return got
    own, other = (float(np.mean([floors[metric][r] for r in ids])) for ids in (runs, references))
    return replace(got, low=got.low - own, high=got.high + other)


@dataclass(frozen=True, eq=False)
class _Draws:
    """The metrics over bootstrap draws of the samples, the same draws for every run.

    Attributes:
        row: of each run below; runs whose arms get no interval are not there.
        each: by metric, (rows, B).
    """

    row: Mapping[str, int]
    each: Mapping[str, npt.NDArray[np.float64]]

    def between(self, metric: str, pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64] | None:
        """(pairs, B) differences; None where there is to be no interval."""
        if any(r not in self.row for pair in pairs for r in pair):
            return None
        rows = np.array([[self.row[r] for r in pair] for pair in pairs])
        found: npt.NDArray[np.float64] = self.each[metric][rows[:, 0]] - self.each[metric][rows[:, 1]]
        return found


def _draw(arms: Mapping[Arm, Sequence[_Member]], c: Contributions, resamples: int, seed: int) -> _Draws:
    enough = [own for a, own in arms.items() if a.kind != DENSE and not points_only(len({m.dense for m in own}))]
    needed = {r for own in enough for m in own for r in (m.run_id, m.dense, m.retrained) if r is not None}
    ids = sorted(needed)
    at = [c.row[r] for r in ids]
    each = {name: resampled_means(c.each[name][at], resamples, seed) for name in METRICS} if ids else {}
    return _Draws({r: i for i, r in enumerate(ids)}, each)


def _arm_rows(
    arm: Arm,
    own: Sequence[_Member],
    c: Contributions,
    draws: _Draws,
    whole: pd.DataFrame,
    floors: Floors,
    level: float,
    seed: int,
) -> Iterator[dict[str, Any]]:
    ids, dense = [m.run_id for m in own], [m.dense for m in own]
    paired = [m for m in own if m.retrained is not None]
    alone = [(str(m.retrained), m.dense) for m in paired]
    for metric in METRICS:
        values = np.array([c.value(metric, r) for r in ids])
        row: dict[str, Any] = {
            "arm": label(arm),
            **asdict(arm),
            "metric": metric,
            "runs": len(own),
            "dense_models": len(set(dense)),
            "samples": c.samples,
            "mean": hierarchical_bootstrap(values, dense).mean,
            "least": float(values.min()),
            "most": float(values.max()),
            "retrained_runs": len(paired),
        }
        if metric in ERRORS:
            row["floor"] = hierarchical_bootstrap([floors[metric][r] for r in ids], dense).mean
            row["beyond_chance"] = int((whole.loc[ids, metric] > whole.loc[ids, f"{metric}_chance"]).sum())
        if arm.kind != DENSE:
            got = _between(metric, [(m.run_id, m.dense) for m in own], dense, c, draws, floors, level, seed)
            row |= {"difference": got.mean, "difference_low": got.low, "difference_high": got.high}
        if paired:
            of = [m.dense for m in paired]
            row["retrained_difference"] = _between(metric, alone, of, c, draws, floors, level, seed).mean
            pairs = [(m.run_id, str(m.retrained)) for m in paired]
            got = _between(metric, pairs, of, c, draws, floors, level, seed)
            row |= {"excess": got.mean, "excess_low": got.low, "excess_high": got.high}
        yield row


def _between(
    metric: str,
    pairs: Sequence[tuple[str, str]],
    dense: Sequence[str],
    c: Contributions,
    draws: _Draws,
    floors: Floors,
    level: float,
    seed: int,
) -> Interval:
    """Mean difference of pairs of runs, over dense models, seeds and samples."""
    values = [c.value(metric, a) - c.value(metric, b) for a, b in pairs]
    drawn = draws.between(metric, pairs)
    got = hierarchical_bootstrap(values, dense, resampled=drawn, level=level, seed=seed)
    return _widened(got, metric, floors, [a for a, _ in pairs], [b for _, b in pairs])
