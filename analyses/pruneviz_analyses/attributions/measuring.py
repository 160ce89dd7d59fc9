"""The tables of attributions, from the maps of each run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.attribution import SIMILARITIES, flat, relative_gap
from pruneviz.measures.statistics import Interval, hierarchical_bootstrap, points_only, resampled_means
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.attributions.comparing import Everything, Floats, everything
from pruneviz_analyses.attributions.schemas import ARMS, MAPS, PAIRS, RANDOM, RUNS
from pruneviz_analyses.pairs import REPLICATE, Arm, Pair, dense_models, pairs_of

if TYPE_CHECKING:
    import pandas as pd

DENSE = "dense"
Alike = Mapping[tuple[str, str, str, str], Floats]  # by attribution, similarity, run and dense model: (N,)


@dataclass(frozen=True, eq=False)
class _Study:
    """What is compared.

    Attributes:
        pairs: runs with their dense models, and dense models with each other.
        controls: random pruning alike, by run id.
        seen: all maps.
        alike: similarity of each pair, image by image, of the images drawn at random.
    """

    pairs: tuple[Pair, ...]
    controls: Mapping[str, str]
    seen: Everything
    alike: Alike
    attributions: tuple[str, ...]

    def of(self, attribution: str, similarity: str, pair: Pair) -> Floats:
        """Similarities of a pair of runs."""
        return self.alike[attribution, similarity, pair.run_id, pair.reference_run_id]

    def beside(self, attribution: str, similarity: str, pair: Pair, other: str) -> Floats:
        """Similarities of another descendant of the pair's dense model with it."""
        return self.alike[attribution, similarity, other, pair.reference_run_id]


