"""The differences of one model from another, in sentences, those first that retraining alone explains least."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import SMALL_CLASS, count_changes, mcnemar, paired_bootstrap, paired_interval
from pruneviz.measures.statistics import holm, wilson
from pruneviz.views import runs as on
from pruneviz.views.comparison import Comparison, Pairs, class_name, comparison
from pruneviz.views.difference import Difference, Missing, against_retraining, chance, change, span
from pruneviz.views.differences_analysed import analysed
from pruneviz.views.differences_weights import weights
from pruneviz.views.text import listed, number, percent, points, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

LEVEL = 0.05
NAMED = 3  # classes in the sentence about them
ORDER = (
    "First what retraining alone does not change at all, then by how many times a difference is the most that "
    "retraining alone changes in this study, taken at that end of its interval which is nearest to no difference."
)


@dataclass(frozen=True)
class Differences:
    """How a model differs from the reference.

    Attributes:
        title: the two, in words.
        scope: over which images, and what retraining alone and random pruning of as much are known from.
        beyond: differences larger than any that retraining alone made here, the largest first.
        within: what cannot be told from retraining alone.
        alone: differences where it is not known what retraining alone changes, the largest first.
        missing: what cannot be said, and what would add it.
        why_empty: why nothing can be compared; empty where something can.
    """

    title: str
    scope: str
    beyond: tuple[Difference, ...] = ()
    within: tuple[Difference, ...] = ()
    alone: tuple[Difference, ...] = ()
    missing: tuple[Missing, ...] = ()
    why_empty: str = ""

    @property
    def said(self) -> tuple[Difference, ...]:
        """All differences, in order."""
        return (*self.beyond, *self.alone, *self.within)


def differences(tables: Tables, state: ViewState) -> Differences:
    """How the model in focus (else the first compared) differs from the reference.

    Args:
        tables: the study.
        state: reference, models compared, the one in focus, and the images selected.
    """
    c = comparison(tables, replace(state, models=(focus(state),)) if state.models else state)
    if c.why_empty:
        return Differences("", "", why_empty=c.why_empty)
    run_id = c.compared[0]
    own = {c.reference, run_id}  # a pair of dense models is not held against itself
    c = replace(c, other_seeds=_without(c.other_seeds, own), trained_on=_without(c.trained_on, own))
    found = [*weights(tables, c, run_id), *_predictions(c, run_id), *_classes(tables, c, run_id)]
    measured, missing = analysed(tables, c, run_id)
    found += measured
    analysed_of = "What analyses measured is over all images that they looked at." if state.samples and measured else ""
    beyond = sorted((d for d in found if d.times > 1), key=lambda d: (-d.times, -d.size))
    return Differences(
        f"{c.labels[run_id]} against {c.labels[c.reference]}",
        " ".join(w for w in (f"Predictions are over {c.scope}.", analysed_of, _known(c), _control(c, run_id)) if w),
        tuple(beyond),
        tuple(sorted((d for d in found if d.times <= 1), key=lambda d: (-d.times, -d.size))),
        tuple(sorted((d for d in found if d.times != d.times), key=lambda d: -d.size)),
        tuple(missing),
    )


def focus(state: ViewState) -> str:
    """The run that the differences are of: the one in focus where it is compared, else the first compared."""
    return state.focus if state.focus in state.compared else next(iter(state.compared), "")


def _without(pairs: Pairs, own: set[str]) -> Pairs:
    return tuple(p for p in pairs if set(p) != own)


def _known(c: Comparison) -> str:
    if not c.baseline:
        return "This study has no second dense model, so what retraining alone would change is not known."
    kinds = [f"{several(len(c.other_seeds), 'pair')} of dense models of other seeds"] if c.other_seeds else []
    kinds += [f"{several(len(c.trained_on), 'dense model')} trained on"] if c.trained_on else []
    n = len(c.baseline)
    return (
        f"What retraining alone changes is known from {listed(kinds)}; by chance, one more such pair exceeds them all "
        f"in about 1 of {n + 1} cases."
    )


def _control(c: Comparison, run_id: str) -> str:
    """Which run is the random pruning of as much, or that there is none."""
    if run_id not in c.controls:
        return c.uncontrolled
    label = c.labels[c.controls[run_id]].removeprefix(on.as_control(""))
    return f"Random pruning of as much is {label}: of the same dense model, recovery and seed."


def _predictions(c: Comparison, run_id: str) -> Iterator[Difference]:
    """Which predictions changed, accuracy, and loss."""
    labels, n = c.samples.labels, len(c.samples.ids)

    def flips(before: str, after: str) -> Any:
        return count_changes(c.codes(before, after)[None], labels, int(labels.max()) + 1).overall

    f, baseline = flips(c.reference, run_id), [flips(*p) for p in c.baseline]
    blind = flips(c.reference, c.controls[run_id]) if run_id in c.controls else None
    churn = float(f.churn[0])
    low, high = (float(v) for v in wilson(n - f.unchanged[0], n))
    yield against_retraining(
        "predictions",
        f"{percent(churn)} of {several(n, 'image')} get another prediction "
        f"({span(low, high, percent)}, these two models fixed): {int(f.right_to_wrong[0]):,} from right to wrong, "
        f"{int(f.wrong_to_right[0]):,} from wrong to right, {int(f.wrong_to_wrong[0]):,} to another wrong class.",
        change(churn, low, high, [float(b.churn[0]) for b in baseline], 1 / n),
        percent,
        ("flips",),
        blind=percent(float(blind.churn[0])) if blind is not None else "",
    )
    lost, gained = f.right_to_wrong[0], f.wrong_to_right[0]
    low, high = (float(v) for v in paired_interval(lost, gained, n))
    difference, before = float(f.accuracy_difference[0]), float(f.accuracy_before[0])
    yield against_retraining(
        "accuracy",
        f"Accuracy is {percent(before + difference)} instead of {percent(before)}: {points(difference)} points "
        f"({span(low, high, points)}, these two models fixed; McNemar's {chance(float(mcnemar(lost, gained)))}).",
        change(difference, low, high, [float(b.accuracy_difference[0]) for b in baseline], 1 / n),
        lambda v: f"{points(v).lstrip('+')} points",
        ("flips",),
        blind=f"{points(float(blind.accuracy_difference[0]))} points" if blind is not None else "",
    )
    losses = c.samples.loss
    low, high = (float(v) for v in paired_bootstrap(losses[run_id] - losses[c.reference]))
    mean = float(losses[c.reference].mean())
    difference = float(losses[run_id].mean()) - mean
    others = [float((losses[b] - losses[a]).mean()) for a, b in c.baseline]
    yield against_retraining(
        "loss",
        f"Mean loss is {number(mean + difference)} instead of {number(mean)} nats: {_signed(difference)} "
        f"({span(low, high, _signed)}, bootstrap over images, these two models fixed).",
        change(difference, low, high, others, 1e-6),
        lambda v: f"{number(v)} nats",
        ("flips",),
        size=abs(difference) / max(mean, 1e-6),
        blind=f"{_signed(float(losses[c.controls[run_id]].mean()) - mean)} nats" if blind is not None else "",
    )


def _classes(tables: Tables, c: Comparison, run_id: str) -> Iterator[Difference]:
    """The classes whose accuracy moved most."""
    labels = c.samples.labels
    k = int(labels.max()) + 1

    def moved(before: str, after: str) -> Any:
        return count_changes(c.codes(before, after)[None], labels, k)

    f = moved(c.reference, run_id)
    lost, gained, n = f.right_to_wrong[0], f.wrong_to_right[0], f.n[0]
    there = n >= SMALL_CLASS
    if np.count_nonzero(there) < 2:
        return
    count = int(np.count_nonzero(there))
    p = holm(np.where(there, mcnemar(lost, gained), np.nan))
    difference = np.where(there, f.accuracy_difference[0], 0.0)
    low, high = paired_interval(lost, gained, n, level=1 - LEVEL / count)
    others = [float(np.abs(np.where(there, moved(*q).accuracy_difference[0], 0)).max()) for q in c.baseline]
    order = [int(i) for i in np.argsort(-np.abs(difference), kind="stable") if there[i]]
    told = [i for i in order if p[i] < LEVEL]
    how = f"intervals are simultaneous over {count} classes"

    def one(i: int) -> str:
        return (
            f"{class_name(tables.classes, i)} {points(float(difference[i]))} points ({span(low[i], high[i], points)})"
        )

    if told:
        more = f"; {several(len(told) - NAMED, 'more class', 'more classes')} moved" if len(told) > NAMED else ""
        text = f"The classes that moved most: {listed(map(one, told[:NAMED]))}{more} (McNemar, Holm-corrected; {how})."
    else:
        text = f"No class can be told to have moved (McNemar, Holm-corrected); the most is {one(order[0])}; {how}."
    first = (told or order)[0]
    control = moved(c.reference, c.controls[run_id]).accuracy_difference[0] if run_id in c.controls else None
    named = (
        [f"{class_name(tables.classes, i)} {points(float(control[i]))}" for i in (told or order)[:NAMED]]
        if control is not None
        else []
    )
    ends = (float(low[first]), float(high[first])) if told else (-1.0, 1.0)
    yield against_retraining(
        "classes",
        text,
        change(float(difference[first]), *ends, others, 1 / int(n[first])),
        lambda v: f"{points(v).lstrip('+')} points",
        ("class_changes",),
        size=abs(float(difference[first])) if told else 0.0,
        each="the class that moved most in each",
        blind=f"{listed(named)} points" if named else "",
    )


def _signed(value: float) -> str:
    text = number(value)
    return f"+{text}" if value > 0 and text != "0" else text
