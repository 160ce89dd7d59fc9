"""What feature_geometry found, in sentences that claim no more than their interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz.measures.geometry import correlation_of
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz_analyses.feature_geometry.likeness import MDS_UP_TO
from pruneviz_analyses.feature_geometry.schemas import ARMS, CLASSES, CLEAN, LAYOUT, RUNS, SEEN
from pruneviz_analyses.judging import among, doubt, interval_of, question, verdict
from pruneviz_analyses.pairs import PRUNED, RETRAINED
from pruneviz_analyses.words import counted, partly

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[Any, Any]
Arm = Mapping[tuple[str, str], Row]  # by condition and metric, a row of the arms table
Told = Mapping[tuple[str, str, str], Judged]  # by arm, metric, and the column of the difference, on clean images

_DENSE = "dense"
_SIDES = (  # of the difference: its column, what its ends begin with, and the runs that have something beside them
    ("difference", "", ""),
    ("control_difference", "control", "control_runs"),
    ("excess", "", "retrained_runs"),
)
_NAMED = 3


def findings(
    tables: Tables, frames: Mapping[str, pd.DataFrame], level: float, limit: int, layout: str
) -> tuple[str, ...]:
    """Dense models first, then the arms whose margin changed most, then corruptions, then what has no value and why."""
    arms = [_arm(rows) for _, rows in frames[ARMS.name].groupby("arm", sort=False, observed=True)]
    said = [_dense(a) for a in arms if _any(a)["kind"] == _DENSE]
    seeds = {str(_any(a)["model"]): a.get((CLEAN, "distance")) for a in arms if _any(a)["kind"] == _DENSE}
    judged = _judged(arms, level)
    said += [_changed(a, level, seeds, judged) for a in arms if _any(a)["kind"] == RETRAINED]
    controls = set(frames[RUNS.name]["control_run_id"].dropna().astype(str))
    runs = frames[RUNS.name]
    random = set(runs.loc[runs["run_id"].isin(controls), "arm"].astype(str))
    pruned = [a for a in arms if _any(a)["kind"] == PRUNED]
    pruned.sort(key=lambda a: (_any(a)["arm"] in random, -abs(_of(a, CLEAN, "margin_scaled", "difference"))))
    said += [_changed(a, level, seeds, judged, str(_any(a)["arm"]) in random) for a in pruned[:limit]]
    if (more := len(pruned) - limit) > 0:
        said.append(f"{counted(more, 'more arm')} {'is' if more == 1 else 'are'} in the table {ARMS.name}.")
    said += among(judged, level, "difference on clean images")
    return (*said, *_corruptions(arms, frames[LAYOUT.name], bool(controls)), *_unusual(tables, frames, layout))


def _judged(arms: Sequence[Arm], level: float) -> Told:
    """Every metric's difference from dense, and the margin's from random pruning and from retraining alone."""
    found = {}
    for a in arms:
        for metric in _WORDS if _any(a)["kind"] != _DENSE else ():
            row = a.get((CLEAN, metric))
            sides = _SIDES if metric == "margin_scaled" else _SIDES[:1]
            for column, ends, beside in sides if row is not None else ():
                found[str(_any(a)["arm"]), metric, column] = interval_of(row or {}, column, level, beside, ends)
    return judge(found, question)


def _arm(rows: pd.DataFrame) -> Arm:
    return {(str(r["condition"]), str(r["metric"])): r for r in rows.to_dict("records")}


def _any(a: Arm) -> Row:
    return next(iter(a.values()))


def _of(a: Arm, condition: str, metric: str, column: str) -> float:
    """A number of an arm's row; 0 where there is none, so that such arms come last."""
    value = a[condition, metric][column] if (condition, metric) in a else math.nan
    return float(value) if value == value and value is not None else 0.0


def _dense(a: Arm) -> str:
    told = [f"{words} {_range(a[CLEAN, m], m)}" for m, words in _WORDS.items() if (CLEAN, m) in a]
    told = told or ["no metric has a value on clean images"]
    row = _any(a)
    return f"{row['arm']}: {', '.join(told)} ({counted(row['runs'], 'model')}, {row['samples']:,} clean test images)."


_WORDS = {
    "margin_scaled": "margin over norm",
    "angle": "angle to the true class",
    "between_share": "share of the features' variance between classes",
}


def _changed(a: Arm, level: float, seeds: Mapping[str, Row | None], judged: Told, control: bool = False) -> str:
    row = a.get((CLEAN, "margin_scaled")) or _any(a)
    known = [(a[CLEAN, m], m, words) for m, words in _WORDS.items() if (CLEAN, m) in a]
    told = [_change(r, m, words, level, row["runs"], judged) for r, m, words in known]
    if not told:
        return f"{row['arm']}: no metric has a value on clean images ({counted(row['runs'], 'run')})."
    runs = f"{counted(row['runs'], 'run')} of {counted(row['dense_models'], 'dense model')}"
    few = "" if row["dense_models"] >= POINTS_BELOW else f" Intervals need {POINTS_BELOW} dense models."
    head = f"{row['arm']} against dense ({runs}, {row['samples']:,} clean images)"
    return f"{head}: {'; '.join(told)}.{_moved(a, seeds)}{_corrupted(a)}{_beside(a, level, judged, control)}{few}"


