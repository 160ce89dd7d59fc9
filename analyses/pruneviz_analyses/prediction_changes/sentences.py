"""What prediction_changes found, in sentences that claim no more than their interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.tables import Tables
from pruneviz.measures.families import Judged, judge
from pruneviz.measures.statistics import POINTS_BELOW, holm
from pruneviz_analyses.judging import among, interval_of, verdict
from pruneviz_analyses.pairs import PRUNED, REPLICATE, RETRAINED, dense_models
from pruneviz_analyses.prediction_changes.schemas import ARMS, CLASSES, PAIRS
from pruneviz_analyses.words import counted, percent, points

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 3  # classes named in one sentence


def findings(
    tables: Tables, frames: Mapping[str, pd.DataFrame], level: float, small_class: int, limit: int
) -> tuple[str, ...]:
    """Baselines first, then the arms that differ most, random controls after all others, then what was left out."""
    pairs, arms = frames[PAIRS.name], frames[ARMS.name]
    said = [_baselines(str(model), own) for model, own in arms.groupby("model", sort=False)]
    controls = set(tables.runs["control_run_id"].dropna())
    is_control = pairs["run_id"].isin(controls).groupby(pairs["arm"], observed=True).all()
    pruned = arms[arms["kind"] == PRUNED].assign(method_first=lambda a: ~a["arm"].map(is_control).astype(bool))
    # Those with something to be judged by come first, then those with the most churn.
    order = ["method_first", "excess_churn", "churn"]
    pruned = pruned.sort_values(order, ascending=False, kind="stable")
    losing = _losing_classes(pairs, frames[CLASSES.name], level)
    judged = judge(
        {
            str(r["arm"]): interval_of(r, "excess_churn", level, "retrained_runs")
            for r in pruned[pruned["excess_churn"].notna()].to_dict("records")
        }
    )
    for row in pruned.head(limit).to_dict("records"):
        of_arm, name = pairs[pairs["arm"] == row["arm"]], str(row["arm"])
        parts = _arm(row, of_arm, level, judged), _exemplars(row, level)
        said.append("".join(parts) + _classes(losing.get(name, {}), row["runs"], level))
    if (more := len(pruned) - limit) > 0:
        said.append(f"{counted(more, 'more arm')} {'is' if more == 1 else 'are'} in the table {ARMS.name}.")
    said += among(judged, level, "difference from retraining alone")
    return (*said, *_left_out(tables, frames, small_class))


def _baselines(model: str, arms: pd.DataFrame) -> str:
    told = []
    for row in arms[arms["kind"] == REPLICATE].to_dict("records"):
        told.append(
            f"dense models trained from different seeds disagree on {_range(row)} of {row['samples']:,} test images "
            f"({counted(row['runs'], 'pair')} of {row['dense_models']} models)"
        )
    for row in arms[arms["kind"] == RETRAINED].to_dict("records"):
        told.append(
            f"{row['recovery']} without pruning changes {_range(row)} of predictions ({counted(row['runs'], 'run')})"
        )
    if told:
        return f"{model}, for comparison: {'; '.join(told)}."
    given = (arms["target"] == AS_GIVEN).any()
    remedy = "Give models of several trainings (replicates)." if given else "Add replicates under [model]."
    return (
        f"{model}: the study has neither a second dense model nor a retrained one, so what pruning changes cannot be "
        f"told from what training again would change. {remedy}"
    )


def _arm(row: Mapping[Any, Any], pairs: pd.DataFrame, level: float, judged: Mapping[str, Judged]) -> str:
    runs = f"{counted(row['runs'], 'run')} of {counted(row['dense_models'], 'dense model')}"
    if np.isfinite(row["churn_low"]):
        head = f"{percent(row['churn'])} of predictions change ({_interval(row, 'churn', level)}; {runs})"
    else:
        head = f"{_range(row)} of predictions change ({runs})"
    return f"{row['arm']}: {head}{_beside(row, pairs, judged)}."


def _beside(row: Mapping[Any, Any], pairs: pd.DataFrame, judged: Mapping[str, Judged]) -> str:
    """The comparison with retraining alone, as strong as the data allow."""
    if row["recovery"] == "none":
        return "; without a recovery there is no dense model retrained alike"
    if not row["retrained_runs"]:
        return ", with no dense model retrained the same way to set beside it"
    partial = f" in the {row['retrained_runs']} of them that have it" if row["retrained_runs"] < row["runs"] else ""
    alone = f"; retraining alone changes {percent(row['retrained_churn'])}{partial}"
    if np.isfinite(row["excess_churn_low"]):
        low, high = row["excess_churn_low"], row["excess_churn_high"]
        said = verdict(judged[str(row["arm"])], "more than that", "fewer than that")
        return f"{alone}: {said} ({points(row['excess_churn'])} points, {points(low)} … {points(high)})"
    known = pairs[pairs["excess_churn"].notna()]
    if len(known) == 1:
        low, high = known["excess_churn_low"].iloc[0], known["excess_churn_high"].iloc[0]
        if np.isfinite(low):
            ends = f"{points(low)} … {points(high)} over test images, for these models alone"
            return f"{alone}, a difference of {points(row['excess_churn'])} points ({ends})"
    ends = f"{points(known['excess_churn'].min())} to {points(known['excess_churn'].max())}"
    return f"{alone}, a difference of {ends} points by run; fewer than {POINTS_BELOW} dense models give no interval"


def _exemplars(row: Mapping[Any, Any], level: float) -> str:
    """Images on which most models of the arm say something else than most dense models, where there are enough."""
    import pandas as pd

    p = row["exemplars_p_holm"]
    if not np.isfinite(p):
        return ""
    beside = ""
    if not pd.isna(row["retrained_exemplars"]):
        count, shared = int(row["retrained_exemplars"]), int(row["shared_exemplars"])
        beside = f"; {count:,} by retraining alone, {shared:,} of them the same images"
    more = "more than" if p < 1 - level else "not told from"
    expected = (
        f"{more} the {row['exemplars_expected']:.0f} that exchanging dense and pruned models gives (p = {p:.2g}, Holm)"
    )
    right = row["exemplars_dense_accuracy"]
    easy = f" The dense models are right on {percent(right)} of them." if np.isfinite(right) else ""
    found = f"{int(row['exemplars']):,} of {row['samples']:,} images are pruning-identified exemplars"
    return f" {found} ({row['dense_models']} dense and as many pruned models), {expected}{beside}.{easy}"


def _losing_classes(
    pairs: pd.DataFrame, classes: pd.DataFrame, level: float
) -> dict[str, dict[str, tuple[float, float]]]:
    """By arm, the classes that lose accuracy in *every* run: name → mean difference, the retrained models' mean.

    Holm over all classes of all pruned runs of the study, so that among many tests none is named by chance.
    """
    own = classes[classes["kind"] == PRUNED].copy()
    own["corrected"] = holm(own["p"].to_numpy(dtype=float))
    arm = pairs[pairs["kind"] == PRUNED].set_index("run_id")["arm"]
    own["arm"] = own["run_id"].map(arm)
    own["lost"] = (own["corrected"] < 1 - level) & (own["accuracy_difference"] < 0)
    every = own.groupby(["arm", "class_index"], sort=False)["lost"].transform("all")
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for (name, _), rows in own[every].groupby(["arm", "class_index"], sort=False):
        retrained = rows["retrained_difference"].mean() if rows["retrained_difference"].notna().all() else float("nan")
        found.setdefault(str(name), {})[str(rows["class"].iloc[0])] = (rows["accuracy_difference"].mean(), retrained)
    return found


def _classes(losing: Mapping[str, tuple[float, float]], runs: int, level: float) -> str:
    if not losing:
        return ""
    ranked = sorted(losing.items(), key=lambda item: item[1][0])
    told = []
    for name, (lost, retrained) in ranked[:_NAMED]:
        beside = f", {points(retrained)} by retraining alone" if np.isfinite(retrained) else ""
        told.append(f"{name!r} ({points(lost)} points{beside})")
    more = f" and {len(ranked) - _NAMED} more" if len(ranked) > _NAMED else ""
    where = "Accuracy falls" if runs == 1 else "In every run, accuracy falls"
    test = f"McNemar, Holm over all classes and runs, {1 - level:.2g}"
    return f" {where} on {', '.join(told)}{more} ({test})."


def _left_out(tables: Tables, frames: Mapping[str, pd.DataFrame], small_class: int) -> Iterable[str]:
    runs, pairs = tables.runs, frames[PAIRS.name]
    for status, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((runs["status"] == status).sum()):
            yield f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}."
    done = runs[runs["status"] == "done"]
    known = {*pairs["run_id"], *dense_models(runs)["run_id"]}
    if count := sum(run_id not in known for run_id in done["run_id"]):
        yield f"{counted(count, 'run')} left out: the dense model to compare with is not done."
    if len(pairs) and (most := int(pairs["left_out"].max())):
        yield f"Up to {counted(most, 'sample')} of a run left out: not every run was measured on them."
    size = frames[CLASSES.name].drop_duplicates("class_index").set_index("class")["samples"]
    if len(empty := size[size == 0]):
        yield f"Without test samples, so without any figure: {_names(empty.index)}."
    if len(few := size[(size > 0) & (size < small_class)]):
        yield f"With fewer than {small_class} test samples, so without an interval: {_names(few.index)}."


def _names(names: Iterable[Any], most: int = 10) -> str:
    listed = [str(n) for n in names]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(repr(n) for n in listed[:most]) + more


def _range(row: Mapping[Any, Any]) -> str:
    low, high = percent(row["churn_least"]), percent(row["churn_most"])
    return low if low == high else f"{low} to {high}"


def _interval(row: Mapping[Any, Any], name: str, level: float) -> str:
    return f"{100 * row[f'{name}_low']:.1f} … {percent(row[f'{name}_high'])} at {100 * level:g} %"
