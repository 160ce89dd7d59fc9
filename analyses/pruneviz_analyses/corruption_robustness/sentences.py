"""What corruption_robustness found, in sentences that claim no more than their interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz.measures.statistics import POINTS_BELOW, Interval
from pruneviz_analyses.corruption_robustness.arms import MEAN
from pruneviz_analyses.corruption_robustness.redundancy import LEAST_FAILED, LEAST_MODELS
from pruneviz_analyses.corruption_robustness.schemas import (
    ARMS,
    CELLS,
    CLEAN,
    CORRUPTIONS,
    DIFFERENCES,
    IMAGES,
    PAIRS,
    RUNS,
)
from pruneviz_analyses.corruption_robustness.shifts import ATTACK, CORRUPTION, STORED
from pruneviz_analyses.judging import among, doubt, question
from pruneviz_analyses.words import partly, percent

if TYPE_CHECKING:
    import pandas as pd

_FEW = 200  # images, below which a share is known to a few points only
_LEAST = 0.1  # share of the images that is called fragile
_RATIO = "relative_error"
_RETRAINED = ("drop", "retrained")
_COMPARED = (("accuracy", "dense"), ("drop", "dense"), _RETRAINED, ("squared_error", "dense"), ("accuracy", "control"))

Row = Mapping[str, Any]
Told = Mapping[tuple[str, str, str], Judged]  # by arm, metric, and what it is compared with


def findings(
    tables: Tables, frames: Mapping[str, pd.DataFrame], level: float, alike: float, limit: int
) -> tuple[str, ...]:
    """The dense models first, then the arms that lose most, then the corruptions and the images."""
    arms, differences = _with_single_runs(frames)
    told = [a for a in arms if a["scope"] == MEAN and a["shift"] == CORRUPTION] or _singles(arms)
    said: list[str] = []
    for row in (a for a in told if a["kind"] == "dense"):
        said += _dense(row, arms)
    judged = _judged([a for a in told if a["kind"] in ("retrained", "pruned")], differences, level)
    for kind in ("retrained", "pruned"):
        own = sorted((a for a in told if a["kind"] == kind), key=lambda a: -a["drop"])
        said += [_compared(a, differences, level, judged) for a in own[:limit]]
        if (more := len(own) - limit) > 0:
            said.append(f"{_count(more, 'more arm')} {'is' if more == 1 else 'are'} in the table {ARMS.name}.")
    said += among(judged, level)
    said += _apart(arms)
    said += _attacks(frames[CELLS.name])
    said += _redundancy(frames[PAIRS.name], frames[CORRUPTIONS.name], alike)
    said += _images(frames[IMAGES.name])
    return (*said, *_left_out(tables, frames))


def _judged(arms: Sequence[Row], differences: Sequence[Row], level: float) -> Told:
    """All differences and ratios that the sentences of these arms tell, or would tell of more of them."""
    found: dict[tuple[str, str, str], Interval] = {}
    for a in arms:
        for key, d in _of(a, differences).items():
            if key in _COMPARED and not (key == _RETRAINED and a["kind"] == "retrained"):
                n = int(d["images"] if a["fixed"] else d["dense_models"])
                found[a["arm"], *key] = Interval(d["difference"], d["low"], d["high"], level, n, "")
        value, low, high = (float(a[f"relative_error{end}"]) - 1 for end in ("", "_low", "_high"))
        n = int(a["images"] if a["fixed"] else a["dense_models"])
        found[a["arm"], _RATIO, ""] = Interval(value, low, high, level, n, "")
    return judge(found, question)


def _of(row: Row, differences: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """An arm's differences, by metric and what it is compared with."""
    return {
        (d["metric"], d["against"]): d
        for d in differences
        if d["arm"] == row["arm"] and d["scope"] == row["scope"] and d["corruption"] == row["corruption"]
    }


def _singles(arms: Sequence[Row]) -> list[Row]:
    """The first corruption's rows, where there is no mean to tell of."""
    first = next((a["corruption"] for a in arms), None)
    return [a for a in arms if a["corruption"] == first]


def _dense(row: Row, arms: Sequence[Row]) -> Iterator[str]:
    own = [a for a in arms if a["arm"] == row["arm"] and a["scope"] == "corruption" and a["shift"] == CORRUPTION]
    own = [a for a in own if a["corruption"] != "frost"]  # which is in no mean, and told apart
    own.sort(key=lambda a: a["accuracy"])
    ends = (
        f"; worst {own[0]['corruption']} ({percent(own[0]['accuracy'])}), mildest {own[-1]['corruption']} "
        if own
        else ""
    )
    ends += f"({percent(own[-1]['accuracy'])})" if own else ""
    yield (
        f"{row['arm']}: {percent(row['clean_accuracy'])} of {row['images']:,} images right uncorrupted, "
        f"{percent(row['accuracy'])} under {_under(row)} ({_count(row['dense_models'], 'model')}){ends}. "
        f"Mean ECE under corruption {row['ece']:.3f}, where calibrated models show {row['ece_floor']:.3f}."
    )


