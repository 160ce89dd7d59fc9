"""Accuracy under each corruption, model by model, with its course over the severities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.looks import method_keys
from pruneviz.views.marks import Axis, Cells, Key, Line, Mark, Picture
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

NAME = "corruption_robustness"
_TITLE = "Accuracy under corruption, and its course over the severities"
_MOST_ROWS = 16
_ROOM = 0.4  # of a cell, to either side of its middle
APART = "frost"  # not made as published

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Row:
    """An arm or a run: by corruption, accuracies from the least severity on, and what the pointer shows."""

    label: str
    method: str
    about: str
    courses: Mapping[str, Floats]
    told: Mapping[str, str]


def robustness_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each arm that the filters leave, or for each model compared; a column for each corruption.

    Colours and numbers are means over severities; below them, each severity's accuracy from left to right, with the
    dense models' in grey, all on one scale.
    """
    cells = table_of(tables, NAME)
    if cells is None:
        return Picture("robustness", _TITLE, empty=nothing_of(NAME, "corruption"), height=240)
    compared = on.compared(measured(tables), state)
    rows = _of_runs(tables, state, compared, cells) if compared else _of_arms(tables, state, cells)
    if not rows:
        empty = "None of the models shown has been looked at under corruption. Run the study again, or choose others."
        return Picture("robustness", _TITLE, empty=empty, height=240)
    shown, inks = rows[:_MOST_ROWS], on.inks(tables.runs)
    names = columns_of(cells)
    every = np.concatenate([c for r in shown for c in r.courses.values()])
    low = math.floor(10 * float(every.min())) / 10
    what = "the models compared" if compared else "means over runs"
    return Picture(
        "robustness",
        _TITLE,
        subtitle=(
            f"Accuracy on {several(int(cells['images'].max()), 'test image')}, {what}: the mean over severities, and "
            "below it each severity's, from the mildest to the worst. Higher is better."
        ),
        notes=tuple(_notes(cells, len(rows))),
        x=Axis(kind="categories", categories=tuple(elide(plain(head_of(n)), 24) for n in names), upright=True),
        y=Axis(
            kind="categories",
            categories=tuple(c for i, r in enumerate(shown) for c in (elide(r.label, 36), " " * (i + 1))),
            reverse=True,
        ),
        marks=tuple(_marks(shown, names, low, inks)),
        legend=(
            *method_keys(inks, {r.method for r in shown}),
            Key("Courses", "heading"),
            Key("severities, mildest to worst", "line", "soft"),
            Key("dense models", "line", "soft", dash="dotted"),
        ),
        height=190 + 52 * len(shown),
    )


def columns_of(cells: pd.DataFrame) -> list[str]:
    """The corruptions in the order in which they are shown: clean first, frost after all that is made as published."""
    names = on.unique(cells["corruption"])
    apart = [n for n in names if n == APART]
    return [n for n in names if n not in apart] + apart


def head_of(name: str) -> str:
    """A corruption's name as shown."""
    return f"{name} (apart)" if name == APART else name.replace("_", " ")


def _notes(cells: pd.DataFrame, rows: int) -> Iterator[str]:
    if APART in set(cells["corruption"]):
        yield "Frost is made without the published photographs: it stands apart, and enters no mean."
    if (cells["shift"] == "attack").any():
        yield "fgsm and pgd attack each model by its own gradient; their levels are the ε asked for."
    if rows > _MOST_ROWS:
        yield f"{_MOST_ROWS} of {rows} rows shown; filter to see others."


def _courses(own: pd.DataFrame) -> dict[str, Floats]:
    means = own.groupby(["corruption", "severity"], sort=False, observed=True)["accuracy"].mean().reset_index()
    return {
        str(name): g.sort_values("severity")["accuracy"].to_numpy(np.float64)
        for name, g in means.groupby("corruption", sort=False, observed=True)
    }


def _of_arms(tables: Tables, state: ViewState, cells: pd.DataFrame) -> list[_Row]:
    arms = table_of(tables, NAME, f"{NAME}_arms")
    if arms is None:
        return []
    differences = table_of(tables, NAME, f"{NAME}_differences")
    first = arms.drop_duplicates("arm").set_index("arm", drop=False)
    kept, names = on.filtered(first, state), arm_names(tables, first)
    rows = []
    for arm, r in kept.iterrows():
        own = cells[cells["arm"] == arm]
        about = f"{several(int(r['runs']), 'run')} of {several(int(r['dense_models']), 'dense model')}"
        told = {}
        if differences is not None:
            against = differences[
                (differences["arm"] == arm)
                & (differences["against"] == "dense")
                & (differences["metric"] == "accuracy")
                & (differences["scope"] == "corruption")
            ]
            told = {str(d["corruption"]): _with_range(d) for d in against.to_dict("records")}
        rows.append(_Row(names[str(arm)], str(r["method"]), about, _courses(own), told))
    return rows


