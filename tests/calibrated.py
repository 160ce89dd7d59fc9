"""A study whose every logit the test chooses, for whatever measures calibration."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch

from pruneviz.core.tables import RUNS
from pruneviz.measures.classification import per_sample
from pruneviz_analyses.calibration import Calibration
from pruneviz_analyses.calibration.schemas import BINS, SEEN
from pruneviz_analyses.calibration.schemas import SAMPLES as SCORES

N, CLASSES = 300, 4
analysis = Calibration(bins=10, simulations=100, resamples=300)


class Lookup(torch.nn.Module):
    """Gives each image, which is its number, the logits that the test chose."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.as_tensor(logits)

    def forward(self, x):
        return self.logits[x[:, 0].long()]


def seen(run_id, logits, labels):
    ids = np.array([f"test:{i}" for i in range(len(labels))])
    test = SimpleNamespace(images=np.arange(len(labels), dtype=np.float32)[:, None], labels=labels, ids=ids)
    data = SimpleNamespace(test=test, preprocess=lambda x, device=None: torch.as_tensor(x))
    return SimpleNamespace(run_id=run_id, net=Lookup(logits), data=data, device="cpu")


def logits_of(rng, labels, right=0.8, scale=1.0, like=None):
    """Logits that have a share of the labels right, sure in proportion to the scale."""
    z = rng.normal(size=(len(labels), CLASSES)) if like is None else like + 0.3 * rng.normal(size=like.shape)
    z = z.copy()
    hit = rng.random(len(labels)) < right if like is None else np.zeros(len(labels), bool)
    z[np.arange(len(labels))[hit], labels[hit]] += 4
    return (scale * z).astype(np.float32)


@dataclass(eq=False)
class Study:
    """Runs with the logits that the test chose; what is seen of them is what the analysis sees."""

    labels: np.ndarray
    options: Calibration = analysis
    rows: list[dict[str, Any]] = field(default_factory=list)
    logits: dict[str, np.ndarray] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    lacking: dict[str, int] = field(default_factory=dict)
    name: str = "study"
    classes: tuple[str, ...] = tuple("abcd")
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def add(self, run_id, logits, *, method="dense", recovery="none", dense=None, seed=None, **more):
        pruned = method != "dense"
        row = {"run_id": run_id, "name": run_id, "dense_run_id": dense or run_id, "model": "net", "method": method}
        row |= {"recovery": recovery, "seed": seed, "level": int(pruned), "target": "0.9" if pruned else ""}
        self.rows.append({**row, "status": "done", **more})
        self.logits[run_id] = logits
        return self

    @property
    def runs(self):
        return RUNS.frame(self.rows)

    def look(self):
        part = dict(self.options.observations(self.runs)[0].part) if self.rows else {}
        self.seen = {}
        for r in self.logits:
            if r not in self.unseen:
                self.seen[r] = self.options.observe([seen(r, self.logits[r], self.labels)], part, lambda *at: None)
        return self

    def analysed(self):
        """The same study with what the analysis measures of it."""
        self.frames = self.options.measure(self)
        return self

    def options_of(self, analysis):
        return {}

    def table(self, name, run_ids=None):
        if name in self.frames:
            return self.frames[name].copy()
        if name not in ("samples", SEEN.name, BINS.name, SCORES.name):
            raise KeyError(name)
        ids = list(self.logits if run_ids is None else run_ids)
        if name == "samples":
            return pd.concat([self._samples(i) for i in ids], ignore_index=True)
        return pd.concat([self.seen[i][name] for i in ids if i in self.seen], ignore_index=True)

    def _samples(self, run_id):
        each = per_sample(self.logits[run_id], self.labels)
        columns = {"label": self.labels, "prediction": each.prediction, "loss": each.loss}
        columns |= {"confidence": each.confidence, "sample_id": [f"test:{i}" for i in range(N)], "run_id": run_id}
        return pd.DataFrame(columns).iloc[: N - self.lacking.get(run_id, 0)]


def make(models=6, seeds=1, sure=3.0, seed=0, retrained=True, options=analysis, nets=1, **more):
    """Dense models, each trained on, and pruned with logits so many times as large; then both without recovery."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, N)
    study = Study(labels, options, **more)
    for net, m in itertools.product(range(nets), range(models)):
        own = {"replicate": m, "model": f"net{net}" if nets > 1 else "net"}
        name = f"{net}/{m}" if nets > 1 else str(m)
        dense = logits_of(rng, labels)
        study.add(f"d{name}", dense, **own)
        for s in range(seeds):
            same = {"recovery": "finetune", "dense": f"d{name}", "seed": s, **own}
            if retrained:
                study.add(f"r{name}{s}", logits_of(rng, labels, like=dense), **same)
            study.add(f"p{name}{s}", logits_of(rng, labels, scale=sure, like=dense), method="magnitude", **same)
        if nets == 1:
            study.add(f"b{name}", logits_of(rng, labels, right=0.3), method="random", dense=f"d{name}", **own)
    return study.look()
