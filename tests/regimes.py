"""Studies of temperature and load whose every line between retrainings a test decides."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pruneviz.core.options import to_plain
from pruneviz.core.spec import StudySpec, study_from_plain
from pruneviz.core.tables import RUNS
from pruneviz.measures.regimes import PLACES
from pruneviz_analyses.three_regime.schemas import LINES, PAIRS, RETRAINED

TRAIN = {"epochs": [1, 4, 16], "lr": 0.05}


def spec(**tables: Any) -> StudySpec:
    """A study as it would be asked for; a table given here is laid over the usual one."""
    asked = {
        "model": {"source": "m:f", "name": "net"},
        "data": {"source": "sample:digits"},
        "train": TRAIN,
        "prune": {"methods": ["magnitude"], "sparsities": [0.5, 0.9], "seeds": 2},
        "recover": {"recoveries": [{"name": "finetune", "epochs": 3, "lr": 0.05}]},
    }
    return study_from_plain({**asked, **tables}, "study")


@dataclass
class RegimeTables:
    """Retrained models of a study: implements :class:`pruneviz.core.tables.Tables` as far as is asked."""

    asked: StudySpec = field(default_factory=spec)
    rows: list[dict[str, Any]] = field(default_factory=list)
    retrained: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    name: str = "regimes"
    val_images: int = 100
    classes: tuple[str, ...] = ("a", "b")
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        return to_plain(self.asked)

    @property
    def runs(self) -> pd.DataFrame:
        return RUNS.frame(self.rows)

    @property
    def data(self):
        return {"counts": {"train": 900, "val": self.val_images, "test": 1000}} if self.val_images else {}

    def options_of(self, analysis):
        return {}

    def table(self, name, run_ids=None):
        made = {RETRAINED.name: (RETRAINED, self.retrained), PAIRS.name: (PAIRS, self.pairs)}
        made[LINES.name] = LINES, self.lines
        if name in self.frames:
            return self.frames[name].copy()
        if name not in made or not made[name][1]:
            raise KeyError(f"there is no table {name!r}")
        schema, rows = made[name]
        texts = [c.name for c in schema.columns if c.type == "str"]
        return schema.frame(rows).astype(dict.fromkeys(texts, "category"))  # as out of Parquet

    def pictures(self, sample_ids):
        raise AssertionError("nobody asks for pictures here")

    def dense(self, model, replicate, *, error=0.1, val=True):
        run_id = f"{model}#{replicate}".replace(" ", "")
        row = {"run_id": run_id, "name": run_id, "dense_run_id": run_id, "model": model, "replicate": replicate}
        self.rows.append({**row, "method": "dense", "recovery": "none", **_errors(error, val), "status": "done"})
        return run_id

    def cell(self, dense, target, lmc, cka, *, error=0.2, train=0.1, seeds=2, val=True, collapsed=0, **more):
        """A pruned model and its retrainings; the first ``collapsed`` of them guess."""
        parent = next(r for r in self.rows if r["run_id"] == dense)
        ids = []
        for s in range(seeds):
            ids.append(f"{dense}-{target}-{s}")
            row = {"run_id": ids[-1], "name": ids[-1], "dense_run_id": dense, "model": parent["model"]}
            row |= {"replicate": parent["replicate"], "method": "magnitude", "recovery": "finetune(lr=0.05)"}
            row |= {"target": str(target), "level": 1, "seed": s, "density": 1 - target, "status": "done"}
            self.rows.append({**row, **_errors(error, val), **more})
            wrong = 0.89 if s < collapsed else train
            self.retrained.append({"run_id": ids[-1], "images": 100, "train_error": wrong, "guess_error": 0.9})
        for a, b in itertools.combinations(ids, 2):
            for t in PLACES:  # as high in the middle as the LMC says
                here = {"run_id": a, "other_run_id": b, "t": t}
                self.lines.append({**here, "train_error": train - lmc * 4 * t * (1 - t)})
            self.pairs.append({"run_id": a, "other_run_id": b, "lmc": lmc, "cka": cka, "cka_unbiased": cka - 0.01})
        return self


def _errors(error, val):
    return {"accuracy": 1 - error - 0.01, **({"val_accuracy": 1 - error} if val else {})}


# By temperature (epochs 1, 4, 16, from hot to cold) and target: LMC, CKA and error, as in the paper's picture.
PAPER = {
    (1, 0.5): (0.0, 0.80, 0.20),
    (4, 0.5): (0.0, 0.97, 0.12),
    (16, 0.5): (0.0, 0.98, 0.10),
    (1, 0.9): (0.0, 0.70, 0.30),
    (4, 0.9): (-0.01, 0.96, 0.25),
    (16, 0.9): (-0.30, 0.60, 0.40),
}


def study(models=2, cells=PAPER, asked=None, val_images=100, **more):
    """Dense models that differ a little from each other."""
    asked = asked or spec()
    tables = RegimeTables(asked, val_images=val_images)
    for train, m in itertools.product(asked.trains, range(models)):
        dense = tables.dense(asked.dense_label(asked.models[0], train), m, error=0.3 / train.epochs)
        for (epochs, target), (lmc, cka, error) in cells.items():
            if epochs == train.epochs:
                tables.cell(dense, target, lmc - 0.001 * m, cka, error=error + 0.01 * m, **more)
    return tables
