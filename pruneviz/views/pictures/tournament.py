"""Methods at matched cost, paired by dense model: how far each is from plain magnitude, and what can be told apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.marks import Axis, Intervals, Key, Mark, Picture, Points, Rule
from pruneviz.views.text import elide, number, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "tournament"
_TITLE = "Which methods are better at matched cost?"
_WORDS = {"magnitude": "plain magnitude", "random": "its random control"}
MOST_ROWS = 40
_LONGEST = 40  # letters of a name


def tournament_info(tables: Tables, state: ViewState) -> Picture:
    """Test accuracy of each contestant minus plain magnitude's from the same dense model; lines part the tiers.

    The field with most contestants is shown. Where it has no plain magnitude, random controls take its place.
    """
    table, each = table_of(tables, _NAME), table_of(tables, _NAME, "tournament_pairs")
    fields = table_of(tables, _NAME, "tournament_fields")
    if table is None or each is None or fields is None:
        return Picture(_NAME, _TITLE, empty=nothing_of(_NAME, "methods at matched cost"), height=320)
    rows = [r for r in on.filtered(table, state).to_dict("records") if r["matched"] and math.isfinite(r["accuracy"])]
    if not rows:
        return Picture(_NAME, _TITLE, empty="The filters leave no method. Show more.", height=320)
    of_rows = [str(r["field"]) for r in rows]
    field = max(fields.to_dict("records"), key=lambda f: (of_rows.count(str(f["field"])), f["field"] in of_rows))
    own = sorted((r for r in rows if r["field"] == field["field"]), key=lambda r: -float(r["accuracy"]))
    kind = "magnitude" if any(_known(r["beyond_magnitude"]) for r in own) else "random"
    shown = own[:MOST_ROWS]
    inks = on.inks(tables.runs)
    names = _names(tables.runs, own)
    others = len(set(of_rows)) - 1
    return Picture(
        _NAME,
        _TITLE,
        subtitle=_subtitle(tables, field),
        sentences=tuple(_sentences(field, own, names)),
        notes=tuple(_notes(len(own), others)),
        x=Axis(f"test accuracy minus that of {_WORDS[kind]}, same dense model (points)\nhigher is better"),
        y=Axis(kind="categories", categories=tuple(_labels(shown, names)), reverse=True),
        marks=tuple(_marks(shown, each, inks, kind)),
        legend=(
            Key(_mean_key(tables, field), "point", "soft", "diamond"),
            Key("dense model", "point", "soft", "circle", False),
            *([Key("dotted lines part the tiers (number before the name)", "note")] if _known(field["tiers"]) else []),
        ),
        height=150 + 30 * len(shown),
    )


def _mean_key(tables: Tables, field: Mapping[Any, Any]) -> str:
    return f"mean, {level_of(tables, _NAME)} interval" if field["dense_models"] >= POINTS_BELOW else "mean"


def _subtitle(tables: Tables, field: Mapping[Any, Any]) -> str:
    runs = tables.runs
    sparsity = dict(zip(runs["target"].astype(str), runs["sparsity_target"], strict=True))
    asked = sparsity.get(str(field["target"]))
    target, units = on.target_text(field["target"], asked), f"{plain(field['unit'])}s"
    removed = f"{units} removed to {target}" if on.missing(asked) else f"{target} of the {units} removed"
    n = int(field["dense_models"])
    over = (
        f"bars are {level_of(tables, _NAME)} intervals of the pairs"
        if n >= POINTS_BELOW
        else f"intervals need {POINTS_BELOW} of them"
    )
    return f"{plain(field['model'])}, {removed}, {_steps(field)}. Pairs from n = {several(n, 'dense model')}, {over}."


def _steps(field: Mapping[str, Any]) -> str:
    total = field["train_steps_total"]
    return (
        f"{total:,.0f} training steps in all" if _known(total) else f"{field['train_steps']:,.0f} training steps each"
    )


def _sentences(field: Mapping[Any, Any], own: Sequence[Mapping[Any, Any]], names: Mapping[str, str]) -> Iterator[str]:
    if field["ranked"]:
        yield f"The methods differ (Friedman, p = {number(field['p_holm'], 2)} after Holm)."
    else:
        yield f"No ranking: {field['reason']}. The order of rows is none."
    if _known(field["tiers"]) and field["tiers"] > 1:
        first = [r for r in own if r["tier"] == 1]
        told = ", ".join(names[str(r["contestant"])] for r in first)
        yield f"Tier 1, not told apart from the highest mean ({percent(first[0]['accuracy'])}): {told}."
    elif _known(field["tiers"]):
        yield "All are one tier: none can be told apart from the highest mean."


def _notes(rows: int, others: int) -> Iterator[str]:
    if rows > MOST_ROWS:
        yield f"The first {MOST_ROWS} of {rows} rows shown."
    if others > 0:
        yield f"{several(others, 'other field')} in the table {_NAME}."


def _names(runs: pd.DataFrame, own: Sequence[Mapping[Any, Any]]) -> dict[str, str]:
    """What contestants are called here: short, and a control that has options by the one method that it is control of.

    ``random as rigl`` says more than ``random (erk, gradual(every=100, initial=1), lr-rewind, 0)``, which the pointer
    shows.
    """
    short = on.short(runs["method"])
    method_of = dict(zip(runs["run_id"], runs["method"], strict=True))
    held = runs[runs["control_run_id"].notna()]
    of: dict[str, list[str]] = {}
    for method, control in zip(held["method"], held["control_run_id"], strict=True):
        known = of.setdefault(str(method_of.get(control, "")), [])
        known += [short[str(method)]] if short[str(method)] not in known else []
    found = {}
    for r in own:
        method, name = str(r["method"]), short[str(r["method"])]
        kind, _, options = name.partition(" (")
        if options and len(of.get(method, ())) == 1 and of[method] != [name]:
            name = f"{kind} as {of[method][0]}"
        found[str(r["contestant"])] = name
    twice = list(found.values())
    return {c: plain(c) if twice.count(name) > 1 else name for c, name in found.items()}


def _labels(shown: Sequence[Mapping[Any, Any]], names: Mapping[str, str]) -> Iterator[str]:
    for r in shown:
        tier = f"{int(r['tier'])} · " if _known(r["tier"]) else ""
        yield elide(tier + names[str(r["contestant"])], _LONGEST)


def _marks(
    shown: Sequence[Mapping[Any, Any]], each: pd.DataFrame, inks: Mapping[str, str], kind: str
) -> Iterator[Mark]:
    yield Rule("x", 0.0, "soft", "solid")
    for at, (above, below) in enumerate(pairwise(shown)):
        if _known(above["tier"]) and above["tier"] != below["tier"]:
            yield Rule("y", at + 0.5, "soft", "dotted")
    column = f"beyond_{kind}"
    for at, r in enumerate(shown):
        ink = inks[str(r["method"])]
        own = each[(each["field"] == r["field"]) & (each["contestant"] == r["contestant"])]
        x = 100 * own[column].to_numpy(float)
        x = x[np.isfinite(x)]
        yield Points(x, np.full(len(x), at + 0.22), ink, "circle", False, 5, 0.6)
        mean = 100 * r[column] if _known(r[column]) else 0.0  # it is what the others are compared with
        low, high = (r[f"{column}_{end}"] for end in ("low", "high"))
        if _known(r[column]) and _known(low):
            yield Intervals(np.array([float(at)]), np.array([100 * low]), np.array([100 * high]), ink)
        yield Points(np.array([mean]), np.array([float(at)]), ink, "diamond", size=11, hover=_hover(r))


def _hover(r: Mapping[Any, Any]) -> dict[str, list[str]]:
    found = {"method": [plain(r["contestant"])], "accuracy": [percent(r["accuracy"], 2)]}
    for kind, words in (("random", "against random"), ("magnitude", "against magnitude")):
        value, low, high, p = (r[k] for k in (*(f"beyond_{kind}{end}" for end in ("", "_low", "_high")), f"p_{kind}"))
        if _known(value):
            span = f" ({points(low)} … {points(high)})" if _known(low) else ""
            found[words] = [f"{points(value)} points{span}" + (f", p = {number(p, 2)}" if _known(p) else "")]
    if _known(r["mean_rank"]):
        found["mean rank"] = [number(r["mean_rank"])]
    return found


def _known(value: Any) -> bool:
    return not on.missing(value) and math.isfinite(value)
