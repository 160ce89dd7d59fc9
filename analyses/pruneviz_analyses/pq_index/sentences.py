"""What pq_index found, in sentences that claim no more than their interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz_analyses.judging import among, interval_of, verdict
from pruneviz_analyses.pq_index.schemas import LEVELS, PHASES, RUNS
from pruneviz_analyses.words import counted, percent

if TYPE_CHECKING:
    import pandas as pd

_FEW = " (too few dense models for an interval)"


class _Options(Protocol):
    @property
    def p(self) -> float: ...
    @property
    def q(self) -> float: ...
    @property
    def eta(self) -> float: ...
    @property
    def level(self) -> float: ...


def findings(tables: Tables, frames: Mapping[str, pd.DataFrame], options: _Options) -> tuple[str, ...]:
    """The courses first, then their controls and the bound, then what was left out and why."""
    runs, levels, phases = frames[RUNS.name], frames[LEVELS.name], frames[PHASES.name]
    said = []
    courses = [c for _, c in levels[~levels["control"].astype(bool)].groupby("arm", sort=False)]
    rows = [(str(c["arm"].iloc[0]), r) for c in courses for r in _told(c)]
    judged = judge({(a, int(r["level"])): interval_of(r, "control_difference", options.level) for a, r in rows})
    for course in courses:
        arm = str(course["arm"].iloc[0])
        said.append(_course(arm, course, phases[phases["arm"] == arm], options))
        said += _beside(course, runs, phases, judged)
    said += among(judged, options.level, "difference from random pruning")
    if levels.empty and len(runs):
        said.append(
            "No method here is done at two or more levels of its own, so PQI is given run by run and has no course. "
            'Give a method schedule = {name = "rounds", rounds = 20} for one.'
        )
    return (*said, *_bounds(tables, runs, options), *_left_out(tables, runs, levels))


def _course(arm: str, course: pd.DataFrame, phases: pd.DataFrame, options: _Options) -> str:
    """Whether the three phases are there; with few dense models, only what the mean does."""
    norms = f"p = {options.p:g}, q = {options.q:g}"
    last, n = int(course["level"].max()), int(course["dense_models"].iloc[0])
    over = f"levels 0 to {last} ({_kept(course, 0)} to {_kept(course, last)} kept)"
    pqi = phases[phases["quantity"] == "pqi"]
    if pqi.empty:
        return f"{arm}: PQI ({norms}) has no value at some level, so its course over {over} cannot be told."
    low, high = int(pqi["from_level"].iloc[1]), int(pqi["to_level"].iloc[1])
    at = {i: f"{_value(course, 'pqi', i)} at level {i}" for i in (0, low, high, last)}
    if pqi["found"].isna().any():
        turns = f", {at[low]}, {at[high]}" if high > low else ", without a rise,"
        return (
            f"{arm}: the mean PQI ({norms}) goes from {at[0]}{turns} to {at[last]} in {over}; "
            f"{counted(n, 'dense model')} cannot tell a course from noise, which needs {POINTS_BELOW}."
        )
    found = [bool(f) for f in pqi["found"]]
    told = "; ".join(_phase(row, options.level) for row in pqi.to_dict("records"))
    accuracy = ", ".join(f"{percent(_at(course, 'accuracy', i))} at level {i}" for i in dict.fromkeys(at))
    head = "PQI falls, rises and falls" if all(found) else "the fall, rise and fall of the hypothesis is not found"
    return (
        f"{arm}: {head} in {over}; PQI ({norms}) {told} (over {n} dense models, found after Holm's "
        f"correction). Accuracy: {accuracy}."
        f"{_gini(phases, found)}"
    )


def _phase(row: Mapping[Any, Any], level: float) -> str:
    change = f"{_signed(row['change'])}, {_signed(row['low'])} … {_signed(row['high'])} at {100 * level:g} %"
    between = f"from level {row['from_level']} to {row['to_level']}"
    if row["from_level"] == row["to_level"] and not row["found"]:
        return f"{row['phase']}: none"
    if row["found"]:
        return f"{row['phase']} {between} ({change})"
    sign = 1 if row["phase"] == "rise" else -1
    alone = row["low"] > 0 if sign > 0 else row["high"] < 0
    return f"{row['phase']}: {'none but by itself alone' if alone else 'none detected'} ({change})"


def _gini(phases: pd.DataFrame, found: list[bool]) -> str:
    own = phases[phases["quantity"] == "gini"]
    if own.empty:
        return ""
    names = [str(p) for p, f in zip(own["phase"], own["found"], strict=True) if f]
    if [bool(f) for f in own["found"]] == found:
        return " Gini's index does the same."
    return f" Of Gini's index, {' and '.join(names) if names else 'no phase'} alone is found."


def _told(course: pd.DataFrame) -> list[Mapping[Any, Any]]:
    """The levels of which the difference from random pruning is told: that in the middle and the last."""
    known = course[(course["level"] > 0) & course["control_difference"].notna()]
    if known.empty:
        return []
    return list(known.iloc[[len(known) // 2, -1]].drop_duplicates("level").to_dict("records"))


def _beside(
    course: pd.DataFrame, runs: pd.DataFrame, phases: pd.DataFrame, judged: Mapping[tuple[str, int], Judged]
) -> Iterator[str]:
    """What removing does by itself, and what random pruning does."""
    later = course[course["level"] > 0]
    removed = (later["pqi_removed"] - later["previous_pqi"]).to_numpy(float)
    trained = (later["pqi"] - later["pqi_removed"]).to_numpy(float)
    arm = str(course["arm"].iloc[0])
    if np.isfinite(removed).all() and np.isfinite(trained).all():
        yield (
            f"{arm}: removing alone changes PQI by {_signed(removed.mean())} a level on average, and what comes after "
            f"it by {_signed(trained.mean())}: small weights gone are a lower PQI by arithmetic."
        )
    rows, told = _told(course), []
    if not rows:
        return
    for row in rows:
        text = f"{_signed(row['control_difference'])} at level {row['level']}"
        if np.isfinite(row["control_difference_low"]):
            low, high = row["control_difference_low"], row["control_difference_high"]
            known = judged[arm, int(row["level"])]
            sure = "" if known.sign else f", {verdict(known, '', '')}"
            text += f" ({_signed(low)} … {_signed(high)}{sure})"
        told.append(text)
    few = "" if all(np.isfinite(r["control_difference_low"]) for r in rows) else _FEW
    yield (
        f"{arm}: PQI against random pruning of as many weights, {' and '.join(told)}{few}."
        f"{_of_control(arm, runs, phases)}"
    )


def _of_control(arm: str, runs: pd.DataFrame, phases: pd.DataFrame) -> str:
    """Which phases random pruning goes through: what happens there is no merit of the method's choice."""
    controls = set(runs.loc[runs["arm"] == arm, "control_run_id"].dropna())
    arms = runs.loc[runs["run_id"].isin(controls), "arm"]
    own = phases[(phases["arm"] == str(arms.iloc[0])) & (phases["quantity"] == "pqi")] if len(arms) else phases.iloc[:0]
    if own.empty or own["found"].isna().any():
        return ""
    names = [str(p) for p, f in zip(own["phase"], own["found"], strict=True) if f]
    return f" Of the three phases, random pruning goes through {', '.join(names) if names else 'none'}."


