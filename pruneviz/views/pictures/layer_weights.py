"""What the weights of each layer became: their norm against the reference's, beside retraining and random pruning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.comparison import dense_pairs
from pruneviz.views.marks import MARKERS, Axis, Band, Floats, Key, Line, Mark, Picture, Points, Rule
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.density_map import FEW_LAYERS, MOST_ROWS, Row, layer_labels, rows_of
from pruneviz.views.text import count, elide, number, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "layer_weights"
_TITLE = "What became of each layer's weights"
SPREAD = 0.6  # of a layer's width of 1, over which the models stand side by side
FAINT = 0.5  # of controls


@dataclass(frozen=True, eq=False)
class _Arm:
    """A row's change of norm: of each of its runs, and their mean, (layers,); NaN where a model lacks the layer."""

    row: Row
    each: Floats
    mean: Floats


def layer_weights_info(tables: Tables, state: ViewState) -> Picture:
    """The Euclidean norm of each layer's kept weights against the reference's: removal shrinks it, training moves it.

    For the models compared, else for each method at one target, each run against its own dense model. The area is what
    dense models differ by among themselves: what retraining alone does to the norm.
    """
    rows, which = rows_of(tables, state)
    rows, done = rows[:MOST_ROWS], measured(tables)
    reference = on.reference(done, state)
    if not rows or not reference:
        return Picture(_NAME, _TITLE, empty="Nothing pruned has been measured yet.", height=200)
    chosen = bool(on.compared(done, state))
    own = dict(zip(done["run_id"], done["dense_run_id"], strict=True))
    base = {r: reference if chosen else str(own[r]) for row in rows for r in row.run_ids}
    pairs = dense_pairs(done, reference)
    ids = list(dict.fromkeys([*base, *base.values(), *(r for p in pairs for r in p)]))
    layers = tables.table("layers", [i for i in ids if i in own])
    if layers.empty:
        return Picture(_NAME, _TITLE, empty="These runs recorded no layers.", height=200)
    names = list(layers.sort_values("index", kind="stable").drop_duplicates("layer")["layer"].astype(str))
    tidy = {str(r): g.set_index(g["layer"].astype(str)) for r, g in layers.groupby("run_id", observed=True)}
    norms = {r: np.asarray(g["l2_norm"].astype("float64").reindex(names), np.float64) for r, g in tidy.items()}
    arms = [a for a in (_arm(row, base, norms) for row in rows) if a is not None]
    if not arms:
        return Picture(_NAME, _TITLE, empty="These runs have no layer in common with the reference.", height=200)
    alone = np.array([_change(norms[b], norms[a]) for a, b in pairs if a in norms and b in norms])
    runs = max(len(a.each) for a in arms)
    means = f" Lines join means over up to {runs} runs, which are the small points." if runs > 1 else ""
    against = "the reference's" if chosen else "that of each run's own dense model"
    return Picture(
        _NAME,
        _TITLE,
        subtitle=f"{which} Euclidean norm of the weights that are kept, against {against}.{means}",
        sentences=tuple(_sentences(arms, names, alone)),
        x=Axis(kind="categories", categories=layer_labels(names), upright=len(names) > FEW_LAYERS),
        y=Axis("change of the kept weights' norm (%)\n0: as in the dense model"),
        marks=tuple(_marks(arms, names, alone, tidy)),
        legend=tuple(_legend(arms, len(alone))),
        height=380,
    )


