"""How many of the kept weights are cut off, against how few are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.looks import Look, method_keys, recovery_keys, recovery_looks
from pruneviz.views.marks import Axis, Line, Mark, Picture, Points, log_axis
from pruneviz.views.text import how_many, number, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "effective_sparsity"
_TITLE = "How many of the kept weights are cut off"


def effective_sparsity_info(tables: Tables, state: ViewState) -> Picture:
    """Share of the kept weights that no path from input to output uses, over the compression; runs behind the means."""
    runs, arms = table_of(tables, _NAME), table_of(tables, _NAME, "effective_sparsity_arms")
    if runs is None or arms is None:
        return Picture(_NAME, _TITLE, empty=nothing_of(_NAME, "which weights are cut off"), height=320)
    arms = on.filtered(arms, state)
    arms = arms[arms["cut_off"].notna() & (arms["sparsity"] < 1)]
    if arms.empty:
        return Picture(_NAME, _TITLE, empty="The filters leave no pruned model. Show more.", height=320)
    runs = runs[runs["arm"].isin(set(arms["arm"])) & runs["cut_off"].notna()]
    inks, looks = on.inks(tables.runs), recovery_looks(on.unique(tables.runs["recovery"]))
    n = int(arms["dense_models"].max())
    over = (
        f"bars are {level_of(tables, _NAME)} intervals"
        if n >= POINTS_BELOW
        else f"intervals need {POINTS_BELOW} of them"
    )
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"Weights on no path from input to output. Means over dense models ({how_many(arms['dense_models'])}), "
            f"{over}; dots are runs."
        ),
        sentences=tuple(_sentences(arms)),
        x=log_axis("compression: prunable weights over kept ones (×)", runs["compression"].to_numpy(float)),
        y=Axis("kept weights that are cut off (%)\nlower is better", low=-2.0, high=103.0),
        marks=tuple(_marks(arms, runs, inks, looks)),
        legend=(
            *method_keys(inks, set(arms["method"].astype(str))),
            *recovery_keys(looks, on.unique(arms["recovery"])),
        ),
        height=430,
    )


def _marks(
    arms: pd.DataFrame, runs: pd.DataFrame, inks: Mapping[str, str], looks: Mapping[str, Look]
) -> Iterator[Mark]:
    for _, own in arms.groupby(["model", "method", "recovery"], sort=False):
        r = own.iloc[0].to_dict()
        ink, look = inks[str(r["method"])], looks[str(r["recovery"])]
        each = runs[runs["arm"].isin(set(own["arm"]))]
        yield Points(
            each["compression"].to_numpy(float), 100 * each["cut_off"].to_numpy(float), ink, look.marker, False, 4, 0.35
        )
        own = own.sort_values("sparsity")
        x, y = 1 / (1 - own["sparsity"].to_numpy(float)), 100 * own["cut_off"].to_numpy(float)
        yield Line(x, y, ink, look.dash, 2.0)
        for at, low, high in zip(
            x, *(100 * own[c].to_numpy(float) for c in ("cut_off_low", "cut_off_high")), strict=True
        ):
            if math.isfinite(low):
                yield Line(np.array([at, at]), np.array([low, high]), ink, width=1.6)
        yield Points(x, y, ink, look.marker, look.filled, 8, hover=_hover(own))


def _hover(own: pd.DataFrame) -> dict[str, list[str]]:
    rows = own.to_dict("records")
    return {
        "method": [plain(r["arm"]) for r in rows],
        "cut off": [_with_range(r, "cut_off") for r in rows],
        "sparsity": [percent(r["sparsity"], 2) for r in rows],
        "effective sparsity": [percent(r["effective_sparsity"], 2) for r in rows],
        "effective compression": [_compression(float(r["effective_sparsity"])) for r in rows],
        "against random": [_with_range(r, "beyond_control") for r in rows],
        "accuracy": [percent(r["accuracy"]) for r in rows],
        "no path left": [f"{r['disconnected']} of {several(int(r['runs']), 'run')}" for r in rows],
    }


def _compression(sparsity: float) -> str:
    return f"{number(1 / (1 - sparsity))}×" if sparsity < 1 else "no path left"


def _with_range(r: Mapping[Any, Any], name: str) -> str:
    low, high = r[f"{name}_low"], r[f"{name}_high"]
    return percent(r[name]) + (f" ({percent(low)} … {percent(high)})" if math.isfinite(low) else "")


def _sentences(arms: pd.DataFrame) -> Iterator[str]:
    methods = arms[~arms["control"].astype(bool)]
    methods = methods if len(methods) else arms
    worst = max(methods.to_dict("records"), key=lambda r: float(r["cut_off"]))
    if worst["cut_off"] > 0:
        yield (
            f"Most is cut off by {plain(worst['arm'])}: {percent(worst['cut_off'])} of the kept weights, so sparsity "
            f"is {percent(worst['sparsity'], 2)} and effective sparsity {percent(worst['effective_sparsity'], 2)}."
        )
    else:
        yield "Nothing is cut off: every kept weight lies on a path from input to output."
    if gone := int(arms["disconnected"].sum()):
        yield f"In {several(gone, 'run')} no path is left: every image gives the same output."
