"""The images that pruned models lose to corruption while dense ones keep them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.comparison import class_name
from pruneviz.views.marks import Boxes, Images, Key, Mark, Picture, Text
from pruneviz.views.pictures.robustness import NAME
from pruneviz.views.text import elide, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

ROWS = 10  # images on a page
_TITLE = "Images that are lost to corruption"
_HEAD, _ROW, _IMAGE, _NAMES, _CELL, _BAR = 44, 60, 52, 150, 150, 130
_LEFT = _IMAGE + 12
_KINDS = {
    "dense": "dense",
    "retrained": "dense, retrained",
    "pruned": "pruned",
    "control": "pruned at random",
}
# Of models pruned by several methods, so in the hue of none of them: few studies have eight.
_INKS = {"dense": "dense", "retrained": "both-wrong", "pruned": "hue-7", "control": "control"}


def fragile_images_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each image: the share of corruptions and severities at which models of each kind have it right.

    First those that pruned models lose most against the dense ones retrained (or, without these, the dense ones), of
    all that every dense model has right uncorrupted; where nothing is pruned, those that dense models lose most.
    The selected images alone, where some are selected.
    """
    images = table_of(tables, NAME, f"{NAME}_images")
    if images is None:
        return Picture("fragile_images", _TITLE, empty=nothing_of(NAME, "corruption"), height=240)
    survival = images.pivot_table("survival", "sample_id", "kind", observed=True)
    dense = images[images["kind"] == "dense"].set_index("sample_id")
    kept = dense[dense["clean"] > 1 - 1e-9] if not state.narrowed else dense[dense.index.isin(state.samples)]
    if kept.empty:
        none = "None of the selected images was corrupted."
        empty = none if state.narrowed else "No image is right in every dense model."
        return Picture("fragile_images", _TITLE, empty=empty, height=240)
    kinds = [k for k in _KINDS if k in survival]
    order, rule = _order(survival.loc[kept.index])
    first = min(state.first_sample, max(len(order) - 1, 0)) // ROWS * ROWS
    page = order[first : first + ROWS]
    runs = {k: int(images.loc[images["kind"] == k, "runs"].iloc[0]) for k in kinds}
    which = "selected images" if state.narrowed else "images that every dense model has right uncorrupted"
    return Picture(
        "fragile_images",
        _TITLE,
        subtitle=f"Images {first + 1:,} to {first + len(page):,} of {len(order):,} {which}, {rule}. Frost apart.",
        marks=tuple(_marks(tables, images, survival, page, kinds, runs)),
        legend=(Key("share of models, corruptions and severities right", "note"),),
        width=_LEFT + _NAMES + _CELL * len(kinds) + 130,
        height=_HEAD + _ROW * len(page),
    )


def _order(survival: pd.DataFrame) -> tuple[list[str], str]:
    beside = "retrained" if "retrained" in survival else "dense"
    if "pruned" not in survival:
        return list(survival.sort_values("dense", kind="stable").index), "those that dense models lose most first"
    lost = (survival["pruned"] - survival[beside]).sort_values(kind="stable")
    what = _KINDS[beside].replace("dense, ", "") + " dense models" if beside == "retrained" else "dense models"
    return list(lost.index), f"those that pruned models lose most, against {what}, first"


def _marks(
    tables: Tables,
    images: pd.DataFrame,
    survival: pd.DataFrame,
    page: Sequence[str],
    kinds: Sequence[str],
    runs: dict[str, int],
) -> Iterator[Mark]:
    rows = len(page)
    top = _HEAD + _ROW * np.arange(rows, dtype=float)
    by = images.set_index(["sample_id", "kind"])
    labels = [int(k) for k in by["label"].xs("dense", level="kind").loc[list(page)]]
    names = [class_name(tables.classes, k) for k in labels]
    pixels = tables.pictures(list(page))
    height, width = pixels.shape[1:3]
    scale = _IMAGE / max(height, width)
    w, h = width * scale, height * scale
    hover = {"image": [plain(s) for s in page], "true class": names}
    yield Images(pixels, np.full(rows, (_IMAGE - w) / 2), top + (_ROW - 2 - h) / 2, w, h, hover)
    beside = np.full(rows, float(_LEFT))
    yield Text(beside, top + 21, names, bold=True, room=_NAMES - 10.0)
    yield Text(beside, top + 38, [plain(s) for s in page], "soft", size=11, room=_NAMES - 10.0)
    for column, kind in enumerate(kinds):
        left = float(_LEFT + _NAMES + _CELL * column)
        share = survival.loc[list(page), kind].to_numpy(np.float64)
        own = by.xs(kind, level="kind").loc[list(page)]
        worst = [str(n).replace("_", " ") for n in own["worst"]]
        least = own["worst_survival"].to_numpy(np.float64)
        yield Text(np.array([left]), np.array([12.0]), [_KINDS[kind]], bold=True, size=11.5)
        yield Text(np.array([left]), np.array([29.0]), [several(runs[kind], "model")], "soft", size=11.5)
        told = {
            "models": [_KINDS[kind]] * rows,
            "right": [percent(v) for v in share],
            "worst": [f"{n} ({percent(v)})" for n, v in zip(worst, least, strict=True)],
        }
        ends = np.full(rows, left)
        yield Boxes(ends, ends + _BAR, top + 13, top + 29, "faint")
        yield Boxes(ends, ends + _BAR * share, top + 13, top + 29, _INKS[kind], hover=told)
        yield Text(ends, top + 42, [percent(v, 0) for v in share], size=11.5)
    if "pruned" in kinds:
        left = float(_LEFT + _NAMES + _CELL * len(kinds))
        worst = [elide(str(n).replace("_", " "), 20) for n in by["worst"].xs("pruned", level="kind").loc[list(page)]]
        yield Text(np.array([left]), np.array([12.0]), ["worst of pruned"], "soft", size=11.5)
        yield Text(np.full(rows, left), top + 21, worst, size=11.5)
