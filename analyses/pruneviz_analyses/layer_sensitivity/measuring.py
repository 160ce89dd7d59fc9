"""Sensitivity curves over dense models, and what each layer tolerates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.statistics import t_interval
from pruneviz_analyses.layer_sensitivity.schemas import CURVES, LAYERS, SEEN

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

_RANDOM = {"weight": "random", "channel": "random-channel", "nm": "random-nm"}
_KEYS = ("model", "unit", "criterion", "layer")
Name = tuple[str, ...]  # by those keys


@dataclass(frozen=True)
class _Falls:
    """How far accuracy falls as a layer loses more: of few units the fraction that goes is not quite that asked for.

    Attributes:
        removed: fractions of the layer's units that went, from 0.
        falls: of accuracy there, a row for each dense model.
        models: these.
    """

    removed: Floats
    falls: Floats
    models: pd.Index

    @property
    def most(self) -> float:
        """The largest fraction that went."""
        return float(self.removed[-1])

    def areas(self, up_to: float) -> Floats:
        """By dense model, the mean fall from nothing removed to a fraction above 0, by trapezoids."""
        at = np.append(self.removed[self.removed < up_to], up_to)
        falls = np.array([np.interp(at, self.removed, row) for row in self.falls])
        return np.asarray(np.trapezoid(falls, at, axis=1) / up_to, float)


def measure(tables: Tables, drop: float, level: float) -> dict[str, pd.DataFrame]:
    """Both tables; see :class:`pruneviz_analyses.layer_sensitivity.LayerSensitivity` for the arguments."""
    try:
        seen = tables.table(SEEN.name)
    except KeyError:  # no model has been looked at yet
        return {s.name: s.frame([]) for s in (CURVES, LAYERS)}
    runs = tables.runs
    models = dict(zip(runs["run_id"], runs["model"], strict=True))
    seen = seen.assign(model=[str(models.get(r, "")) for r in seen["run_id"]])
    curves: list[dict[str, Any]] = []
    layers: dict[Name, dict[str, Any]] = {}
    falls: dict[Name, _Falls] = {}
    for key, own in seen.groupby(list(_KEYS), sort=False, observed=True):
        name = tuple(str(k) for k in key)
        named = {**dict(zip(_KEYS, name, strict=True)), "index": int(own["index"].iloc[0])}
        table = own.pivot_table(index="run_id", columns="sparsity", values="accuracy", observed=True).dropna()
        losses = own.pivot_table(index="run_id", columns="sparsity", values="loss", observed=True, dropna=False)
        removed = own.groupby("sparsity", observed=True)["achieved"].max().reindex(table.columns).to_numpy(float)
        rows = list(_curve(named, table, removed, losses.reindex(table.index), level))
        for row in rows:
            row |= {"split": str(own["split"].iloc[0]), "images": int(own["images"].iloc[0])}
        curves += rows
        sparsities, change = _changes(table)
        falls[name] = _Falls(removed, -change, table.index)
        each = [_tolerated(sparsities, c, drop) for c in change]
        layers[name] = {
            **named,
            "dense_models": len(table),
            "units": int(own["units"].iloc[0]),
            "tolerated": _tolerated(sparsities, change.mean(axis=0), drop),
            "tolerated_least": min(each),
            "tolerated_most": max(each),
        }
    for prefix in dict.fromkeys(name[:3] for name in layers):
        same = {name: f for name, f in falls.items() if name[:3] == prefix and f.most > 0}
        up_to = min((f.most for f in same.values()), default=0.0)
        for name, own_falls in same.items():
            layers[name] |= _area(own_falls, up_to, level) | _beyond(name, falls, up_to, level)
        for rank, name in enumerate(sorted(same, key=lambda name: -layers[name]["area"]), start=1):
            layers[name]["rank"] = rank
    return {CURVES.name: CURVES.frame(curves), LAYERS.name: LAYERS.frame(list(layers.values()))}


def _changes(table: pd.DataFrame) -> tuple[Floats, Floats]:
    """The sparsities from 0, and each dense model's change of accuracy from its own."""
    values = table.to_numpy(float)
    return table.columns.to_numpy(float), values - values[:, :1]


def _curve(
    named: Mapping[str, Any], table: pd.DataFrame, removed: Floats, losses: pd.DataFrame, level: float
) -> list[dict[str, Any]]:
    sparsities, change = _changes(table)
    rows = []
    for i, sparsity in enumerate(sparsities):
        got = t_interval(change[:, i], level, "dense models")
        loss = losses[sparsity].to_numpy(float) if sparsity in losses else np.full(len(table), np.nan)
        dense = losses[sparsities[0]].to_numpy(float)
        finite = bool(np.isfinite(loss).all() and np.isfinite(dense).all())
        rows.append(
            {
                **named,
                "sparsity": float(sparsity),
                "achieved": float(removed[i]),
                "dense_models": len(table),
                "accuracy": float(table[sparsity].mean()),
                "loss": float(loss.mean()) if finite else None,
                "loss_change": float((loss - dense).mean()) if finite else None,
                "change": got.mean,
                "change_low": max(got.low, -1.0) if i else None,
                "change_high": min(got.high, 1.0) if i else None,
                "least": float(change[:, i].min()),
                "most": float(change[:, i].max()),
            }
        )
    return rows


def _tolerated(sparsities: Floats, change: Floats, drop: float) -> float:
    """The largest sparsity up to which no smaller one costs more than ``drop``."""
    beyond = np.flatnonzero(change < -drop - 1e-12)
    last = int(beyond[0]) - 1 if len(beyond) else len(sparsities) - 1
    return float(sparsities[max(last, 0)])


def _area(own: _Falls, up_to: float, level: float) -> dict[str, float]:
    got = t_interval(own.areas(up_to), level, "dense models")
    return {"up_to": up_to, "area": got.mean, "area_low": got.low, "area_high": got.high}


def _beyond(name: Name, falls: Mapping[Name, _Falls], up_to: float, level: float) -> dict[str, float]:
    """The area beside that of random pruning of the same layer at the same fractions, paired by dense model."""
    model, unit, criterion, layer = name
    own, random = falls[name], falls.get((model, unit, _RANDOM[unit], layer))
    if random is None or criterion == _RANDOM[unit] or not np.array_equal(own.removed, random.removed):
        return {}
    both = own.models.intersection(random.models)
    if not len(both):
        return {}
    apart = [f.areas(up_to)[f.models.get_indexer(both)] for f in (own, random)]
    got = t_interval(apart[0] - apart[1], level, "dense models")
    return {"beyond_random": got.mean, "beyond_random_low": got.low, "beyond_random_high": got.high}
