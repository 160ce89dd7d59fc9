"""How far the loss before retraining tells the result after it, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.rank_correlation import CEILING_LEAST, WEAK
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views.analysed import table_of
from pruneviz.views.marks import Axis, Intervals, Key, Mark, Picture, Points, Rule
from pruneviz.views.pictures.retrain_scatters import EMPTY, two
from pruneviz.views.text import elide, listed, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "retrain_tau"
_TITLE = "How well the loss before retraining ranks what is reached after it"
MOST_ROWS = 40


@dataclass(frozen=True)
class _Look:
    """One outcome: its name, ink, marker, τ's sign where a small loss before is a good sign, and place in the row."""

    outcome: str
    words: str
    ink: str
    marker: str
    sign: int
    shift: float


_LOOKS = (
    _Look("test_accuracy", "final test accuracy", "hue-0", "circle", -1, -0.14),
    _Look("train_loss", "final train loss", "hue-1", "square", 1, 0.14),
)


def retrain_tau_info(tables: Tables, state: ViewState) -> Picture:
    """τ of each dense model as a point and their mean, by layer and ratio, with the noise ceiling.

    Where a small loss before is a good sign, τ with accuracy is negative and τ with loss positive.
    """
    cells = table_of(tables, "retrain_correlation")
    each = table_of(tables, "retrain_correlation", "retrain_correlation_models")
    if cells is None or each is None or not np.isfinite(cells["tau"].to_numpy(float)).any():
        return Picture(_NAME, _TITLE, empty=EMPTY, height=320)
    if models := state.filter("model"):
        cells, each = cells[cells["model"].isin(models)], each[each["model"].isin(models)]
    keys = ["model", "layer", "ratio"]
    rows = cells.drop_duplicates(keys)[keys].to_dict("records")
    if not rows:
        return Picture(_NAME, _TITLE, empty="No model is left by the filters. Show more.", height=320)
    shown = [_key(r) for r in rows[:MOST_ROWS]]
    several_models = cells["model"].nunique() > 1
    names = tuple(
        elide(f"{plain(m)}, {_cell(layer, r)}" if several_models else _cell(layer, r), 34) for m, layer, r in shown
    )
    most = int(cells["dense_models"].max())
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            (
                f"Points are dense models (n = {most}), diamonds their means"
                if most > 1
                else "Points are one dense model"
            )
            + ("; bars are 95 % intervals." if most >= POINTS_BELOW else "; no intervals, which need 5 or more.")
            + " Crosses: noise ceilings, τ between retrainings of the same sets, on the side where τ lies if a small "
            + f"loss is a good sign: left for accuracy, right for loss. Dotted: ±{WEAK}, the paper's 'weak'."
        ),
        sentences=tuple(_sentences(cells)),
        notes=(f"{MOST_ROWS} of {len(rows)} layers and ratios shown.",) if len(rows) > MOST_ROWS else (),
        x=Axis("Kendall's τ-b with the train loss right after pruning", low=-1.05, high=1.05),
        y=Axis(kind="categories", categories=names, reverse=True),
        marks=tuple(_marks(cells, each, shown)),
        legend=(
            *(Key(k.words, "point", k.ink, k.marker, most < 2) for k in _LOOKS),
            *((Key("mean of dense models", "point", "soft", "diamond", True),) if most > 1 else ()),
            Key("noise ceiling", "point", "soft", "x", True),
        ),
        height=130 + 46 * len(shown),
    )


def _cell(layer: str, ratio: float) -> str:
    return f"{plain(layer)} at {number(ratio)}"


def _key(row: Mapping[Any, Any]) -> tuple[str, str, float]:
    return str(row["model"]), str(row["layer"]), float(row["ratio"])


