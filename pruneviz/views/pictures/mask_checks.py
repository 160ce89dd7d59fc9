"""Whether it matters which weights a mask keeps: the original against its destroyed variants, retrained alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.looks import method_keys
from pruneviz.views.marks import Axis, Intervals, Key, Mark, Picture, Points, Rule
from pruneviz.views.text import elide, how_many, number, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "mask_checks"
_TITLE = "Does it matter which weights a mask keeps?"
MOST_ROWS = 40
_WORDS = {"shuffled": "shuffled in layers", "reinitialised": "weights drawn anew", "both": "shuffled, drawn anew"}
_MARKERS = {"shuffled": "circle", "reinitialised": "square", "both": "triangle"}


def mask_checks_info(tables: Tables, state: ViewState) -> Picture:
    """Accuracy of the retrained original minus that of each check: above 0, what was destroyed had mattered."""
    arms, each = table_of(tables, _NAME, "mask_checks_arms"), table_of(tables, _NAME)
    if arms is None or each is None:
        return Picture(_NAME, _TITLE, empty=nothing_of(_NAME, "masks that were shuffled or drawn anew"), height=320)
    rows: list[dict[Any, Any]] = on.filtered(arms, state).to_dict("records")
    if not rows:
        return Picture(_NAME, _TITLE, empty="The filters leave no mask that was checked. Show more.", height=320)
    shown = sorted(rows, key=lambda r: bool(r["control"]))[:MOST_ROWS]
    runs = tables.runs
    inks = on.inks(runs)
    n = max(int(r["dense_models"]) for r in shown)
    over = f"intervals need {POINTS_BELOW} dense models; small marks are runs"
    if n >= POINTS_BELOW:
        over = (
            f"bars are {level_of(tables, _NAME)} intervals; small marks are runs. Full: interval without 0, each alone"
        )
    checks = on.unique(r["check"] for r in shown)
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"Each retrained for {several(int(shown[0]['epochs']), 'epoch')}, the same images in the same order. Means "
            f"over dense models ({how_many(r['dense_models'] for r in shown)}), {over}."
        ),
        notes=(f"{MOST_ROWS} of {len(rows)} rows shown.",) if len(rows) > MOST_ROWS else (),
        x=Axis(
            "test accuracy of the original minus that of the check (points)\nabove 0: what was destroyed had mattered"
        ),
        y=Axis(kind="categories", categories=tuple(_labels(tables, shown)), reverse=True),
        marks=tuple(_marks(shown, each, inks)),
        legend=(
            *method_keys(inks, {str(r["method"]) for r in shown}),
            Key("Check", "heading"),
            *(Key(_WORDS[c], "point", "soft", _MARKERS[c]) for c in checks),
        ),
        height=150 + 34 * len(shown),
    )


def _labels(tables: Tables, shown: Sequence[Mapping[Any, Any]]) -> Iterator[str]:
    runs = tables.runs
    methods = on.short(runs["method"])
    sparsity = dict(zip(runs["target"].astype(str), runs["sparsity_target"], strict=True))
    several_models = len({r["model"] for r in shown}) > 1
    for r in shown:
        target = on.target_text(r["target"], sparsity.get(str(r["target"])))
        parts = [plain(r["model"])] * several_models + [
            f"{methods[str(r['method'])]} {target}".strip(),
            _WORDS[r["check"]],
        ]
        yield elide(": ".join([" · ".join(parts[:-1]), parts[-1]]), 44)


def _marks(shown: Sequence[Mapping[Any, Any]], each: pd.DataFrame, inks: Mapping[str, str]) -> Iterator[Mark]:
    yield Rule("x", 0.0, "soft", "solid")
    for check in on.unique(r["check"] for r in shown):
        rows = [(float(i), r) for i, r in enumerate(shown) if r["check"] == check]
        y, colours = np.array([i for i, _ in rows]), [inks[str(r["method"])] for _, r in rows]
        single = [(i, d, c) for (i, r), c in zip(rows, colours, strict=True) for d in _differences(each, r)]
        yield Points(
            100 * np.array([d for _, d, _ in single]),
            np.array([i for i, _, _ in single]),
            [c for _, _, c in single],
            _MARKERS[check],
            False,
            4,
            0.4,
        )
        over = [k for k, (_, r) in enumerate(rows) if math.isfinite(r["low"])]
        if over:
            low, high = (100 * np.array([rows[k][1][e] for k in over], float) for e in ("low", "high"))
            yield Intervals(y[over], low, high, [colours[k] for k in over])
        yield Points(
            100 * np.array([r["difference"] for _, r in rows], float),
            y,
            colours,
            _MARKERS[check],
            [bool(r["low"] > 0 or r["high"] < 0) for _, r in rows],
            10,
            hover=_hover([r for _, r in rows]),
        )


def _differences(each: pd.DataFrame, r: Mapping[Any, Any]) -> list[float]:
    own = each[(each["arm"] == r["arm"]) & (each["check"] == r["check"])]
    return [float(d) for d in own["difference"]]


def _hover(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[str]]:
    return {
        "mask": [plain(r["arm"]) for r in rows],
        "check": [_WORDS[r["check"]] for r in rows],
        "original": [percent(r["original"]) for r in rows],
        "destroyed": [percent(r["accuracy"]) for r in rows],
        "difference": [_with_range(r) for r in rows],
        "p, corrected": [number(float(r["p_holm"]), 2) for r in rows],
        "of": [f"{several(int(r['runs']), 'run')}, {several(int(r['dense_models']), 'dense model')}" for r in rows],
    }


def _with_range(r: Mapping[Any, Any]) -> str:
    span = f" ({points(r['low'])} … {points(r['high'])})" if math.isfinite(r["low"]) else ""
    return f"{points(r['difference'])} points{span}"
