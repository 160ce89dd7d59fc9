"""How alike the attribution maps of pruned models are to their dense models', beside retraining and random pruning."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.attribution import ATTRIBUTIONS
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.looks import method_keys
from pruneviz.views.marks import Axis, Floats, Intervals, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.text import MINUS, elide, how_many, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "attribution_similarity"
_TITLE = "How alike the maps are to the dense model's"
_MOST_ROWS = 40
_ROOM = 0.42  # of a column's width of 1, to either side of its middle
_LOW = -0.25  # the least that is on the scale unless something is below it


@dataclass(frozen=True, eq=False)
class _Row:
    """An arm: a line of the table of arms, and its runs' own means, by way of attributing."""

    label: str
    method: str
    kind: str
    told: Mapping[str, Mapping[Any, Any]]
    each: Mapping[str, Floats]


@dataclass(frozen=True)
class _Scale:
    """Rank correlations as places within a column."""

    low: float

    def at(self, column: int, values: Any) -> Floats:
        """Places on the picture's axis."""
        share = (np.asarray(values, np.float64) - self.low) / (1.0 - self.low)
        return np.asarray(column - _ROOM + 2 * _ROOM * share)


def attribution_similarity_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each arm that the filters leave, a column for each way of attributing: the mean rank correlation."""
    arms = table_of(tables, "attributions", "attributions_arms")
    if arms is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("attributions", "where models look"), height=240)
    rows = _rows(tables, state, arms)
    if not rows:
        return Picture(_NAME, _TITLE, empty="No arm with maps is left by the filters. Show more.", height=240)
    shown, inks = rows[:_MOST_ROWS], on.inks(tables.runs)
    ways = tuple(w for w in ATTRIBUTIONS if any(w in r.told for r in shown))
    values = [v for r in shown for w in ways if w in r.each for v in r.each[w]]
    scale = _Scale(min([_LOW, *(v - 0.05 for v in values if math.isfinite(v))]))
    return Picture(
        _NAME,
        _TITLE,
        subtitle=_subtitle(tables, arms),
        notes=(f"{_MOST_ROWS} of {len(rows)} rows shown; filter to see others.",) if len(rows) > _MOST_ROWS else (),
        x=Axis(kind="categories", categories=tuple(ATTRIBUTIONS[w] for w in ways)),
        y=Axis(kind="categories", categories=("", *(elide(r.label, 40) for r in shown)), reverse=True),
        marks=tuple(_marks(shown, ways, scale, inks)),
        legend=_legend(shown, inks),
        height=90 + 30 * (len(shown) + 1),
    )


def _subtitle(tables: Tables, arms: pd.DataFrame) -> str:
    n = sorted({int(v) for v in arms.loc[arms["kind"] != "replicate", "dense_models"]} or {0})
    what = (
        "Spearman's rank correlation of maps, 1 for the same order of places. Means over dense models "
        f"({how_many(n)}) and {several(int(arms['images'].max()), 'random test image')}"
    )
    if n[-1] < POINTS_BELOW:
        return f"{what}; intervals need {POINTS_BELOW} dense models."
    return f"{what}, with {level_of(tables, 'attributions')} intervals over dense models, seeds and images."


def _rows(tables: Tables, state: ViewState, arms: pd.DataFrame) -> list[_Row]:
    runs, planned = table_of(tables, "attributions"), tables.runs
    pairs = arms[(arms["similarity"] == "rank").to_numpy(bool)]
    kept = on.filtered(pairs, state)
    sparsity = dict(zip(planned["target"].astype(str), planned["sparsity_target"], strict=True))
    recoveries = on.short(planned["recovery"])
    several_models = pairs["model"].nunique() > 1
    rows = []
    for arm, own in kept.groupby("arm", sort=False, observed=True):
        told: dict[str, Mapping[Any, Any]] = {str(r["attribution"]): r for r in own.to_dict("records")}
        first = next(iter(told.values()))
        each = {}
        if runs is not None:
            mine = runs[(runs["arm"] == arm).to_numpy(bool)]
            each = {w: mine.loc[(mine["attribution"] == w).to_numpy(bool), "rank"].to_numpy(float) for w in told}
        rows.append(
            _Row(
                _label(first, sparsity, recoveries, several_models),
                str(first["method"]),
                str(first["kind"]),
                told,
                each,
            )
        )
    order = {"replicate": 0, "retrained": 1, "pruned": 2}
    return sorted(rows, key=lambda r: order[r.kind])


def _label(
    first: Mapping[Any, Any], sparsity: Mapping[str, Any], recoveries: Mapping[str, str], several_models: bool
) -> str:
    parts = [plain(first["model"])] if several_models else []
    if first["kind"] == "replicate":
        return " · ".join([*parts, "two dense models"])
    target = str(first["target"] or "")
    recovery = str(first["recovery"])
    parts += [plain(first["method"]), on.target_text(target, sparsity.get(target)) if target else ""]
    parts += [recoveries.get(recovery, plain(recovery)) if recovery != "none" else ""]
    parts += [f"level {first['level']}" if first["level"] > 1 else ""]
    return " · ".join(p for p in parts if p)


def _marks(rows: Sequence[_Row], ways: Sequence[str], scale: _Scale, inks: Mapping[str, str]) -> Iterator[Mark]:
    ticks = [v for v in (-1.0, -0.5, 0.0, 0.5, 1.0) if v >= scale.low]
    for column, way in enumerate(ways):
        at = scale.at(column, ticks)
        for x, value in zip(at, ticks, strict=True):
            yield Line(np.array([x, x]), np.array([0.4, len(rows) + 0.5]), "faint" if value else "soft", width=1.0)
        yield Text(at, np.zeros(len(at)), [number(t, 2) for t in ticks], "soft", "center", size=11)
        yield from _column(rows, column, way, scale, inks)


def _column(rows: Sequence[_Row], column: int, way: str, scale: _Scale, inks: Mapping[str, str]) -> Iterator[Mark]:
    here = [(i + 1.0, r, r.told[way]) for i, r in enumerate(rows) if way in r.told]
    each = [(v, y, inks[r.method]) for y, r, _ in here for v in r.each.get(way, ()) if math.isfinite(v)]
    if each:
        places = scale.at(column, [v for v, _, _ in each])
        yield Points(places, np.array([y for _, y, _ in each]), [c for _, _, c in each], "circle", True, 4, 0.35)
    sure = [(y, t, inks[r.method]) for y, r, t in here if math.isfinite(t["low"])]
    if sure:
        low, high = (scale.at(column, [t[end] for _, t, _ in sure]) for end in ("low", "high"))
        yield Intervals(np.array([y for y, _, _ in sure]), low, high, [c for _, _, c in sure])
    for name, marker in (("retrained", "diamond"), ("control", "x")):
        beside = [(y, t, r) for y, r, t in here if t[f"{name}_runs"]]
        if beside:
            x = scale.at(column, [t[name] for _, t, _ in beside])
            ink = [inks[r.method] if name == "retrained" else "control" for _, _, r in beside]
            yield Points(x, np.array([y for y, _, _ in beside]), ink, marker, False, 7)
    if here:
        hover = {
            "arm": [r.label for _, r, _ in here],
            "of": [_of(t) for _, _, t in here],
            "rank correlation": [_with_range(t, "mean", "") for _, _, t in here],
            "retraining alone": [_beside(t, "retrained") for _, _, t in here],
            "beyond it": [_with_range(t, "beyond_retraining", "beyond_retraining_") for _, _, t in here],
            "random pruning alike": [_beside(t, "control") for _, _, t in here],
            "beyond that": [_with_range(t, "beyond_control", "beyond_control_") for _, _, t in here],
        }
        x = scale.at(column, [t["mean"] for _, _, t in here])
        filled = [not _undecided(t) for _, _, t in here]
        yield Points(
            x, np.array([y for y, _, _ in here]), [inks[r.method] for _, r, _ in here], "circle", filled, 8, hover=hover
        )


def _undecided(t: Mapping[Any, Any]) -> bool:
    """Whether the difference from retraining alone has an interval with 0 in it."""
    low, high = t["beyond_retraining_low"], t["beyond_retraining_high"]
    return bool(math.isfinite(low) and low <= 0 <= high)


def _of(t: Mapping[Any, Any]) -> str:
    what = "pair" if t["kind"] == "replicate" else "run"
    return f"{several(int(t['runs']), what)} of {several(int(t['dense_models']), 'dense model')}"


def _beside(t: Mapping[Any, Any], name: str) -> str:
    """What stands beside an arm, and of how many of its runs where not all have it."""
    runs = int(t[f"{name}_runs"])
    few = f" (of {runs} of {int(t['runs'])} runs)" if 0 < runs < t["runs"] else ""
    return number(t[name], 2) + few


def _with_range(t: Mapping[Any, Any], name: str, prefix: str) -> str:
    value, low, high = t[name], t[f"{prefix}low"], t[f"{prefix}high"]
    if not math.isfinite(value):
        return "–"
    text = f"{value:.2f}".replace("-", MINUS)
    return f"{text} ({low:.2f} … {high:.2f})".replace("-", MINUS) if math.isfinite(low) else text


def _legend(rows: Sequence[_Row], inks: dict[str, str]) -> tuple[Key, ...]:
    told = [t for r in rows for t in r.told.values()]
    keys = [*method_keys(inks, {r.method for r in rows}), Key("Mean", "heading"), Key("of the arm", "point", "soft")]
    if any(_undecided(t) for t in told):
        keys.append(Key("not told from retraining alone", "point", "soft", "circle", False))
    if any(t["retrained_runs"] for t in told):
        keys.append(Key("retraining alone", "point", "soft", "diamond", False))
    if any(t["control_runs"] for t in told):
        keys.append(Key("random pruning alike", "point", "control", "x", False))
    return tuple(keys)
