"""Which methods keep the same units: overlap of masks at one target, beside chance, method by method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.marks import Axis, Cells, Key, Picture
from pruneviz.views.text import elide, how_many, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "similarity_masks"
_TITLE = "Which methods keep the same units"
_NO_CHOICE = "none: the counts leave no choice"
_TICKS = ((0.0, "−100 %: none in common"), (0.5, "0: as by chance"), (1.0, "100 %: all that the counts allow"))


def similarity_masks_info(tables: Tables, state: ViewState) -> Picture:
    """A cell for every two methods: how far their overlap is from chance, given the layers' counts."""
    table = table_of(tables, "similarity", "similarity_methods")
    if table is None:
        empty = nothing_of("similarity", "the overlap of masks") + " It takes two methods of one unit, or two seeds."
        return Picture(_NAME, _TITLE, empty=empty, height=320)
    table = table[~_missing_methods(table, state)]
    if models := state.filter("model"):
        table = table[table["model"].isin(models)]
    if table.empty:
        return Picture(_NAME, _TITLE, empty="No two methods are left by the filters. Show more.", height=320)
    place = _place(tables.runs, table, state)
    rows: Sequence[Mapping[Any, Any]] = table[_at(table, place)].to_dict("records")
    names = _methods(tables.runs, rows)
    others = len(table[["model", "unit", "recovery", "target"]].drop_duplicates()) - 1
    n, level = [int(r["dense_models"]) for r in rows], level_of(tables, "similarity")
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"{_words(tables.runs, place)}: where a cell stands between chance, given both masks' counts in every "
            f"layer, and all that these counts allow; mean over dense models ({how_many(n)}). Chosen at random: 0."
        ),
        sentences=tuple(_sentences(rows, on.short(names), on.controls(tables.runs), level)),
        notes=tuple(_notes(tables.runs, names, others)),
        x=Axis(kind="categories", categories=_labels(names), upright=len(names) > 6),
        y=Axis(kind="categories", categories=_labels(names), reverse=True),
        marks=(_cells(rows, names),),
        legend=(Key(f"bold: the {level} interval leaves out chance, each alone", "note"),)
        if max(n) >= POINTS_BELOW
        else (),
        height=(110 if len(names) <= 6 else 230) + 40 * len(names),
    )


def _missing_methods(table: pd.DataFrame, state: ViewState) -> pd.Series[bool]:
    """Rows with a method that the filters hide."""
    wanted = list(state.filter("method"))
    hidden = table["method"] != table["method"]
    return hidden | ~table["method"].isin(wanted) | ~table["other"].isin(wanted) if wanted else hidden


