"""Sentences about a study as a whole, against numbers made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from pruneviz.core.tables import RUNS
from pruneviz.core.viewstate import ViewState
from pruneviz.views.findings import found


@dataclass(eq=False)
class Runs:
    rows: list[dict[str, Any]]

    @property
    def runs(self) -> pd.DataFrame:
        return RUNS.frame(self.rows)


ACCURACIES = {  # of two dense models
    ("dense", ""): (0.90, 0.92),
    ("magnitude", "weight"): (0.86, 0.88),
    ("taylor", "weight"): (0.80, 0.81),
    ("random", "weight"): (0.10, 0.12),
    ("l1-filter", "channel"): (0.30, 0.36),
    ("random-channel", "channel"): (0.20, 0.22),
}
CONTROL = {"weight": "random", "channel": "random-channel"}


def study(controls: bool = True) -> Runs:
    rows = []
    for (method, unit), accuracies in ACCURACIES.items():
        for d, accuracy in enumerate(accuracies):
            own = {"run_id": f"{method}{d}", "name": f"{method} #{d}", "dense_run_id": f"dense{d}", "replicate": d}
            own |= {"model": "net", "method": method, "recovery": "none", "status": "done", "seed": 0}
            own |= {"accuracy": accuracy, "val_accuracy": accuracy, "parameters_nonzero": 100}
            if unit:
                own |= {"unit": unit, "target": "0.9", "sparsity_target": 0.9, "sparsity_achieved": 0.9}
            if unit and controls and CONTROL[unit] != method:
                own["control_run_id"] = f"{CONTROL[unit]}{d}"
            rows.append(own)
    return Runs(rows)


def said(tables: Runs) -> list[str]:
    return [text.replace("\xa0", " ") for text in found(tables, ViewState())]


def test_each_unit_stands_beside_its_own_control() -> None:
    weights, channels = [s for s in said(study()) if "against random pruning" in s]
    assert weights.startswith("At 90 % of the weights without recovery, magnitude is best")
    assert "87.0 % on the test split, +76.0 points against random pruning (mean of 2 dense models" in weights
    assert channels.startswith("At 90 % of the channels without recovery, l1-filter is best")
    assert "33.0 % on the test split, +12.0 points" in channels
    (named,) = [s for s in said(study(controls=False)) if "against random pruning" in s]  # asked for as a method
    assert named == weights


def test_of_one_unit_it_is_not_named() -> None:
    rows = [r for r in study().rows if r.get("unit") != "channel"]
    (text,) = [s for s in said(Runs(rows)) if "against random pruning" in s]
    assert text.startswith("At 90 % without recovery, magnitude is best")