def _under(row: Row) -> str:
    if row["scope"] == "corruption":
        return str(row["corruption"])
    return f"{_count(row['corruptions'], 'corruption')}, mean over severities"


def _with_single_runs(frames: Mapping[str, pd.DataFrame]) -> tuple[list[Row], list[Row]]:
    """Arms and differences, those of a single run with its own intervals, over images alone; ``fixed`` says so."""
    arms, differences = (_records(frames[n]) for n in (ARMS.name, DIFFERENCES.name))
    single = {(r["arm"], r["corruption"]): r for r in _records(frames[RUNS.name])}
    found: list[Row] = []
    for row in arms:
        own = single[row["arm"], row["corruption"]]
        ends = {k: own[k] for k in ("relative_error_low", "relative_error_high")}
        found.append({**row, **ends, "fixed": True} if row["runs"] == 1 else {**row, "fixed": False})
    told: list[Row] = []
    for row in differences:
        name = f"{row['metric']}_difference"
        own = single[row["arm"], row["corruption"]]
        alone = row["runs"] == 1 and row["against"] == "dense" and f"{name}_low" in own
        told.append({**row, "low": own[f"{name}_low"], "high": own[f"{name}_high"]} if alone else row)
    return found, told


def _compared(row: Row, differences: Sequence[Row], level: float, judged: Told) -> str:
    by = _of(row, differences)

    def change(*key: str) -> str:
        return _change(by[key[0], key[1]], level, judged.get((row["arm"], key[0], key[1])))

    runs = f"{_count(row['runs'], 'run')} of {_count(row['dense_models'], 'dense model')}"
    over = " over test images, for these models alone" if row["fixed"] else ""
    text = f"{row['arm']}: {percent(row['accuracy'])} under {_under(row)} ({runs}). Against dense{over}: "
    text += f"accuracy {change('accuracy', 'dense')}"
    if row["collapsed"]:
        of_them = f"{int(row['collapsed'])} of them with less than half of what is right uncorrupted above chance left"
        text += f"; {of_them}, so that the loss to corruption says nothing."
    else:
        text += f", loss to corruption {change('drop', 'dense')}; {_ratio(row, judged)}."
        if _RETRAINED in by and row["kind"] != "retrained":
            fewer = partly(by[_RETRAINED]["runs"], row["runs"])
            text += f" Retraining alone set aside{fewer}, loss to corruption {change(*_RETRAINED)}."
    if np.isfinite((d := by["squared_error", "dense"])["low"]):
        sure = judged.get((row["arm"], "squared_error", "dense"))
        text += f" Squared calibration error under corruption {_small(d['difference'])} "
        text += f"({_small(d['low'])} … {_small(d['high'])}{doubt(sure) if sure is not None else ''})."
    if ("accuracy", "control") in by:
        fewer = partly(by["accuracy", "control"]["runs"], row["runs"])
        text += f" Against random pruning{fewer}, accuracy {change('accuracy', 'control')}."
    if row["kind"] == "pruned" and row["recovery"] != "none" and ("drop", "retrained") not in by:
        text += " No dense model was retrained the same way to set beside it."
    return text


def _change(d: Row, level: float, judged: Judged | None) -> str:
    if not np.isfinite(d["low"]):
        return f"{_signed(d['difference'])} points (fewer than {POINTS_BELOW} dense models give no interval)"
    sure = doubt(judged) if judged is not None else ""
    return f"{_signed(d['difference'])} points ({_signed(d['low'])} … {_signed(d['high'])} at {100 * level:g} %{sure})"


def _ratio(row: Row, judged: Told) -> str:
    value, left_out = row["relative_error"], row["relative_left_out"]
    if not np.isfinite(value):
        return "no relative corruption error, since the dense models lose too little to divide by"
    text = f"relative corruption error {value:.2f}"
    if np.isfinite(row["relative_error_low"]):
        low, high = row["relative_error_low"], row["relative_error_high"]
        known = judged.get((row["arm"], _RATIO, ""))
        unsure = known is not None and not known.sign
        apart = doubt(known) if known is not None and known.alone else ", not told from 1" if unsure else ""
        text += f" ({low:.2f} … {high:.2f}{apart})"
    if left_out:
        text += (
            f", {_count(int(left_out), 'corruption')} left out in which the dense models lose too little to divide by"
        )
    return text


def _apart(arms: Sequence[Row]) -> Iterator[str]:
    """Frost, which is not made as published, and what somebody had stored."""
    frost = [a for a in arms if a["corruption"] == "frost" and a["shift"] == CORRUPTION]
    if frost:
        each = ", ".join(f"{a['arm']} {percent(a['accuracy'])}" for a in frost[:4])
        yield f"Frost stands apart, since it is made without the published photographs: {each}; in no mean above."
    stored = [a for a in arms if a["scope"] == MEAN and a["shift"] == STORED]
    for a in stored[:4]:
        number = _count(a["corruptions"], "stored corruption")
        yield f"{a['arm']}: {percent(a['accuracy'])} under {number} of the given folder."