def measure(tables: Tables, level: float, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """All three tables; see :class:`pruneviz_analyses.attributions.Attributions` for the arguments."""
    maps = _maps(tables)
    runs = tables.runs
    whole = runs[runs["run_id"].isin(set(maps["run_id"].astype(str)))]
    if whole.empty:
        return {s.name: s.frame([]) for s in (RUNS, PAIRS, ARMS)}
    # A run whose random images have been seen: the others, looked up later, may still be missing.
    drawn = set(maps.loc[(maps["chosen"] == RANDOM).to_numpy(bool), "run_id"].astype(str))
    whole = whole[whole["run_id"].isin(drawn)]
    seen = everything(maps)
    pairs = pairs_of(whole)
    controls = {str(r): str(c) for r, c in zip(whole["run_id"], whole["control_run_id"], strict=True) if c in drawn}
    attributions = tuple(dict.fromkeys(a for a, _ in seen.of))
    frame, alike = _compare(pairs, seen, attributions)
    study = _Study(pairs, controls, seen, alike, attributions)
    return {
        RUNS.name: RUNS.frame(list(_run_rows(study, whole, maps))),
        PAIRS.name: frame,
        ARMS.name: ARMS.frame(list(_arm_rows(study, level, resamples, seed))),
    }


def _maps(tables: Tables) -> pd.DataFrame:
    try:
        return tables.table(MAPS.name)
    except KeyError:  # no run has been looked at yet
        return MAPS.frame([])


def _compare(pairs: Sequence[Pair], seen: Everything, attributions: Sequence[str]) -> tuple[pd.DataFrame, Alike]:
    """The table of pairs, and the same numbers of the random images as arrays."""
    alike: dict[tuple[str, str, str, str], Floats] = {}
    said: list[tuple[int, int, Any]] = []
    for p, pair in enumerate(pairs):
        for a, attribution in enumerate(attributions):
            rank, cos, same = seen.alike(attribution, pair.run_id, pair.reference_run_id)
            for name, values in (("rank", rank), ("cosine", cos)):
                alike[attribution, name, pair.run_id, pair.reference_run_id] = values[seen.random]
            two = (seen.of[attribution, r].explained for r in (pair.run_id, pair.reference_run_id))
            there = np.flatnonzero(np.minimum(*two) >= 0)  # images of which both have a map
            said.append((p, a, (there, rank[there], cos[there], same[there])))
    if not said:
        return PAIRS.frame([]), alike
    size = [len(s[2][0]) for s in said]
    which, way = np.repeat([s[0] for s in said], size), np.repeat([s[1] for s in said], size)
    image, rank, cos, same = (np.concatenate([s[2][i] for s in said]) for i in range(4))
    columns = {
        "run_id": repeated([p.run_id for p in pairs], which),
        "reference_run_id": repeated([p.reference_run_id for p in pairs], which),
        "kind": repeated([p.arm.kind for p in pairs], which),
        "attribution": repeated(attributions, way),
        "sample_id": repeated(seen.sample_ids, image),
        "chosen": repeated(("flips", RANDOM), seen.random[image].astype(np.int64)),
        "same_class": same,
        "rank": rank,
        "cosine": cos,
    }
    return frame_of(PAIRS, columns), alike


def _run_rows(study: _Study, runs: pd.DataFrame, maps: pd.DataFrame) -> Iterator[dict[str, Any]]:
    drawn = maps[(maps["chosen"] == RANDOM).to_numpy(bool)]
    own = {(str(a), str(r)): f for (a, r), f in drawn.groupby(["attribution", "run_id"], sort=False, observed=True)}
    dense = dense_models(runs)
    roots = [(str(r), _dense_arm(str(m)), None) for r, m in zip(dense["run_id"], dense["model"], strict=True)]
    others = [(p.run_id, p.arm, p) for p in study.pairs if p.arm.kind != REPLICATE]
    for run_id, arm, pair in (*roots, *others):
        for attribution in study.attributions:
            rows = own[attribution, run_id]
            total, expected = rows["total"].to_numpy(float), rows["expected"].to_numpy(float)
            gap = relative_gap(total, expected)
            row: dict[str, Any] = {
                "run_id": run_id,
                "kind": arm.kind,
                "arm": arm.label,
                "attribution": attribution,
                "samples": len(rows),
                "flat": int(flat(np.stack(rows["values"].tolist())).sum()),
                "total": float(total.mean()),
                "expected": float(expected.mean()),
                "gap": float(np.median(gap[np.isfinite(gap)])) if np.isfinite(gap).any() else None,
            }
            if pair is not None:
                rank = study.of(attribution, "rank", pair)
                row |= {
                    "reference_run_id": pair.reference_run_id,
                    "retrained_run_id": pair.retrained_run_id,
                    "control_run_id": study.controls.get(run_id),
                    "compared": int(np.isfinite(rank).sum()),
                    **{name: _mean(study.of(attribution, name, pair)) for name in SIMILARITIES},
                }
            yield row


def _dense_arm(model: str) -> Arm:
    return Arm(DENSE, model, DENSE, "", "", 0)


def _arm_rows(study: _Study, level: float, resamples: int, seed: int) -> Iterator[dict[str, Any]]:
    arms: dict[Arm, list[Pair]] = defaultdict(list)
    for pair in sorted(study.pairs, key=lambda p: (p.run_id, p.reference_run_id)):
        arms[pair.arm].append(pair)
    for arm in dict.fromkeys(p.arm for p in study.pairs):
        for attribution in study.attributions:
            for similarity in SIMILARITIES:
                # A run whose maps are all flat has nothing to say here; the findings count it.
                own = [p for p in arms[arm] if np.isfinite(study.of(attribution, similarity, p)).any()]
                if own:
                    yield _arm_row(study, arm, own, attribution, similarity, _Bootstrap(level, resamples, seed))


@dataclass(frozen=True)
class _Bootstrap:
    """How intervals are made."""

    level: float
    resamples: int
    seed: int

    def __call__(self, values: Sequence[Floats], dense: Sequence[str], bounds: tuple[float, float]) -> Interval:
        """The mean over dense models of each run's mean over its images, with an interval where there are enough.

        Args:
            values: of each run, (N,) with NaN for images that have none.
            dense: the dense model of each run.
            bounds: of the mean.
        """
        kept = [(v, d) for v, d in zip(values, dense, strict=True) if np.isfinite(v).any()]
        each, of = [_mean(v) for v, _ in kept], [d for _, d in kept]
        drawn = None if points_only(len(set(of))) else self._draws(np.stack([v for v, _ in kept]))
        return hierarchical_bootstrap(each, of, resampled=drawn, level=self.level, bounds=bounds, seed=self.seed)

    def _draws(self, values: Floats) -> Floats:
        """(runs, B) means over draws of the images; a draw without any image of a run has the run's own mean."""
        known = np.isfinite(values)
        total = resampled_means(np.where(known, values, 0.0), self.resamples, self.seed)
        share = resampled_means(known.astype(np.float64), self.resamples, self.seed)
        own = np.array([[_mean(v)] for v in values])
        return np.where(share > 0, total / np.where(share > 0, share, 1.0), own)


def _arm_row(
    study: _Study, arm: Arm, own: Sequence[Pair], attribution: str, similarity: str, interval: _Bootstrap
) -> dict[str, Any]:
    values = [study.of(attribution, similarity, p) for p in own]
    each, dense = [_mean(v) for v in values], [p.reference_run_id for p in own]
    row: dict[str, Any] = {
        "arm": arm.label,
        **asdict(arm),
        "attribution": attribution,
        "similarity": similarity,
        "runs": len(own),
        "images": int(study.seen.random.sum()),
        "least": min(each),
        "most": max(each),
    }
    if arm.kind == REPLICATE:  # pairs share models, so that they get no interval however many they are
        models = {*dense, *(p.run_id for p in own)}
        return {
            **row,
            "dense_models": len(models),
            "mean": float(np.mean(each)),
            "retrained_runs": 0,
            "control_runs": 0,
        }
    got = interval(values, dense, (-1.0, 1.0))
    row |= {"dense_models": got.n, "mean": got.mean, "low": got.low, "high": got.high}
    retrained = {p.run_id: p.retrained_run_id for p in own if p.retrained_run_id is not None}
    for name, prefix, others in (("retrained", "retraining", retrained), ("control", "control", study.controls)):
        beside = [(p, others[p.run_id]) for p in own if p.run_id in others]
        pairs = [(p, study.beside(attribution, similarity, p, other)) for p, other in beside]
        pairs = [(p, v) for p, v in pairs if np.isfinite(study.of(attribution, similarity, p) - v).any()]
        row[f"{name}_runs"] = len(pairs)
        if pairs:
            of = [p.reference_run_id for p, _ in pairs]
            row[name] = interval([v for _, v in pairs], of, (-1.0, 1.0)).mean
            beyond = interval([study.of(attribution, similarity, p) - v for p, v in pairs], of, (-2.0, 2.0))
            row |= {f"beyond_{prefix}{end}": v for end, v in _ends(beyond)}
    return row


def _ends(got: Interval) -> tuple[tuple[str, float], ...]:
    return ("", got.mean), ("_low", got.low), ("_high", got.high)


def _mean(values: Floats) -> float:
    """Mean of those that are known; NaN where none are."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