def _change(row: Row, metric: str, words: str, level: float, runs: int, judged: Told) -> str:
    change, low, high = (float(row[k]) for k in ("difference", "difference_low", "difference_high"))
    told = f"{words} {_text(row['mean'], metric)}" + (f" in {row['runs']} of them" if row["runs"] < runs else "")
    if not math.isfinite(low):
        return f"{told} ({_signed(change, metric)})"
    said = verdict(judged[str(row["arm"]), metric, "difference"], "larger", "smaller")
    span = f"{_signed(low, metric).removesuffix(' points')} … {_signed(high, metric)} at {100 * level:g} %"
    return f"{told}, {said} ({_signed(change, metric)}; {span})"


def _moved(a: Arm, seeds: Mapping[str, Row | None]) -> str:
    """How far the geometry vectors are from the dense models', beside what moves them otherwise."""
    row = a.get((CLEAN, "distance"))
    if row is None:
        return ""
    beside = [
        f"{words}{partly(row[f'{side}_runs'], row['runs'])} {row[f'{side}_mean']:.2f}"
        for side, words in (("control", "random pruning"), ("retrained", "retraining alone"))
        if row[f"{side}_runs"]
    ]
    other = seeds.get(str(row["model"]))
    beside += [f"other dense models {other['mean']:.2f}"] if other is not None else []
    told = f" ({', '.join(beside)})" if beside else ""
    return f" Geometry vectors are {_spread(row)} from the dense model's{told}."


def _spread(row: Row) -> str:
    low, high = f"{row['least']:.2f}", f"{row['most']:.2f}"
    return low if low == high else f"{row['mean']:.2f} ({low} to {high})"


def _corrupted(a: Arm) -> str:
    """From which to which corruption the margin's difference from the dense model goes."""
    found = {c: float(r["difference"]) for (c, m), r in a.items() if m == "margin_scaled" and c != CLEAN}
    found = {c: v for c, v in found.items() if math.isfinite(v)}
    if not found:
        return ""
    least, most = min(found, key=lambda c: found[c]), max(found, key=lambda c: found[c])
    told = [f"{_signed(found[c], 'margin_scaled')} ({c})" for c in dict.fromkeys((least, most))]
    return f" Corrupted alike, margin over norm differs from dense by {' to '.join(told)}."


def _beside(a: Arm, level: float, judged: Told, control: bool) -> str:
    """Random pruning and retraining alone, for the margin on clean images."""
    row = a.get((CLEAN, "margin_scaled"))
    if row is None or row["kind"] == RETRAINED:
        return ""
    told = []
    for side, words in (("control", "random pruning"), ("retrained", "retraining alone")):
        if not row[f"{side}_runs"]:
            continue
        difference = "control_difference" if side == "control" else "excess"
        ends = ("control_low", "control_high") if side == "control" else ("excess_low", "excess_high")
        low, high = (float(row[k]) for k in ends)
        text = f"{words}{partly(row[f'{side}_runs'], row['runs'])} {_text(row[f'{side}_mean'], 'margin_scaled')}"
        by = _signed(float(row[difference]), "margin_scaled")
        if math.isfinite(low):
            none = doubt(judged[str(row["arm"]), "margin_scaled", difference])
            spans = (_signed(v, "margin_scaled") for v in (low, high))
            text += f" (difference {by}, {' … '.join(spans)} at {100 * level:g} %{none})"
        else:
            text += f" (difference {by})"
        told.append(text)
    if not told:
        return (
            " It is the random control." if control else " No random pruning or dense model retrained alike beside it."
        )
    return f" Beside it, margin over norm: {'; '.join(told)}."


def _corruptions(arms: list[Arm], layout: pd.DataFrame, controls: bool) -> Iterator[str]:
    for a in arms:
        if _any(a)["kind"] == _DENSE and (CLEAN, "margin_scaled") in a:
            shifted = {c: float(r["mean"]) for (c, m), r in a.items() if m == "margin_scaled" and c != CLEAN}
            clean = f"where clean images have {_text(a[CLEAN, 'margin_scaled']['mean'], 'margin_scaled')}"
            if len(shifted) == 1:
                ((only, value),) = shifted.items()
                yield f"{_any(a)['arm']} under {only}: margin over norm {_text(value, 'margin_scaled')}, {clean}."
            elif shifted:
                order = sorted(shifted, key=lambda c: shifted[c])
                least = f"{order[0]} ({_text(shifted[order[0]], 'margin_scaled')})"
                most = f"{order[-1]} ({_text(shifted[order[-1]], 'margin_scaled')})"
                yield (
                    f"{_any(a)['arm']} under {counted(len(order), 'corruption')}: margin over norm from {least} to "
                    f"{most}, {clean}."
                )
    places = layout[layout["kind"] == "conditions"].sort_values("nearest_distance", kind="stable")
    if len(places):
        first, last = places.iloc[0], places.iloc[-1]
        pair = (str(first["item"]), str(first["nearest"]))
        runs = "runs, random controls aside" if controls else "runs"
        alike = f"(correlation {_correlation(first)} over images, metrics and {runs})"
        if CLEAN in pair:  # no corruption, but what a weak one is most like
            weakest = next(c for c in pair if c != CLEAN)
            said = f"Of all that was looked at, geometry under {weakest} is most like that of clean images {alike}"
        else:
            said = f"The two corruptions under which geometry is most alike are {pair[0]} and {pair[1]} {alike}"
        who, other = (_images(str(last[k])) for k in ("item", "nearest"))
        least = (
            f"; least like any other is that of {who} ({_correlation(last)} with {other})" if len(places) > 2 else ""
        )
        yield f"{said}{least}."


