"""How alike each layer of pruned models still is to the dense model's, beside retraining and other dense models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.looks import method_keys, recovery_keys, recovery_looks
from pruneviz.views.marks import Axis, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.pictures.density_map import FEW_LAYERS, layer_labels, targets
from pruneviz.views.text import how_many, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "similarity_layers"
_TITLE = "How alike layers still are to the dense model's"
_BASELINES = {"retrained": ("retrained, not pruned", "star"), "replicate": ("another dense model", "diamond")}
_SPREAD = 0.6  # of a layer's width of 1, over which the arms stand side by side


@dataclass(frozen=True, eq=False)
class _Arm:
    """One method and recovery, or a baseline: a value for each layer."""

    label: str
    kind: str
    ink: str
    marker: str
    filled: bool
    dash: str
    frame: pd.DataFrame


def similarity_layers_info(tables: Tables, state: ViewState) -> Picture:
    """Mean CKA of the same layer, a line for each method and recovery at one target, and the two baselines."""
    table = table_of(tables, "similarity", "similarity_arms")
    if table is None or not np.isfinite(table["cka"].to_numpy(float)).any():
        return Picture(_NAME, _TITLE, empty=nothing_of("similarity", "the similarity of layers"), height=320)
    table = on.filtered(table, state)
    shown, models = state.target, on.unique(table["model"])
    if not models:
        return Picture(_NAME, _TITLE, empty="No model is left by the filters. Show more.", height=320)
    own = table[table["model"] == models[0]]
    at = {t: words for t, words in targets(tables, state) if t in set(own["target"].astype(str))}
    target = shown if shown in at else next(iter(list(at)[len(at) // 2 :]), "")
    arms = list(_arms(tables, own, target))
    layers = list(own.sort_values("index", kind="stable")["layer"].astype(str).unique())
    pruned = f"{'Models' if target == AS_GIVEN else 'Methods at'} {at[target]}. " if target else ""
    counts = [int(c) for a in arms for c in a.frame["dense_models"]]
    over = (
        f"bars are {level_of(tables, 'similarity')} intervals"
        if max(counts, default=0) >= POINTS_BELOW
        else f"intervals need {POINTS_BELOW} dense models"
    )
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"{pruned}Linear CKA of the same layer in both models, mean over dense models ({how_many(counts)}); {over}."
            " Lines only join a model's layers."
        ),
        sentences=tuple(_sentences(arms)),
        notes=(f"{plain(models[0])} of {several(len(models), 'model')}; filter to see others.",) * (len(models) > 1),
        x=Axis(kind="categories", categories=layer_labels(layers), upright=len(layers) > FEW_LAYERS),
        y=Axis("linear CKA with the dense model\n1: the same but for a rotation", low=_low(arms), high=1.04),
        marks=tuple(_marks(arms, layers)),
        legend=tuple(_legend(tables, own, arms, target)),
        height=420,
    )


def _legend(tables: Tables, own: pd.DataFrame, arms: Sequence[_Arm], target: str) -> Iterator[Key]:
    kinds, pruned = {a.kind for a in arms}, own[own["target"] == target]
    for kind, (words, marker) in _BASELINES.items():
        if kind in kinds:
            yield Key(words, "line", "dense", marker, False, "dotted")
    yield from method_keys(on.inks(tables.runs), set(pruned["method"].astype(str)))
    yield from recovery_keys(recovery_looks(on.unique(tables.runs["recovery"])), on.unique(pruned["recovery"]))
    if any(a.frame["undefined"].sum() for a in arms):
        yield Key("✕: in some models the layer gives the same for all images, and has no CKA", "note")


def _arms(tables: Tables, own: pd.DataFrame, target: str) -> Iterator[_Arm]:
    runs = tables.runs
    inks, looks, methods = on.inks(runs), recovery_looks(on.unique(runs["recovery"])), on.short(runs["method"])
    recoveries = on.short(runs["recovery"])
    told = own[np.isfinite(own["cka"].to_numpy(float))]
    for _, frame in told[(told["kind"] != "pruned") | (told["target"] == target)].groupby("arm", sort=False):
        r = frame.iloc[0].to_dict()
        kind = str(r["kind"])
        recovered = "" if on.missing(r["recovery"]) or r["recovery"] in ("", "none") else recoveries[str(r["recovery"])]
        if kind in _BASELINES:
            words, marker = _BASELINES[kind]
            label = f"{words} ({recovered})" if recovered else words
            yield _Arm(label, kind, "dense", marker, False, "dotted", frame)
        else:
            look, method = looks[str(r["recovery"] or "none")], str(r["method"])
            label = " · ".join(p for p in (methods[method], recovered) if p)
            yield _Arm(label, kind, inks[method], look.marker, look.filled, look.dash, frame)


def _low(arms: Sequence[_Arm]) -> float:
    ends = [a.frame[c].to_numpy(float) for a in arms for c in ("cka", "low")]
    least = float(np.nanmin(np.concatenate([e[np.isfinite(e)] for e in ends]))) if arms else 0.0
    return min(0.0, least - 0.03)


def _marks(arms: Sequence[_Arm], layers: Sequence[str]) -> Iterator[Mark]:
    place = {layer: i for i, layer in enumerate(layers)}
    for i, a in enumerate(arms):
        shift = _SPREAD * ((i + 0.5) / len(arms) - 0.5)
        x = np.array([place[str(layer)] + shift for layer in a.frame["layer"]])
        y = a.frame["cka"].to_numpy(float)
        yield Line(x, y, a.ink, a.dash, 1.2, 0.55)
        for at, low, high in zip(x, *(a.frame[c].to_numpy(float) for c in ("low", "high")), strict=True):
            if math.isfinite(low):
                yield Line(np.array([at, at]), np.array([low, high]), a.ink, width=2.0)
        yield Points(x, y, a.ink, a.marker, a.filled, 8, hover=_hover(a))
    undefined = [(place[str(r["layer"])], r) for a in arms for r in a.frame.to_dict("records") if r["undefined"]]
    if undefined:
        at = np.array([float(i) for i, _ in undefined])
        yield Text(at, np.full(len(at), 0.02), ["✕"] * len(at), "soft", "center")


def _hover(a: _Arm) -> dict[str, list[str]]:
    rows: Sequence[Mapping[Any, Any]] = a.frame.to_dict("records")
    return {
        "with the dense model": [a.label] * len(rows),
        "layer": [plain(r["layer"]) for r in rows],
        "CKA": [_with_range(r["cka"], r["low"], r["high"]) for r in rows],
        "least and most": [f"{number(r['least'])} … {number(r['most'])}" for r in rows],
        "of": [f"{several(int(r['pairs']), 'pair')}, {several(int(r['dense_models']), 'dense model')}" for r in rows],
        "against retraining": [_with_range(r["change"], r["change_low"], r["change_high"]) for r in rows],
    }


def _with_range(mean: float, low: float, high: float) -> str:
    return number(mean) + (f" ({number(low)} … {number(high)})" if math.isfinite(low) else "")


def _sentences(arms: Sequence[_Arm]) -> Iterator[str]:
    every = [a for a in arms if a.kind == "pruned"]
    pruned = [a for a in every if not a.ink.startswith("control")] or every  # the others are what these are held to
    if not pruned:
        return
    told = [(float(r["cka"]), a, str(r["layer"])) for a in pruned for r in a.frame.to_dict("records")]
    cka, worst, layer = min(told, key=lambda t: t[0])
    text = f"The least alike is {plain(layer)} after {worst.label}: CKA {number(cka)}"
    blind = [a.frame.set_index("layer")["cka"].astype("float64").get(layer) for a in every if a not in pruned]
    ends = [number(v) for v in (min(known), max(known))] if (known := [v for v in blind if v is not None]) else []
    text += f"; random pruning: {' to '.join(dict.fromkeys(ends))}" if ends else ""
    other = [r for a in arms if a.kind == "replicate" for r in a.frame.to_dict("records") if r["layer"] == layer]
    if other:
        text += f"; another dense model: {number(float(other[0]['cka']))}"
    yield text + "."
