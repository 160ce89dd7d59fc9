"""What attributions found, in sentences that claim no more than their interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.attribution import ATTRIBUTIONS, relative_gap
from pruneviz.measures.families import Judged, judge
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz_analyses.attributions.schemas import ARMS, FLIPPED, MAPS, RANDOM, RUNS
from pruneviz_analyses.judging import among, doubt, interval_of, question
from pruneviz_analyses.pairs import REPLICATE
from pruneviz_analyses.words import counted, partly

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz_analyses.attributions import Attributions

Row = Mapping[Any, Any]
Arm = Mapping[str, Row]  # by way of attributing
Told = Mapping[tuple[str, str, str], Judged]  # by arm, way of attributing, and the column of the difference

_SIDES = {"beyond_retraining": "retrained_runs", "beyond_control": "control_runs"}


def findings(tables: Tables, frames: Mapping[str, pd.DataFrame], asked: Attributions) -> tuple[str, ...]:
    """What was explained, dense models, the arms that differ most, retraining; then what adds up, and what is left."""
    runs, arms = frames[RUNS.name], frames[ARMS.name]
    ranked = arms[arms["similarity"] == "rank"]
    grouped = [_by_attribution(rows) for _, rows in ranked.groupby("arm", sort=False)]
    controls = _controls(tables.runs, runs)
    pruned = [a for a in grouped if _first(a)["kind"] == "pruned"]
    pruned.sort(key=lambda a: (_first(a)["arm"] in controls, np.mean([r["mean"] for r in a.values()])))
    judged = _judged(grouped, asked.level)
    said = [*_explained(runs, asked)]
    said += [_together(a) for a in grouped if _first(a)["kind"] == REPLICATE]
    said += [_alike(a, asked.level, judged) for a in pruned[: asked.sentences]]
    if (more := len(pruned) - asked.sentences) > 0:
        said.append(f"{counted(more, 'more arm')} {'is' if more == 1 else 'are'} in the table {ARMS.name}.")
    said += [_alike(a, asked.level, judged) for a in grouped if _first(a)["kind"] == "retrained"]
    said += among(judged, asked.level, "difference from retraining alone or random pruning")
    said += [*_adds_up(tables, runs), *_besides(tables)]
    return (*said, *_left_out(tables, runs))


def _judged(arms: Sequence[Arm], level: float) -> Told:
    """Every difference from retraining alone and from random pruning, of all arms."""
    return judge(
        {
            (str(r["arm"]), name, column): interval_of(r, column, level, beside)
            for a in arms
            for name, r in a.items()
            for column, beside in _SIDES.items()
            if r["kind"] != REPLICATE
        },
        question,
    )


def _explained(runs: pd.DataFrame, asked: Attributions) -> Iterator[str]:
    if runs.empty:
        return
    what = "the true class" if asked.explain == "true" else "each model's own prediction"
    images = int(runs["samples"].max())
    yield (
        f"Explained is the logit of {what}, of {images:,} test images drawn at random (seed {asked.seed}); every "
        "number here is of these."
    )


def _besides(tables: Tables) -> Iterator[str]:
    try:
        flipped = tables.table(FLIPPED.name)
    except KeyError:  # not asked for, or not found yet
        return
    if len(flipped):
        most = int(flipped["flips"].max())
        yield (
            f"Shown besides, and in no number: {counted(len(flipped), 'image')} that most runs, random controls aside, "
            f"see differently than their dense model (up to {most} of {int(flipped['runs'].max())} runs)."
        )


def _adds_up(tables: Tables, runs: pd.DataFrame) -> Iterator[str]:
    """Completeness of integrated gradients, and what of the logit relevance brings to the pixels."""
    if runs.empty:
        return
    maps = tables.table(MAPS.name)
    maps = maps[(maps["chosen"] == RANDOM).to_numpy(bool)]
    for name in ("integrated_gradients", "lrp"):
        own = maps[(maps["attribution"] == name).to_numpy(bool)]
        if own.empty:
            continue
        total, expected = own["total"].to_numpy(float), own["expected"].to_numpy(float)
        if name == "lrp":
            share = total[expected != 0] / expected[expected != 0]
            if len(share):
                yield (
                    f"LRP: {100 * np.median(share):.0f} % of the explained logit reach the pixels in the median of "
                    f"{len(share):,} maps; biases keep the rest."
                )
            continue
        gap = relative_gap(total, expected)
        gap = gap[np.isfinite(gap)]
        if len(gap):
            yield (
                f"Integrated gradients miss the change of the logit, to which they should add up, by "
                f"{100 * np.median(gap):.2g} % in the median of {len(gap):,} maps (95 % of them by at most "
                f"{100 * np.quantile(gap, 0.95):.2g} %); more steps would make it less."
            )


def _controls(planned: pd.DataFrame, runs: pd.DataFrame) -> set[str]:
    """The arms that are random controls of others."""
    ids = set(planned["control_run_id"].dropna())
    return set(runs.loc[runs["run_id"].isin(ids), "arm"])


def _by_attribution(rows: pd.DataFrame) -> Arm:
    return {str(r["attribution"]): r for r in rows.to_dict("records")}


def _first(a: Arm) -> Row:
    return next(iter(a.values()))


def _together(a: Arm) -> str:
    told = "; ".join(f"{ATTRIBUTIONS[n]} {_range(r)}" for n, r in a.items())
    first = _first(a)
    return (
        f"{first['model']}: rank correlation of the maps of two dense models, mean of {counted(first['runs'], 'pair')} "
        f"of {counted(first['dense_models'], 'model')} (least to most): {told}."
    )


def _range(r: Row) -> str:
    return two(r["mean"]) if r["runs"] == 1 else f"{two(r['mean'])} ({two(r['least'])} to {two(r['most'])})"


def _alike(a: Arm, level: float, judged: Told) -> str:
    first = _first(a)
    told = "; ".join(f"{ATTRIBUTIONS[n]} {two(r['mean'])}{_interval(r, '', two)}" for n, r in a.items())
    few = "" if np.isfinite(first["low"]) else f" Intervals need {POINTS_BELOW} dense models."
    alone = first["kind"] == "pruned" and first["recovery"] != "none" and not first["retrained_runs"]
    lacks = " No dense model was retrained the same way to set beside it." if alone else ""
    at = f", intervals at {100 * level:g} %" if np.isfinite(first["low"]) else ""
    beside = _beside(a, "retrained", "beyond_retraining", "Retraining alone", judged)
    beside += _beside(a, "control", "beyond_control", "Random pruning", judged)
    return f"{first['arm']} ({_of(a)}{at}): rank correlation with the dense model's maps: {told}.{beside}{lacks}{few}"


def _of(a: Arm) -> str:
    """What the means are over; those of fewer are named, since a way of attributing may give flat maps in some runs."""
    by: dict[tuple[int, int], list[str]] = {}
    for name, r in a.items():
        by.setdefault((r["runs"], r["dense_models"]), []).append(ATTRIBUTIONS[name])
    (runs, models), *fewer = sorted(by, reverse=True)
    less = "".join(f"; {r} of {n} by {' and '.join(by[r, n])}" for r, n in fewer)
    return f"{counted(runs, 'run')} of {counted(models, 'dense model')}{less}"


def _beside(a: Arm, name: str, column: str, words: str, judged: Told) -> str:
    """What another descendant of the dense models shows by each way of attributing, and how far the arm is from it."""
    rows = list(a.values())
    if not any(r[f"{name}_runs"] for r in rows):
        return ""
    fewer = {ATTRIBUTIONS[n]: partly(r[f"{name}_runs"], r["runs"]) for n, r in a.items() if r[f"{name}_runs"]}
    if len(set(fewer.values())) == 1:
        words += next(iter(fewer.values()))
    else:
        words += f" ({', '.join(f'{n}{less}' for n, less in fewer.items() if less)})"
    known = ["–" if not r[f"{name}_runs"] else two(r[name]) for r in rows]
    differences = [_difference(r, column, judged) for r in rows if r[f"{name}_runs"]]
    return f" {words}, in this order: {', '.join(known)}; differences from it: {', '.join(differences)}."


def _difference(r: Row, name: str, judged: Told) -> str:
    known = judged.get((str(r["arm"]), str(r["attribution"]), name))
    return signed(r[name]) + _interval(r, f"{name}_", signed, doubt(known) if known is not None else "")


def _interval(r: Row, prefix: str, text: Callable[[float], str], after: str = "") -> str:
    low, high = r[f"{prefix}low"], r[f"{prefix}high"]
    return f" ({text(low)} … {text(high)}{after})" if np.isfinite(low) else ""


def _left_out(tables: Tables, runs: pd.DataFrame) -> Iterator[str]:
    status = tables.runs["status"]
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    unseen = int((status == "done").sum()) - runs["run_id"].nunique()
    if unseen:
        yield (
            f"{counted(unseen, 'run')} left out: their maps, or those of their dense model, are not there. Run the "
            "study again."
        )
    for name, words in ATTRIBUTIONS.items():
        own = runs[runs["attribution"] == name]
        if count := int(own["flat"].sum()):
            yield (
                f"{words}: {count:,} of {int(own['samples'].sum()):,} maps have one value everywhere and explain "
                "nothing; they are left out of the similarities."
            )
    compared = runs[runs["compared"].notna()]
    if other := int((compared["samples"] - compared["compared"]).sum()):
        yield (
            f"{counted(other, 'comparison')} of {int(compared['samples'].sum()):,} left out: a flat map, or another "
            "class explained than in the dense model."
        )


def two(value: float) -> str:
    """A similarity with two decimals and a true minus."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def signed(value: float) -> str:
    """A difference of similarities with its sign."""
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")
