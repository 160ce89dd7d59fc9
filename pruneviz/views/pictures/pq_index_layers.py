"""The PQ index of each layer: level by level of an iterative method, else of the models compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.marks import Axis, Cells, Picture
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.density_map import FEW_LAYERS, MOST_ROWS, MOST_TEXTS, layer_labels
from pruneviz.views.text import count, elide, number, plain, several, short_percent

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "pq_index_layers"
_TITLE = "PQ index of each layer"
_WHOLE = "whole model"


@dataclass(frozen=True)
class _Row:
    label: str
    run_ids: tuple[str, ...]


def pq_index_layers_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each level of the first iterative method that the filters leave, or for each model compared."""
    runs, seen = table_of(tables, "pq_index"), table_of(tables, "pq_index", "pq_index_seen")
    if runs is None or seen is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("pq_index", "the PQ index"), height=240)
    done = measured(tables)
    rows, subtitle = _compared(done, state) or _by_level(done, state, runs)
    shown = rows[:MOST_ROWS]
    of_shown = seen[seen["run_id"].isin([r for row in shown for r in row.run_ids])]
    if of_shown["pqi"].notna().sum() == 0:
        return Picture(_NAME, _TITLE, empty="The filters leave no model that has a PQ index. Show more.", height=240)
    layers = of_shown[of_shown["scope"] == "layer"].sort_values("index", kind="stable")
    names = list(layers["layer"].astype(str).unique())
    labels = layer_labels(names)
    return Picture(
        _NAME,
        _TITLE,
        subtitle=subtitle,
        notes=(f"{MOST_ROWS} of {len(rows)} rows shown.",) if len(rows) > MOST_ROWS else (),
        x=Axis(kind="categories", categories=(_WHOLE, *labels), upright=len(names) >= FEW_LAYERS),
        y=Axis(kind="categories", categories=tuple(elide(r.label, 30) for r in shown), reverse=True),
        marks=(_cells(shown, names, of_shown),),
        height=(70 if len(names) < FEW_LAYERS else 200) + 26 * len(shown),
    )


def _compared(done: pd.DataFrame, state: ViewState) -> tuple[list[_Row], str] | None:
    chosen = on.compared(done, state)
    if not chosen:
        return None
    labels = on.labels(done, chosen)
    return [_Row(labels[r], (r,)) for r in chosen], f"The {several(len(chosen), 'model')} compared."


def _by_level(done: pd.DataFrame, state: ViewState, runs: pd.DataFrame) -> tuple[list[_Row], str]:
    """The levels of one arm; where no arm has levels, each pruned run in the study's order."""
    pruned = on.filtered(done[~on.is_dense(done)], state)
    arm_of = dict(zip(runs["run_id"].astype(str), runs["arm"].astype(str), strict=True))
    pruned = pruned[pruned["run_id"].isin(arm_of)]
    arms = pruned["run_id"].map(arm_of)
    deep = pruned.groupby(arms, sort=False)["level"].max()
    if not (deep > 1).any():
        labels = on.labels(done, list(pruned["run_id"]))
        return [_Row(labels[r], (r,)) for r in pruned["run_id"]], "Each pruned model."
    arm = str(deep[deep > 1].index[0])
    own = pruned[arms == arm]
    dense = tuple(str(r) for r in own["dense_run_id"].unique())
    again = done[on.is_dense(done) & done["dense_run_id"].isin(dense) & (done["recovery"] == own["recovery"].iloc[0])]
    first = _Row("level 0 · dense, trained again", tuple(str(r) for r in again["run_id"]))
    rows = [first if len(again) else _Row("level 0 · dense", dense)]
    for level, at in own.groupby("level"):
        kept = short_percent(round(float(at["density"].mean()), 4))
        rows.append(_Row(f"level {level} · {kept} kept", tuple(str(r) for r in at["run_id"])))
    mean = f"; means over {several(len(dense), 'dense model')}" if len(dense) > 1 else ""
    return rows, f"{plain(arm)}, level by level{mean}. Filter, or choose models to compare, to see others."


def _cells(rows: list[_Row], names: list[str], seen: pd.DataFrame) -> Cells:
    place = {name: j + 1 for j, name in enumerate(names)}
    x, y, value, text = [], [], [], []
    hover: dict[str, list[str]] = {k: [] for k in ("layer", "model", "PQ index", "Gini index", "kept", "must stay")}
    for i, row in enumerate(rows):
        own = seen[seen["run_id"].isin(row.run_ids)]
        for layer, found in own.groupby(own["layer"].astype("object").fillna(_WHOLE), sort=False):
            mean: Mapping[Any, float] = found[["pqi", "gini", "kept", "bound"]].astype("float64").mean().to_dict()
            x.append(float(place.get(str(layer), 0)))
            y.append(float(i))
            value.append(mean["pqi"])
            text.append(number(mean["pqi"], 2) if len(names) <= MOST_TEXTS else "")
            hover["layer"].append(plain(layer))
            hover["model"].append(row.label + (f", mean of {several(len(found), 'run')}" if len(found) > 1 else ""))
            why = "none: no weight is kept" if mean["kept"] == 0 else "not measured"
            hover["PQ index"].append(number(mean["pqi"]) if math.isfinite(mean["pqi"]) else why)
            hover["Gini index"].append(number(mean["gini"]) if math.isfinite(mean["gini"]) else why)
            hover["kept"].append(f"{count(mean['kept'])} weights" if math.isfinite(mean["kept"]) else why)
            bound = f"{count(mean['bound'])} of them, by the bound"
            hover["must stay"].append(bound if math.isfinite(mean["bound"]) else why)
    top = max((v for v in value if math.isfinite(v)), default=0.0) or 1.0
    ticks = tuple((at, number(at * top, 2)) for at in (0.0, 0.25, 0.5, 0.75, 1.0))
    return Cells(np.array(x), np.array(y), np.array(value) / top, "density", text, ticks, "PQ index", hover=hover)