def _marks(cells: pd.DataFrame, each: pd.DataFrame, shown: list[tuple[str, str, float]]) -> Iterator[Mark]:
    place = {key: i for i, key in enumerate(shown)}
    yield Rule("x", 0.0, "soft", "solid")
    yield Rule("x", -WEAK, "soft", "dotted")
    yield Rule("x", WEAK, "soft", "dotted")
    for look in _LOOKS:
        means = [r for r in cells[cells["outcome"] == look.outcome].to_dict("records") if _key(r) in place]
        means = [r for r in means if math.isfinite(r["tau"])]
        y = np.array([place[_key(r)] + look.shift for r in means])
        over = [i for i, r in enumerate(means) if math.isfinite(r["tau_low"])]
        if over:
            low, high = (np.array([means[i][k] for i in over], float) for k in ("tau_low", "tau_high"))
            yield Intervals(y[over], low, high, look.ink)
        several_models = any(r["dense_models"] > 1 for r in means)
        if several_models:
            yield _models(each, look, place)
        faded = ["soft" if r["ceiling"] < CEILING_LEAST else look.ink for r in means]
        taus = np.array([r["tau"] for r in means], float)
        hover = {
            "layer": [_cell(r["layer"], r["ratio"]) for r in means],
            "with": [look.words] * len(means),
            "mean τ": [two(t) for t in taus],
            "of": [several(int(r["dense_models"]), "dense model") for r in means],
            "anomaly ratio": [f"{100 * r['anomaly_ratio']:.0f} %" for r in means],
            "verdict": [str(r["verdict"]) for r in means],
        }
        yield Points(taus, y, faded, "diamond" if several_models else look.marker, size=12, hover=hover)
        known = [i for i, r in enumerate(means) if math.isfinite(r["ceiling"])]
        ceilings = np.array([look.sign * means[i]["ceiling"] for i in known], float)
        hover = {"noise ceiling": [two(means[i]["ceiling"]) for i in known], "of": [look.words] * len(known)}
        yield Points(ceilings, y[known], "soft", "x", size=8, hover=hover)


def _models(each: pd.DataFrame, look: _Look, place: Mapping[tuple[str, str, float], int]) -> Points:
    rows = [r for r in each[each["outcome"] == look.outcome].to_dict("records") if _key(r) in place]
    rows = [r for r in rows if math.isfinite(r["tau"])]
    return Points(
        np.array([r["tau"] for r in rows], float),
        np.array([place[_key(r)] + look.shift for r in rows], float),
        look.ink,
        look.marker,
        False,
        size=7,
        hover={
            "dense model": [f"{plain(r['model'])} #{r['replicate']}" for r in rows],
            "layer": [_cell(r["layer"], r["ratio"]) for r in rows],
            "with": [look.words] * len(rows),
            "τ": [two(r["tau"]) for r in rows],
            "p by relabelling": [number(r["p"], 2) for r in rows],
            "after Holm": [number(r["p_holm"], 2) for r in rows],
            "p as published": [number(r["p_published"], 2) for r in rows],
            "sets retrained": [f"{r['retrained']} of {r['subsets']}" for r in rows],
        },
    )


def _sentences(cells: pd.DataFrame) -> Iterator[str]:
    """The verdicts with test accuracy, those alike together."""
    rows = cells[cells["outcome"] == "test_accuracy"]
    for verdict, own in rows.groupby(rows.apply(_verdict, axis=1), sort=False) if len(rows) else ():
        where = [
            _cell(str(r["layer"]), float(r["ratio"]))
            for r in own.drop_duplicates(["layer", "ratio"]).to_dict("records")
        ]
        more = f" and {len(where) - 6} more" if len(where) > 6 else ""
        named = ", ".join(where[:6]) + more if more else listed(where)
        yield f"With final test accuracy, {verdict}: {named}."


def _verdict(row: Mapping[Any, Any]) -> str:
    """The verdict, and in how many dense models it holds where each was tested by itself."""
    said = str(row["verdict"])
    if not said.startswith("detected") or math.isfinite(row["tau_low"]):
        return said
    hits = row["against"] if "against" in said else row["found"]
    return f"{said.removesuffix(' in some dense models')} in {hits} of {several(int(row['tested']), 'dense model')}"
