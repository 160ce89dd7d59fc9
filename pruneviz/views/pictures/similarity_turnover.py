"""The turnover of masks along levels: how far each is from what would have been chosen at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import table_of
from pruneviz.views.looks import Look, method_keys, recovery_keys, recovery_looks
from pruneviz.views.marks import Axis, Floats, Line, Mark, Picture, Points
from pruneviz.views.text import percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "similarity_turnover"
_TITLE = "Turnover of masks, level by level"
_EMPTY = (
    "No method here goes through levels, so masks have no turnover. Give one a schedule, such as "
    'schedule = {name = "rounds", rounds = 10}, with similarity = {} under [analyses].'
)


def similarity_turnover_info(tables: Tables, state: ViewState) -> Picture:
    """Of each iterative method, level by level, how much of its mask the dense model's magnitudes would have chosen."""
    table = table_of(tables, "similarity", "similarity_turnover")
    if table is None:
        return Picture(_NAME, _TITLE, empty=_EMPTY, height=320)
    table = on.filtered(table, state)
    if table.empty:
        return Picture(_NAME, _TITLE, empty="The filters leave no iterative method. Show more.", height=320)
    runs = tables.runs
    inks, looks = on.inks(runs), recovery_looks(on.unique(runs["recovery"]))
    told = table[table["at_once_excess"].notna()]
    if told.empty:
        empty = "Along levels, only masks of single weights are compared with those chosen at once. See the tables."
        return Picture(_NAME, _TITLE, empty=empty, height=320)
    n = told["run_id"].nunique()
    back = told["regrown_share"].fillna(0).max() > 0
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            "Each level's mask beside as many of each layer's largest weights of the dense model: 100 % is the choice "
            f"that would have been made at once, 0 is chance. Means over {several(n, 'run')}; small marks are runs."
            + (" Thin: share of what is kept that was not kept one level before." if back else "")
        ),
        sentences=tuple(_sentences(told, on.short(runs["method"]), on.short(runs["recovery"]))),
        x=Axis("level of the schedule", "categories", tuple(f"{at}" for at in _levels(told))),
        y=Axis(
            "from chance to the choice at once (%)\nlower: training in between changes the choice", low=-5.0, high=105.0
        ),
        marks=tuple(_marks(told, inks, looks, bool(back))),
        legend=(
            *method_keys(inks, set(told["method"].astype(str))),
            *recovery_keys(looks, on.unique(told["recovery"])),
        ),
    )


def _marks(table: pd.DataFrame, inks: Mapping[str, str], looks: Mapping[str, Look], back: bool) -> Iterator[Mark]:
    place = {at: i for i, at in enumerate(_levels(table))}
    for _, own in table.groupby("arm", sort=False):
        r = own.iloc[0].to_dict()
        ink, look = inks[str(r["method"])], looks[str(r["recovery"])]
        level = np.array([place[int(at)] for at in own["level"]], np.float64)
        yield Points(level, 100 * own["at_once_excess"].to_numpy(float), ink, look.marker, False, 4, 0.35)
        if back:
            at, y = _means(own, "regrown_share")
            yield Line(np.array([place[int(v)] for v in at], np.float64), y, ink, "dotted", 1.2)
        at, y = _means(own, "at_once_excess")
        x = np.array([place[int(v)] for v in at], np.float64)
        _, dropped = _means(own, "dropped_share")
        hover = {
            "method": [plain(r["arm"])] * len(x),
            "level": [f"{v:g}" for v in at],
            "from chance to the choice at once": [percent(v / 100) for v in y],
            "dropped at this level": [percent(v / 100) for v in dropped],
        }
        yield Line(x, y, ink, look.dash, 2.0, hover=hover)
        yield Points(x, y, ink, look.marker, look.filled, 7, hover=hover)


def _means(own: pd.DataFrame, column: str) -> tuple[Floats, Floats]:
    """The levels, and the means over runs in percent; NaN where there is none."""
    means = own.groupby("level")[column].mean().sort_index()
    return means.index.to_numpy(float), 100 * means.to_numpy(float)


def _levels(table: pd.DataFrame) -> list[int]:
    return sorted({int(at) for at in table["level"]})


def _sentences(table: pd.DataFrame, methods: Mapping[str, str], recoveries: Mapping[str, str]) -> Iterator[str]:
    for _, own in table.groupby("arm", sort=False):
        name, recovery = methods[str(own["method"].iloc[0])], str(own["recovery"].iloc[0])
        after = f", with {recoveries[recovery]}" if recovery != "none" else ", without recovery"
        x, y = _means(own, "at_once_excess")
        first, last = (percent(round(v / 100, 3) + 0.0) for v in (y[0], y[-1]))  # adding 0 turns −0.0 into 0.0
        yield f"{name}{after}: {first} at level {x[0]:g}, {last} at level {x[-1]:g}."
