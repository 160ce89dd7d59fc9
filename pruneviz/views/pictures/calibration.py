"""Calibration error beside its floor, and what pruning changes of it and of the proper scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.columns import Scale
from pruneviz.views.looks import method_keys
from pruneviz.views.marks import Axis, Boxes, Intervals, Key, Mark, Picture, Points
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide, how_many, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "calibration"
_TITLE = "Calibration: the error, and what pruning changes"
_MOST_ROWS = 40
_CHANGES = ("squared_error", "brier", "nll")
_COLUMNS = ("ece_mass", *_CHANGES)
_HEADS = ("ECE", "ECE squared, change", "Brier, change", "NLL, change (nats)")

Cell = tuple[float, float, float, float]  # change, its interval, and that of retraining alone; NaN for what is unknown


@dataclass(frozen=True, eq=False)
class _Row:
    """An arm, or one run: its calibration errors with what chance stays below, and its changes by metric."""

    label: str
    method: str
    about: str
    mass: float
    width: float
    floor: float
    each: tuple[float, ...]
    changes: Mapping[str, Cell]


def calibration_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each arm that the filters leave, or for each model compared, in columns with scales of their own.

    Changes are differences from the dense model, with intervals over dense models (arms) or over images (one run).
    """
    arms = table_of(tables, "calibration", "calibration_arms")
    if arms is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("calibration", "calibration"), height=240)
    compared = on.compared(measured(tables), state)
    rows = _of_runs(tables, state, compared) if compared else _of_arms(tables, state, arms)
    if not rows:
        empty = "None of the models shown has been looked at for calibration. Run the study again, or choose others."
        return Picture(_NAME, _TITLE, empty=empty, height=240)
    shown, inks = rows[:_MOST_ROWS], on.inks(tables.runs)
    known = [r for r in shown if r.changes]
    retrained = any(math.isfinite(c[3]) for r in known for c in r.changes.values())
    return Picture(
        _NAME,
        _TITLE,
        subtitle=_subtitle(arms, bool(compared), known, level_of(tables, "calibration")),
        notes=(f"{_MOST_ROWS} of {len(rows)} rows shown; filter to see others.",) if len(rows) > _MOST_ROWS else (),
        x=Axis(kind="categories", categories=_HEADS),
        y=Axis(kind="categories", categories=("", *(elide(r.label, 40) for r in shown)), reverse=True),
        marks=tuple(_marks(shown, inks)),
        legend=(
            *method_keys(inks, {r.method for r in shown}),
            Key("Column ECE", "heading"),
            Key("equal numbers of images a bin", "point", "soft", "circle"),
            Key("equal width", "point", "soft", "square", False),
            Key("floor: a calibrated model's", "area", "soft", alpha=0.25),
            *_change_keys(known, retrained),
        ),
        height=90 + 30 * (len(shown) + 1),
    )


def _change_keys(known: Sequence[_Row], retrained: bool) -> Iterator[Key]:
    if not known:
        return
    yield Key("Changes", "heading")
    if any(math.isfinite(c[1]) for r in known for c in r.changes.values()):
        yield Key("interval without 0", "point", "soft")
        yield Key("none detected", "point", "soft", "circle", False)
    if retrained:
        yield Key("retraining alone", "point", "soft", "diamond", False)


def _subtitle(arms: pd.DataFrame, of_runs: bool, known: Sequence[_Row], level: str) -> str:
    n = sorted(set(arms.loc[arms["kind"] != "dense", "dense_models"]))
    what = "Lower is better. Changes are differences from the dense model"
    if of_runs:
        return f"{what}, with {level} intervals over test images, each alone, these models fixed."
    if not known or not n:
        return "Lower is better."
    span = how_many(n)
    if n[-1] < POINTS_BELOW:
        return f"{what}, means over dense models ({span}); intervals need {POINTS_BELOW} of them."
    return f"{what}, means over dense models with {level} intervals, each alone ({span}). ECE squared has no bias."


def _of_arms(tables: Tables, state: ViewState, arms: pd.DataFrame) -> list[_Row]:
    runs, planned = table_of(tables, "calibration"), tables.runs
    sparsity = dict(zip(planned["target"].astype(str), planned["sparsity_target"], strict=True))
    kept = on.filtered(arms, state)
    several_models, recoveries = kept["model"].nunique() > 1, on.short(planned["recovery"])
    rows = []
    for arm, own in kept.groupby("arm", sort=False, observed=True):
        by: dict[str, Mapping[Any, Any]] = {str(r["metric"]): r for r in own.to_dict("records")}
        first = by["ece_mass"]
        names = ("model", "method", "target", "recovery") if several_models else ("method", "target", "recovery")
        shown = {**first, "target": on.target_text(first["target"], sparsity.get(str(first["target"])))}
        shown["recovery"] = recoveries.get(str(first["recovery"]), first["recovery"])
        parts = [plain(shown[k]) for k in names if shown[k]]
        level = [f"level {first['level']}"] if first["level"] > 1 else []
        each = runs.loc[runs["arm"] == arm, "ece_mass"].to_numpy(float) if runs is not None else ()
        about = f"{several(int(first['runs']), 'run')} of {several(int(first['dense_models']), 'dense model')}"
        rows.append(
            _Row(
                " · ".join([p for p in parts if p != "none"] + level),
                str(first["method"]),
                about,
                first["mean"],
                by["ece_width"]["mean"],
                first["floor"],
                tuple(float(v) for v in each),
                {} if first["kind"] == "dense" else {m: _arm_change(by[m]) for m in _CHANGES},
            )
        )
    return rows