def _place(runs: pd.DataFrame, table: pd.DataFrame, state: ViewState) -> tuple[str, ...]:
    """Model, unit, recovery and target: of the target chosen where there is such, else the middle one of the first."""
    keys = ["model", "unit", "recovery", "target"]
    first = table.iloc[0].to_dict()
    same = table[(table["model"] == first["model"]) & (table["unit"] == first["unit"])]
    known = on.unique(same["target"])
    kept = runs.drop_duplicates("target").set_index("target")["density"].to_dict()
    known.sort(key=lambda t: -float(kept.get(t, 0.0) if not on.missing(kept.get(t)) else 0.0))
    target = state.target if state.target in known else known[len(known) // 2]
    found = same[same["target"] == target].iloc[0].to_dict()
    return tuple(str(found[k]) for k in keys)


def _at(table: pd.DataFrame, place: Sequence[str]) -> pd.Series[bool]:
    model, unit, recovery, target = place
    here = (table["model"] == model) & (table["unit"] == unit) & (table["target"] == target)
    return here & (table["recovery"].fillna("none") == recovery)


def _words(runs: pd.DataFrame, place: Sequence[str]) -> str:
    model, unit, recovery, target = place
    known = runs.loc[runs["target"] == target, "sparsity_target"]
    shown = on.at_target(target, known.iloc[0] if len(known) else None)
    after = f", masks after {plain(on.short(runs['recovery'])[recovery])}" if recovery != "none" else ""
    several_models = f" of {plain(model)}" if runs["model"].nunique() > 1 else ""
    return f"{unit.capitalize()}s{several_models}{f' {shown}' if shown else ''}{after}"


def _methods(runs: pd.DataFrame, rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """In the order in which the study names them, random ones last, as in its legends."""
    there = {str(r[k]) for r in rows for k in ("method", "other")}
    random = on.controls(runs)
    names = [m for m in on.unique(runs["method"]) if m in there]
    return sorted(names, key=lambda m: m in random)


def _notes(runs: pd.DataFrame, names: Sequence[str], others: int) -> Iterator[str]:
    if others:
        yield f"{several(others, 'more comparison')} at other targets or of other units in the tables."
    if len(on.controls(runs) & set(names)) > 1:
        yield "Random methods are drawn with the same seed, so what they have in common means nothing."


def _labels(names: Sequence[str]) -> tuple[str, ...]:
    shown = on.short(names)
    return tuple(elide(shown[n], 24) for n in names)


def _cells(rows: Sequence[Mapping[Any, Any]], names: Sequence[str]) -> Cells:
    place, shown = {n: i for i, n in enumerate(names)}, on.short(names)
    x, y, value, text, strong = [], [], [], [], []
    hover: dict[str, list[str]] = {
        k: [] for k in ("methods", "overlap", "by chance", "from chance to most", "outside chance", "of")
    }
    for r in rows:
        a, b = place[str(r["method"])], place[str(r["other"])]
        excess, low, high = (_number(r[k]) for k in ("excess", "excess_low", "excess_high"))
        for i, j in {(a, b), (b, a)}:
            x.append(float(j))
            y.append(float(i))
            value.append(0.5 + 0.5 * min(max(excess, -1.0), 1.0) if math.isfinite(excess) else math.nan)
            text.append(percent(excess, 0) if math.isfinite(excess) else "no choice")
            strong.append(bool(math.isfinite(low) and (low > 0 or high < 0)))
            hover["methods"].append(f"{shown[str(r['method'])]} and {shown[str(r['other'])]}")
            hover["overlap"].append(f"{percent(_number(r['jaccard']))} of what either keeps")
            hover["by chance"].append(percent(_number(r["chance"])))
            span = f" ({percent(low)} … {percent(high)})" if math.isfinite(low) else ""
            hover["from chance to most"].append(percent(excess) + span if math.isfinite(excess) else _NO_CHOICE)
            hover["outside chance"].append(f"{r['beyond_chance']} of {several(int(r['pairs']), 'pair')}")
            hover["of"].append(several(int(r["dense_models"]), "dense model"))
    title = "overlap beyond chance"
    return Cells(np.array(x), np.array(y), np.array(value), "change", text, _TICKS, title, strong, hover=hover)


def _sentences(rows: Sequence[Mapping[Any, Any]], shown: Mapping[str, str], random: set[str], level: str) -> list[str]:
    told = [r for r in rows if math.isfinite(_number(r["excess"])) and not {r["method"], r["other"]} <= random]
    told = [r for r in told if r["method"] != r["other"]]
    if not told:
        return []
    best = max(told, key=lambda r: _number(r["excess"]))
    names = f"{shown[str(best['method'])]} and {shown[str(best['other'])]}"
    said = [
        f"Most alike are {names}: both keep {percent(_number(best['jaccard']))} of what either keeps, "
        f"{percent(_number(best['chance']))} by chance."
    ]
    chance = [r for r in told if _number(r["excess_low"]) <= 0 <= _number(r["excess_high"])]
    if chance:
        pairs = several(len(told), "pair")
        said.append(
            f"No overlap beyond chance is detected in {len(chance)} of {pairs} ({level} intervals, each alone)."
        )
    elif any(int(r["dense_models"]) < POINTS_BELOW for r in told):
        said.append(f"Intervals need {POINTS_BELOW} dense models.")
    return said


def _number(value: Any) -> float:
    return math.nan if on.missing(value) else float(value)
