"""The loss right after pruning, and what was reached after retraining: a pair of scatters for each layer and ratio."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views.analysed import table_of
from pruneviz.views.marks import MARKERS, Key, Mark, Picture, Points, Text
from pruneviz.views.panels import Panel, Scale
from pruneviz.views.text import MINUS, elide, listed, number, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "retrain_scatters"
_TITLE = "Loss before retraining, and what is reached after it"
EMPTY = (
    "No set of filters has been removed and retrained in this study. Name layers under [analyses.retrain_correlation] "
    'of its file, such as layers = ["conv1"], and run it again.'
)
MOST_CELLS = 12
_OUTCOMES = (
    ("test_accuracy", "final test accuracy (%)", 100.0),
    ("train_loss", "final train loss (nats)", 1.0),
)
_KEYS = ["model", "layer", "ratio"]
_WIDE, _LEFT, _GAP, _RIGHT = 380.0, 56.0, 76.0, 12.0  # of a panel, before, between and after the two
_HEAD, _TALL, _FOOT = 78.0, 170.0, 52.0  # above a panel, its own height, and below it


@dataclass(frozen=True, eq=False)
class _Cell:
    """A model's layer and ratio: a row per dense model and set of filters, with its means over repeats."""

    model: str
    layer: str
    ratio: float
    sets: pd.DataFrame
    told: Mapping[str, Mapping[Any, Any]]
    each: Mapping[str, pd.DataFrame]


def retrain_scatters_info(tables: Tables, state: ViewState) -> Picture:
    """For each layer and ratio, test accuracy and train loss after retraining over the loss before it.

    A point is a set of filters of one dense model, the mean over its retrainings; a star is the set of least loss
    before, which 'oracle pruning' would take. τ, its p and the noise ceiling stand above each pair.
    """
    cells = list(_cells(tables, state))
    if not cells:
        return Picture(_NAME, _TITLE, empty=EMPTY, height=320)
    shown = cells[:MOST_CELLS]
    several_models = len({c.model for c in cells}) > 1
    marks: list[Mark] = []
    for i, cell in enumerate(shown):
        marks += _pair(cell, i * (_HEAD + _TALL + _FOOT), several_models)
    ids = list(dict.fromkeys(r for c in shown for r in c.sets["replicate"]))
    epochs = sorted({int(e) for c in shown for e in c.sets["epochs"]})
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"A point is a set of filters, the mean of {several(int(shown[0].sets['repeats'].max()), 'retraining')} of "
            f"{listed([str(e) for e in epochs], 'or')} {'epoch' if epochs == [1] else 'epochs'}. p by relabelling the "
            "filters; the published p takes the sets for independent, which they are not. Short retraining "
            "manufactures correlation."
        ),
        notes=(f"{MOST_CELLS} of {len(cells)} layers and ratios shown.",) if len(cells) > MOST_CELLS else (),
        marks=tuple(marks),
        legend=(
            *(Key(f"dense model #{n}", "point", _ink(n), _marker(n), True) for n in sorted(ids)),
            Key("its set of least loss before", "point", "soft", "star", True),
        ),
        width=round(_LEFT + 2 * _WIDE + _GAP + _RIGHT),
        height=round(len(shown) * (_HEAD + _TALL + _FOOT)),
    )


def _ink(replicate: int) -> str:
    return f"hue-{replicate}"


def _marker(replicate: int) -> str:
    usable = [m for m in MARKERS if m not in ("star", "cross", "x")]
    return usable[replicate % len(usable)]