def _arm_change(r: Mapping[Any, Any]) -> Cell:
    return r["difference"], r["difference_low"], r["difference_high"], r["retrained_difference"]


def _of_runs(tables: Tables, state: ViewState, compared: tuple[str, ...]) -> list[_Row]:
    runs, changes = table_of(tables, "calibration"), table_of(tables, "calibration", "calibration_differences")
    if runs is None:
        return []
    done = measured(tables)
    named = [r for r in (on.reference(done, state), *compared) if r in set(runs["run_id"])]
    labels, methods, by_id = on.labels(done, named), done.set_index("run_id")["method"], runs.set_index("run_id")
    rows = []
    for run_id in named:
        r, found = by_id.loc[run_id].to_dict(), {}
        if changes is not None:
            own = changes[(changes["run_id"] == run_id) & (changes["against"] == "dense")]
            retrained = changes[(changes["run_id"] == r["retrained_run_id"]) & (changes["against"] == "dense")]
            alone = dict(zip(retrained["metric"].astype(str), retrained["difference"], strict=True))
            found = {
                str(d["metric"]): (d["difference"], d["low"], d["high"], alone.get(str(d["metric"]), math.nan))
                for d in own.to_dict("records")
            }
        label, method = labels[run_id], str(methods[run_id])
        mass, width, floor = (float(r[k]) for k in ("ece_mass", "ece_width", "ece_mass_floor"))
        rows.append(_Row(label, method, label, mass, width, floor, (), found))
    return rows


def _marks(rows: Sequence[_Row], inks: Mapping[str, str]) -> Iterator[Mark]:
    y = np.arange(1, len(rows) + 1, dtype=float)
    colours = [inks[r.method] for r in rows]
    for column, metric in enumerate(_COLUMNS):
        cells = [r.changes.get(metric, (math.nan,) * 4) for r in rows]
        told = np.array(
            [[r.mass, r.width, r.floor, 0.0] if column == 0 else c for r, c in zip(rows, cells, strict=True)]
        )
        each = [v for r in rows for v in r.each] if column == 0 else []
        scale = Scale.around(column, np.array([*told[np.isfinite(told)], *each]))
        yield from scale.marks(len(rows))
        if column == 0:
            yield from _error_marks(rows, scale, y, colours)
        elif any(r.changes for r in rows):
            yield from _change_marks(rows, metric, told, scale, y, colours)


def _error_marks(rows: Sequence[_Row], scale: Scale, y: Any, colours: Sequence[str]) -> Iterator[Mark]:
    hover = {
        "arm": [r.label for r in rows],
        "of": [r.about for r in rows],
        "ECE, equal numbers": [number(r.mass) for r in rows],
        "ECE, equal width": [number(r.width) for r in rows],
        "floor": [number(r.floor) for r in rows],
    }
    floor = scale.at([r.floor for r in rows])
    yield Boxes(scale.at(np.zeros(len(rows))), floor, y - 0.4, y + 0.4, "control", 0.25, hover=hover)
    each = [(v, i) for i, r in enumerate(rows) for v in r.each]
    if each:
        inks = [colours[i] for _, i in each]
        yield Points(scale.at([v for v, _ in each]), y[[i for _, i in each]], inks, "circle", True, 4, 0.35)
    yield Points(scale.at([r.width for r in rows]), y, colours, "square", False, 6, hover=hover)
    yield Points(scale.at([r.mass for r in rows]), y, colours, "circle", True, 8, hover=hover)


def _change_marks(
    rows: Sequence[_Row], metric: str, told: Any, scale: Scale, y: Any, colours: Sequence[str]
) -> Iterator[Mark]:
    here = np.array([metric in r.changes for r in rows])
    sure = here & np.isfinite(told[:, 1])
    if sure.any():
        inks = [c for c, s in zip(colours, sure, strict=True) if s]
        yield Intervals(y[sure], scale.at(told[sure, 1]), scale.at(told[sure, 2]), inks)
    alone = here & np.isfinite(told[:, 3])
    if alone.any():
        inks = [c for c, s in zip(colours, alone, strict=True) if s]
        yield Points(scale.at(told[alone, 3]), y[alone], inks, "diamond", False, 7)
    shown = [r for r in rows if metric in r.changes]
    clear = [bool(low > 0 or high < 0) for _, low, high, _ in (r.changes[metric] for r in shown)]
    hover = {
        "arm": [r.label for r in shown],
        "of": [r.about for r in shown],
        "change": [_with_range(*r.changes[metric][:3]) for r in shown],
        "retraining alone": [number(r.changes[metric][3]) for r in shown],
    }
    inks = [c for c, h in zip(colours, here, strict=True) if h]
    yield Points(scale.at(told[here, 0]), y[here], inks, "circle", clear if sure.any() else True, 7, hover=hover)


def _with_range(mean: float, low: float, high: float) -> str:
    if not math.isfinite(low):
        return f"{number(mean)} (no interval)"
    return f"{number(mean)} ({number(low)} … {number(high)})" + ("" if low > 0 or high < 0 else ", none detected")
