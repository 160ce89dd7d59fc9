"""Small studies whose every prediction a test decides."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from pruneviz.core.tables import RUNS, SAMPLES


@dataclass
class Tiny:
    """Tables of a few runs, with the predictions given."""

    labels: np.ndarray
    classes: tuple[str, ...]
    rows: list[dict] = field(default_factory=list)
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    order: np.random.Generator | None = None  # shuffles the rows
    name: str = "tiny"
    spec: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)

    def add(self, run_id, predictions, *, method="dense", recovery="none", dense=None, seed=None, **more):
        pruned = method != "dense"
        row = {
            "run_id": run_id,
            "name": run_id,
            "dense_run_id": dense or run_id,
            "parent_run_id": dense,
            "model": "net",
            "method": method,
            "recovery": recovery,
            "seed": seed,
            "level": int(pruned),
            "target": "0.9" if pruned else "",
            "sparsity_achieved": 0.9 if pruned else 0.0,
            "status": "done",
        }
        self.rows.append({**row, **more})
        self.predictions[run_id] = np.asarray(predictions)
        return self

    @property
    def runs(self) -> pd.DataFrame:
        return RUNS.frame(self.rows)

    def table(self, name, run_ids=None):
        assert name == "samples"
        ids = list(self.predictions if run_ids is None else run_ids)
        if not ids:
            return SAMPLES.frame([])
        n = len(self.labels)
        predictions = np.concatenate([self.predictions[i] for i in ids])
        frame = pd.DataFrame(
            {
                "run_id": pd.array(np.repeat(ids, n), dtype="string"),
                "sample_id": pd.array(np.tile([f"test:{i}" for i in range(n)], len(ids)), dtype="string"),
                "label": pd.array(np.tile(self.labels, len(ids)), dtype="Int64"),
                "prediction": pd.array(predictions, dtype="Int64"),
            }
        )
        rows = np.flatnonzero(predictions >= 0)  # −1: not measured
        return frame.iloc[rows if self.order is None else self.order.permutation(rows)].reset_index(drop=True)

    def pictures(self, sample_ids):
        raise AssertionError("an analysis of numbers asks for no pictures")


@pytest.fixture
def tiny():
    return Tiny


def disturbed(rng, labels, predictions, share, classes):
    """The predictions, a share of them replaced by random classes."""
    out = predictions.copy()
    hit = rng.random(len(labels)) < share
    out[hit] = rng.integers(0, classes, int(hit.sum()))
    return out


@pytest.fixture
def make_study(tiny):
    """A study of dense models, each retrained and pruned, whose disturbances the test chooses."""

    def make(seed=0, models=3, seeds=2, n=120, classes=4, retrained=0.1, pruned=0.3, nets=1):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, classes, n)
        study = tiny(labels, tuple(f"class {k}" for k in range(classes)), order=np.random.default_rng(seed + 1))
        for net, m in itertools.product(range(nets), range(models)):
            name = f"{net}/{m}" if nets > 1 else str(m)
            own = {"model": f"net{net}" if nets > 1 else "net", "replicate": m}
            dense = disturbed(rng, labels, labels, 0.2, classes)
            study.add(f"d{name}", dense, **own)
            for s in range(seeds):
                same = {"recovery": "finetune", "dense": f"d{name}", "seed": s, **own}
                study.add(f"r{name}{s}", disturbed(rng, labels, dense, retrained, classes), **same)
                cut = disturbed(rng, labels, dense, pruned, classes)
                study.add(f"p{name}{s}", cut, method="magnitude", **same)
            bare = disturbed(rng, labels, dense, 0.5, classes)
            study.add(f"b{name}", bare, method="magnitude", dense=f"d{name}", **own)
        return study

    return make
