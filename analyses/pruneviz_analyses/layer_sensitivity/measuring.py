"""Sensitivity curves over dense models, and what each layer tolerates."""

from __future__ import annotations

from collections.abc import Mapping
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
    layers: dict[tuple[str, ...], dict[str, Any]] = {}
    areas: dict[tuple[str, ...], pd.Series[float]] = {}
    for key, own in seen.groupby(list(_KEYS), sort=False, observed=True):
        name = tuple(str(k) for k in key)
        named = {**dict(zip(_KEYS, name, strict=True)), "index": int(own["index"].iloc[0])}
        table = own.pivot_table(index="run_id", columns="sparsity", values="accuracy", observed=True).dropna()
        losses = own.pivot_table(index="run_id", columns="sparsity", values="loss", observed=True, dropna=False)
        rows = list(_curve(named, table, losses.reindex(table.index), level))
        for row in rows:
            row |= {"split": str(own["split"].iloc[0]), "images": int(own["images"].iloc[0])}
        curves += rows
        sparsities, change = _changes(table)
        areas[name] = _areas(table)
        found = t_interval(areas[name].to_numpy(float), level, "dense models")
        each = [_tolerated(sparsities, c, drop) for c in change]
        layers[name] = {
            **named,
            "dense_models": len(table),
            "units": int(own["units"].iloc[0]),
            "area": found.mean,
            "area_low": found.low,
            "area_high": found.high,
            "tolerated": _tolerated(sparsities, change.mean(axis=0), drop),
            "tolerated_least": min(each),
            "tolerated_most": max(each),
            **_beyond(name, areas, level),
        }
    for name, row in layers.items():  # random may come after
        row |= _beyond(name, areas, level)
    for prefix in {k[:3] for k in layers}:
        same = sorted((r for k, r in layers.items() if k[:3] == prefix), key=lambda r: -r["area"])
        for rank, row in enumerate(same, start=1):
            row["rank"] = rank
    return {CURVES.name: CURVES.frame(curves), LAYERS.name: LAYERS.frame(list(layers.values()))}


def _changes(table: pd.DataFrame) -> tuple[Floats, Floats]:
    """The sparsities from 0, and each dense model's change of accuracy from its own."""
    values = table.to_numpy(float)
    return table.columns.to_numpy(float), values - values[:, :1]


def _curve(named: Mapping[str, Any], table: pd.DataFrame, losses: pd.DataFrame, level: float) -> list[dict[str, Any]]:
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


def _areas(table: pd.DataFrame) -> pd.Series[float]:
    """By dense model, the mean fall of accuracy from 0 to the largest sparsity, by trapezoids."""
    import pandas as pd

    sparsities, change = _changes(table)
    width = np.diff(sparsities)
    falls = -(change[:, 1:] + change[:, :-1]) / 2 @ width / max(float(width.sum()), 1e-12)
    return pd.Series(falls, index=table.index)


def _tolerated(sparsities: Floats, change: Floats, drop: float) -> float:
    """The largest sparsity up to which no smaller one costs more than ``drop``."""
    beyond = np.flatnonzero(change < -drop - 1e-12)
    last = int(beyond[0]) - 1 if len(beyond) else len(sparsities) - 1
    return float(sparsities[max(last, 0)])


def _beyond(name: tuple[str, ...], areas: Mapping[tuple[str, ...], pd.Series[float]], level: float) -> dict[str, float]:
    """The area beside that of random pruning of the same layer, paired by dense model."""
    model, unit, criterion, layer = name
    random = areas.get((model, unit, _RANDOM[unit], layer))
    if random is None or criterion == _RANDOM[unit]:
        return {}
    both = areas[name].index.intersection(random.index)
    if not len(both):
        return {}
    got = t_interval((areas[name][both] - random[both]).to_numpy(float), level, "dense models")
    return {"beyond_random": got.mean, "beyond_random_low": got.low, "beyond_random_high": got.high}
