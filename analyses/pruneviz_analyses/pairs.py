"""Which runs are compared with which."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruneviz.core.comparing import AS_GIVEN

if TYPE_CHECKING:
    import pandas as pd

PRUNED, RETRAINED, REPLICATE = "pruned", "retrained", "replicate"


@dataclass(frozen=True)
class Arm:
    """What runs share that differ in dense model and seed alone."""

    kind: str
    model: str
    method: str
    recovery: str
    target: str
    level: int

    @property
    def label(self) -> str:
        """A readable name, different for different arms."""
        if self.kind == REPLICATE:
            return f"{self.model} · dense · other dense models"
        if self.target == AS_GIVEN:  # of models that were given, the name says all
            return self.method
        level = f"level {self.level}" if self.level > 1 else ""
        return " · ".join(p for p in (self.model, self.method, self.recovery, self.target, level) if p)


@dataclass(frozen=True)
class Pair:
    """A run and what it is compared with.

    Attributes:
        run_id, reference_run_id: the two.
        arm: the repeats it belongs to.
        sparsity: achieved by the run, as a fraction; NaN where unknown.
        retrained_run_id: the reference after the same recovery and seed without pruning, where it is in the study.
    """

    run_id: str
    reference_run_id: str
    arm: Arm
    sparsity: float
    retrained_run_id: str | None


def dense_models(runs: pd.DataFrame) -> pd.DataFrame:
    """The dense models that are done: those that descend from nothing but themselves."""
    return runs[(runs["status"] == "done") & (runs["method"] == "dense") & (runs["run_id"] == runs["dense_run_id"])]


def pairs_of(runs: pd.DataFrame) -> tuple[Pair, ...]:
    """Every finished run with its finished dense model, then every two dense models of one model.

    Runs come in the table's order. A run whose dense model is not done is left out; the findings say so.
    """
    dense = dense_models(runs)
    roots = set(dense["run_id"])
    rows = [_plain(r) for r in runs[runs["status"] == "done"].to_dict("records")]
    compared = [r for r in rows if r["run_id"] not in roots and r["dense_run_id"] in roots]
    retrained = {(r["dense_run_id"], r["recovery"], r["seed"]): r["run_id"] for r in compared if r["method"] == "dense"}
    pairs = []
    for r in compared:
        pruned = r["method"] != "dense"
        own = retrained.get((r["dense_run_id"], r["recovery"], r["seed"])) if pruned else None
        arm = Arm(
            PRUNED if pruned else RETRAINED,
            r["model"] or "",
            r["method"] or "",
            r["recovery"] or "",
            r["target"] or "",
            int(r["level"] or 0),
        )
        sparsity = r["sparsity_achieved"]
        pairs.append(Pair(r["run_id"], r["dense_run_id"], arm, float("nan") if sparsity is None else sparsity, own))
    by_model: dict[str, list[str]] = defaultdict(list)
    for run_id, model in zip(dense["run_id"], dense["model"], strict=True):
        by_model[model].append(run_id)
    for model, ids in by_model.items():
        arm = Arm(REPLICATE, model, "dense", "", "", 0)
        pairs += [Pair(b, a, arm, 0.0, None) for a, b in itertools.combinations(ids, 2)]
    return tuple(pairs)


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    import pandas as pd

    return {k: None if pd.isna(v) else v for k, v in row.items()}