def _attacks(cells: pd.DataFrame) -> Iterator[str]:
    own = cells[(cells["shift"] == ATTACK) & (cells["kind"] == "dense")]
    for (name, epsilon), rows in own.groupby(["corruption", "epsilon"], sort=False, observed=True):
        yield (
            f"{name} with ε = {epsilon:.3g}: {percent(float(rows['accuracy'].mean()))} right in "
            f"{_count(len(rows), 'dense model')}. White-box: every model is attacked by its own gradient, so models "
            "are not compared on the same pictures."
        )


def _redundancy(pairs: pd.DataFrame, corruptions: pd.DataFrame, alike: float) -> Iterator[str]:
    if len(corruptions) < 2:
        return
    groups = [list(g["corruption"]) for _, g in corruptions.sort_values("place").groupby("cluster") if len(g) > 1]
    over = pairs[pairs["over"] == "images"]
    models, images = int(over["dense_models"].max()), int(over["n"].min())
    head = f"Of {len(corruptions)} corruptions, by the images that they fail (of at least {images:,} in each of "
    head += f"{_count(models, 'dense model')}), "
    if groups:
        names = "; ".join(", ".join(map(str, g)) for g in groups)
        yield f"{head}these are alike, with a mean correlation of {alike:g} or more: {names}."
    elif models:
        yield f"{head}none are alike: no mean correlation reaches {alike:g}."
    few = list(corruptions.loc[corruptions["nearest"].isna(), "corruption"])
    if few:
        names = ", ".join(map(str, few))
        yield f"Too few images fail to compare {names}: fewer than {LEAST_FAILED} in each dense model."
    known = over[over["correlation"].notna()]
    if len(known):
        ends = known.sort_values("correlation")
        each = f" Chosen as the ends of {len(known)} pairs, each interval alone." if known["low"].notna().any() else ""
        yield f"Most alike: {_pair(ends.iloc[-1])}; least: {_pair(ends.iloc[0])}.{each}"
    if not (pairs["over"] == "models").any():
        yield f"To see whether corruptions rank models alike takes {LEAST_MODELS} models of one dense model, with it."
        return
    to_clean = pairs[(pairs["over"] == "models") & (pairs["other"] == CLEAN) & pairs["correlation"].notna()]
    if len(to_clean):
        least = to_clean.sort_values("correlation").iloc[0]
        yield (
            f"Over models, accuracy under corruption ranks as accuracy on clean images does with a mean correlation of "
            f"{to_clean['correlation'].mean():.2f} ({int(least['n'])} models of each dense model); least for "
            f"{least['corruption']} ({_between(least)})."
        )


def _pair(row: Any) -> str:
    return f"{row['corruption']} and {row['other']} ({_between(row)})"


def _between(row: Any) -> str:
    text = f"r = {row['correlation']:.2f}".replace("-", "−")
    if np.isfinite(row["low"]):
        text += f", {row['low']:.2f} … {row['high']:.2f} over dense models".replace("-", "−")
    return text


def _images(images: pd.DataFrame) -> Iterator[str]:
    for kind, own in images.groupby("kind", sort=False, observed=True):
        right, kept = own[own["clean"] > 1 - 1e-9], int((own["survival"] > 1 - 1e-9).sum())
        name = {"dense": "dense model", "retrained": "retrained dense model", "pruned": "pruned model"}
        who, n = name.get(str(kind), "randomly pruned model"), int(own["runs"].iloc[0])
        who = f"the {who}" if n == 1 else f"every one of {_count(n, who)}"
        text = f"{kept:,} of {len(own):,} images are right in {who}, under every corruption and severity "
        text += "(frost apart)"
        if len(right):
            least = float(right["survival"].quantile(_LEAST))
            text += f"; of {len(right):,} that all have right uncorrupted, the most fragile tenth survives "
            text += f"{percent(least)} or less"
        yield f"{text}."


def _left_out(tables: Tables, frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    status, seen = tables.runs["status"], frames[CELLS.name]["run_id"].nunique()
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            yield f"{_count(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    if unseen := int((status == "done").sum()) - seen:
        yield (
            f"{_count(unseen, 'run')} left out: not looked at under every corruption, or the dense model to compare "
            "with was not. Run the study again."
        )
    images = frames[ARMS.name]["images"]
    if len(images) and images.iloc[0] < _FEW:
        yield f"With {int(images.iloc[0]):,} images, shares are known to a few points only. Ask for more images."


def _records(frame: pd.DataFrame) -> list[Row]:
    return [{str(k): v for k, v in r.items()} for r in frame.to_dict("records")]


def _signed(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")  # adding 0 turns −0.0 into +0.0


def _small(value: float) -> str:
    return f"{round(value, 4) + 0.0:+.4f}".replace("-", "−")


def _count(n: int, what: str) -> str:
    return f"{int(n):,} {what}{'' if n == 1 else 's'}"
