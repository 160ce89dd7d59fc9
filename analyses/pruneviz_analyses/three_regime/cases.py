"""The paper's case studies on a diagram's own cells: which way to move, and which model to prune."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.regimes import LOWER, RAISE, chosen
from pruneviz.measures.statistics import standard_error
from pruneviz_analyses.three_regime.diagrams import VALIDATION, judged_by
from pruneviz_analyses.three_regime.schemas import CHOICES, MOVES
from pruneviz_analyses.three_regime.temperature import spec_of, temperature_of

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz_analyses.three_regime import ThreeRegime

OURS, DENSE, ANY, BEST = "three regimes", "best dense model", "any model", "best after retraining"


def moves_frame(cells: pd.DataFrame) -> pd.DataFrame:
    """Every step between neighbouring temperatures at one load, in both directions."""
    rows = []
    for key, own in cells.groupby(["diagram", "target"], sort=False):
        line = own.sort_values("rank").to_dict("records")
        for here, there, direction in (
            *((a, b, RAISE) for a, b in itertools.pairwise(line)),
            *((b, a, LOWER) for a, b in itertools.pairwise(line)),
        ):
            change = there["error"] - here["error"]
            if math.isfinite(change):
                rows.append(
                    {
                        "diagram": str(key[0]),
                        "target": str(key[1]),
                        "density": here["density"],
                        "regime": here["regime"],
                        "advice": here["advice"],
                        "from_temperature": here["temperature"],
                        "to_temperature": there["temperature"],
                        "direction": direction,
                        "change": change,
                        "change_se": math.hypot(here["error_se"], there["error_se"]),
                    }
                )
    return MOVES.frame(rows)


def choices_frame(tables: Tables, cells: pd.DataFrame, options: ThreeRegime) -> pd.DataFrame:
    """Which of the temperatures to prune at each load, by the regimes and by what one would do without them."""
    before = _dense_errors(tables, options) if len(cells) else {}
    rows: list[dict[str, Any]] = []
    for key, own in cells.groupby(["diagram", "target"], sort=False):
        line = own[np.isfinite(own["error"].to_numpy(float))].sort_values("rank")
        if len(line) < 2:
            continue
        error, test = (line[name].to_numpy(float) for name in ("error", "test_error"))
        images = line["judged_images"].astype(float).iloc[0]
        values = line["temperature"].to_numpy(float)
        family = str(line["model"].iloc[0])
        dense = np.array([before.get((family, v), math.nan) for v in values])
        best = int(np.argmin(error))
        picks: dict[str, int | None] = {
            OURS: chosen(line["lmc"].to_numpy(float), line["cka"].to_numpy(float), barrier=options.barrier),
            DENSE: int(np.nanargmin(dense)) if np.isfinite(dense).any() else None,
            BEST: best,
        }
        common = {"diagram": str(key[0]), "target": str(key[1]), "density": float(line["density"].mean())}
        common |= {"models": len(line)}
        costs: dict[str, tuple[Any, float, float]] = {
            rule: (values[at], error[at], test[at]) for rule, at in picks.items() if at is not None
        }
        costs[ANY] = (None, error.mean(), test.mean())
        for rule, (value, own_error, own_test) in costs.items():
            se = np.hypot(*standard_error([own_error, error[best]], images)) if value != values[best] else None
            found = {"error": own_error, "regret": own_error - error[best], "regret_se": se}
            found |= {"test_error": own_test, "test_regret": own_test - test[best]}
            rows.append({**common, "rule": rule, "temperature": value, **found})
    return CHOICES.frame(rows)


def _dense_errors(tables: Tables, options: ThreeRegime) -> Mapping[tuple[str, float], float]:
    """Mean error of the dense models by family and temperature, on the validation split."""
    at = temperature_of(spec_of(tables.spec), options.temperature, options.hotter)
    runs = tables.runs
    if judged_by(runs) != VALIDATION:  # nothing else may choose
        return {}
    dense = runs[(runs["run_id"] == runs["dense_run_id"]) & (runs["status"] == "done")]
    found: dict[tuple[str, float], list[float]] = {}
    for row in dense.to_dict("records"):
        place = at.places.get(str(row["model"]))
        if place is not None:
            found.setdefault((place.family, place.value), []).append(1 - float(row["val_accuracy"]))
    return {key: float(np.mean(values)) for key, values in found.items()}
