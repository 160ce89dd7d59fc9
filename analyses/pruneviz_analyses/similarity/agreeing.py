"""How alike criteria rank, over dense models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.statistics import t_interval
from pruneviz_analyses.similarity.measuring import observed
from pruneviz_analyses.similarity.schemas import CRITERIA, SCORES

if TYPE_CHECKING:
    import pandas as pd


def criteria_frame(tables: Tables, level: float) -> pd.DataFrame:
    """The table :data:`CRITERIA`."""
    seen = observed(tables, SCORES)
    models = dict(zip(tables.runs["run_id"], tables.runs["model"], strict=True))
    seen = seen.assign(model=[str(models.get(r, "")) for r in seen["run_id"]])
    rows = []
    keys = ["model", "unit", "criterion", "other", "layer"]
    for key, own in seen.groupby(keys, sort=False, observed=True, dropna=False):
        row: dict[str, Any] = dict(zip(keys, key, strict=True))
        row["layer"] = None if str(row["layer"]) in ("nan", "<NA>", "None") else row["layer"]
        row["dense_models"] = own["run_id"].nunique()
        for name in ("spearman", "kendall"):
            values = own[name].to_numpy(float)
            if np.isfinite(values).all():
                got = t_interval(values, level, "dense models")
                row |= {name: got.mean, f"{name}_low": max(got.low, -1.0), f"{name}_high": min(got.high, 1.0)}
        rows.append(row)
    return CRITERIA.frame(rows)
