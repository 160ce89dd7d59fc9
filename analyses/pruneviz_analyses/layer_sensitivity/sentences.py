"""What layer_sensitivity found, in sentences that claim no more than their interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz_analyses.judging import among, interval_of
from pruneviz_analyses.layer_sensitivity.schemas import CURVES, LAYERS
from pruneviz_analyses.words import counted, percent

if TYPE_CHECKING:
    import pandas as pd

_MOST = 6  # layers named in a sentence
_LEARNT = 1.5  # times chance, below which a network knows nothing to speak of

Told = Mapping[tuple[str, str, str], Judged]  # by model, criterion and layer


def findings(tables: Tables, frames: Mapping[str, pd.DataFrame], drop: float, level: float) -> tuple[str, ...]:
    """By model and criterion: which layers are hurt most, what each tolerates, and what random pruning does."""
    layers, curves = frames[LAYERS.name], frames[CURVES.name]
    said: list[str] = []
    judged = judge(
        {
            _key(r): interval_of({**r, "runs": r["dense_models"]}, "beyond_random", level)
            for r in layers.to_dict("records")
        }
    )
    said += _at_chance(curves, 1 / max(len(tables.classes), 1))
    for (model, criterion), own in layers.groupby(["model", "criterion"], sort=False):
        mine = curves[(curves["model"] == model) & (curves["criterion"] == criterion)]
        said += _criterion(str(model), str(criterion), own, mine, drop, level, judged)
    said += among(judged, level, "layer against random pruning")
    return (*said, *_left_out(tables, layers))


def _at_chance(curves: pd.DataFrame, chance: float) -> Iterator[str]:
    """Models that are hardly right more often than guessing before anything is pruned, and so have nothing to lose."""
    for model, own in curves[curves["sparsity"] == 0].groupby("model", sort=False):
        accuracy = float(own["accuracy"].mean())
        if accuracy < _LEARNT * chance:
            yield (
                f"{model}: the dense model is right in {percent(accuracy)}, chance being {percent(chance)}, so it has "
                "next to nothing to lose and what follows says nothing of its layers."
            )


def _key(r: Mapping[Any, Any]) -> tuple[str, str, str]:
    return str(r["model"]), str(r["criterion"]), str(r["layer"])


def _criterion(
    model: str, criterion: str, own: pd.DataFrame, curves: pd.DataFrame, drop: float, level: float, judged: Told
) -> Iterator[str]:
    rows = own[own["rank"].notna()].sort_values("rank").to_dict("records")
    if len(rows) < len(own):
        names = ", ".join(own.loc[own["rank"].isna(), "layer"].astype(str))
        yield f"{model}, {criterion}: of so few units none of these fractions can go, and is left out: {names}."
    if not rows:
        return
    n, images = int(own["dense_models"].max()), int(curves["images"].iloc[0])
    split = str(curves["split"].iloc[0])
    where = "validation" if split == "val" else "training"
    reached = _reached(float(rows[0]["up_to"]), curves)
    told = ", ".join(_area(r) for r in rows[:_MOST])
    sure = f", intervals at {100 * level:g} %" if any(_known(r["area_low"]) for r in rows) else ""
    more = f", and {len(rows) - _MOST} more" if len(rows) > _MOST else ""
    yield (
        f"{model}, {criterion}: mean fall of accuracy over sparsities up to {reached} with one layer pruned, "
        f"in points, on {images:,} {where} images ({counted(n, 'dense model')}{sure}): {told}{more}."
    )
    least = ", ".join(_tolerated(r) for r in sorted(rows, key=lambda r: r["tolerated"])[:_MOST])
    yield (
        f"{model}, {criterion}: sparsity that a layer tolerates by itself, without retraining, for a fall of "
        f"{100 * drop:g} points: {least}{more}."
    )
    beside = [(str(r["layer"]), judged[_key(r)]) for r in rows if _key(r) in judged]
    if beside:
        better = [name for name, j in beside if j.sign < 0]
        worse = [name for name, j in beside if j.sign > 0]
        alone = [name for name, j in beside if j.alone]
        same = [name for name, j in beside if not (j.sign or j.alone)]
        own_words = f"a difference by itself alone, not among {beside[0][1].among}"
        parts = [
            f"{words} in {', '.join(names[:_MOST])}{' …' if len(names) > _MOST else ''}"
            for words, names in (
                ("less", better),
                ("more", worse),
                (own_words, alone),
                ("no difference detected", same),
            )
            if names
        ]
        yield f"{model}, {criterion}: it hurts, against random pruning of the same layer, {'; '.join(parts)}."


def _reached(up_to: float, curves: pd.DataFrame) -> str:
    """How far the mean goes; said to be a limit where it is less than was asked of some layer."""
    less = up_to < float(curves["sparsity"].max()) - 0.005  # of many units what goes is nearly what is asked
    return f"{up_to:.2g}" + (", which every layer reaches," if less else "")


def _area(r: Mapping[Any, Any]) -> str:
    span = f" ({_points(r['area_low'])} … {_points(r['area_high'])})" if _known(r["area_low"]) else ""
    return f"{r['layer']} {_points(r['area'])}{span}"


def _tolerated(r: Mapping[Any, Any]) -> str:
    low, high = r["tolerated_least"], r["tolerated_most"]
    span = f" ({low:g} to {high:g} by dense model)" if low != high else ""
    return f"{r['layer']} {r['tolerated']:g}{span}"


def _left_out(tables: Tables, layers: pd.DataFrame) -> Iterator[str]:
    runs = tables.runs
    dense = runs[(runs["method"] == "dense") & (runs["run_id"] == runs["dense_run_id"])]
    for model, own in dense.groupby("model", sort=False):
        seen = layers.loc[layers["model"] == model, "dense_models"]
        lacking = len(own) - (int(seen.min()) if len(seen) else 0)
        if lacking:
            yield f"{model}: {counted(lacking, 'dense model')} not looked at yet or failed. Run the study again."


def _known(value: Any) -> bool:
    return value is not None and str(value) not in ("<NA>", "nan") and math.isfinite(value)


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}".replace("-", "−")
