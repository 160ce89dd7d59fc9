"""What calibration found, in sentences that claim no more than their interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz.measures.statistics import POINTS_BELOW, Interval
from pruneviz_analyses.calibration.schemas import ARMS, DIFFERENCES, RUNS
from pruneviz_analyses.judging import among, doubt, interval_of, question, verdict
from pruneviz_analyses.words import counted, partly

if TYPE_CHECKING:
    import pandas as pd

_FEW = 10  # samples a bin, below which its accuracy says little
# Compared is the squared error, which has no bias; the ECE with their wider intervals are in the tables.
_WORDS = {"squared_error": "squared calibration error", "brier": "Brier", "nll": "NLL"}

Arm = Mapping[str, Mapping[Any, Any]]  # by metric, a row of the arms table
Told = Mapping[tuple[str, str, str], Judged]  # by arm, metric, and the column of the difference


def findings(
    tables: Tables, frames: Mapping[str, pd.DataFrame], level: float, bins: int, limit: int
) -> tuple[str, ...]:
    """The dense models and their retraining first, then the arms that differ most, then what was left out and why."""
    arms = _with_single_runs(frames)
    grouped = [_by_metric(rows) for _, rows in arms.groupby("arm", sort=False)]
    judged = _judged(grouped, level)
    said = []
    for model in arms["model"].drop_duplicates():
        own = [a for a in grouped if a["brier"]["model"] == model]
        said += [_dense(a, level) for a in own if a["brier"]["kind"] == "dense"]
        said += [_compared(a, level, judged) for a in own if a["brier"]["kind"] == "retrained"]
    pruned = [a for a in grouped if a["brier"]["kind"] == "pruned"]
    controls = _controls(tables.runs, frames[RUNS.name])  # they speak after what they control
    pruned.sort(key=lambda a: (a["brier"]["arm"] in controls, -abs(a["ece_mass"]["difference"])))
    said += [_compared(a, level, judged) for a in pruned[:limit]]
    if (more := len(pruned) - limit) > 0:
        said.append(f"{counted(more, 'more arm')} {'is' if more == 1 else 'are'} in the table {ARMS.name}.")
    said += among(judged, level, "difference from dense or retrained models")
    return (*said, *_left_out(tables, frames[RUNS.name], arms, bins))


def _judged(arms: Sequence[Arm], level: float) -> Told:
    """Every difference from the dense and from the retrained models, of all arms."""
    return judge(
        {
            (str(a[m]["arm"]), m, column): _interval(a[m], column, beside, level)
            for a in arms
            for m in _WORDS
            for column, beside in (("difference", ""), ("excess", "retrained_runs"))
            if a[m]["kind"] != "dense"
        },
        question,
    )


def _interval(row: Mapping[Any, Any], column: str, beside: str, level: float) -> Interval:
    found = interval_of(row, column, level, beside)
    # That of a single run is over test images.
    return replace(found, n=int(row["samples"])) if row["fixed"] else found


def _controls(planned: pd.DataFrame, runs: pd.DataFrame) -> set[str]:
    """The arms that are random controls of others."""
    ids = set(planned["control_run_id"].dropna())
    return set(runs.loc[runs["run_id"].isin(ids), "arm"])


def _with_single_runs(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The arms, those of a single run with its own interval, which is over images alone; ``fixed`` says so."""
    arms, runs = frames[ARMS.name].copy(), frames[RUNS.name]
    arms["fixed"] = (arms["runs"] == 1) & arms["difference"].notna()
    single = runs[runs["arm"].isin(set(arms.loc[arms["fixed"], "arm"]))]
    known = frames[DIFFERENCES.name].set_index(["run_id", "against", "metric"])
    for run_id, arm in zip(single["run_id"], single["arm"], strict=True):
        for i in arms.index[arms["arm"] == arm]:
            for against, name in (("dense", "difference"), ("retrained", "excess")):
                key = (run_id, against, arms.loc[i, "metric"])
                if key in known.index:
                    arms.loc[i, [f"{name}_low", f"{name}_high"]] = known.loc[key, ["low", "high"]].to_numpy(float)
    return arms


def _by_metric(rows: pd.DataFrame) -> Arm:
    return {str(r["metric"]): r for r in rows.to_dict("records")}


