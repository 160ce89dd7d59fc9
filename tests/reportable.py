"""A synthetic study with all that a report reads beside the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from synthetic import HOSTILE, METHODS, SyntheticTables

from pruneviz.core.errors import unknown
from pruneviz.core.options import to_plain
from pruneviz.core.selection import Selection
from pruneviz.core.spec import study_from_plain
from pruneviz.views.selecting import chosen

ENVIRONMENT = {
    "python": "3.11.7",
    "versions": {"numpy": "2.4.6", "pruneviz": "0.1.0", "torch": "2.13.0+cpu"},
    "processor": "a processor",
    "device": "cpu",
}


@dataclass(eq=False)
class Reportable(SyntheticTables):
    """Implements :class:`pruneviz.report.reported.Reported`.

    Attributes:
        told: the sentences of an analysis.
        analysed: sentences of others, by their names.
        frames: their tables.
        warned: what the first pruned run warned of.
        processors: of the environments that runs came from.
    """

    told: tuple[str, ...] = ("Pruning flips more than retraining does.",)
    warned: tuple[str, ...] = ()
    processors: tuple[str, ...] = ("a processor",)
    more: dict[str, Any] = field(default_factory=dict)
    analysed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        return self.frames[name].copy() if name in self.frames else super().table(name, run_ids)

    @property
    def spec(self) -> dict[str, Any]:
        table = {
            "name": "synthetic",
            "model": {"source": "my_pkg.nets:lenet5", "replicates": max(self.replicates, 1)},
            "data": {"source": "folder:photos"},
            "prune": {
                "methods": [*METHODS[: self.methods]] if self.methods else [],
                "sparsities": list(self.sparsities),
                "seeds": self.seeds,
            },
            "recover": {"recoveries": list(self.recoveries)},
            **self.more,
        }
        plain = to_plain(study_from_plain(table, "test"))
        return {**plain, "name": self.name} if self.hostile else plain

    @property
    def environment(self) -> dict[str, Any]:
        every = [{**ENVIRONMENT, "processor": p} for p in self.processors]
        return {**every[0], "mixed": len(every) > 1, "all": every}

    @property
    def data(self) -> Mapping[str, Any]:
        if not self.samples:
            return {}
        counts = {"test": self.samples, "train": 5 * self.samples, "val": self.samples}
        name = f"folder:{HOSTILE}" if self.hostile else "folder:photos"
        about = {"size": [28, 28, 1], "mean": [0.2867], "std": [0.3539], "digest": "68c16895a47d4432ed131c1816ca4936"}
        return {"name": name, "classes": list(self.classes), "counts": counts, **about}

    def findings(self) -> dict[str, tuple[str, ...]]:
        return {"prediction_changes": self.told, **self.analysed} if self._rows else {}

    def select(self, selection: Selection | str) -> tuple[str, ...]:
        if isinstance(selection, str):
            raise unknown("selection", selection, [])
        return chosen(selection, self)

    def unfit(self) -> dict[str, str]:
        return {}

    def warnings(self) -> dict[str, tuple[str, ...]]:
        pruned = [r["run_id"] for r in self._rows if r["method"] != "dense"]
        return dict.fromkeys(pruned[:2], self.warned) if self.warned else {}


def with_analysis(**arguments: Any) -> Reportable:
    """A study with removed filters retrained: two of that analysis's pictures have something to draw, one has not."""
    from retrained import study

    from pruneviz_analyses.retrain_correlation import RetrainCorrelation

    tables = study(cells=(("conv1", 0.2, 2), ("conv2", 0.2, 2)))
    frames = {n: f for n, f in RetrainCorrelation(layers=("conv1",), permutations=99).measure(tables).items() if len(f)}
    seen = {n: tables.table(n) for n in ("retrain_correlation_subsets", "retrain_correlation_retrained")}
    found = {"retrain_correlation": ("conv1 at 0.2: none detected.",)}
    return Reportable(frames={**frames, **seen}, analysed=found, **arguments)