def _change(after: Floats, before: Floats) -> Floats:
    """(layers,) in percent; NaN where one of them lacks the layer, or it is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 100 * (after / before - 1)
    return np.where(np.isfinite(found), found, np.nan)


def _arm(row: Row, base: dict[str, str], norms: dict[str, Floats]) -> _Arm | None:
    each = [_change(norms[r], norms[base[r]]) for r in row.run_ids if r in norms and base[r] in norms]
    if not each or not np.isfinite(each).any():
        return None
    values = np.array(each)
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=0)
    return _Arm(row, values, np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan))


def shifts(n: int) -> Floats:
    """(n,) how far models stand from the middle of their layer."""
    return SPREAD * ((np.arange(n) + 0.5) / max(n, 1) - 0.5)


def _marks(arms: Sequence[_Arm], names: Sequence[str], alone: Floats, tidy: dict[str, pd.DataFrame]) -> Iterator[Mark]:
    at = np.arange(len(names), dtype=float)
    if len(alone) and np.isfinite(alone).all():
        yield Band(at, alone.min(axis=0), alone.max(axis=0), "soft")
    yield Rule("y", 0.0, "soft", "solid")
    for arm, shift, marker in zip(arms, shifts(len(arms)), _markers(len(arms)), strict=True):
        known, alpha = np.isfinite(arm.mean), FAINT if arm.row.control else 1.0
        x, ink = at + shift, arm.row.ink
        yield Line(x[known], arm.mean[known], ink, "dotted" if arm.row.control else "solid", 1.2, 0.55)
        if len(arm.each) > 1:
            runs, layer = np.nonzero(np.isfinite(arm.each))
            yield Points(x[layer], arm.each[runs, layer], ink, "circle", True, 3.5, 0.5 * alpha)
        hover = _hover(arm, [n for n, k in zip(names, known, strict=True) if k], arm.mean[known], tidy)
        yield Points(x[known], arm.mean[known], ink, marker, not arm.row.control, 8, alpha, hover=hover)


def _markers(n: int) -> list[str]:
    return [MARKERS[i % 6] for i in range(n)]


def _hover(arm: _Arm, names: Sequence[str], change: Floats, tidy: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    frames = [tidy[r] for r in arm.row.run_ids if r in tidy]

    def mean(layer: str, column: str) -> float:
        return float(np.mean([f[column].astype("float64")[layer] for f in frames if layer in f.index]))

    of = f" (mean of {len(frames)} runs)" if len(frames) > 1 else ""
    return {
        "layer": [plain(n) for n in names],
        "model": [arm.row.label + of] * len(names),
        "norm": [f"{number(mean(n, 'l2_norm'))} ({_signed(v)})" for n, v in zip(names, change, strict=True)],
        "kept": [f"{count(mean(n, 'kept'))} of {count(mean(n, 'parameters'))} weights" for n in names],
        "channels": [
            f"{count(mean(n, 'channels_kept'))} of {count(mean(n, 'channels'))} with anything kept" for n in names
        ],
    }


def _signed(value: float) -> str:
    text = percent(value / 100)
    return f"+{text}" if value > 0 else text


def _sentences(arms: Sequence[_Arm], names: Sequence[str], alone: Floats) -> Iterator[str]:
    """The layer that is furthest from the reference, among what is no control where there is any such."""
    judged = [a for a in arms if not a.row.control] or list(arms)
    values = np.array([a.mean for a in judged])
    which, layer = map(int, np.unravel_index(int(np.nanargmax(np.abs(values))), values.shape))
    text = (
        f"Furthest from the dense model is {elide(plain(names[layer]), 36)} of {judged[which].row.label}: "
        f"{_signed(float(values[which, layer]))}"
    )
    controls = [float(a.mean[layer]) for a in arms if a.row.control and a not in judged and np.isfinite(a.mean[layer])]
    if controls:
        ends = [_signed(v) for v in (min(controls), max(controls))]
        text += f"; random pruning: {' to '.join(dict.fromkeys(ends))}"
    there = alone[:, layer][np.isfinite(alone[:, layer])] if len(alone) else alone
    if len(there):
        ends = [_signed(float(v)) for v in (there.min(), there.max())]
        text += f"; retraining alone: {' to '.join(dict.fromkeys(ends))} ({several(len(there), 'pair')})"
    yield f"{text}."


def _legend(arms: Sequence[_Arm], pairs: int) -> Iterator[Key]:
    if pairs:
        yield Key(f"range of {several(pairs, 'pair')} of dense models", "area", "soft", alpha=0.16)
    for arm, marker in zip(arms, _markers(len(arms)), strict=True):
        yield Key(arm.row.label, "line", arm.row.ink, marker, not arm.row.control)
