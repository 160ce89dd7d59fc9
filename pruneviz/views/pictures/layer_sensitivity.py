"""What each layer can lose by itself: accuracy against sparsity, a drawing for each layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.marks import Axis, Band, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.palette import method_inks
from pruneviz.views.text import elide, how_many, listed, number, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "layer_sensitivity"
_TITLE = "What each layer can lose by itself"
_MOST = 12  # drawings
_HIGHEST = 4.0  # points of accuracy that are shown above 0 at least, for the ends of the sparsities
_ROOM = 0.42  # of a drawing's width of 1, to either side of its middle
_MARKERS = ("circle", "square", "triangle", "inverted_triangle", "diamond", "star")


def layer_sensitivity_info(tables: Tables, state: ViewState) -> Picture:
    """Change of accuracy with one layer pruned, over its sparsity: a line for each criterion, layers side by side."""
    table = table_of(tables, _NAME)
    if table is None:
        return Picture(_NAME, _TITLE, empty=nothing_of(_NAME, "layers pruned by themselves"), height=320)
    if models := state.filter("model"):
        table = table[table["model"].isin(models)]
    if table.empty:
        return Picture(_NAME, _TITLE, empty="No model is left by the filters. Show more.", height=320)
    model = str(table["model"].iloc[0])
    own = table[table["model"] == model]
    layers = _layers(own)
    shown = [name for name in layers if name in _worst(own, _MOST)]
    criteria, inks = on.unique(own["criterion"]), _inks(tables, own)
    n = int(own["dense_models"].max())
    ends = own.loc[own["layer"].map(_module).isin(shown), ["change", "change_low", "change_high"]]
    low, high = 100 * float(ends.min().min()), 100 * float(ends.max().max())
    split = "validation" if str(own["split"].iloc[0]) == "val" else "training"
    notes = []
    if len(layers) > len(shown):
        notes.append(
            f"{len(shown)} of {several(len(layers), 'layer')}: those that are hurt most, in the model's order."
        )
    if others := table["model"].nunique() - 1:
        notes.append(f"{several(others, 'more model')}; filter to see others.")
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"{plain(model)}, one layer pruned and the others whole, not retrained; on {int(own['images'].max()):,} "
            f"{split} images, means over dense models ({how_many(own['dense_models'])})"
            + (
                f", bands are {level_of(tables, _NAME)} intervals."
                if n >= POINTS_BELOW
                else f"; intervals need {POINTS_BELOW} of them."
            )
        ),
        sentences=tuple(_sentences(tables, model)),
        notes=tuple(notes),
        x=Axis(
            "sparsity of the layer, from 0 to 1 in each",
            "categories",
            categories=_labels(shown),
            upright=len(shown) > 6,
        ),
        y=Axis(
            "change of accuracy (percentage points)\n0: as the dense model",
            low=min(1.08 * low, -1.0),
            high=max(1.08 * high, _HIGHEST),
        ),
        marks=tuple(_marks(own, shown, criteria, inks)),
        legend=(
            Key("Criterion", "heading"),
            *(Key(on.short(criteria)[c], "line", inks[c], _MARKERS[i % len(_MARKERS)]) for i, c in enumerate(criteria)),
        ),
        height=440,
    )


def _layers(own: pd.DataFrame) -> list[str]:
    """The layers in the model's order; groups of channels by the layer that makes them."""
    return list(own.sort_values("index", kind="stable")["layer"].map(_module).drop_duplicates())


def _module(layer: object) -> str:
    return str(layer).removesuffix(".weight")


def _worst(own: pd.DataFrame, most: int) -> set[str]:
    falls = own.assign(module=own["layer"].map(_module)).groupby("module")["change"].min().sort_values()
    return set(falls.index[:most])


def _inks(tables: Tables, own: pd.DataFrame) -> dict[str, str]:
    """Those of the study's methods; others get the hues that are still free."""
    runs = tables.runs
    known = on.unique(runs["method"])
    criteria = on.unique(own["criterion"])
    random = {c for c in criteria if c.partition("(")[0].startswith("random")}
    return method_inks([*known, *criteria], {*on.controls(runs), *random})


def _labels(layers: Sequence[str]) -> tuple[str, ...]:
    return tuple(elide(plain(name), 18) for name in layers)


def _marks(
    own: pd.DataFrame, layers: Sequence[str], criteria: Sequence[str], inks: Mapping[str, str]
) -> Iterator[Mark]:
    place = {name: i for i, name in enumerate(layers)}
    for i in place.values():
        left, right = i - _ROOM, i + _ROOM
        yield Line(np.array([left, right]), np.zeros(2), "soft", width=1.0)
        for share in (0.5, 1.0):
            at = left + share * (right - left)
            yield Line(np.array([at, at]), np.array([0.0, -4.0]), "faint", width=1.0)
        yield Text(np.array([left, right]), np.full(2, 2.2), ["0", "1"], "soft", "center", size=10)
    own = own.assign(module=own["layer"].map(_module))
    for j, criterion in enumerate(criteria):
        for module, frame in own[own["criterion"] == criterion].groupby("module", sort=False):
            if module in place:
                rows = frame.sort_values("sparsity")
                gone = rows["achieved" if "achieved" in rows else "sparsity"]  # which older stores do not have
                rows = rows.assign(gone=gone.astype("float64"))
                x = place[str(module)] - _ROOM + 2 * _ROOM * rows["gone"].to_numpy(float)
                yield from _curve(rows, x, inks[criterion], _MARKERS[j % len(_MARKERS)])


def _curve(rows: pd.DataFrame, x: Any, ink: str, marker: str) -> Iterator[Mark]:
    y = 100 * rows["change"].to_numpy(float)
    low, high = (100 * rows[c].to_numpy(float) for c in ("change_low", "change_high"))
    if np.isfinite(low[1:]).all() and len(low) > 1:
        yield Band(x[1:], low[1:], high[1:], ink)
    told = rows.to_dict("records")
    hover = {
        "criterion": [plain(r["criterion"]) for r in told],
        "layer": [plain(r["layer"]) for r in told],
        "sparsity of the layer": [_gone(r) for r in told],
        "accuracy": [percent(r["accuracy"]) for r in told],
        "change": [_change(r) for r in told],
        "loss": [f"{number(r['loss'])} nats" for r in told],
    }
    yield Line(x, y, ink, "solid", 1.6, hover=hover)
    yield Points(x, y, ink, marker, True, 5, hover=hover)


def _gone(r: Mapping[Any, Any]) -> str:
    removed, asked = percent(r["gone"]), percent(r["sparsity"])
    return removed if removed == asked else f"{removed} ({asked} asked)"


def _change(r: Mapping[Any, Any]) -> str:
    span = f" ({points(r['change_low'])} … {points(r['change_high'])})" if math.isfinite(r["change_low"]) else ""
    return f"{points(r['change'])} points{span}"


def _sentences(tables: Tables, model: str) -> Iterator[str]:
    layers = table_of(tables, _NAME, "layer_sensitivity_layers")
    if layers is None:
        return
    told = []
    compared = layers[(layers["model"] == model) & layers["area"].notna()]
    for criterion, own in compared.groupby("criterion", sort=False):
        worst = own.sort_values("rank").iloc[0].to_dict()
        told.append(f"{plain(_module(worst['layer']))} by {plain(criterion)} ({number(100 * float(worst['area']))})")
    if told:
        yield f"Hurt most, by the mean fall in points over the sparsities that every layer reaches: {listed(told)}."
