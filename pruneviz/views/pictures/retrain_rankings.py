"""Whether the methods of a study rank alike before and after their recovery."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import table_of
from pruneviz.views.marks import Axis, Intervals, Key, Mark, Picture, Points, Rule
from pruneviz.views.pictures.retrain_scatters import two
from pruneviz.views.text import elide, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "retrain_rankings"
_TITLE = "Do methods rank alike before and after recovery?"
_KEYS = ("model", "unit", "recovery", "target", "level")
MOST_ROWS = 40


def retrain_rankings_info(tables: Tables, state: ViewState) -> Picture:
    """τ between the methods' ranking by loss before a recovery and by test accuracy after it, for each target.

    1 is the same ranking, −1 the opposite one; each point is a dense model.
    """
    table = table_of(tables, "retrain_correlation", "retrain_correlation_rankings")
    each = table_of(tables, "retrain_correlation", "retrain_correlation_ranked")
    if table is None or each is None:
        empty = (
            "No methods' rankings before and after recovery are there. It takes three methods or more, the recoveries "
            '"none" and one that trains, and retrain_correlation = {} under [analyses].'
        )
        return Picture(_NAME, _TITLE, empty=empty, height=320)
    rows = [r for r in table.to_dict("records") if not state.filter("model") or r["model"] in state.filter("model")]
    if not rows:
        return Picture(_NAME, _TITLE, empty="No model is left by the filters. Show more.", height=320)
    shown = rows[:MOST_ROWS]
    differing = [k for k in _KEYS if k == "target" or len({str(r[k]) for r in rows}) > 1]
    counts = sorted({int(r["methods"]) for r in shown})
    span = several(counts[0], "method") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} methods"
    planned = tables.runs
    sparsity = dict(zip(planned["target"].astype(str), planned["sparsity_target"], strict=True))
    alone = all(int(r["dense_models"]) <= 1 for r in shown)
    points = "Points are one dense model" if alone else "Points are dense models, diamonds their means"
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"{span}, ranked by loss on held-out images right after pruning, and by test accuracy after recovery. "
            f"{points}; p by exchanging the methods in all dense models alike."
        ),
        notes=(f"{MOST_ROWS} of {len(rows)} rankings shown.",) if len(rows) > MOST_ROWS else (),
        x=Axis("Kendall's τ-b of the two rankings\n1: the same", low=-1.05, high=1.05),
        y=Axis(
            kind="categories", categories=tuple(elide(_label(r, differing, sparsity), 40) for r in shown), reverse=True
        ),
        marks=tuple(_marks(shown, each, alone)),
        legend=(
            *(() if alone else (Key("dense model", "point", "hue-0", "circle", False),)),
            Key("the dense model" if alone else "mean", "point", "hue-0", "diamond", True),
            *((Key("noise ceiling", "point", "soft", "x", True),) if _ceilings(shown) else ()),
        ),
        height=150 + 40 * len(shown),
    )


def _ceilings(rows: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    return [r for r in rows if math.isfinite(r["ceiling"])]


def _label(row: Mapping[Any, Any], differing: list[str], sparsity: Mapping[str, Any]) -> str:
    shown = {k: plain(row[k]) for k in differing if not on.missing(row[k])}
    shown["target"] = on.target_text(plain(row["target"]), sparsity.get(str(row["target"])))
    if "level" in shown:
        shown["level"] = f"level {shown['level']}"
    return " · ".join(shown[k] for k in _KEYS if k in shown)


def _marks(rows: list[dict[Any, Any]], each: pd.DataFrame, alone: bool) -> Iterator[Mark]:
    place = {_key(r): float(i) for i, r in enumerate(rows)}
    yield Rule("x", 0.0, "soft", "solid")
    means = [r for r in rows if math.isfinite(r["tau"])]
    over = [r for r in means if math.isfinite(r["tau_low"])]
    if over:
        low, high = (np.array([r[k] for r in over], float) for k in ("tau_low", "tau_high"))
        yield Intervals(np.array([place[_key(r)] for r in over]), low, high, "hue-0")
    models = [r for r in each.to_dict("records") if _key(r) in place and math.isfinite(r["tau"]) and not alone]
    yield Points(
        np.array([r["tau"] for r in models], float),
        np.array([place[_key(r)] for r in models], float),
        "hue-0",
        "circle",
        False,
        size=8,
        hover={
            "τ": [two(r["tau"]) for r in models],
            "best before": [plain(r["best_before"]) for r in models],
            "best after": [plain(r["best_after"]) for r in models],
        },
    )
    yield Points(
        np.array([r["tau"] for r in means], float),
        np.array([place[_key(r)] for r in means], float),
        "hue-0",
        "diamond",
        size=12,
        hover={
            "mean τ": [two(r["tau"]) for r in means],
            "of": [several(int(r["dense_models"]), "dense model") for r in means],
            "methods": [str(r["methods"]) for r in means],
            "p": [number(r["p"], 2) for r in means],
            "after Holm": [number(r["p_holm"], 2) for r in means],
            "verdict": [str(r["verdict"]) for r in means],
        },
    )
    known = _ceilings(rows)
    yield Points(
        np.array([r["ceiling"] for r in known], float),
        np.array([place[_key(r)] for r in known], float),
        "soft",
        "x",
        size=8,
        hover={"noise ceiling": [two(r["ceiling"]) for r in known]},
    )


def _key(row: Mapping[Any, Any]) -> tuple[str, ...]:
    return tuple(str(row[k]) for k in _KEYS)
