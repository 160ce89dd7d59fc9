"""A study under corruption whose every outcome the test draws, for whatever measures or shows robustness."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pruneviz.core.tables import RUNS
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.corruption_robustness import CorruptionRobustness
from pruneviz_analyses.corruption_robustness.schemas import CLEAN, SAMPLES, SEEN

N, CLASSES, SEVERITIES = 240, 4, 3
analysis = CorruptionRobustness(resamples=300)
# What each takes of an image's margin at a severity; those of one group take it of the same images.
SHIFTS = {
    "fog": (0, 0.5),
    "contrast": (0, 0.45),
    "gaussian_noise": (1, 0.4),
    "shot_noise": (1, 0.35),
    "frost": (2, 0.5),
}


@dataclass(eq=False)
class Study:
    """Runs with what they have right: by run and corruption, (severities, images)."""

    labels: np.ndarray
    options: CorruptionRobustness = analysis
    rows: list[dict[str, Any]] = field(default_factory=list)
    right: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    sorts: dict[str, str] = field(default_factory=dict)
    name: str = "study"
    classes: tuple[str, ...] = tuple("abcd")
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def add(self, run_id, right, *, method="dense", recovery="none", dense=None, seed=None, control=None, **more):
        pruned = method != "dense"
        row = {"run_id": run_id, "name": run_id, "dense_run_id": dense or run_id, "model": "net", "method": method}
        row |= {"recovery": recovery, "seed": seed, "level": int(pruned), "target": "0.9" if pruned else ""}
        row |= {"sparsity_target": 0.9 if pruned else None, "control_run_id": control, "status": "done"}
        self.rows.append({**row, **more})
        self.right[run_id] = right
        return self

    @property
    def runs(self):
        return RUNS.frame(self.rows)

    def analysed(self):
        """The same study with what the analysis measures of it."""
        self.frames = self.options.measure(self)
        return self

    def options_of(self, analysis):
        return {}

    def table(self, name, run_ids=None):
        if name in self.frames:
            return self.frames[name].copy()
        if name not in (SEEN.name, SAMPLES.name):
            raise KeyError(name)
        ids = [r for r in self.right if run_ids is None or r in run_ids]
        if name == SEEN.name:
            return SEEN.frame([row for r in ids for row in self._seen(r)])
        return pd.concat([self._samples(ids, c) for c in (CLEAN, *SHIFTS)], ignore_index=True)

    def _seen(self, run_id):
        for corruption, right in self.right[run_id].items():
            sort = self.sorts.get(corruption, "clean" if corruption == CLEAN else "corruption")
            common = {"run_id": run_id, "corruption": corruption, "shift": sort, "images": right.shape[1]}
            for s, own in enumerate(right):
                row = {**common, "severity": 0 if corruption == CLEAN else s + 1, "accuracy": own.mean()}
                row |= {"confidence": 0.9, "loss": 1.0, "ece": 0.9 - own.mean(), "ece_floor": 0.01}
                yield {**row, "squared_error": (0.9 - own.mean()) ** 2}

    def _samples(self, ids, corruption):
        own = [r for r in ids if corruption in self.right[r]]
        if not own:
            return SAMPLES.frame([])
        right = np.stack([self.right[r][corruption] for r in own])
        digits = [format(v, f"0{right.shape[1]}b") for v in range(1 << right.shape[1])]
        codes = np.tensordot(right, 1 << np.arange(right.shape[1])[::-1], axes=(1, 0)).reshape(-1)
        n = right.shape[2]
        columns = {
            "run_id": repeated(own, np.repeat(np.arange(len(own)), n)),
            "corruption": repeated([corruption], np.zeros(len(codes), int)),
            "sample_id": repeated([f"test:{i}" for i in range(n)], np.tile(np.arange(n), len(own))),
            "label": np.tile(self.labels, len(own)),
            "right": repeated(digits, codes),
        }
        return frame_of(SAMPLES, columns)

    def pictures(self, sample_ids):
        return np.stack([np.full((8, 8, 1), int(s.rpartition(":")[2]) % 256, np.uint8) for s in sample_ids])


def outcomes(rng, hard, taken, harm=0.0, known=1.6):
    """What a model has right: margins fall with severity, for each group of corruptions on its own images."""
    margin = known - hard + 0.3 * rng.normal(size=len(hard))
    right = {CLEAN: (margin > 0)[None]}
    for name, (group, cost) in SHIFTS.items():
        loss = np.arange(1, SEVERITIES + 1)[:, None] * (cost + harm) * (0.4 + taken[group])
        right[name] = margin - loss + 0.1 * rng.normal(size=(SEVERITIES, len(hard))) > 0
    return right


def make(models=6, seeds=1, harm=0.25, seed=0, nets=1, options=analysis, retrained=True):
    """Dense models, each trained on, pruned so that corruption takes more of it, and pruned at random to chance."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, N)
    study = Study(labels, options)
    hard, taken = rng.normal(size=N), rng.gamma(2.0, 0.5, size=(3, N))
    for net, m in itertools.product(range(nets), range(models)):
        own = {"replicate": m, "model": f"net{net}" if nets > 1 else "net"}
        name = f"{net}/{m}" if nets > 1 else str(m)
        study.add(f"d{name}", outcomes(rng, hard, taken), **own)
        for s in range(seeds):
            same = {"recovery": "finetune", "dense": f"d{name}", "seed": s, **own}
            if retrained:
                study.add(f"r{name}{s}", outcomes(rng, hard, taken), **same)
            lost = {c: rng.random(v.shape) < 0.25 for c, v in study.right[f"d{name}"].items()}
            study.add(f"c{name}{s}", lost, method="random", **same)
            made = outcomes(rng, hard, taken, harm)
            study.add(f"p{name}{s}", made, method="magnitude", control=f"c{name}{s}", **same)
    return study
