"""The tables of pq_index, from what was seen of each run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.families import judge
from pruneviz.measures.phases import SIGNS, phases
from pruneviz.measures.statistics import Interval, hierarchical_bootstrap
from pruneviz_analyses.pq_index.courses import Course, courses, previous_runs
from pruneviz_analyses.pq_index.schemas import LEVELS, PHASES, RUNS, SEEN

if TYPE_CHECKING:
    import pandas as pd

PHASE_NAMES = ("first fall", "rise", "last fall")
QUANTITIES = ("pqi", "layers_pqi", "neurons_pqi", "gini")

Values = dict[str, dict[str, float]]  # by quantity, then by run id


def measure(tables: Tables, level: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """All three tables; see :class:`pruneviz_analyses.pq_index.PQIndex` for the arguments."""
    runs = tables.runs
    frame = _runs(runs, _seen(tables))
    values: Values = {
        name: dict(zip(frame["run_id"], frame[name].astype("float64"), strict=True))
        for name in (*QUANTITIES, "pqi_removed", "previous_pqi", "bound_share", "control_pqi", "accuracy", "density")
    }
    known = set(frame["run_id"])
    found = courses(runs[runs["run_id"].isin(known)])
    rows = [r for course in found for r in _levels(course, values, level, resamples, seed)]
    told = [r for q in QUANTITIES for r in _corrected([p for c in found for p in _phases(c, q, values, level)])]
    return {RUNS.name: frame, LEVELS.name: LEVELS.frame(rows), PHASES.name: PHASES.frame(told)}


def _seen(tables: Tables) -> pd.DataFrame:
    try:
        return tables.table(SEEN.name)
    except KeyError:  # no run has been looked at yet
        return SEEN.frame([])


def _runs(runs: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    whole = seen[seen["scope"] == "model"].set_index("run_id")
    layers = seen[seen["scope"] == "layer"].groupby("run_id", observed=True)["pqi"].mean()
    before, rows = previous_runs(runs), []
    for r in runs[(runs["status"] == "done") & runs["run_id"].isin(whole.index)].to_dict("records"):
        run_id, own = str(r["run_id"]), whole.loc[r["run_id"]]
        control = _text(r["control_run_id"])
        row: dict[str, Any] = {name: _number(own[name]) for name in _COPIED}
        row |= {
            "run_id": run_id,
            "previous_run_id": before.get(run_id),
            "arm": " · ".join((str(r["model"]), str(r["method"]), str(r["recovery"]))),
            "level": int(r["level"]),
            "density": _number(r["density"]),
            "accuracy": _number(r["accuracy"]),
            "bound_share": _share(row["bound"], row["kept"]),
            "layers_pqi": _number(layers.get(run_id)),
            "previous_pqi": _number(whole["pqi"].get(before.get(run_id))),
            "control_run_id": control,
            "control_pqi": _number(whole["pqi"].get(control)) if control is not None else None,
        }
        rows.append(row)
    return RUNS.frame(rows)


_AVERAGED = ("accuracy", "pqi", "gini", "density", "previous_pqi", "pqi_removed", "bound_share", "control_difference")
_COPIED = ("kept", "pqi", "pqi_removed", "gini", "bound", "neurons_pqi", "neurons_empty", "neurons_zero")


def _levels(course: Course, values: Values, level: float, resamples: int, seed: int) -> Iterator[dict[str, Any]]:
    """Means over dense models, level by level."""
    beside = {r: values["pqi"][r] - c for r, c in values["control_pqi"].items() if np.isfinite(c)}
    for number, runs in enumerate(course.runs):
        row: dict[str, Any] = {
            "arm": course.arm,
            "model": course.model,
            "method": course.method,
            "recovery": course.recovery,
            "control": course.control,
            "level": number,
            "dense_models": len(course.dense),
            "runs": len(runs),
        }
        for name in _AVERAGED:
            if name == "control_difference" and not all(r in beside for r, _ in runs):
                continue
            v, dense = course.at(number, beside if name == "control_difference" else values[name])
            if not np.isfinite(v).all():
                continue  # nothing kept, or all of it 0: there is no index to average
            got = hierarchical_bootstrap(v, dense, level=level, resamples=resamples, seed=seed)
            row[name] = got.mean
            if f"{name}_low" in LEVELS.names:
                row |= {f"{name}_low": got.low, f"{name}_high": got.high}
        yield row


def _corrected(told: Sequence[tuple[dict[str, Any], Interval, int]]) -> Iterator[dict[str, Any]]:
    """The rows with whether each phase is there, corrected for the phases of all courses by this quantity."""
    judged = judge({i: interval for i, (_, interval, _) in enumerate(told)})
    for i, (row, _, sign) in enumerate(told):
        yield row | {"found": judged[i].sign == sign if i in judged else None}


def _phases(
    course: Course, quantity: str, values: Values, level: float
) -> Iterator[tuple[dict[str, Any], Interval, int]]:
    """The three phases with their intervals and signs, as far as the index has a value at every level."""
    curves = course.curves(values[quantity])
    if not np.isfinite(curves).all():
        return
    got = phases(curves, level)
    ends = ((0, got.low), (got.low, got.high), (got.high, curves.shape[1] - 1))
    parts = (got.first, got.rise, got.last)
    for name, (start, end), part, sign in zip(PHASE_NAMES, ends, parts, SIGNS, strict=True):
        row = {
            "arm": course.arm,
            "quantity": quantity,
            "phase": name,
            "from_level": start,
            "to_level": end,
            "change": part.mean,
            "low": part.low,
            "high": part.high,
            "dense_models": part.n,
        }
        yield row, part, sign


def _text(value: Any) -> str | None:
    return None if str(value) in ("<NA>", "nan", "None") else str(value)


def _number(value: Any) -> Any:
    return None if value is None or str(value) in ("<NA>", "nan") else value


def _share(bound: Any, kept: Any) -> float | None:
    return None if bound is None or not kept else float(bound) / float(kept)
