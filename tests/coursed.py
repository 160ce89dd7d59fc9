"""A study of iterative pruning whose indices of sparsity the test chooses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pruneviz.core.tables import RUNS
from pruneviz_analyses.pq_index import PQIndex
from pruneviz_analyses.pq_index.schemas import SEEN

TURNS = np.interp(np.arange(13), [0, 5, 9, 12], [0.30, 0.10, 0.20, 0.05])


@dataclass(eq=False)
class Courses:
    """A study of iterative pruning whose indices the test gives: (dense models, levels) by method."""

    curves: dict[str, np.ndarray]
    status: dict[tuple[str, int, int], str] = field(default_factory=dict)
    seeds: int = 1
    name: str = "courses"
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def runs(self) -> pd.DataFrame:
        models = len(next(iter(self.curves.values())))
        rows = [self._row("dense", d, 0, None) for d in range(models)]
        for method, curves in self.curves.items():
            levels = range(1, curves.shape[1])
            rows += [self._row(method, *at) for at in itertools.product(range(models), levels, range(self.seeds))]
        return RUNS.frame(rows)

    def _row(self, method, d, level, seed):
        pruned = method != "dense"
        control = f"random{d}-{level}-{seed}" if pruned and method != "random" and "random" in self.curves else None
        return {
            "run_id": f"{method}{d}-{level}-{seed}" if pruned else f"d{d}",
            "name": f"{method} {d} {level}",
            "dense_run_id": f"d{d}",
            "control_run_id": control,
            "model": "net",
            "replicate": d,
            "method": method,
            "recovery": "weight-rewind" if pruned else "none",
            "level": level,
            "seed": seed,
            "accuracy": 0.9 - 0.02 * level,
            "density": 0.8**level,
            "status": self.status.get((method, d, level), "done"),
        }

    def analysed(self):
        """The same study with what the analysis measures of it."""
        self.frames = PQIndex().measure(self)
        return self

    def options_of(self, analysis):
        return {}

    def table(self, name, run_ids=None):
        if name in self.frames:
            return self.frames[name].copy()
        if name != SEEN.name:
            raise KeyError(name)
        rows = []
        for r in self.runs[self.runs["status"] == "done"].to_dict("records"):
            method = next(iter(self.curves)) if r["method"] == "dense" else r["method"]
            pqi = float(self.curves[method][r["replicate"], r["level"]])
            bound = None if np.isnan(pqi) else round(1000 * (1 - pqi))
            row = {"run_id": r["run_id"], "kept": 1000, "pqi": pqi, "pqi_removed": pqi - 0.01, "gini": 2 * pqi}
            row |= {"bound": bound, "neurons": 10, "neurons_empty": 0, "neurons_zero": 0, "neurons_pqi": pqi}
            rows += [{**row, "scope": "model"}, {**row, "scope": "layer", "layer": "fc.weight", "index": 0}]
        return SEEN.frame(rows)


def study(models=6, noise=0.003, truth=TURNS, seed=0, **more):
    rng = np.random.default_rng(seed)
    curves = {"magnitude": truth + rng.normal(0, noise, (models, len(truth)))}
    return Courses({**curves, "random": 0.3 + rng.normal(0, noise, (models, len(truth)))}, **more)