def _dense(a: Arm, level: float) -> str:
    ece, n = a["ece_mass"], a["ece_mass"]["runs"]
    sure = _sureness(a)
    return (
        f"{ece['arm']}: ECE {_range(ece)} in bins of equal numbers, where a calibrated model shows "
        f"{ece['floor']:.3f} on {ece['samples']:,} images; {ece['beyond_chance']} of {counted(n, 'model')} above what "
        f"{100 * level:g} % of calibrated models stay below; {sure}; Brier {_range(a['brier'])}, "
        f"NLL {_range(a['nll'])}."
    )


def _sureness(a: Arm) -> str:
    mean = a["overconfidence"]["mean"]
    return f"mean confidence {_points(mean)} points {'above' if mean > 0 else 'below'} accuracy"


def _compared(a: Arm, level: float, judged: Told) -> str:
    ece = a["ece_mass"]
    runs = f"{counted(ece['runs'], 'run')} of {counted(ece['dense_models'], 'dense model')}"
    head = (
        f"{ece['arm']}: ECE {_range(ece)} in bins of equal numbers (floor {ece['floor']:.3f}), {_sureness(a)} ({runs})"
    )
    told = "; ".join(f"{word} {_change(a[name], name, level, judged)}" for name, word in _WORDS.items())
    over = " over test images, for these models alone" if ece["fixed"] else ""
    return f"{head}. Against dense{over}: {told}.{_beside(a, judged)}"


def _change(row: Mapping[Any, Any], metric: str, level: float, judged: Told) -> str:
    low, high = row["difference_low"], row["difference_high"]
    if not np.isfinite(low):
        return f"{_signed(row['difference'])} (too few dense models for an interval)"
    said = verdict(judged[str(row["arm"]), metric, "difference"], "worse", "better")
    return f"{said} ({_signed(row['difference'])}, {_signed(low)} … {_signed(high)} at {100 * level:g} %)"


def _beside(a: Arm, judged: Told) -> str:
    """The comparison with retraining alone, as strong as the data allow."""
    row = a["ece_mass"]
    if row["kind"] == "retrained" or row["recovery"] == "none":
        return ""
    if not row["retrained_runs"]:
        return " No dense model was retrained the same way to set beside it."
    told = []
    for name, word in _WORDS.items():
        own = a[name]
        text = f"{word} {_signed(own['retrained_difference'])}, pruning {_signed(own['excess'])} beyond it"
        if np.isfinite(own["excess_low"]):
            low, high = own["excess_low"], own["excess_high"]
            text += f" ({_signed(low)} … {_signed(high)}{doubt(judged[str(own['arm']), name, 'excess'])})"
        told.append(text)
    few = "" if np.isfinite(row["excess_low"]) else f"; fewer than {POINTS_BELOW} dense models give no interval"
    return f" Retraining alone{partly(row['retrained_runs'], row['runs'])}: {'; '.join(told)}{few}."


def _left_out(tables: Tables, runs: pd.DataFrame, arms: pd.DataFrame, bins: int) -> Iterator[str]:
    status = tables.runs["status"]
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    if unseen := int((status == "done").sum()) - len(runs):
        yield (
            f"{counted(unseen, 'run')} left out: the probabilities have not been looked at, or the dense model to "
            "compare with has not. Run the study again."
        )
    if len(arms) and len(runs):
        common, most = int(arms["samples"].min()), int(runs["samples"].max())
        if common < most:
            yield f"Differences are over the {common:,} images that every run has; up to {most - common:,} left out."
        if common < _FEW * bins:
            yield (
                f"With {common:,} images, bins hold {common // bins} each: ECE is mostly its floor. "
                f"Ask for fewer bins, such as {max(2, common // _FEW)}."
            )


def _range(row: Mapping[Any, Any]) -> str:
    low, high = f"{row['least']:.3f}", f"{row['most']:.3f}"
    return low if low == high else f"{low} to {high}"


def _signed(value: float) -> str:
    digits = 3 if abs(value) >= 0.01 else 4  # squared errors are small
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")  # adding 0 turns −0.0 into +0.0


def _points(difference: float) -> str:
    return f"{100 * abs(difference):.1f}"