def _cells(tables: Tables, state: ViewState) -> Iterator[_Cell]:
    losses = table_of(tables, "retrain_correlation", "retrain_correlation_subsets")
    after = table_of(tables, "retrain_correlation", "retrain_correlation_retrained")
    together = table_of(tables, "retrain_correlation")
    each = table_of(tables, "retrain_correlation", "retrain_correlation_models")
    if losses is None or after is None or together is None or each is None:
        return
    keys = ["run_id", "layer", "ratio", "subset"]
    done = after[after["reason"].isna()]
    names = [name for name, _, _ in _OUTCOMES]
    means = done.groupby(keys, observed=True)[names].mean()
    means["repeats"] = done.groupby(keys, observed=True).size()
    means["epochs"] = done.groupby(keys, observed=True)["epochs"].max()
    sets = means.reset_index().merge(losses[[*keys, "removed", "pruned_loss"]], on=keys)
    who = each.drop_duplicates("run_id")[["run_id", "model", "replicate"]]
    sets = sets.assign(run_id=sets["run_id"].astype(str)).merge(
        who.assign(run_id=who["run_id"].astype(str)), on="run_id"
    )
    sets = sets[np.isfinite(sets["pruned_loss"].to_numpy(float))]
    models = state.filter("model")
    for key, rows in together.groupby(_KEYS, sort=False, observed=True):
        model, layer, ratio = str(key[0]), str(key[1]), float(rows["ratio"].iloc[0])
        own = sets[(sets["model"] == model) & (sets["layer"] == layer) & (sets["ratio"] == ratio)]
        if len(own) and (not models or model in models):
            one = each[(each["model"] == model) & (each["layer"] == layer) & (each["ratio"] == ratio)]
            told = {str(r["outcome"]): r for r in rows.to_dict("records")}
            yield _Cell(model, layer, ratio, own, told, {n: one[one["outcome"] == n] for n in names})


def _pair(cell: _Cell, top: float, several_models: bool) -> Iterator[Mark]:
    where = f"{plain(cell.layer)} at {number(cell.ratio)}"
    title = f"{elide(plain(cell.model), 40)}, {where}" if several_models else where
    yield Text(np.array([16.0]), np.array([top + 14.0]), [elide(title, 80)], bold=True, size=13.5)
    for i, (outcome, y_title, factor) in enumerate(_OUTCOMES):
        x = cell.sets["pruned_loss"].to_numpy(float)
        y = factor * cell.sets[outcome].to_numpy(float)
        left = _LEFT + i * (_WIDE + _GAP)
        panel = Panel(left, top + _HEAD, _WIDE, _TALL, Scale.around(x), Scale.around(y))
        yield Text(np.array([left - 40]), np.array([top + 38.0]), [_tau_words(cell, outcome)], size=12)
        yield from panel.frame("pruned train loss (nats)", y_title)
        for replicate, own in cell.sets.groupby("replicate", sort=True):
            yield from _points(panel, own, int(str(replicate)), outcome, y_title, factor)


def _points(
    panel: Panel, own: pd.DataFrame, replicate: int, outcome: str, y_title: str, factor: float
) -> Iterator[Points]:
    least = int(np.argmin(own["pruned_loss"].to_numpy(float)))
    ordinary = np.arange(len(own)) != least
    for chosen, marker, size in ((ordinary, _marker(replicate), 7.0), (~ordinary, "star", 16.0)):
        rows = own[chosen]
        if len(rows):
            x, y = rows["pruned_loss"].to_numpy(float), rows[outcome].to_numpy(float)
            yield Points(
                panel.across(x),
                panel.down(factor * y),
                _ink(replicate),
                marker,
                size=size,
                alpha=0.8,
                hover={
                    "dense model": [f"#{replicate}"] * len(rows),
                    "filters removed": [plain(t) for t in rows["removed"]],
                    "pruned train loss": [number(v, 4) for v in x],
                    y_title.partition(" (")[0]: [percent(v) if factor > 1 else number(v, 4) for v in y],
                    "mean of": [several(int(n), "retraining") for n in rows["repeats"]],
                },
            )


def _tau_words(cell: _Cell, outcome: str) -> str:
    row, each = cell.told[outcome], cell.each[outcome]
    if not math.isfinite(row["tau"]):
        return f"τ: {row['verdict']}"
    ends = ("tau_low", "tau_high") if math.isfinite(row["tau_low"]) else ("tau_least", "tau_most")
    among = f" ({two(row[ends[0]])} … {two(row[ends[1]])})" if row["dense_models"] > 1 else ""
    p = np.sort(each["p"].dropna().to_numpy(float))
    worth = f", p {number(p[0], 2)}" + (f" … {number(p[-1], 2)}" if len(p) > 1 else "") if len(p) else ", no p"
    ceiling = two(row["ceiling"]) if math.isfinite(row["ceiling"]) else "unknown"
    return f"τ {two(row['tau'])}{among}{worth}, ceiling {ceiling}: {row['verdict']}"


def two(value: float) -> str:
    """A correlation with two decimals and a true minus."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)
