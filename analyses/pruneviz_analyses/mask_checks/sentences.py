"""What mask_checks found, in sentences that claim no more than their interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pruneviz.core.tables import Tables
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz_analyses.mask_checks.schemas import ARMS, RUNS, SEEN
from pruneviz_analyses.words import counted, percent, points

if TYPE_CHECKING:
    import pandas as pd

_LEARNS = 1.5  # times chance, below which a network has learnt nothing to speak of
_DONE = {
    "shuffled": "shuffled within its layers",
    "reinitialised": "with its weights drawn anew",
    "both": "shuffled, with weights drawn anew",
}
_MATTERS = {
    "shuffled": "which units of a layer it keeps matters",
    "reinitialised": "the weights that it keeps matter",
    "both": "mask and weights together matter",
}


def findings(tables: Tables, frames: Mapping[str, pd.DataFrame], level: float) -> tuple[str, ...]:
    """Each arm and check, the random controls last; then what was left out and why."""
    rows = sorted(frames[ARMS.name].to_dict("records"), key=lambda r: bool(r["control"]))
    chance = 1 / max(len(tables.classes), 1)
    said = (_arm(r, level, len(rows), chance) for r in rows)
    return (*said, *_head_start(tables, {str(r["check"]) for r in rows}), *_left_out(tables, frames[RUNS.name]))


def _arm(r: Mapping[Any, Any], level: float, tests: int, chance: float) -> str:
    epochs = counted(int(r["epochs"]), "epoch")
    head = (
        f"{r['arm']}: retrained for {epochs} the mask reaches {percent(r['original'])}, {_DONE[r['check']]} "
        f"{percent(r['accuracy'])}"
    )
    n = f"{counted(int(r['runs']), 'run')} of {counted(int(r['dense_models']), 'dense model')}"
    if max(r["original"], r["accuracy"]) < _LEARNS * chance:
        return f"{head}: neither learns, chance being {percent(chance)}, so this says nothing ({n})."
    if not math.isfinite(r["low"]):
        return (
            f"{head}: {points(r['difference'])} points{_span(r)} ({n}; {POINTS_BELOW} dense models are needed for an "
            "interval)."
        )
    span = f"{points(r['difference'])} points, {points(r['low'])} … {points(r['high'])} at {100 * level:g} %, {n}"
    if r["low"] <= 0 <= r["high"]:
        return f"{head}: no difference detected ({span})."
    holm = f"p {r['p_holm']:.2g} corrected for {tests} comparisons"
    if r["p_holm"] > 1 - level:
        return f"{head}: a difference by itself alone, not among {tests} ({span}; {holm})."
    verdict = _MATTERS[r["check"]] if r["low"] > 0 else "the destroyed one is better"
    if r["accuracy"] < _LEARNS * chance:
        verdict += f", though the destroyed one has learnt next to nothing in {epochs} and may with more"
    return f"{head}: {verdict} ({span}; {holm})."


def _head_start(tables: Tables, checks: set[str]) -> Iterator[str]:
    """That weights which were trained before pruning are lost with that training; nothing where they were not."""
    runs = tables.runs
    steps = runs.loc[runs["run_id"] == runs["dense_run_id"], "train_steps_total"]
    known = steps.notna().all()
    if checks <= {"shuffled"} or (known and (steps == 0).all()):
        return
    number = f" ({int(steps.max()):,} steps)" if known else ""
    yield (
        f"Weights drawn anew lack the training that came before pruning{number}, which the mask's own weights have: a "
        "difference includes that head start. Masks of untrained models ([train] epochs = 0) tell without it."
    )


def _span(r: Mapping[Any, Any]) -> str:
    return "" if r["runs"] == 1 else f", {points(r['least'])} to {points(r['most'])} by run"


def _left_out(tables: Tables, runs: pd.DataFrame) -> Iterator[str]:
    planned = tables.runs
    bare = planned[(planned["method"] != "dense") & (planned["recovery"] == "none")]
    own = planned[(planned["method"] != "dense") & ~planned["method"].isin(set(bare["method"]))]
    if names := sorted(own["method"].unique()):
        yield f"{', '.join(names)}: not checked, since it brings a recovery of its own or prunes while training."
    if count := int((bare["unit"] == "nm").sum()):
        yield f"{counted(count, 'run')} of N:M patterns not checked: shuffled, they would be none."
    done = bare[(bare["status"] == "done") & (bare["unit"] != "nm")]
    if lacking := int((~done["run_id"].isin(set(runs["run_id"]))).sum()):
        yield f"{counted(lacking, 'run')} without a comparison, see the table {SEEN.name}: not done, or diverged."
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((planned["status"] == name).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
