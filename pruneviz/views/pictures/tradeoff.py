"""What pruning costs: any metric over any other, a line for each method and recovery."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW, hierarchical_bootstrap
from pruneviz.views import runs as on
from pruneviz.views.looks import DENSE_MARKER, REFERENCE_MARKER, Look, method_keys, recovery_keys, recovery_looks
from pruneviz.views.marks import Axis, Band, Floats, Key, Line, Mark, Picture, Points, Rule, log_axis
from pruneviz.views.metrics import Metric, measured, metric
from pruneviz.views.text import how_many, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_MODEL_WIDTHS = (2.4, 1.4, 3.4, 1.0)


@dataclass(frozen=True, eq=False)
class _Curve:
    """The means of one method and recovery of one model, target by target."""

    ink: str
    look: Look
    name: str
    width: float
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    dense_models: tuple[int, ...]
    runs: tuple[int, ...]


def tradeoff_info(tables: Tables, state: ViewState) -> Picture:
    """Points for runs, lines for means over dense models, bands where there are enough of them.

    Seeds are averaged within their dense model first. Bands are 95 % intervals of the mean over dense models
    (:func:`pruneviz.measures.statistics.hierarchical_bootstrap`); with fewer than
    :data:`~pruneviz.measures.statistics.POINTS_BELOW` dense models there are points and the mean, and no band.

    Raises:
        SpecError: an axis names no metric.
    """
    across, up = metric(state.x, "view: x"), metric(state.y, "view: y")
    done = measured(tables, (state.x, state.y))
    title = f"{_first(up.title)} over {_first(across.title, upper=False)}"
    if done.empty:
        return Picture("tradeoff", title, empty="No run has been measured yet. Points appear here as runs land.")
    planned = tables.runs
    inks, looks = on.inks(planned), recovery_looks(on.unique(planned["recovery"]))
    shown = on.filtered(done, state)
    known = shown[np.isfinite(shown[state.x]) & np.isfinite(shown[state.y])]
    drawable = known
    for name, is_log in ((state.x, state.log_x), (state.y, state.log_y)):
        drawable = drawable[drawable[name] > 0] if is_log else drawable
    if drawable.empty:
        return Picture("tradeoff", title, empty=_nothing(shown, across, up))
    scale_x, unit_x = across.factor(float(drawable[state.x].max()))
    scale_y, unit_y = up.factor(float(drawable[state.y].abs().max()))
    at = drawable.assign(_x=drawable[state.x] * scale_x, _y=drawable[state.y] * scale_y)
    at["recovery"] = at["recovery"].fillna("none")
    curves = list(_curves(at, inks, looks, (0.0, scale_y) if up.kind == "fraction" else (-math.inf, math.inf)))
    reference = on.reference(done, state)
    marks = tuple(_marks(at, curves, inks, looks, reference, state, across, up, scale_y))
    return Picture(
        "tradeoff",
        title,
        subtitle=_subtitle(at, curves, filtered=not on.is_dense(done).all()),
        notes=_notes(shown, known, drawable, across, up),
        x=_axis(across.axis_title(unit_x), at["_x"].to_numpy(float), state.log_x),
        y=_axis(up.axis_title(unit_y), at["_y"].to_numpy(float), state.log_y),
        marks=marks,
        legend=_legend(at, inks, looks, reference, curves),
        selects="runs",
        height=460,
    )


def _axis(title: str, values: Floats, log: bool) -> Axis:
    return log_axis(title, values) if log else Axis(title)


def _curves(
    at: pd.DataFrame, inks: dict[str, str], looks: dict[str, Look], bounds: tuple[float, float]
) -> Iterator[_Curve]:
    pruned = at[~on.is_dense(at)]
    methods, recoveries = on.short(inks), {**on.short(looks), "none": "no recovery"}
    models = on.unique(at["model"])
    dense, x, y = pruned["dense_run_id"].to_numpy(str), pruned["_x"].to_numpy(float), pruned["_y"].to_numpy(float)
    for (model, method, recovery), cells in _cells(pruned).items():
        stops = []
        for rows in cells:
            mean = hierarchical_bootstrap(y[rows], dense[rows], bounds=bounds)
            across = hierarchical_bootstrap(x[rows], dense[rows], least=len(rows) + 1)  # the mean alone
            stops.append((across.mean, mean.mean, mean.low, mean.high, mean.n, len(rows)))
        stops.sort()
        table = np.array([s[:4] for s in stops])
        name = f"{methods[method]} · {recoveries[recovery]}"
        yield _Curve(
            inks[method],
            looks[recovery],
            f"{plain(model)} · {name}" if len(models) > 1 else name,
            _MODEL_WIDTHS[models.index(model) % len(_MODEL_WIDTHS)],
            x=table[:, 0],
            y=table[:, 1],
            low=table[:, 2],
            high=table[:, 3],
            dense_models=tuple(s[4] for s in stops),
            runs=tuple(s[5] for s in stops),
        )


def _cells(pruned: pd.DataFrame) -> dict[tuple[str, str, str], list[list[int]]]:
    """The rows of each target and level, by model, method and recovery; in the order in which they stand."""
    texts = [[str(v) for v in pruned[c]] for c in ("model", "method", "recovery", "target", "level")]
    found: dict[tuple[str, str, str], dict[tuple[str, str], list[int]]] = {}
    for i, (model, method, recovery, *at) in enumerate(zip(*texts, strict=True)):
        found.setdefault((model, method, recovery), {}).setdefault((at[0], at[1]), []).append(i)
    return {curve: list(cells.values()) for curve, cells in found.items()}


def _marks(
    at: pd.DataFrame,
    curves: list[_Curve],
    inks: dict[str, str],
    looks: dict[str, Look],
    reference: str,
    state: ViewState,
    across: Metric,
    up: Metric,
    scale: float,
) -> Iterator[Mark]:
    original = at[on.is_original(at)]
    if len(original) and up.name != "accuracy_change":
        level = float(original["_y"].mean())
        if not state.log_y or level > 0:
            yield Rule("y", level, "soft", "dotted")
    for c in curves:
        there = np.isfinite(c.low)
        if there.sum() > 1:
            yield Band(c.x[there], c.low[there], c.high[there], c.ink)
    for c in curves:
        yield Line(c.x, c.y, c.ink, c.look.dash, c.width, hover=_curve_hover(c, up, scale))
    yield _run_points(at[at["run_id"] != reference], inks, looks, state, across, up)
    star = at[at["run_id"] == reference]
    if len(star):
        yield Points(
            star["_x"].to_numpy(float),
            star["_y"].to_numpy(float),
            "dense",
            REFERENCE_MARKER,
            size=16,
            hover=_run_hover(star, across, up),
        )


def _run_points(
    at: pd.DataFrame, inks: dict[str, str], looks: dict[str, Look], state: ViewState, across: Metric, up: Metric
) -> Points:
    original = on.is_original(at).to_numpy()
    found = [looks[str(r)] for r in at["recovery"]]
    keys = tuple(str(r) for r in at["run_id"])
    return Points(
        at["_x"].to_numpy(float),
        at["_y"].to_numpy(float),
        [inks[str(m)] for m in at["method"]],
        [DENSE_MARKER if o else look.marker for o, look in zip(original, found, strict=True)],
        [bool(o) or look.filled for o, look in zip(original, found, strict=True)],
        size=7,
        alpha=0.75,
        keys=keys,
        selected=tuple(m for m in state.models if m in keys),
        hover=_run_hover(at, across, up),
    )


def _run_hover(at: pd.DataFrame, across: Metric, up: Metric) -> dict[str, list[str]]:
    return {
        "run": [plain(n) for n in at["name"]],
        "recovery": [plain(r) for r in at["recovery"]],
        _first(across.title, upper=False): [across.text(v) for v in at[across.name]],
        _first(up.title, upper=False): [up.text(v) for v in at[up.name]],
    }


def _curve_hover(c: _Curve, up: Metric, scale: float) -> dict[str, list[str]]:
    n = [
        f"{several(d, 'dense model')}, {several(r, 'run')}" if r != d else several(d, "dense model")
        for d, r in zip(c.dense_models, c.runs, strict=True)
    ]
    means = [up.text(v / scale) for v in c.y]
    return {"method": [c.name] * len(n), f"mean {_first(up.title, upper=False)}": means, "of": n}


def _subtitle(at: pd.DataFrame, curves: list[_Curve], *, filtered: bool) -> str:
    if not curves:
        why = "no pruned run is left by the filters" if filtered else "nothing pruned has been measured yet"
        return f"{several(int(on.is_original(at).sum()), 'dense model')}; {why}."
    sizes = sorted({n for c in curves for n in c.dense_models})
    most = sizes[-1]
    per = max(r / d for c in curves for r, d in zip(c.runs, c.dense_models, strict=True))
    text = "Points are runs, lines their means over dense models"
    text += ", seeds averaged within each first" if per > 1 else ""
    span = how_many(sizes)
    if most >= POINTS_BELOW:
        return f"{text}; bands are 95 % intervals of the mean over dense models ({span})."
    return f"{text} ({span}); no bands, which need {POINTS_BELOW} dense models or more."


def _notes(
    shown: pd.DataFrame, known: pd.DataFrame, drawn: pd.DataFrame, across: Metric, up: Metric
) -> tuple[str, ...]:
    notes = []
    if missing := len(shown) - len(known):
        notes.append(f"{several(missing, 'run')} of {len(shown)} without {across.title} or {up.title} left out.")
    if dropped := len(known) - len(drawn):
        notes.append(f"{several(dropped, 'run')} of {len(known)} at 0 or below, where a logarithmic axis has no place.")
    return tuple(notes)


def _nothing(shown: pd.DataFrame, across: Metric, up: Metric) -> str:
    for m in (across, up):
        if not np.isfinite(shown[m.name]).any():
            return f"No run shown has a value for {m.title}. Choose another metric."
    return "No run is left by the filters. Show more methods or models."


def _legend(
    at: pd.DataFrame, inks: dict[str, str], looks: dict[str, Look], reference: str, curves: list[_Curve]
) -> tuple[Key, ...]:
    keys = [*method_keys(inks, set(on.unique(at["method"])))]
    keys += recovery_keys(looks, on.unique(at.loc[~on.is_dense(at), "recovery"]))
    keys.append(Key("Dense", "heading"))
    if reference in set(at["run_id"]):
        keys.append(Key("reference", "point", "dense", REFERENCE_MARKER))
    original = on.is_original(at)
    if (original & (at["run_id"] != reference)).any():
        keys.append(Key("dense models", "point", "dense", DENSE_MARKER))
    if (on.is_dense(at) & ~original).any():
        keys.append(Key("dense, trained on", "point", "dense", "circle"))
    if original.any():
        keys.append(Key("their mean" if original.sum() > 1 else "dense", "line", "soft", "", False, "dotted"))
    if any(np.isfinite(c.low).sum() > 1 for c in curves):
        keys.append(Key("95 % interval", "area", "soft", alpha=0.25))
    return tuple(keys)


def _first(text: str, upper: bool = True) -> str:
    """The part of a title before its details, with or without a capital."""
    word = text.partition(",")[0].partition(":")[0]
    return word[:1].upper() + word[1:] if upper else word
