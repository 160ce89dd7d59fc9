"""Margins, as they are and beside the features' norm, of every arm on clean and on corrupted images."""

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
from pruneviz.views.featured import ANALYSIS, CLEAN
from pruneviz.views.looks import method_keys
from pruneviz.views.marks import Axis, Floats, Intervals, Key, Mark, Picture, Points
from pruneviz.views.text import elide, how_many, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "geometry_margins"
_TITLE = "Distance to the boundary"
_MOST_ROWS = 40
_COLUMNS = ("margin", "margin_scaled", "change", "angle")
_HEADS = ("margin (features)", "margin over norm", "its change from dense", "angle (°)")


@dataclass(frozen=True, eq=False)
class _Row:
    """An arm: per column its clean mean, its runs' values, and its means under each corruption.

    Attributes:
        few: of how many runs a mean is, by column, where not all of the arm's runs have a value; else empty.
    """

    label: str
    method: str
    about: str
    mean: Mapping[str, float]
    each: Mapping[str, Floats]
    corrupted: Mapping[str, Mapping[str, float]]
    low: float
    high: float
    retrained: float
    few: Mapping[str, str]


def geometry_margins_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each arm that the filters leave, in columns with scales of their own.

    The margin grows with the features' scale, which nothing holds; over the mean norm it does so only by way of the
    classifier's biases, which weigh more the smaller the features are. The interval is that of the paired change on
    clean images, over dense models, seeds and images.
    """
    arms, runs = table_of(tables, ANALYSIS, "feature_geometry_arms"), table_of(tables, ANALYSIS)
    if arms is None or runs is None:
        return Picture(_NAME, _TITLE, empty=nothing_of(ANALYSIS, "where features lie"), height=240)
    rows = list(_rows(tables, on.filtered(arms, state), runs))
    if not rows:
        return Picture(_NAME, _TITLE, empty="The filters leave no run that was looked at. Show more.", height=240)
    shown, inks = rows[:_MOST_ROWS], on.inks(tables.runs)
    corrupted = sorted({c for r in shown for c in r.corrupted["margin"]})
    sure = any(math.isfinite(r.low) for r in shown)
    images = int(arms["samples"].max())
    words = f"with {level_of(tables, ANALYSIS)} intervals" if sure else f"intervals need {POINTS_BELOW} dense models"
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"Means over dense models ({how_many(arms['dense_models'])}) and {images:,} test images; below 0 is the "
            f"wrong side. Changes are paired with the dense model on clean images, {words}."
        ),
        notes=(f"{_MOST_ROWS} of {len(rows)} rows shown; filter to see others.",) if len(rows) > _MOST_ROWS else (),
        x=Axis(kind="categories", categories=_HEADS),
        y=Axis(kind="categories", categories=("", *(elide(r.label, 40) for r in shown)), reverse=True),
        marks=tuple(_marks(shown, inks)),
        legend=(
            *method_keys(inks, {r.method for r in shown}),
            Key("Images", "heading"),
            Key("clean", "point", "soft"),
            *((Key(f"corrupted ({len(corrupted)})", "point", "soft", "x", False),) if corrupted else ()),
            *((Key("retraining alone", "point", "soft", "diamond", False),) if _retrained(shown) else ()),
        ),
        height=90 + 30 * (len(shown) + 1),
    )


def _retrained(rows: Sequence[_Row]) -> bool:
    return any(math.isfinite(r.retrained) for r in rows)


def _rows(tables: Tables, arms: pd.DataFrame, runs: pd.DataFrame) -> Iterator[_Row]:
    planned = tables.runs
    sparsity = dict(zip(planned["target"].astype(str), planned["sparsity_target"], strict=True))
    recoveries = on.short(planned["recovery"])
    names = ("model", "method", "target", "recovery")[0 if arms["model"].nunique() > 1 else 1 :]
    for arm, own in arms.groupby("arm", sort=False, observed=True):
        by: dict[tuple[str, str], Mapping[Any, Any]] = {
            (str(r["condition"]), str(r["metric"])): r for r in own.to_dict("records")
        }
        first = own.iloc[0]
        shown = {**first.to_dict(), "target": on.target_text(first["target"], sparsity.get(str(first["target"])))}
        shown["recovery"] = recoveries.get(str(first["recovery"]), first["recovery"])
        parts = [plain(shown[k]) for k in names if shown[k]]
        level = [f"level {first['level']}"] if first["level"] > 1 else []
        of_arm = runs[runs["arm"] == arm]
        clean = of_arm[of_arm["condition"] == CLEAN]
        scaled = by.get((CLEAN, "margin_scaled"), {})
        change, low, high = (
            float(scaled.get(k, math.nan)) for k in ("difference", "difference_low", "difference_high")
        )
        dense = first["kind"] == on.DENSE
        whole = max(int(r["runs"]) for r in by.values())
        counts = {m: int(by[CLEAN, m]["runs"]) for m in ("margin_scaled", "angle") if (CLEAN, m) in by}
        counts["retrained"] = int(scaled.get("retrained_runs", 0))
        yield _Row(
            " · ".join([p for p in parts if p != "none"] + level),
            str(first["method"]),
            f"{several(whole, 'run')} of {several(max(int(r['dense_models']) for r in by.values()), 'dense model')}",
            {
                "margin": _mean(clean["margin"]),
                "margin_scaled": float(scaled.get("mean", math.nan)),
                "change": math.nan if dense else change,
                "angle": math.degrees(float(by.get((CLEAN, "angle"), {}).get("mean", math.nan))),
            },
            {
                "margin": clean["margin"].to_numpy(float),
                "margin_scaled": clean["margin_scaled"].to_numpy(float),
                "angle": np.degrees(clean["angle"].to_numpy(float)),
            },
            _corrupted(of_arm, by),
            low,
            high,
            float(scaled.get("retrained_mean", math.nan)) if first["kind"] == "pruned" else math.nan,
            {m: f" (of {n} of {several(whole, 'run')})" if 0 < n < whole else "" for m, n in counts.items()},
        )


def _corrupted(runs: pd.DataFrame, by: Mapping[tuple[str, str], Mapping[Any, Any]]) -> dict[str, dict[str, float]]:
    others = [str(c) for c in runs["condition"].drop_duplicates() if c != CLEAN]
    return {
        "margin": {c: _mean(runs.loc[runs["condition"] == c, "margin"]) for c in others},
        "margin_scaled": {c: float(by.get((c, "margin_scaled"), {}).get("mean", math.nan)) for c in others},
        "angle": {c: math.degrees(float(by.get((c, "angle"), {}).get("mean", math.nan))) for c in others},
    }


def _mean(values: pd.Series[Any]) -> float:
    known = values.to_numpy(float)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else math.nan


def _marks(rows: Sequence[_Row], inks: Mapping[str, str]) -> Iterator[Mark]:
    y = np.arange(1, len(rows) + 1, dtype=float)
    colours = np.array([inks[r.method] for r in rows], dtype=object)
    for column, name in enumerate(_COLUMNS):
        mean = np.array([r.mean[name] for r in rows])
        others = [(v, i, c) for i, r in enumerate(rows) for c, v in r.corrupted.get(name, {}).items() if v == v]
        each = [(v, i) for i, r in enumerate(rows) for v in r.each.get(name, ()) if v == v]
        ends = [v for r in rows for v in (r.low, r.high)] if name == "change" else []
        alone = [r.retrained for r in rows] if name == "margin_scaled" else []
        told = np.array([*mean, *(v for v, *_ in others), *(v for v, _ in each), *ends, *alone])
        scale = Scale.around(column, told[np.isfinite(told)], name != "angle")
        yield from scale.marks(len(rows))
        if others:
            at = [i for _, i, _ in others]
            hover = {"arm": [rows[i].label for i in at], "images": [plain(c) for *_, c in others]}
            hover |= {_HEADS[column]: [number(v) for v, *_ in others]}
            yield Points(scale.at([v for v, *_ in others]), y[at], list(colours[at]), "x", False, 5, 0.5, hover=hover)
        if each:
            at = [i for _, i in each]
            yield Points(scale.at([v for v, _ in each]), y[at], list(colours[at]), "circle", True, 4, 0.35)
        if name == "change":
            sure = np.array([math.isfinite(r.low) for r in rows])
            low, high = (scale.at([getattr(r, e) for r in rows]) for e in ("low", "high"))
            yield Intervals(y[sure], low[sure], high[sure], list(colours[sure]))
        here = np.isfinite(mean)
        if alone and (beside := np.isfinite(alone)).any():
            yield Points(scale.at(alone)[beside], y[beside], list(colours[beside]), "diamond", False, 8)
        hover = _hover([r for r, h in zip(rows, here, strict=True) if h])
        yield Points(scale.at(mean)[here], y[here], list(colours[here]), "circle", True, 8, hover=hover)


def _hover(rows: Sequence[_Row]) -> dict[str, list[str]]:
    return {
        "arm": [r.label for r in rows],
        "of": [r.about for r in rows],
        "margin": [number(r.mean["margin"]) for r in rows],
        "margin over norm": [number(r.mean["margin_scaled"]) + r.few.get("margin_scaled", "") for r in rows],
        "change": [_span(r) for r in rows],
        "retraining alone": [number(r.retrained) + r.few["retrained"] for r in rows],
        "angle": [f"{r.mean['angle']:.1f}°{r.few.get('angle', '')}" for r in rows],
    }


def _span(r: _Row) -> str:
    if not math.isfinite(r.low):
        return number(r.mean["change"])
    none = "" if r.low > 0 or r.high < 0 else ", none detected"
    return f"{number(r.mean['change'])} ({number(r.low)} … {number(r.high)}{none})"
