"""Studies of small networks whose features a test can work out, for whatever looks at feature geometry."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from pruneviz.core.tables import RUNS, SAMPLES
from pruneviz.data import ImageData, Split
from pruneviz.measures.classification import per_sample
from pruneviz.models import examine
from pruneviz.study.observe import SeenModel
from pruneviz_analyses.feature_geometry import FeatureGeometry

SIDE = 8


def data(n=60, classes=4, seed=0, noise=25.0):
    """Grey images of 8 × 8 pixels whose class is a bright corner or side."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    images = rng.normal(90, noise, size=(n, SIDE, SIDE, 1))
    for i, k in enumerate(labels):
        images[i, 2 * (k % 4) : 2 * (k % 4) + 2, : 4 + k // 4, 0] += 90
    pixels = np.clip(images, 0, 255).astype(np.uint8)
    ids = np.array([f"test:{i}" for i in range(n)])
    names = tuple(f"class {k}" for k in range(classes))
    split = Split(pixels, labels.astype(np.int64), ids)
    return ImageData("made", split, None, split, names, (0.4,), (0.2,))


def net(classes=4, seed=0, width=12):
    """Two layers on pixels, trained a little, so that it is mostly right."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, width), nn.ReLU(), nn.Linear(width, classes))


def trained(given, on, steps=60):
    x, y = on.preprocess(on.test.images), torch.as_tensor(on.test.labels)
    optimizer = torch.optim.Adam(given.parameters(), 0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(given(x), y).backward()
        optimizer.step()
    return given.eval()


def seen(given, on, run_id="r"):
    """A model as an analysis sees it."""
    example = on.preprocess(on.test.images[:1])
    return SeenModel(run_id, given.eval(), None, examine(given, example, len(on.classes)), on, example, "cpu")


def disturbed(given, share, seed):
    """A copy whose first layer has lost a share of its weights, chosen by the seed; the least ones without."""
    out = copy.deepcopy(given)
    weight = out[1].weight.data
    score = weight.abs() if seed is None else torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed))
    weight[score <= score.flatten().kthvalue(max(1, int(share * score.numel()))).values] = 0
    return out.eval()


@dataclass(eq=False)
class Study:
    """Runs with their networks; what the analysis sees of them is what it would see in a study."""

    data: ImageData
    options: FeatureGeometry
    rows: list[dict[str, Any]] = field(default_factory=list)
    nets: dict[str, nn.Module] = field(default_factory=dict)
    seen: dict[str, dict[str, pd.DataFrame]] = field(default_factory=dict)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    name: str = "study"

    @property
    def classes(self):
        return self.data.classes

    @property
    def runs(self):
        return RUNS.frame(self.rows)

    def add(self, run_id, given, *, method="dense", recovery="none", dense=None, **more):
        pruned = method != "dense"
        row = {"run_id": run_id, "name": run_id, "dense_run_id": dense or run_id, "model": "net", "method": method}
        row |= {"recovery": recovery, "level": int(pruned), "target": "0.5" if pruned else "", "status": "done"}
        self.rows.append({**row, "accuracy": 0.9, "density": 0.5 if pruned else 1.0, **more})
        self.nets[run_id] = given
        return self

    def look(self, *run_ids):
        part = dict(self.options.observations(self.runs)[0].part)
        for r in run_ids or self.nets:
            self.seen[r] = self.options.observe([seen(self.nets[r], self.data, r)], part, lambda *at: None)
        return self

    def analysed(self):
        self.frames = self.options.measure(self)
        return self

    def options_of(self, analysis):
        return {}

    def table(self, name, run_ids=None):
        if name in self.frames:
            return self.frames[name].copy()
        if name == "samples":
            found = [self._samples(r) for r in (self.nets if run_ids is None else run_ids)]
            return pd.concat(found, ignore_index=True)
        if name not in {s.name for s in self.options.observed} or not self.seen:
            raise KeyError(name)
        own = [f[name] for r, f in self.seen.items() if run_ids is None or r in run_ids]
        return pd.concat(own, ignore_index=True)

    def _samples(self, run_id):
        test = self.data.test
        with torch.no_grad():
            each = per_sample(self.nets[run_id](self.data.preprocess(test.images)).numpy(), test.labels)
        columns = {"sample_id": test.ids, "label": test.labels, "prediction": each.prediction, "loss": each.loss}
        columns |= {"confidence": each.confidence, "margin": each.margin, "run_id": run_id}
        return pd.DataFrame(columns)[SAMPLES.names]

    def pictures(self, sample_ids):
        at = {str(s): i for i, s in enumerate(self.data.test.ids)}
        return self.data.test.images[[at[s] for s in sample_ids]]


def make(models=3, options=None, seed=0, n=60, classes=4, more=True):
    """Dense models, each trained on, and pruned by magnitude and at random."""
    on = data(n, classes, seed)
    asked = FeatureGeometry(corruptions=("brightness", "contrast"), resamples=200, attributed=2, layout="mds")
    study = Study(on, options or asked)
    for m in range(models):
        own, dense = {"replicate": m}, trained(net(classes, 100 * seed + m), on)
        study.add(f"d{m}", dense, **own)
        after = {"recovery": "finetune", "dense": f"d{m}", "seed": 0, **own}
        if more:
            study.add(f"r{m}", trained(copy.deepcopy(dense), on, 5), **after)
        cut = trained(disturbed(dense, 0.5, None), on, 5)
        study.add(f"m{m}", cut, method="magnitude", control_run_id=f"x{m}", sparsity_target=0.5, **after)
        study.add(f"x{m}", disturbed(dense, 0.5, m), method="random", sparsity_target=0.5, **after)
    return study.look()


def pairs(items):
    """Every two of them."""
    return list(itertools.combinations(items, 2))