def _bounds(tables: Tables, runs: pd.DataFrame, options: _Options) -> Iterator[str]:
    dense = tables.runs
    dense = dense[(dense["run_id"] == dense["dense_run_id"]) & dense["run_id"].isin(set(runs["run_id"]))]
    shares = runs.set_index("run_id")["bound_share"]
    for model, rows in dense.groupby("model", sort=False):
        each = shares[list(rows["run_id"])].dropna()
        if len(each):
            low, high = percent(each.min()), percent(each.max())
            span = low if low == high else f"{low} to {high}"
            yield (
                f"{model}, dense: by its PQI at least {span} of the weights must stay for what goes to hold no more "
                f"than η = {options.eta:g} of Σ|w|^{options.p:g} of what stays ({counted(len(each), 'model')})."
            )


def _left_out(tables: Tables, runs: pd.DataFrame, levels: pd.DataFrame) -> Iterator[str]:
    status = tables.runs["status"]
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    if unseen := int((status == "done").sum()) - len(runs):
        yield f"{counted(unseen, 'run')} left out: the weights have not been looked at. Run the study again."
    empty = runs[runs["neurons_empty"] > 0]
    if len(empty):
        yield (
            f"In {counted(len(empty), 'run')} some neurons keep nothing, {int(empty['neurons_empty'].max())} at most: "
            "their PQI is 0 by definition, and means over neurons leave them out."
        )
    if zero := int((runs["neurons_zero"] > 0).sum()):
        yield f"In {counted(zero, 'run')} some neurons' kept weights are all 0: they have no PQI and are left out."
    if gone := int(runs["pqi"].isna().sum()):
        yield f"{counted(gone, 'run')} without a PQI: all weights kept are 0."
    yield from _broken(tables.runs, set(levels["arm"]))


def _broken(runs: pd.DataFrame, arms: set[str]) -> Iterator[str]:
    """Dense models that some level of a course lacks."""
    lacking: dict[str, set[str]] = {}
    for r in runs[(runs["status"] != "done") & (runs["level"] > 0)].to_dict("records"):
        arm = " · ".join((str(r["model"]), str(r["method"]), str(r["recovery"])))
        lacking.setdefault(arm, set()).add(str(r["dense_run_id"]))
    for arm, dense in lacking.items():
        if arm in arms:
            yield f"{arm}: {counted(len(dense), 'dense model')} left out of its course, some level is not done."


def _at(course: pd.DataFrame, column: str, level: int) -> float:
    return float(course.loc[course["level"] == level, column].iloc[0])


def _value(course: pd.DataFrame, column: str, level: int) -> str:
    return f"{_at(course, column, level):.3f}"


def _kept(course: pd.DataFrame, level: int) -> str:
    share = 100 * _at(course, "density", level)
    return f"{share:.3g} %"


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # adding 0 turns −0.0 into +0.0