def _images(condition: str) -> str:
    return "clean images" if condition == CLEAN else f"images under {condition}"


def _unusual(tables: Tables, frames: Mapping[str, pd.DataFrame], layout: str) -> Iterator[str]:
    status, runs = tables.runs["status"], frames[RUNS.name]
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    if unseen := int((status == "done").sum()) - runs["run_id"].nunique():
        yield (
            f"{counted(unseen, 'run')} left out: not looked at under every condition, or the dense model to compare "
            "with was not. Run the study again."
        )
    seen = _seen(tables)
    flat = seen[seen["constant_metrics"].astype(str) != ""]
    if len(flat):
        yield (
            f"{counted(flat['run_id'].nunique(), 'run')} without a geometry vector, and not in the layouts: a metric "
            f"has one value on all samples ({_some(flat, runs, 'constant_metrics')})."
        )
    gone = seen[seen["undefined"] > 0]
    if len(gone):
        yield (
            f"Up to {int(gone['undefined'].max()):,} samples have no angle or margin, since their features are 0, NaN "
            f"or infinite, or their class has no direction of its own ({_some(gone, runs, 'condition')}); a metric of "
            "such a run is left out of comparisons."
        )
    if empty := _without_images(tables):
        more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
        yield f"Without images, so without angles, spread or distance: {', '.join(empty[:_NAMED])}{more}."
    dead = seen[(seen["condition"] == CLEAN) & (seen["dead_classes"] > 0)].sort_values("dead_classes")
    if len(dead):
        row = dead.iloc[-1]
        yield (
            f"In {counted(len(dead), 'run')} the classifier has lost all weights of some classes, up to "
            f"{int(row['dead_classes'])} ({_arm_of(runs).get(str(row['run_id']), row['run_id'])})."
        )
    still = seen[(seen["condition"] == CLEAN) & (seen["constant_features"] > 0)].sort_values("constant_features")
    if len(still):
        row = still.iloc[-1]
        yield (
            f"Up to {int(row['constant_features'])} of {int(row['dimensions'])} features have one value on all clean "
            f"images ({_arm_of(runs).get(str(row['run_id']), row['run_id'])})."
        )
    by = frames[LAYOUT.name].groupby("kind", observed=True)["item"].size()
    if layout == "auto" and (by > MDS_UP_TO).any() and not (frames[LAYOUT.name]["by"] == "UMAP").any():
        yield (
            f"More than {MDS_UP_TO} items are laid out by MDS, since umap-learn was not installed: pip install "
            "'pruneviz[umap]' and ask for layout = \"umap\"."
        )


def _seen(tables: Tables) -> pd.DataFrame:
    try:
        return tables.table(SEEN.name)
    except KeyError:  # nothing has been looked at yet
        return SEEN.frame([])


def _without_images(tables: Tables) -> list[str]:
    """The names of classes of which no image was looked at."""
    try:
        there = set(tables.table(CLASSES.name)["label"])
    except KeyError:
        return []
    return [repr(name) for k, name in enumerate(tables.classes) if k not in there]


def _arm_of(runs: pd.DataFrame) -> dict[str, str]:
    return dict(zip(runs["run_id"].astype(str), runs["arm"].astype(str), strict=True))


def _some(rows: pd.DataFrame, runs: pd.DataFrame, column: str) -> str:
    arms = _arm_of(runs)
    told = dict.fromkeys(f"{arms.get(str(r), str(r))}: {w}" for r, w in zip(rows["run_id"], rows[column], strict=True))
    names = list(told)
    return "; ".join(names[:_NAMED]) + (f"; and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _correlation(row: Any) -> str:
    return f"{correlation_of(float(row['nearest_distance'])):.2f}".replace("-", "−")


def _range(row: Row, metric: str) -> str:
    low, high = _text(row["least"], metric), _text(row["most"], metric)
    return low if low == high else f"{low} to {high}"


def _text(value: Any, metric: str) -> str:
    v = float(value)
    if metric == "angle":
        return f"{np.degrees(v):.1f}°"
    return (f"{100 * v:.1f} %" if metric == "between_share" else f"{v:.3f}").replace("-", "−")


def _signed(value: float, metric: str) -> str:
    if metric == "angle":
        text = f"{np.degrees(value):+.1f}°"
    else:
        text = f"{100 * value:+.1f} points" if metric == "between_share" else f"{value:+.3f}"
    return text.replace("-", "−")
