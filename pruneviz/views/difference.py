"""One difference of two models, and how it stands against what retraining alone changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pruneviz.views.text import NBSP, number, several

Shows = Callable[[float], str]


@dataclass(frozen=True)
class Difference:
    """One thing in which a model differs from the reference, or cannot be told to.

    Attributes:
        about: what it is about, in a word or two.
        text: the sentence, with its numbers.
        times: how many times it is the most that retraining alone changes, at the end of the interval nearest to no
            difference; infinite where retraining never changes it, 0 where there is no difference, NaN where it is not
            known what retraining changes.
        size: how large it is as a fraction of what there is, for the order where ``times`` says nothing.
        pictures: names of the pictures that show it.
    """

    about: str
    text: str
    times: float
    size: float
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Missing:
    """What cannot be said.

    Attributes:
        about: what it is about.
        text: why.
        command: what would add it; empty where nothing would.
        analysis: the analysis that would say it.
    """

    about: str
    text: str
    command: str = ""
    analysis: str = ""


@dataclass(frozen=True)
class Change:
    """A measured change and those of retraining alone.

    Attributes:
        value: signed.
        low, high: its interval; NaN where there is none.
        baseline: the sizes of the same change between dense models.
        step: the least change that could be measured: what it is held against where retraining changed less.
    """

    value: float
    low: float
    high: float
    baseline: tuple[float, ...]
    step: float

    @property
    def interval(self) -> bool:
        """Whether there is one."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def least(self) -> float:
        """The size of the change at the interval's end nearest to none; as measured where there is no interval."""
        if not self.interval:
            return abs(self.value)
        return 0.0 if self.low <= 0 <= self.high else min(abs(self.low), abs(self.high))

    @property
    def times(self) -> float:
        """See :class:`Difference`."""
        if self.interval and self.least == 0:
            return 0.0
        return self.least / max(*self.baseline, self.step) if self.baseline else math.nan


def change(value: float, low: float, high: float, baseline: Sequence[float], step: float) -> Change:
    """A change; those of retraining alone may have signs, and those that are NaN are left out."""
    return Change(value, low, high, tuple(abs(b) for b in baseline if math.isfinite(b)), step)


def against_retraining(
    about: str,
    text: str,
    found: Change,
    shows: Shows,
    pictures: tuple[str, ...],
    size: float | None = None,
    each: str = "",
    blind: str = "",
) -> Difference:
    """The sentence, continued by what random pruning of as much changes, and what retraining alone does.

    Args:
        about: what it is about.
        text: the sentence about the change.
        found: the change.
        shows: a size of it as text.
        pictures: that show it.
        size: as a fraction of what there is; the change itself when absent.
        each: what was taken of each pair of dense models, where that is not the same.
        blind: the same of the random control, in words; empty where there is none.
    """
    text = blindly(text, blind)
    own = abs(found.value) if size is None else size
    untold = "A difference from the reference cannot be told."
    if not found.baseline:
        return Difference(about, f"{text} {untold}" if found.times == 0 else text, found.times, own, pictures)
    low, high = shows(min(found.baseline)), shows(max(found.baseline))
    pairs = several(len(found.baseline), "pair") + (f", {each}" if each else "")
    alone = f"Retraining alone: {low if low == high else f'{low} to {high}'} ({pairs})."
    if found.times > 1 and max(found.baseline) < found.step:
        verdict = "That is less than could be measured."
    elif found.times > 1:
        bound, without = ("at least ", "") if found.interval else ("", ", as measured, without an interval")
        verdict = (
            f"This is {bound}{number(found.times, 2 if found.times >= 10 else 3)} times the most of that{without}."
        )
    elif found.least == 0 and found.interval:
        verdict = untold
    else:
        verdict = "It cannot be told to be more than that."
    return Difference(about, f"{text} {alone} {verdict}", found.times, own, pictures)


def blindly(text: str, blind: str) -> str:
    """A sentence, and what random pruning of as much changes; ``blind`` is empty where that is not known."""
    return f"{text} Random pruning of as much: {blind}." if blind else text


def exact(about: str, text: str, size: float, pictures: tuple[str, ...] = ()) -> Difference:
    """What is counted, not measured, and what retraining never changes: it differs, or it does not."""
    return Difference(about, text, math.inf if size > 0 else 0.0, size, pictures)


def span(low: float, high: float, shows: Shows, level: str = "95 %") -> str:
    """An interval in words."""
    if not math.isfinite(low):
        return "too few for an interval"
    return f"{level.replace(' ', NBSP)} interval {shows(low)} to {shows(high)}"


def chance(p: float) -> str:
    """A p-value in words."""
    return f"p = {number(p, 2)}" if p >= 0.001 else "p < 0.001"
