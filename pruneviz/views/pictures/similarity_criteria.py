"""How alike criteria rank the units of a dense model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import table_of
from pruneviz.views.marks import Axis, Cells, Picture
from pruneviz.views.text import elide, how_many, number, plain, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

_NAME = "similarity_criteria"
_TITLE = "How alike criteria rank"
_TICKS = ((0.0, "−1: the opposite"), (0.5, "0"), (1.0, "1: the same"))
_EMPTY = (
    "No criteria were ranked against each other. Name two or more that score such units, as in "
    'similarity = {criteria = ["magnitude", "taylor"]} under [analyses], and run the study again.'
)


def similarity_criteria_info(tables: Tables, state: ViewState) -> Picture:
    """Spearman's ρ of the scores of all units: below the diagonal over the whole model, above it within layers."""
    table = table_of(tables, "similarity", "similarity_criteria")
    if table is None:
        return Picture(_NAME, _TITLE, empty=_EMPTY, height=320)
    if models := state.filter("model"):
        table = table[table["model"].isin(models)]
    if table.empty:
        return Picture(_NAME, _TITLE, empty="No model is left by the filters. Show more.", height=320)
    model, unit = str(table["model"].iloc[0]), str(table["unit"].iloc[0])
    own = table[(table["model"] == model) & (table["unit"] == unit)]
    others = len(table[["model", "unit"]].drop_duplicates()) - 1
    names = on.unique([*own["criterion"], *own["other"]])
    shown = on.short(names)
    whole = own[own["layer"].isna()].to_dict("records")
    within = _within(own[own["layer"].notna()].to_dict("records"))
    labels = tuple(elide(shown[n], 24) for n in names)
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"Spearman's ρ between scores of {unit}s{f' of {plain(model)}' if others else ''}, mean over dense models "
            f"({how_many(r['dense_models'] for r in whole)}). Below the diagonal all {unit}s together, above it the "
            "mean within layers; on it the same criterion with other training images and another seed."
        ),
        notes=(f"{several(others, 'more model or unit', 'more models or units')} in the tables.",) * (others > 0),
        x=Axis(kind="categories", categories=labels, upright=len(names) > 6),
        y=Axis(kind="categories", categories=labels, reverse=True),
        marks=(_cells(whole, within, names, shown),),
        height=(110 if len(names) <= 6 else 230) + 44 * len(names),
    )


def _within(rows: Sequence[Mapping[Any, Any]]) -> dict[tuple[str, str], tuple[float, float, float]]:
    """By pair: mean, least and most of the layers' ρ."""
    each: dict[tuple[str, str], list[float]] = {}
    for r in rows:
        if math.isfinite(_number(r["spearman"])):
            each.setdefault((str(r["criterion"]), str(r["other"])), []).append(float(r["spearman"]))
    return {pair: (float(np.mean(v)), min(v), max(v)) for pair, v in each.items()}


def _cells(
    whole: Sequence[Mapping[Any, Any]],
    within: Mapping[tuple[str, str], tuple[float, float, float]],
    names: Sequence[str],
    shown: Mapping[str, str],
) -> Cells:
    place = {n: i for i, n in enumerate(names)}
    x, y, value, text = [], [], [], []
    hover: dict[str, list[str]] = {k: [] for k in ("criteria", "all units", "Kendall's τ-b", "within layers", "of")}
    for r in whole:
        pair = (str(r["criterion"]), str(r["other"]))
        low, high = sorted((place[pair[0]], place[pair[1]]))
        mean, least, most = within.get(pair, (math.nan,) * 3)
        rho = _number(r["spearman"])
        for i, j, v in {(high, low, rho), (low, high, rho if low == high else mean)}:
            x.append(float(j))
            y.append(float(i))
            value.append(0.5 + 0.5 * v)  # nothing is drawn where there is none
            text.append(_two(v))
            again = " again" if pair[0] == pair[1] else ""
            hover["criteria"].append(f"{shown[pair[0]]} and {shown[pair[1]]}{again}")
            span = _range(_number(r["spearman_low"]), _number(r["spearman_high"]))
            hover["all units"].append(_two(rho) + span)
            hover["Kendall's τ-b"].append(_two(_number(r["kendall"])))
            by_layer = f"{_two(mean)}, {_two(least)} to {_two(most)} by layer"
            hover["within layers"].append(by_layer if math.isfinite(mean) else "none")
            hover["of"].append(several(int(r["dense_models"]), "dense model"))
    return Cells(np.array(x), np.array(y), np.array(value), "change", text, _TICKS, "Spearman's ρ", hover=hover)


def _two(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−") if math.isfinite(value) else "none"


def _range(low: float, high: float) -> str:
    return f" ({number(low)} … {number(high)})" if math.isfinite(low) else ""


def _number(value: Any) -> float:
    return math.nan if on.missing(value) else float(value)
