"""What of the structure, the masks and the weights of one model is another than in the reference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.views import runs as on
from pruneviz.views.comparison import Comparison
from pruneviz.views.difference import Difference, against_retraining, blindly, change, exact
from pruneviz.views.marks import Floats
from pruneviz.views.metrics import measured
from pruneviz.views.text import count, elide, listed, number, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_LAYER = 36
_MAP = ("density_map",)


def weights(tables: Tables, c: Comparison, run_id: str) -> Iterator[Difference]:
    """Structure, masks and norms, in so far as the study has them."""
    control = c.controls.get(run_id, "")
    ids = list(
        dict.fromkeys([c.reference, run_id, *(r for p in c.baseline for r in p), *([control] if control else [])])
    )
    layers = {str(r): g.set_index("layer") for r, g in tables.table("layers", ids).groupby("run_id", observed=True)}
    yield from _structure(tables, c, run_id, layers)
    if c.reference in layers and run_id in layers:
        yield from _masks(layers[c.reference], layers[run_id], layers.get(control))
        yield from _norms(c, run_id, layers)


def _structure(tables: Tables, c: Comparison, run_id: str, layers: dict[str, pd.DataFrame]) -> Iterator[Difference]:
    done = measured(tables)
    before, after = on.row(done, c.reference), on.row(done, run_id)
    parts, size = [], 0.0
    for name, words in (
        ("parameters_nonzero", "non-zero parameters"),
        ("macs", "multiply-adds for one image, removed weights skipped"),
    ):
        a, b = float(before[name]), float(after[name])
        if math.isfinite(a) and math.isfinite(b) and a > 0:
            less = 1 - b / a
            how = "as many" if a == b else f"{percent(abs(less))} {'fewer' if less > 0 else 'more'}"
            parts.append(f"{how} {words} ({count(b) if a == b else f'{count(b)} against {count(a)}'})")
            size = max(size, abs(less))
    if c.reference in layers and run_id in layers:
        old, own = ({i: str(s) for i, s in layers[r]["shape"].items()} for r in (c.reference, run_id))
        gone, new = [i for i in old if i not in own], [i for i in own if i not in old]
        both = [i for i in old if i in own and old[i] != own[i]]
        for names, words in ((gone, "it lacks"), (new, "it has besides"), (both, "of another shape are")):
            if names:
                parts.append(f"{words} {several(len(names), 'layer')} ({_named(names)})")
                size = 1.0
    if parts:
        cut = float(after["parameters_cut"])
        smaller = f" Cut to what is left it has {count(cut)} parameters." if math.isfinite(cut) else ""
        text = f"It has {listed(parts)}." + smaller
        yield exact("structure", text, size, _MAP)


def _masks(before: pd.DataFrame, after: pd.DataFrame, blind: pd.DataFrame | None) -> Iterator[Difference]:
    """What each layer keeps, against what the reference keeps of it."""
    names = [i for i in before.index if i in after.index]
    kept = _kept(before, after, names)
    if not len(names) or (kept == 1).all():
        yield exact("masks", "Every layer keeps as many weights as in the reference.", 0.0, _MAP)
        return
    gone, least = _gone(names, kept)
    text = f"Most of what the reference keeps is gone in {gone}{f', least in {least}' if least else ''}."
    empty = [n for n, k in zip(names, kept, strict=True) if k == 0]
    text += f" Nothing is left in {_named(empty)}." if empty else ""
    a, b = before.loc[names], after.loc[names]
    lost = int((a["channels_kept"].to_numpy(float) - b["channels_kept"].to_numpy(float)).clip(min=0).sum())
    total = int(a["channels_kept"].sum())
    if lost:
        text += f" {several(lost, 'output channel')} of {total:,} {'has' if lost == 1 else 'have'} no weight left."
    if blind is not None:
        both = [i for i in names if i in blind.index]
        gone, least = _gone(both, _kept(before, blind, both))
        text = blindly(text, f"most in {gone}{f', least in {least}' if least else ''}")
    yield exact("masks", text, float(1 - kept.min()), _MAP)


def _kept(before: pd.DataFrame, after: pd.DataFrame, names: list[Any]) -> Floats:
    """(layers,) which fraction of what the one keeps the other keeps."""
    a, b = before.loc[names, "kept"].to_numpy(float), after.loc[names, "kept"].to_numpy(float)
    return np.asarray(b / np.maximum(a, 1.0))


def _gone(names: list[Any], kept: Floats) -> tuple[str, str]:
    """The layer of which most is gone, and the one of which least is; the latter empty where that is the same."""
    most, least = int(kept.argmin()), int(kept.argmax())
    first, last = (f"{_layer(names[i])} ({percent(1 - kept[i])})" for i in (most, least))
    return first, last if most != least else ""


def _norms(c: Comparison, run_id: str, layers: dict[str, pd.DataFrame]) -> Iterator[Difference]:
    """The Euclidean norm of the kept weights; retraining changes it, too."""

    def norm(run: str) -> float:
        return float(np.sqrt((layers[run]["l2_norm"].to_numpy(float) ** 2).sum())) if run in layers else math.nan

    a, b = norm(c.reference), norm(run_id)
    if not (math.isfinite(a) and math.isfinite(b) and a > 0):
        return
    old, new = layers[c.reference]["l2_norm"], layers[run_id]["l2_norm"]
    names = [i for i in old.index if i in new.index and float(old[i]) > 0]
    each = {i: float(new[i]) / float(old[i]) - 1 for i in names}
    most = max(each, key=lambda i: abs(each[i])) if each else ""
    text = f"The kept weights' Euclidean norm is {number(b)} instead of {number(a)} ({_share(b / a - 1)})"
    text += f", most in {_layer(most)} ({_share(each[most])})." if most else "."
    baseline = [norm(y) / norm(x) - 1 for x, y in c.baseline if norm(x) > 0]
    found, control = change(b / a - 1, math.nan, math.nan, baseline, 1e-4), norm(c.controls.get(run_id, ""))
    blind = _share(control / a - 1) if math.isfinite(control) else ""
    yield against_retraining("weights", text, found, percent, _MAP, blind=blind)


def _share(value: float) -> str:
    text = percent(value)
    return f"+{text}" if value > 0 else text


def _layer(name: Any) -> str:
    return elide(plain(name), _LAYER)


def _named(names: list[Any], most: int = 3) -> str:
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return listed([*(_layer(n) for n in names[:most]), *more])
