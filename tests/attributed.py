"""A study whose every attribution map the test decides."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from reportable import Reportable

from pruneviz.core.tables import RUNS
from pruneviz_analyses.attributions import Attributions
from pruneviz_analyses.attributions.schemas import FLIPPED, MAPS

SIDE = 6
analysis = Attributions(methods=("gradcam", "lrp"), resamples=200)


@dataclass(eq=False)
class Attributed:
    """Implements :class:`pruneviz.core.tables.Tables` as far as is asked.

    Attributes:
        maps: rows of the table of maps.
        images: drawn at random; two more flip most.
    """

    images: int = 12
    options: Attributions = analysis
    rows: list[dict[str, Any]] = field(default_factory=list)
    maps: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    name: str = "attributed"
    classes: tuple[str, ...] = ("coat", "bag", "shirt")
    spec: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> pd.DataFrame:
        return RUNS.frame(self.rows)

    @property
    def ids(self) -> list[str]:
        return [f"test:{i}" for i in range(self.images + 2)]

    def options_of(self, analysis: str) -> dict[str, Any]:
        return {}

    def table(self, name: str, run_ids: Any = None) -> pd.DataFrame:
        made = {"runs": (RUNS, self.rows), MAPS.name: (MAPS, self.maps), FLIPPED.name: (FLIPPED, self._flipped)}
        if name in self.frames:
            return self.frames[name].copy()
        if name not in made or not made[name][1]:
            raise KeyError(name)
        schema, rows = made[name]
        texts = [c.name for c in schema.columns if c.type == "str"]
        return schema.frame(rows).astype(dict.fromkeys(texts, "category"))  # as out of Parquet

    def pictures(self, sample_ids: Any) -> np.ndarray:
        return np.stack([np.full((SIDE, SIDE, 1), 10 * int(s.partition(":")[2]), np.uint8) for s in sample_ids])

    @property
    def _flipped(self) -> list[dict[str, Any]]:
        return [{"sample_id": s, "place": i, "flips": 3 - i, "runs": 9} for i, s in enumerate(self.ids[self.images :])]

    def add(self, run_id: str, maps: dict[str, np.ndarray], explained: Any = 0, **row: Any) -> None:
        """A run with its maps, (images + 2, places) by way of attributing."""
        pruned = row.get("method", "dense") != "dense"
        plain = {"run_id": run_id, "name": run_id, "dense_run_id": row.pop("dense", run_id), "model": "net"}
        plain |= {"method": "dense", "recovery": "none", "level": int(pruned), "status": "done", "replicate": 0}
        plain |= {
            "target": "0.9" if pruned else "",
            "sparsity_target": 0.9 if pruned else None,
            "density": 1 - 0.9 * pruned,
        }
        self.rows.append({**plain, **row})
        classes = np.broadcast_to(explained, self.images + 2)
        for way, values in maps.items():
            for i, sample in enumerate(self.ids):
                total = float(values[i].sum())
                self.maps.append(
                    {
                        "run_id": run_id,
                        "sample_id": sample,
                        "chosen": "random" if i < self.images else "flips",
                        "attribution": way,
                        "explained": int(classes[i]),
                        "prediction": int(classes[i]),
                        "logit": 2 * total,
                        "total": total,
                        "expected": 2 * total if way == "lrp" else None,
                        "height": SIDE,
                        "width": SIDE,
                        "values": values[i].astype(np.float32),
                    }
                )

    def analysed(self) -> Attributed:
        """The same study with what the analysis measures of it."""
        self.frames = {n: f for n, f in self.options.measure(self).items() if len(f)}
        return self


def make(
    models: int = 6,
    seeds: int = 1,
    pruned: float = 0.6,
    retrained: float = 0.3,
    seed: int = 0,
    nets: int = 1,
    images: int = 12,
    options: Attributions = analysis,
) -> Attributed:
    """Dense models, each trained on, pruned, and pruned at random, which disturb its maps by so much."""
    rng = np.random.default_rng(seed)
    study = Attributed(images, options)
    shape = (images + 2, SIDE * SIDE)
    for net, number in itertools.product(range(nets), range(models)):
        name = f"{net}/{number}" if nets > 1 else str(number)
        own: dict[str, Any] = {"model": f"net{net}" if nets > 1 else "net", "replicate": number}
        dense = {w: rng.normal(size=shape) for w in options.methods}

        def disturbed(by: float, dense: dict[str, np.ndarray] = dense) -> dict[str, np.ndarray]:
            own_by = by * rng.uniform(0.5, 1.5)  # dense models differ in how much
            return {w: v + own_by * rng.normal(size=shape) for w, v in dense.items()}

        study.add(f"d{name}", dense, **own)
        for s in range(seeds):
            same = {"recovery": "finetune", "dense": f"d{name}", "seed": s, **own}
            study.add(f"r{name}{s}", disturbed(retrained), **same)
            study.add(f"x{name}{s}", disturbed(4.0), method="random", **same)
            study.add(f"p{name}{s}", disturbed(pruned), method="magnitude", control_run_id=f"x{name}{s}", **same)
    return study


def reported(**arguments: Any) -> Reportable:
    """A study with maps of two images by its first dense model and that model's first pruned one."""
    study = Reportable(methods=2, replicates=1, samples=60, **arguments)
    rng, runs = np.random.default_rng(0), study.runs
    ids = [str(s) for s in study.table("samples", [str(runs["run_id"][0])])["sample_id"][:2]]
    seen = Attributed(images=2)
    for run_id in (str(runs["run_id"][0]), str(runs.loc[runs["method"] != "dense", "run_id"].iloc[0])):
        seen.add(run_id, {"occlusion": rng.normal(size=(4, SIDE * SIDE))})
    named = dict(zip(seen.ids, ids, strict=False))
    seen.maps = [{**m, "sample_id": named[m["sample_id"]]} for m in seen.maps if m["sample_id"] in named]
    study.frames[MAPS.name] = seen.table(MAPS.name)
    study.analysed["attributions"] = ("Maps differ.",)
    return study
