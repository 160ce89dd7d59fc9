"""Same-layer CKA of each run with its dense model, beside retraining and other dense models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Schema, Tables
from pruneviz.measures.statistics import hierarchical_bootstrap
from pruneviz_analyses.pairs import REPLICATE, Arm, Pair, pairs_of
from pruneviz_analyses.similarity.schemas import ARMS, RUNS, SEEN

if TYPE_CHECKING:
    import pandas as pd

OTHER = "other"

Values = Mapping[tuple[str, str, str], float]  # by run, reference and layer; both ways round


def observed(tables: Tables, schema: Schema) -> pd.DataFrame:
    """A table of what was seen; empty where nothing was yet."""
    try:
        return tables.table(schema.name)
    except KeyError:
        return schema.frame([])


def layers_frames(tables: Tables, level: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """The tables :data:`RUNS` and :data:`ARMS`."""
    seen = observed(tables, SEEN)
    same = seen[seen["layer"].astype(str) == seen["reference_layer"].astype(str)]
    values: dict[tuple[str, str, str], float] = {}
    order: dict[str, dict[str, int]] = defaultdict(dict)  # by run, a layer's place
    columns = (same[c] for c in ("run_id", "reference_run_id", "layer", "index", "reference_index", "cka"))
    for run, reference, layer, at, other_at, cka in zip(*columns, strict=True):
        values[run, reference, layer] = values[reference, run, layer] = float(cka)
        order[run][layer], order[reference][layer] = int(at), int(other_at)
    pairs = pairs_of(tables.runs)
    known = {frozenset((p.run_id, p.reference_run_id)) for p in pairs}
    rows = [r for p in pairs for r in _pair_rows(p, values, order)]
    for run, reference in sorted({(a, b) for a, b, _ in values if a < b} - {tuple(sorted(k)) for k in known}):
        rows += _other_rows(run, reference, values, order)
    arms: dict[Arm, list[Pair]] = defaultdict(list)
    for p in pairs:
        arms[p.arm].append(p)
    means = [r for arm, own in arms.items() for r in _arm_rows(arm, _by_id(own), values, order, level, resamples, seed)]
    return {RUNS.name: RUNS.frame(rows), ARMS.name: ARMS.frame(means)}


def _by_id(pairs: Sequence[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda p: (p.run_id, p.reference_run_id))


def _pair_rows(p: Pair, values: Values, order: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, Any]]:
    retrained = p.retrained_run_id
    for layer, at in order.get(p.run_id, {}).items():
        if (p.run_id, p.reference_run_id, layer) in values:
            yield {
                "run_id": p.run_id,
                "reference_run_id": p.reference_run_id,
                "retrained_run_id": retrained,
                "kind": p.arm.kind,
                "arm": p.arm.label,
                "layer": layer,
                "index": at,
                "cka": values[p.run_id, p.reference_run_id, layer],
                "retrained_cka": values.get((str(retrained), p.reference_run_id, layer)),
            }


def _other_rows(
    run: str, reference: str, values: Values, order: Mapping[str, Mapping[str, int]]
) -> Iterator[dict[str, Any]]:
    for layer, at in order[run].items():
        if (run, reference, layer) in values:
            named = {"run_id": run, "reference_run_id": reference, "kind": OTHER}
            yield {**named, "layer": layer, "index": at, "cka": values[run, reference, layer]}


def _arm_rows(
    arm: Arm,
    pairs: Sequence[Pair],
    values: Values,
    order: Mapping[str, Mapping[str, int]],
    level: float,
    resamples: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    layers = {layer: at for p in pairs for layer, at in order.get(p.run_id, {}).items()}
    for layer, at in sorted(layers.items(), key=lambda item: item[1]):
        there = [p for p in pairs if (p.run_id, p.reference_run_id, layer) in values]
        cka = np.array([values[p.run_id, p.reference_run_id, layer] for p in there])
        told = [(p, v) for p, v in zip(there, cka, strict=True) if np.isfinite(v)]
        dense = [p.reference_run_id for p, _ in told]
        models = {m for p, _ in told for m in (p.run_id, p.reference_run_id)} if arm.kind == REPLICATE else set(dense)
        row: dict[str, Any] = {
            "arm": arm.label,
            **asdict(arm),
            "layer": layer,
            "index": at,
            "pairs": len(told),
            "undefined": len(there) - len(told),
            "dense_models": len(models),
            "retrained_runs": 0,
        }
        if told:
            found = np.array([v for _, v in told])
            row |= {"least": float(found.min()), "most": float(found.max()), "cka": float(found.mean())}
            if arm.kind != REPLICATE:  # pairs of dense models share models, so they are not independent
                got = hierarchical_bootstrap(found, dense, level=level, bounds=(-1, 1), resamples=resamples, seed=seed)
                row |= {"cka": got.mean, "low": got.low, "high": got.high}
            row |= _change(told, layer, values, level, resamples, seed)
        if there:
            yield row


def _change(
    told: Sequence[tuple[Pair, float]], layer: str, values: Values, level: float, resamples: int, seed: int
) -> dict[str, float]:
    """The difference from what retraining alone gives, paired by dense model and seed."""
    beside = [
        (v, values[str(p.retrained_run_id), p.reference_run_id, layer], p.reference_run_id)
        for p, v in told
        if np.isfinite(values.get((str(p.retrained_run_id), p.reference_run_id, layer), np.nan))
    ]
    if not beside:
        return {}
    own, alone, dense = (list(each) for each in zip(*beside, strict=True))
    difference = np.array(own) - np.array(alone)
    got = hierarchical_bootstrap(difference, dense, level=level, bounds=(-2, 2), resamples=resamples, seed=seed)
    mean = hierarchical_bootstrap(alone, dense, resamples=200).mean
    return {
        "retrained_runs": len(beside),
        "retrained_cka": mean,
        "change": got.mean,
        "change_low": got.low,
        "change_high": got.high,
    }