def _of_runs(tables: Tables, state: ViewState, compared: tuple[str, ...], cells: pd.DataFrame) -> list[_Row]:
    done = measured(tables)
    known = set(cells["run_id"])
    named = [r for r in (on.reference(done, state), *compared) if r in known]
    labels, methods = on.labels(done, named), done.set_index("run_id")["method"]
    return [_Row(labels[r], str(methods[r]), "one model", _courses(cells[cells["run_id"] == r]), {}) for r in named]


def arm_names(tables: Tables, arms: pd.DataFrame) -> dict[str, str]:
    """Short names of arms: without the model where there is one alone, and targets as people read them.

    Args:
        tables: the study.
        arms: rows with arm, model, method, target, recovery and level.
    """
    planned = tables.runs
    sparsity = dict(zip(planned["target"].astype(str), planned["sparsity_target"], strict=True))
    recoveries, methods = on.short(planned["recovery"]), on.short(planned["method"])
    several_models = arms["model"].nunique() > 1
    found = {}
    for r in arms.to_dict("records"):
        recovery = str(r["recovery"])
        target = on.target_text(r["target"], sparsity.get(str(r["target"]))) if r["target"] else ""
        parts = [plain(r["model"])] if several_models else []
        parts += [methods.get(str(r["method"]), plain(r["method"])), target]
        parts += [recoveries.get(recovery, plain(recovery))] if recovery not in ("", "none") else []
        parts += [f"level {r['level']}"] if r["level"] > 1 else []
        found[str(r["arm"])] = " · ".join(p for p in parts if p)
    return found


def _with_range(d: Mapping[Any, Any]) -> str:
    if not math.isfinite(d["low"]):
        return f"{points(d['difference'])} points (no interval)"
    return f"{points(d['difference'])} points ({points(d['low'])} … {points(d['high'])})"


def _marks(rows: Sequence[_Row], names: Sequence[str], low: float, inks: Mapping[str, str]) -> Iterator[Mark]:
    place = {n: float(j) for j, n in enumerate(names)}
    at = [(i, r, n) for i, r in enumerate(rows) for n in names if n in r.courses]
    mean = np.array([float(r.courses[n].mean()) for _, r, n in at])
    yield Cells(
        np.array([place[n] for _, _, n in at]),
        np.array([2.0 * i for i, _, _ in at]),
        (mean - low) / (1 - low),
        "density",
        [f"{100 * v:.0f}" for v in mean],
        tuple((k / 5, percent(low + k / 5 * (1 - low), 0)) for k in range(6)),
        "accuracy",
        hover={
            "model": [r.label for _, r, _ in at],
            "of": [r.about for _, r, _ in at],
            "corruption": [head_of(n) for _, _, n in at],
            "accuracy": [percent(v) for v in mean],
            "by severity": [", ".join(percent(float(v), 0) for v in r.courses[n]) for _, r, n in at],
            "against dense": [r.told.get(n, "–") for _, r, n in at],
        },
    )
    dense = next((r for r in rows if r.method == "dense"), None)
    for i, row in enumerate(rows):
        if dense is not None and row is not dense:
            yield Line(*_course(dense, names, place, 2 * i + 1, low), "soft", "dotted", 1.2)
        yield Line(*_course(row, names, place, 2 * i + 1, low), inks[row.method], width=1.8)


def _course(row: _Row, names: Sequence[str], place: Mapping[str, float], y: int, low: float) -> tuple[Floats, Floats]:
    """One line through all columns, broken between them."""
    x, heights = [], []
    for name in names:
        course = row.courses.get(name, np.empty(0))
        # A single level has no course; a short dash says where it is.
        told = np.repeat(course, 2) if len(course) == 1 else course
        x += [place[name] + np.linspace(-_ROOM, _ROOM, len(told)), np.full(1, np.nan)]
        heights += [y + _ROOM - 2 * _ROOM * (told - low) / (1 - low), np.full(1, np.nan)]
    return np.concatenate(x), np.concatenate(heights)
