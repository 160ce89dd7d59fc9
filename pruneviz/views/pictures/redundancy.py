"""Which corruptions say the same: by the images that they fail, and by the models that they make suffer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.marks import Axis, Cells, Key, Line, Mark, Picture
from pruneviz.views.pictures.robustness import NAME
from pruneviz.views.text import elide, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_TITLE = "Which corruptions say the same"
_MOST_TEXTS = 24  # corruptions beside each other with the number in the cell
_TICKS = ((0.0, "−1"), (0.25, "−0.5"), (0.5, "0"), (0.75, "0.5"), (1.0, "1"))


def redundancy_info(tables: Tables, state: ViewState) -> Picture:
    """Corruptions by corruptions: below the diagonal over images, above it over models; groups are framed.

    The order puts corruptions together that fail the same images.
    """
    corruptions = table_of(tables, NAME, f"{NAME}_corruptions")
    pairs = table_of(tables, NAME, f"{NAME}_pairs")
    if corruptions is None or pairs is None or len(corruptions) < 2:
        empty = nothing_of(NAME, "corruption")
        if table_of(tables, NAME) is not None:
            empty = "One corruption alone cannot be compared. Ask for more, with corruptions under [analyses]."
        return Picture("redundancy", _TITLE, empty=empty, height=240)
    ordered = corruptions.sort_values("place")
    names = [str(n) for n in ordered["corruption"]]
    over = pairs[pairs["over"] == "images"]
    models = pairs[pairs["over"] == "models"]
    return Picture(
        "redundancy",
        _TITLE,
        subtitle=_subtitle(over, models),
        notes=()
        if len(models)
        else ("Models are compared where three others, random controls aside, descend from a dense model.",),
        x=Axis(kind="categories", categories=tuple(elide(_name(n), 22) for n in names), upright=True),
        y=Axis(kind="categories", categories=tuple(elide(_name(n), 22) for n in names), reverse=True),
        marks=(_cells(names, pairs), *_frames(ordered)),
        legend=(Key("group of corruptions that are alike", "line", "ink"),),
        height=230 + 30 * len(names),
    )


def _name(name: str) -> str:
    return plain(name.replace("_", " "))


def _subtitle(over: pd.DataFrame, models: pd.DataFrame) -> str:
    text = "Below the diagonal: do they fail the same images? "
    if len(over):
        number = int(over["dense_models"].max())
        text += f"Mean correlation in {several(number, 'dense model')}, over at least {int(over['n'].min()):,} images"
        text += " that each has right uncorrupted. "
    if len(models):
        n = int(models["n"].min())
        text += f"Above: do they rank models alike? Over {n} models of each dense model. "
    few = int(over["dense_models"].max()) if len(over) else 0
    return text + ("" if few >= POINTS_BELOW else f"Intervals need {POINTS_BELOW} dense models.")


def _cells(names: Sequence[str], pairs: pd.DataFrame) -> Cells:
    place = {n: float(i) for i, n in enumerate(names)}
    rows: list[tuple[float, float, Mapping[Any, Any]]] = []
    for r in pairs.to_dict("records"):
        one, other = place.get(str(r["corruption"])), place.get(str(r["other"]))
        if one is not None and other is not None and math.isfinite(r["correlation"]):
            low, high = sorted((one, other))
            rows.append((low, high, r) if r["over"] == "images" else (high, low, r))
    few = len(names) <= _MOST_TEXTS
    what = {"images": "fail the same images", "models": "rank models alike"}
    return Cells(
        np.array([x for x, _, _ in rows]),
        np.array([y for _, y, _ in rows]),
        np.array([(r["correlation"] + 1) / 2 for _, _, r in rows]),
        "change",
        [_two(r["correlation"]) if few else "" for _, _, r in rows],
        _TICKS,
        "correlation",
        hover={
            "corruptions": [f"{_name(str(r['corruption']))}, {_name(str(r['other']))}" for _, _, r in rows],
            "whether they": [what[str(r["over"])] for _, _, r in rows],
            "correlation": [_with_range(r) for _, _, r in rows],
            "over": [
                f"{int(r['n']):,} {r['over']}, {several(int(r['dense_models']), 'dense model')}" for _, _, r in rows
            ],
        },
    )


def _two(value: float) -> str:
    text = f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # adding 0 turns −0.0 into +0.0
    return text.removesuffix(".00") if text.endswith("1.00") else text.replace("0.", ".", 1)


def _with_range(r: Mapping[Any, Any]) -> str:
    text = f"{r['correlation']:.2f}"
    if math.isfinite(r["low"]):
        text += f" ({r['low']:.2f} … {r['high']:.2f})"
    return text.replace("-", "−")


def _frames(ordered: pd.DataFrame) -> Iterator[Mark]:
    """A frame around each group, below and above the diagonal."""
    start = 0
    for size in ordered.groupby("cluster", sort=True)["corruption"].size():
        low, high = start - 0.5, start + size - 0.5
        if size > 1:
            around = np.array([low, high, high, low, low])
            yield Line(around, np.array([low, low, high, high, low]), "ink", width=1.6)
        start += size
