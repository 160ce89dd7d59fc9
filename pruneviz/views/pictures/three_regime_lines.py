"""The lines between retrainings: train error from one to the other, load by load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.marks import Floats, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.panels import Panel, Scale
from pruneviz.views.phase_maps import density_words, setting_words
from pruneviz.views.text import elide, number, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "three_regime_lines"
_TITLE = "On the straight line between two retrainings"
MOST_PANELS = 12
MOST_TEMPERATURES = 6
_ACROSS = 3
_WIDE, _TALL = 248.0, 170.0  # of a panel
_LEFT, _GAP, _RIGHT, _HEAD, _FOOT = 60.0, 78.0, 14.0, 58.0, 50.0
_DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot")
_MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "star")


@dataclass(frozen=True, eq=False)
class _Curve:
    """One cell: its mean error along the line."""

    rank: int
    temperature: float
    t: Floats
    error: Floats
    pairs: int
    regime: str


@dataclass(frozen=True, eq=False)
class _Load:
    """The curves of one load of a diagram."""

    title: str
    curves: tuple[_Curve, ...]


def three_regime_lines_info(tables: Tables, state: ViewState) -> Picture:
    """For each load, the mean train error on the line between two retrainings, a curve for each temperature.

    A hill is a barrier. Cells with a collapsed retraining are left out here.
    """
    cells, lines = table_of(tables, "three_regime"), table_of(tables, "three_regime", "three_regime_lines")
    if cells is None or lines is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("three_regime", "temperature and load"), height=320)
    if methods := state.filter("method"):
        cells = cells[cells["method"].isin(methods)]
    values = dict(zip(cells["rank"].astype(int), cells["temperature"].astype(float), strict=True))
    ranks = _spread(sorted(values))
    loads = [load for load in _loads(cells[cells["collapsed"] == 0], lines, ranks) if load.curves]
    if not loads:
        return Picture(_NAME, _TITLE, empty="No line is left by the filters. Show more.", height=320)
    shown = loads[:MOST_PANELS]
    notes = [f"{MOST_PANELS} of {len(loads)} loads shown."] if len(loads) > MOST_PANELS else []
    if len(values) > len(ranks):
        notes.append(f"{len(ranks)} of {len(values)} temperatures shown, the coldest and the hottest among them.")
    if left := int((cells["collapsed"] > 0).sum()):
        notes.append(f"{several(left, 'cell')} with collapsed retrainings left out.")
    scale = Scale.around(np.concatenate([100 * c.error for load in shown for c in load.curves]))  # hills compare
    marks: list[Mark] = []
    for i, load in enumerate(shown):
        row, column = divmod(i, _ACROSS)
        marks += _panel(load, scale, ranks, _LEFT + column * (_WIDE + _GAP), row * (_HEAD + _TALL + _FOOT))
    words = setting_words(str(cells["setting"].iloc[0]))
    across = min(len(shown), _ACROSS)
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            "Mean over pairs of retrainings and dense models; batch-norm statistics are measured anew at every place. "
            "A hill is a barrier: what stands between the two ends is worse than both."
        ),
        notes=tuple(notes),
        marks=tuple(marks),
        legend=(
            Key(f"{words}, from the coldest", "heading"),
            *(
                Key(number(values[r], 4), "line", _ink(i), _MARKERS[i % len(_MARKERS)], dash=_DASHES[i % len(_DASHES)])
                for i, r in enumerate(ranks)
            ),
        ),
        width=round(_LEFT + across * _WIDE + (across - 1) * _GAP + _RIGHT),
        height=round(-(-len(shown) // _ACROSS) * (_HEAD + _TALL + _FOOT)),
    )


def _spread(ranks: list[int]) -> list[int]:
    """At most as many ranks as can be told apart, the first and the last among them."""
    if len(ranks) <= MOST_TEMPERATURES:
        return ranks
    at = np.linspace(0, len(ranks) - 1, MOST_TEMPERATURES).round().astype(int)
    return [ranks[i] for i in at]


def _ink(place: int) -> str:
    return f"hue-{place}"


def _loads(cells: pd.DataFrame, lines: pd.DataFrame, ranks: list[int]) -> Iterator[_Load]:
    several_of = cells["diagram"].nunique() > 1
    keyed = lines.assign(run_id=lines["run_id"].astype(str))
    order = cells.sort_values("density", ascending=False)
    for (diagram, _), own in order.groupby(["diagram", "target"], sort=False, observed=True):
        density = density_words(float(own["density"].mean()))
        title = f"{elide(plain(diagram), 22)}, density {density}" if several_of else f"density {density}"
        chosen = (r for r in own.sort_values("rank").to_dict("records") if int(r["rank"]) in ranks)
        curves = (_curve(r, keyed) for r in chosen)
        yield _Load(title, tuple(c for c in curves if c is not None))


def _curve(cell: Mapping[Any, Any], lines: pd.DataFrame) -> _Curve | None:
    own = lines[lines["run_id"].isin(str(cell["run_ids"]).split()) & lines["train_error"].notna()]
    if own.empty:
        return None
    mean = own.groupby("t")["train_error"].mean()
    return _Curve(
        int(cell["rank"]),
        float(cell["temperature"]),
        mean.index.to_numpy(float),
        mean.to_numpy(float),
        int(cell["pairs"]),
        str(cell["regime"] or "not known"),
    )


def _panel(load: _Load, scale: Scale, ranks: list[int], left: float, top: float) -> Iterator[Mark]:
    panel = Panel(left, top + _HEAD, _WIDE, _TALL, Scale(-0.04, 1.04, (0.0, 0.5, 1.0)), scale)
    yield Text(np.array([left - 40.0]), np.array([top + 16.0]), [load.title], bold=True, size=13)
    yield from panel.frame("t, from one retraining to the other", "train error (%)")
    for c in load.curves:
        at = ranks.index(c.rank)
        x, y = panel.across(c.t), panel.down(100 * c.error)
        yield Line(x, y, _ink(at), dash=_DASHES[at % len(_DASHES)])
        yield Points(
            x,
            y,
            _ink(at),
            _MARKERS[at % len(_MARKERS)],
            size=6,
            hover={
                "temperature": [number(c.temperature, 4)] * len(x),
                "t": [number(t) for t in c.t],
                "train error": [percent(e) for e in c.error],
                "mean of": [several(c.pairs, "pair")] * len(x),
                "regime": [c.regime] * len(x),
            },
        )
