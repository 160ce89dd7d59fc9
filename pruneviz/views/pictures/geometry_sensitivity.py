"""Which pixels a metric of the features depends on, in each model: by hiding them, and by gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views.analysed import table_of
from pruneviz.views.comparison import class_name
from pruneviz.views.featured import ANALYSIS, CLEAN, Shown, shown_in
from pruneviz.views.marks import Floats, Images, Key, Maps, Mark, Picture, Text
from pruneviz.views.text import number, plain

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

Said = list[tuple[int, dict[str, float]]]  # by image, its true class and the metric of each model

_NAME = "geometry_sensitivity"
_TITLE = "Which pixels it depends on"
_KINDS = ("occlusion", "gradient")
_RAMPS = {"occlusion": "change", "gradient": "density"}
_MOST_MODELS, _MOST_IMAGES = 3, 6
_TILE, _GAP, _PAIR, _NAMES = 84.0, 6.0, 22.0, 112.0  # a tile, between the two of a model, between models, for words
_HEAD, _ROW = 60.0, 112.0
_FULL = 0.99  # share of a map's values whose largest gets the strongest colour


def geometry_sensitivity_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each image asked for, and two maps for each model: what hiding a part changes, and how steep it is.

    Colours are by the strongest of each map: they say where, and the number below it how much.
    """
    shown = shown_in(tables, state, _NAME, _TITLE, "feature_geometry_sensitivity", _MOST_MODELS)
    if isinstance(shown, Picture):
        return shown
    table = shown.table.assign(run_id=shown.table["run_id"].astype(str), sample_id=shown.table["sample_id"].astype(str))
    ids = list(dict.fromkeys(table["sample_id"]))
    chosen = [i for i in ids if i in set(state.samples)] or ids
    notes = list(shown.notes)
    if state.narrowed and chosen == ids:
        notes.append("None of the selected images was asked for its pixels: name ids as images = [...] in the study.")
    rows = chosen[:_MOST_IMAGES]
    if len(rows) < len(chosen):
        notes.append(f"{len(rows)} of {len(chosen)} images shown; select others.")
    metric = str(table["metric"].iloc[0])
    width = _TILE + _NAMES + len(shown.runs) * (2 * _TILE + _GAP + _PAIR)
    return Picture(
        _NAME,
        f"{_TITLE}: {metric}",
        subtitle=(
            f"Left: how the {metric} changes when a square around each place is hidden, blue where it falls, so that "
            f"the place holds it up. Right: how steeply it changes with the pixel. The strongest of each map has the "
            "strongest colour."
        ),
        notes=tuple(notes),
        marks=tuple(_marks(tables, shown, table, rows)),
        legend=(
            Key("blue: hiding it lowers the metric, orange: raises it", "note"),
            Key(f"below: the {metric}; Δ: its largest change; right: the largest slope", "note"),
        ),
        width=round(width),
        height=round(_HEAD + _ROW * len(rows)),
    )


def _marks(tables: Tables, shown: Shown, table: pd.DataFrame, ids: list[str]) -> Iterator[Mark]:
    tops = _HEAD + _ROW * np.arange(len(ids), dtype=float)
    said = _said(tables, shown, ids)
    yield from _images(tables, said, ids, tops)
    for i, r in enumerate(shown.runs):
        left = _TILE + _NAMES + i * (2 * _TILE + _GAP + _PAIR)
        label = ("★ " if i == 0 else "") + shown.labels[r]
        yield Text(np.array([left]), np.array([16.0]), [label], bold=True, size=12, room=2.0 * _TILE + _GAP)
        for k, kind in enumerate(_KINDS):
            at = left + k * (_TILE + _GAP)
            yield Text(np.array([at]), np.array([40.0]), [kind], "soft", size=11.5)
            own = table[(table["run_id"] == r) & (table["kind"] == kind)]
            values = [v[r] for _, v in said]
            yield from _maps(own, ids, values, at, tops, kind, shown.labels[r])


def _maps(
    own: pd.DataFrame, ids: list[str], values: list[float], left: float, tops: Floats, kind: str, label: str
) -> Iterator[Mark]:
    for sample, value, top in zip(ids, values, tops, strict=True):
        grid = _grid(own[own["sample_id"] == sample])
        if grid is None:
            continue
        height, width = _size(grid.shape[0], grid.shape[1])
        known = np.abs(grid[np.isfinite(grid)])
        reach = float(np.quantile(known, _FULL)) if len(known) else 0.0
        share = np.clip(np.nan_to_num(grid) / reach if reach > 0 else 0.0 * np.nan_to_num(grid), -1, 1)
        place = 127.5 + 127.5 * share if kind == "occlusion" else 255 * share
        largest = float(known.max()) if len(known) else float("nan")
        hover = {"image": [plain(sample)], "model": [label], "largest": [number(largest)]}
        pixels = np.round(place).astype(np.uint8)[None]
        yield Maps(pixels, _RAMPS[kind], np.array([left]), np.array([top]), width, height, hover)
        told = f"{number(value, 2)}; Δ {number(largest, 2)}" if kind == "occlusion" else number(largest, 2)
        yield Text(np.array([left]), np.array([top + _TILE + 10]), [told], "soft", size=10.5)


def _grid(own: pd.DataFrame) -> Floats | None:
    """The values as a map; None where there are none."""
    if own.empty:
        return None
    rows, columns = (np.unique(own[c].to_numpy(int), return_inverse=True) for c in ("row", "column"))
    grid = np.full((len(rows[0]), len(columns[0])), np.nan)
    grid[rows[1], columns[1]] = own["value"].to_numpy(float)
    return grid


def _size(height: int, width: int) -> tuple[float, float]:
    scale = _TILE / max(height, width)
    return height * scale, width * scale


def _images(tables: Tables, said: Said, ids: list[str], tops: Floats) -> Iterator[Mark]:
    pixels = tables.pictures(ids)
    height, width = _size(*pixels.shape[1:3])
    names = [class_name(tables.classes, label) for label, _ in said]
    hover = {"image": [plain(i) for i in ids], "true class": names}
    yield Images(pixels, np.zeros(len(ids)), tops, width, height, hover)
    left = np.full(len(ids), _TILE + 10)
    yield Text(left, tops + 14, names, bold=True, size=12, room=_NAMES - 16.0)
    yield Text(left, tops + 32, [plain(i) for i in ids], "soft", size=11, room=_NAMES - 16.0)


def _said(tables: Tables, shown: Shown, ids: list[str]) -> Said:
    """Each image's true class, and the metric of each model on it."""
    samples = table_of(tables, ANALYSIS, "feature_geometry_samples")
    metric = str(shown.table["metric"].iloc[0])
    found: dict[str, tuple[int, dict[str, float]]] = {i: (-1, dict.fromkeys(shown.runs, float("nan"))) for i in ids}
    if samples is not None:
        own = samples[(samples["condition"] == CLEAN) & samples["sample_id"].isin(ids)]
        for r, i, label, value in zip(own["run_id"], own["sample_id"], own["label"], own[metric], strict=True):
            values = {**found[i][1], **({str(r): float(value)} if str(r) in shown.runs else {})}
            found[i] = (int(label), values)
    return [found[i] for i in ids]
