"""What effective_sparsity found, in sentences that claim no more than their interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz_analyses.effective_sparsity.schemas import ARMS, RUNS, SEEN
from pruneviz_analyses.judging import among, interval_of, verdict
from pruneviz_analyses.words import counted, partly, points

if TYPE_CHECKING:
    import pandas as pd


def findings(tables: Tables, frames: Mapping[str, pd.DataFrame], level: float, limit: int) -> tuple[str, ...]:
    """Arms with anything cut off, most first; then how many have nothing, and what was left out."""
    arms = frames[ARMS.name].to_dict("records")
    cut = sorted((r for r in arms if r["most"] > 0), key=lambda r: (bool(r["control"]), -float(r["cut_off"])))
    beside = (r for r in cut if _known(r["beyond_control"]))
    judged = judge({str(r["arm"]): interval_of(r, "beyond_control", level, "control_runs") for r in beside})
    said = [_arm(r, level, judged) for r in cut[:limit]]
    if (more := len(cut) - limit) > 0:
        said.append(f"{counted(more, 'more arm')} with weights cut off in the table {ARMS.name}.")
    said += among(judged, level, "difference from random pruning")
    if whole := [r for r in arms if r["most"] == 0]:
        runs = sum(int(r["runs"]) for r in whole)
        who = "in all of them" if not cut else "in the others"
        said.append(
            f"{counted(len(whole), 'arm')} ({counted(runs, 'run')}): nothing is cut off, direct and effective sparsity "
            f"are the same {who}."
        )
    said += [f"{r['arm']}: nothing at all is kept ({_of(r)})." for r in arms if r["empty"] == r["runs"]]
    return (*said, *_left_out(tables, frames[RUNS.name]))


def _arm(r: Mapping[Any, Any], level: float, judged: Mapping[str, Judged]) -> str:
    empty = f", {r['empty']} of which keep nothing and have no share" if r["empty"] else ""
    text = (
        f"{r['arm']}: {_percent(r['cut_off'])} of the kept weights are cut off{_interval(r, 'cut_off', level)}"
        f"{_span(r)}sparsity is {_percent(r['sparsity'], 2)}, "
        f"effective sparsity {_percent(r['effective_sparsity'], 2)} ({_of(r)}{empty})."
    )
    if gone := int(r["disconnected"]):
        text += f" In {counted(gone, 'run')} no path is left: every image gives the same output."
    if not _known(r["beyond_control"]):
        return text
    low, high = r["beyond_control_low"], r["beyond_control_high"]
    text += f" Against random pruning of as many{partly(int(r['control_runs']), int(r['runs']))}: "
    if not _known(low):
        return f"{text}{points(r['beyond_control'])} points."
    said = verdict(judged[str(r["arm"])], "more", "less")
    return f"{text}{said} ({points(r['beyond_control'])} points, {points(low)} … {points(high)} at {100 * level:g} %)."


def _of(r: Mapping[Any, Any]) -> str:
    return f"{counted(int(r['runs']), 'run')} of {counted(int(r['dense_models']), 'dense model')}"


def _span(r: Mapping[Any, Any]) -> str:
    least, most = _percent(r["least"]), _percent(r["most"])
    return "; " if least == most else f", {least} to {most} by run; "


def _interval(r: Mapping[Any, Any], name: str, level: float) -> str:
    low, high = r[f"{name}_low"], r[f"{name}_high"]
    return f" ({_percent(low)} … {_percent(high)} at {100 * level:g} %)" if _known(low) else ""


def _left_out(tables: Tables, runs: pd.DataFrame) -> Iterator[str]:
    status = tables.runs["status"]
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    done = tables.runs[(status == "done") & (tables.runs["method"] != "dense")]
    if unseen := len(done) - len(runs):
        yield f"{counted(unseen, 'run')} left out: not in the table {SEEN.name} yet. Run the study again."


def _known(value: Any) -> bool:
    return value is not None and str(value) not in ("<NA>", "nan") and math.isfinite(value)


def _percent(share: Any, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %" if _known(share) else "–"
