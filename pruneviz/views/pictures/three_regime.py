"""Phase diagrams of pruning: what retrainings of one pruned model have in common, over temperature and load."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.regimes import APART, HOT, NEITHER, WELL
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.marks import Key, Mark, Picture
from pruneviz.views.phase_maps import WIDTH, Diagram, density_words, judged_words, maps, tall
from pruneviz.views.text import MINUS, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "three_regime"
_TITLE = "Phase diagrams of pruning: temperature and load"
MOST_DIAGRAMS = 3


def three_regime_info(tables: Tables, state: ViewState) -> Picture:
    """Four maps of temperature and load: connectivity, similarity, error, and error normalised at each load.

    Temperatures rise upwards and load to the right. A thick line parts cells of different regimes; a click on a cell
    selects the retrainings behind it.
    """
    table = table_of(tables, "three_regime")
    if table is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("three_regime", "temperature and load"), height=320)
    if "error_se" not in table:  # made before it was told
        table = table.assign(error_se=math.nan, judged_images=math.nan)
    diagrams = list(_diagrams(table, state))
    if not diagrams:
        return Picture(_NAME, _TITLE, empty="No diagram is left by the filters. Show more.", height=320)
    shown = diagrams[:MOST_DIAGRAMS]
    marks: list[Mark] = []
    top = 0.0
    for d in shown:
        marks += maps(d, top)
        top += tall(d)
    notes = [f"{MOST_DIAGRAMS} of {len(diagrams)} diagrams shown."] if len(diagrams) > MOST_DIAGRAMS else []
    if collapsed := int(table["collapsed"].sum()):
        alone = "; ✕ marks cells without a pair" if (table["pairs"] == 0).any() else ""
        notes.append(f"{several(collapsed, 'retraining')} left out, no better than guessing{alone}.")
    return Picture(
        _NAME,
        _TITLE,
        subtitle=_varied(table),
        sentences=tuple(_sentence(d) for d in shown),
        notes=tuple(notes),
        marks=tuple(marks),
        legend=_legend(table),
        selects="runs",
        width=WIDTH,
        height=round(top),
    )


def _legend(table: pd.DataFrame) -> tuple[Key, ...]:
    barrier, similar = number(float(table["barrier"].iloc[0])), number(float(table["similar"].iloc[0]))
    keys = (
        Key("regime boundary", "line", "ink", marker=""),
        Key(f"{APART}: barrier (below {MINUS}{barrier}), dissimilar: go hotter", "note"),
        Key(f"{HOT}: no barrier, dissimilar: go colder", "note"),
        Key(f"{WELL}: no barrier, similar (from {similar}): stay", "note"),
    )
    unnamed = (table["regime"] == NEITHER).any()
    return (*keys, Key("–: barrier, yet similar: no advice", "note")) if unnamed else keys


def _diagrams(table: pd.DataFrame, state: ViewState) -> Iterator[Diagram]:
    several_of = table["diagram"].nunique() > 1
    methods = state.filter("method")
    for name, own in table.groupby("diagram", sort=False, observed=True):
        first: Mapping[Any, Any] = own.iloc[0].to_dict()
        if methods and str(first["method"]) not in methods:
            continue
        hot = own.drop_duplicates("rank").sort_values("rank", ascending=False)
        loads = own.groupby("target", sort=False, observed=True)["density"].mean().sort_values(ascending=False)
        row_of = {int(r): i for i, r in enumerate(hot["rank"])}
        column_of = {str(t): j for j, t in enumerate(loads.index)}
        rows = {(row_of[int(r["rank"])], column_of[str(r["target"])]): r for r in own.to_dict("records")}
        yield Diagram(
            str(name) if several_of else "",
            str(first["setting"]),
            tuple(float(v) for v in hot["temperature"]),
            tuple(float(v) for v in loads),
            rows,
        )


def _varied(table: pd.DataFrame) -> str:
    models, pairs = int(table["dense_models"].max()), int(table["pairs"].max())
    over = "hover for 95 % intervals" if models >= POINTS_BELOW else "no intervals, which need 5 dense models"
    return (
        f"A cell is a mean over {several(models, 'dense model')}, {several(pairs, 'pair')} of retrainings in all; "
        f"{over}. {_errors(table)}The thresholds between regimes are this tool's, not the paper's."
    )


def _errors(table: pd.DataFrame) -> str:
    """What the errors that are compared rest on; empty where the study does not know."""
    most = table["error_se"].max()
    if not math.isfinite(most):
        return ""
    images, points = judged_words(table.to_dict("records")), number(100 * most, 2)
    return f"Errors are of {images}, whose choice alone makes a standard error of up to {points} points. "


def _sentence(d: Diagram) -> str:
    """Where barriers are, or that there are none."""
    name = f"{plain(d.title)}: " if d.title else ""
    known = d.regimes
    if not known:
        return f"{name}No two retrainings could be compared."
    barrier = [at for at, regime in known.items() if regime in (APART, NEITHER)]
    if not barrier or len(barrier) == len(known):
        return f"{name}No transition found in this range: a barrier in {'no' if not barrier else 'every'} cell."
    low, high = (density_words(end(d.densities[j] for _, j in barrier)) for end in (min, max))
    where = f"a density of {low}" if low == high else f"densities from {low} to {high}"
    return f"{name}Barriers in {len(barrier)} of {len(known)} cells, at {where}."
