"""What embeddings found, in sentences that claim no more than their interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz_analyses.embeddings.schemas import ARMS, RUNS, SEEN
from pruneviz_analyses.judging import among, doubt, interval_of, question
from pruneviz_analyses.words import counted, partly

if TYPE_CHECKING:
    import pandas as pd

Told = Mapping[tuple[str, str], Judged]  # by arm and the column of the difference


def findings(
    tables: Tables, frames: Mapping[str, pd.DataFrame], level: float, limit: int, all_runs: bool = True
) -> tuple[str, ...]:
    """What dense models do by themselves first, then the arms that changed most, then what was left out and why."""
    arms = [{str(k): v for k, v in r.items()} for r in frames[ARMS.name].to_dict("records")]
    runs = tables.runs
    controls = set(runs.loc[runs["run_id"].isin(set(runs["control_run_id"].dropna())), "method"])
    said = []
    if arms:
        k, n = int(frames[RUNS.name]["neighbours"].min()), arms[0]["samples"]
        said.append(
            f"Of the {k} nearest neighbours of each of {n:,} test images, by all features. A change of 0 is the same "
            f"neighbours, 1 none of them; unrelated features give {arms[0]['by_chance']:.3f}."
        )
    said += [_beside(a, level) for a in arms if a["kind"] != "pruned"]
    judged = judge(
        {
            (str(a["arm"]), column): interval_of(a, column, level, beside)
            for a in arms
            for column, beside in (("excess", "retrained_runs"), ("against_control", "control_runs"))
            if a["kind"] == "pruned"
        },
        question,
    )
    pruned = [a for a in arms if a["kind"] == "pruned"]
    pruned.sort(key=lambda a: (a["method"] in controls, -a["change"]))
    said += [_pruned(a, level, judged) for a in pruned[:limit]]
    if (more := len(pruned) - limit) > 0:
        said.append(f"{counted(more, 'more arm')} {'is' if more == 1 else 'are'} in the table {ARMS.name}.")
    said += among(judged, level, "difference from training on alone or random pruning")
    return (*said, *_left_out(tables, frames, all_runs))


def _beside(a: Mapping[str, Any], level: float) -> str:
    if a["kind"] == "replicate":
        what = f"{counted(a['runs'], 'pair')} of {counted(a['dense_models'], 'dense model')}"
        return f"{a['arm']}: change {a['change']:.3f} ({what}): what another training alone gives."
    return f"{a['arm']}: change {_with_ends(a, 'change', level)} ({_over(a)}): what training on alone gives."


def _pruned(a: Mapping[str, Any], level: float, judged: Told) -> str:
    text = f"{a['arm']}: change {_with_ends(a, 'change', level)} ({_over(a)})."
    if a["recovery"] != "none":
        if a["retrained_runs"]:
            alone = f"{a['retrained_change']:.3f} ({counted(a['retrained_runs'], 'run')})"
            text += f" Training on alone: {alone}; pruning {_signed(a, 'excess', level, judged)} beyond it."
        else:
            text += " No dense model was trained on the same way to set beside it."
    if a["control_runs"]:
        against = _signed(a, "against_control", level, judged)
        text += (
            f" Random pruning{partly(a['control_runs'], a['runs'])}: {a['control_change']:.3f}; {against} against it."
        )
    return text


def _with_ends(a: Mapping[str, Any], name: str, level: float) -> str:
    low, high = a[f"{name}_low"], a[f"{name}_high"]
    if not np.isfinite(low):
        return f"{a[name]:.3f}"
    return f"{a[name]:.3f} ({low:.3f} … {high:.3f} at {100 * level:g} %)"


def _signed(a: Mapping[str, Any], name: str, level: float, judged: Told) -> str:
    low, high = a[f"{name}_low"], a[f"{name}_high"]
    if not np.isfinite(low):
        return f"{_sign(a[name])} (fewer than {POINTS_BELOW} dense models give no interval)"
    sure = doubt(judged[str(a["arm"]), name])
    return f"{_sign(a[name])} ({_sign(low)} … {_sign(high)} at {100 * level:g} %{sure})"


def _sign(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # adding 0 turns −0.0 into +0.0


def _over(a: Mapping[str, Any]) -> str:
    return f"{counted(a['runs'], 'run')} of {counted(a['dense_models'], 'dense model')}"


def _left_out(tables: Tables, frames: Mapping[str, pd.DataFrame], all_runs: bool) -> Iterator[str]:
    status = tables.runs["status"]
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    try:
        seen = tables.table(SEEN.name)
    except KeyError:
        seen = SEEN.frame([])
    done = set(tables.runs.loc[status == "done", "run_id"])
    if unseen := len(done - set(seen["run_id"].astype(str))):
        why = "the features have not been looked at. Run the study again." if all_runs else "`runs` does not name them."
        yield f"{counted(unseen, 'run')} left out: {why}"
    if not len(seen):
        return
    least, most = int(seen["samples"].min()), int(seen["samples_all"].max())
    if least < most:
        yield f"{least:,} of {most:,} test images were looked at, evenly over classes; `samples` changes that."
    if count := int((seen["undefined"] > 0).sum()):
        images = int(seen["undefined"].sum())
        yield (
            f"{counted(count, 'run')} {'has' if count == 1 else 'have'} {counted(images, 'image')} without a place: "
            "features that are NaN or infinite."
        )
    flat = seen.loc[seen["neighbours"] == 0, "run_id"].astype(str)
    if len(flat):
        names = dict(zip(tables.runs["run_id"], tables.runs["name"], strict=True))
        which = ", ".join(str(names.get(r, r)) for r in flat[:3]) + (" …" if len(flat) > 3 else "")
        yield f"{counted(len(flat), 'run')} left out: all images have the same features ({which})."
