"""What many dense and many pruned models say together: the exemplars that an analysis found, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import SpecError
from pruneviz.measures.exemplars import LEAST_MODELS
from pruneviz.views.analysed import table_of
from pruneviz.views.samples import held

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

ANALYSIS = "prediction_changes"
EXEMPLAR = "exemplar of pruning"  # of each sample and run, which rules may read
ARMS, FOUND, COMPARED = (f"{ANALYSIS}_{name}" for name in ("arms", "exemplars", "samples"))


def arms_with_exemplars(tables: Tables) -> pd.DataFrame | None:
    """The rows of the arms table that tell how many exemplars there are, and beside how many.

    None where the analysis has not been made; no row where an earlier version made it.
    """
    arms = table_of(tables, ANALYSIS, ARMS)
    if arms is None:
        return None
    return arms[arms["exemplars"].notna()] if "retrained_exemplars" in arms else arms.iloc[:0]


def exemplars_of(tables: Tables, arm: str) -> pd.DataFrame:
    """An arm's rows of the table of exemplars."""
    found = tables.table(FOUND)
    return found[(found["arm"] == arm).to_numpy(bool)]


def arm_of(tables: Tables, run_id: str) -> str:
    """The arm that a run was compared in with its dense model; empty where it was not."""
    pairs = table_of(tables, ANALYSIS)
    if pairs is None:
        return ""
    own = pairs.loc[((pairs["run_id"] == run_id) & (pairs["kind"] != "replicate")).to_numpy(bool), "arm"]
    return str(own.iloc[0]) if len(own) else ""


def whether(tables: Tables, run_id: str, ids: Sequence[str]) -> npt.NDArray[np.object_]:
    """``yes`` for the exemplars of a run's arm and ``no`` for others; empty for samples that were not compared.

    Raises:
        SpecError: the run's arm has none counted.
    """
    arm, arms = arm_of(tables, run_id), arms_with_exemplars(tables)
    if arms is None or not (arms["arm"] == arm).any():
        names = dict(zip(tables.runs["run_id"], tables.runs["name"], strict=True))
        raise SpecError(
            "selection",
            f"{EXEMPLAR} of {names.get(run_id, run_id or 'no run')}",
            f"a run that stands with those of at least {LEAST_MODELS} dense models in the analysis {ANALYSIS}",
            f"Set replicates = {LEAST_MODELS} under [model] and {ANALYSIS} = {{}} under [analyses], and run it again.",
        )
    compared = tables.table(COMPARED)
    known = frozenset(compared.loc[(compared["arm"] == arm).to_numpy(bool), "sample_id"].astype(str))
    found = frozenset(exemplars_of(tables, arm)["sample_id"].astype(str))
    texts = np.where(held(tuple(ids), found), "yes", np.where(held(tuple(ids), known), "no", ""))
    return texts.astype(object)
