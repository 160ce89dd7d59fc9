"""Studies of removed filters whose every number a test decides."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pruneviz.core.tables import RUNS
from pruneviz.measures.rank_correlation import stratified_order
from pruneviz_analyses.retrain_correlation.schemas import RELABELLED, RETRAINED, SUBSETS


@dataclass
class RetrainedTables:
    """Dense models that lost sets of filters: implements :class:`pruneviz.core.tables.Tables` as far as is asked."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    subsets: list[dict[str, Any]] = field(default_factory=list)
    retrained: list[dict[str, Any]] = field(default_factory=list)
    relabelled: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    name: str = "retrained"
    classes: tuple[str, ...] = ("a", "b")
    spec: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> pd.DataFrame:
        return RUNS.frame(self.rows)

    def options_of(self, analysis):
        return {}

    def table(self, name, run_ids=None):
        made = {
            "runs": (RUNS, self.rows),
            SUBSETS.name: (SUBSETS, self.subsets),
            RETRAINED.name: (RETRAINED, self.retrained),
            RELABELLED.name: (RELABELLED, self.relabelled),
        }
        if name in self.frames:
            return self.frames[name].copy()
        if name not in made or not made[name][1]:
            raise KeyError(f"there is no table {name!r}")
        frame = made[name][0].frame(made[name][1])
        texts = [c.name for c in made[name][0].columns if c.type == "str"]
        return frame.astype(dict.fromkeys(texts, "category")) if name != "runs" else frame  # as out of Parquet

    def pictures(self, sample_ids):
        raise AssertionError("nobody asks for pictures here")

    def dense(self, replicate, model="mini"):
        run_id = f"{model}{replicate}"
        row = {"run_id": run_id, "name": f"{model} #{replicate}", "dense_run_id": run_id, "model": model}
        self.rows.append({**row, "replicate": replicate, "method": "dense", "recovery": "none", "status": "done"})
        return run_id

    def cell(
        self,
        run_id,
        losses,
        finals,
        *,
        layer="conv1",
        ratio=0.2,
        filters=10,
        count=2,
        retrain=16,
        noise=0.0,
        repeats=2,
        every=True,
        seed=0,
    ):
        """A layer and ratio: ``finals`` are accuracies of all sets, to which each repeat adds its own noise."""
        rng = np.random.default_rng(seed)
        common = {"run_id": run_id, "layer": layer, "ratio": ratio}
        sets = list(itertools.combinations(range(filters), count))
        order = stratified_order(losses, 4, seed)
        place = {int(s): i for i, s in enumerate(order)}
        for i, removed in enumerate(sets):
            self.subsets.append(
                {
                    **common,
                    "subset": i,
                    "filters": str(filters),
                    "removed": " ".join(map(str, removed)),
                    "all_subsets": every,
                    "images": 100,
                    "pruned_loss": float(losses[i]) if np.isfinite(losses[i]) else None,
                    "place": place.get(i),
                }
            )
        for s, r in itertools.product(order[:retrain], range(repeats)):
            accuracy = float(finals[s] + noise * rng.normal())
            found = {"test_accuracy": accuracy, "test_loss": 1 - accuracy, "train_loss": 1 - accuracy}
            best = {f"best_{k}": v for k, v in found.items()}
            self.retrained.append(
                {**common, "subset": int(s), "repeat": r, "epochs": 3, "best_epoch": 1, **found, **best}
            )
        return self

    def relabel(self, draws, seed=0):
        """The losses that so many exchanges of the filters' labels give the retrained sets of every cell."""
        rng = np.random.default_rng(seed)
        keys = ["run_id", "layer", "ratio"]
        losses, sets = pd.DataFrame(self.subsets), pd.DataFrame(self.retrained)
        for key, own in losses.groupby(keys):
            loss_of = dict(zip(own["removed"], own["pruned_loss"], strict=True))
            names = dict(zip(own["subset"], own["removed"], strict=True))
            n = int(own["filters"].iloc[0])
            orders = [rng.permutation(n) for _ in range(draws)]
            mine = sets[(sets[keys] == list(key)).all(axis=1)]
            for subset in sorted(set(mine["subset"])):
                for draw, order in enumerate(orders):
                    renamed = " ".join(map(str, sorted(int(order[int(f)]) for f in names[subset].split())))
                    row = {**dict(zip(keys, key, strict=True)), "subset": subset, "draw": draw}
                    self.relabelled.append({**row, "pruned_loss": loss_of[renamed]})
        return self


def sets_of(filters, count):
    marks = np.zeros((0, filters), bool)
    for removed in itertools.combinations(range(filters), count):
        row = np.zeros(filters, bool)
        row[list(removed)] = True
        marks = np.vstack([marks, row])
    return marks


def study(models=3, *, agreement=1.0, noise=0.05, seed=0, cells=(("conv1", 0.2, 2),), names=("mini",), **more):
    """Losses follow from the filters' worth; results from the same worth as far as they agree, else from another."""
    rng = np.random.default_rng(seed)
    tables = RetrainedTables()
    for n, (name, m) in enumerate(itertools.product(names, range(models))):
        run_id = tables.dense(m, name)
        for layer, ratio, count in cells:
            marks = sets_of(10, count)
            worth, other = rng.normal(size=10), rng.normal(size=10)
            losses = marks @ worth + 0.1 * rng.normal(size=len(marks))
            finals = -(agreement * (marks @ worth) + (1 - abs(agreement)) * (marks @ other)) / 30
            spread = noise * float(np.std(finals))
            tables.cell(
                run_id, losses, 0.8 + finals, layer=layer, ratio=ratio, count=count, noise=spread, seed=n, **more
            )
    return tables
