"""Which runs are looked at, where some are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pruneviz.core.errors import unknown

if TYPE_CHECKING:
    import pandas as pd


def beside(runs: pd.DataFrame, names: Sequence[str]) -> set[str]:
    """The ids of the runs named, and of what each is held against: its dense model, that trained on, its control.

    Args:
        runs: the planned runs.
        names: as the table of runs has them.

    Raises:
        SpecError: a name that no run has.
    """
    import pandas as pd

    rows = {str(r["name"]): r for r in runs.to_dict("records")}
    trained_on = runs[(runs["method"] == "dense") & (runs["run_id"] != runs["dense_run_id"])]
    by = {
        (str(d), r, s if pd.notna(s) else None): str(i)
        for d, r, s, i in zip(*(trained_on[c] for c in ("dense_run_id", "recovery", "seed", "run_id")), strict=True)
    }
    found = set()
    for name in names:
        if name not in rows:
            raise unknown("[analyses] embeddings: runs", name, rows)
        row = rows[name]
        seed = row["seed"] if pd.notna(row["seed"]) else None
        control = row["control_run_id"]
        found |= {str(row["run_id"]), str(row["dense_run_id"])}
        found |= {str(control)} if pd.notna(control) else set()
        found |= {by[key]} if (key := (str(row["dense_run_id"]), row["recovery"], seed)) in by else set()
    return found
