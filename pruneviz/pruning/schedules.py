"""Schedules: when the amount is removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.errors import SpecError
from pruneviz.core.options import option
from pruneviz.core.quantities import Target
from pruneviz.pruning.parts import Schedule, Score

if TYPE_CHECKING:
    from pruneviz.pruning.during import DuringTraining, Ground
    from pruneviz.pruning.recipe import Recipe


def at_removed(target: Target, removed: float) -> Target:
    """A target of the same kind that removes the fraction ``removed`` of whatever the target counts."""
    return Target(target.kind, removed if target.kind == "sparsity" else 1.0 - removed)


@dataclass(frozen=True)
class OneShot(Schedule):
    """Everything at once."""

    name: ClassVar[str] = "one-shot"
    summary: ClassVar[str] = "everything at once"
    kind: ClassVar[str] = "one-shot"

    def levels(self, target: Target) -> tuple[Target, ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return (target,)


@dataclass(frozen=True)
class Iterative(Schedule):
    """Up to the target in a number of levels, each pruned and then recovered."""

    name: ClassVar[str] = "iterative"
    summary: ClassVar[str] = "up to the target in several levels, with recovery after each"
    kind: ClassVar[str] = "iterative"
    units: ClassVar[tuple[str, ...]] = ("weight", "channel")

    steps: int = option(3, "how many levels", unit="levels", ge=1, le=1000)
    spacing: str = option(
        "exponential",
        "exponential: the same fraction of what remains at every level; linear: the same amount",
        choices=("exponential", "linear"),
    )

    def levels(self, target: Target) -> tuple[Target, ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        shares = (i / self.steps for i in range(1, self.steps))
        if self.spacing == "linear":
            removed = [target.removed * share for share in shares]
        else:
            removed = [1.0 - (1.0 - target.removed) ** share for share in shares]
        return (*(at_removed(target, r) for r in removed), target)


@dataclass(frozen=True)
class Rescored(Schedule):
    """At one moment, but in many rounds with scores computed anew on what is left, and nothing trained between.

    For scores that need no data; those that do are scored anew by the schedule ``iterative`` with recovery ``none``.
    """

    name: ClassVar[str] = "rescored"
    summary: ClassVar[str] = "at one moment, in rounds with scores computed anew after each"
    kind: ClassVar[str] = "one-shot"
    rescores: ClassVar[bool] = True
    units: ClassVar[tuple[str, ...]] = ("weight", "channel")

    times: int = option(100, "how many times scores are computed", unit="rounds", ge=1, le=1000)
    spacing: str = option(
        "exponential",
        "exponential: the same fraction of what remains in every round; linear: the same amount",
        choices=("exponential", "linear"),
    )

    def levels(self, target: Target) -> tuple[Target, ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return (target,)

    def phases(self, score: Score, level: Target) -> tuple[tuple[Score, Target], ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return tuple((score, goal) for goal in Iterative(self.times, self.spacing).levels(level))


@dataclass(frozen=True)
class Rounds(Schedule):
    """A fixed fraction of what remains at every level, whatever target is asked (Han et al. 2015; Frankle & Carbin)."""

    name: ClassVar[str] = "rounds"
    summary: ClassVar[str] = "a fixed fraction of what remains per level, for a number of levels of its own"
    kind: ClassVar[str] = "iterative"
    units: ClassVar[tuple[str, ...]] = ("weight", "channel")
    own: ClassVar[bool] = True

    rate: float = option(0.2, "fraction of the remaining units removed at each level", gt=0, lt=1)
    rounds: int = option(5, "how many levels", unit="levels", ge=1, le=1000)

    def levels(self, target: Target) -> tuple[Target, ...]:
        """Its own levels, as sparsities; the target is not looked at."""
        return tuple(Target("sparsity", 1.0 - (1.0 - self.rate) ** i) for i in range(1, self.rounds + 1))


@dataclass(frozen=True)
class Levels(Schedule):
    """A number of levels, each pruned and then recovered; how much each removes, the allocation finds out by itself."""

    name: ClassVar[str] = "levels"
    summary: ClassVar[str] = "a number of levels; the allocation says how much each removes"
    kind: ClassVar[str] = "iterative"
    units: ClassVar[tuple[str, ...]] = ("weight",)
    own: ClassVar[bool] = True
    numbered: ClassVar[bool] = True

    rounds: int = option(5, "how many levels", unit="levels", ge=1, le=1000)

    def levels(self, target: Target) -> tuple[Target, ...]:
        """Their numbers; the target is not looked at."""
        return tuple(Target("level", float(i)) for i in range(1, self.rounds + 1))


@dataclass(frozen=True)
class Once(Schedule):
    """Everything at one moment of training, which goes on after it; subclasses prepare the network until then."""

    name: ClassVar[str] = "once"
    summary: ClassVar[str] = "everything at once, in the middle of training"
    kind: ClassVar[str] = "training"
    units: ClassVar[tuple[str, ...]] = ("weight", "channel")

    end: float = option(0.5, "when it is pruned, as a fraction of training", gt=0, le=1)

    def levels(self, target: Target) -> tuple[Target, ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return (target,)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.gradual.PruningOnce`."""
        from pruneviz.pruning.gradual import PruningOnce

        return PruningOnce(self, recipe, target, ground)

    def control(self) -> Schedule:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Once(self.end)


@dataclass(frozen=True)
class Gradual(Schedule):
    """During training, along a cubic curve (Zhu & Gupta 2017, equation 1).

    With t the fraction of training done, the removed fraction is
    s_t = s_f + (s_i − s_f) · (1 − (t − begin) / (end − begin))³ from ``begin`` to ``end``, and s_f after it; s_i is
    removed before the first step. Weights once removed stay removed. The target is met exactly at ``end``, or at the
    last step if that comes first.
    """

    name: ClassVar[str] = "gradual"
    summary: ClassVar[str] = "during training, first much and then little (cubic)"
    kind: ClassVar[str] = "training"
    units: ClassVar[tuple[str, ...]] = ("weight", "channel")

    begin: float = option(0.0, "when pruning begins, as a fraction of training", ge=0, lt=1)
    end: float = option(0.75, "when the target is reached, as a fraction of training; after begin", gt=0, le=1)
    every: int = option(10, "steps between two prunings", unit="steps", ge=1)
    initial: float = option(0.0, "removed before the first step (s_i), as a fraction of the target", ge=0, le=1)

    def __post_init__(self) -> None:
        if self.begin >= self.end:
            raise SpecError(f"schedule {self.name}: begin, end", [self.begin, self.end], "begin before end")

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.gradual.GradualPruning`."""
        from pruneviz.pruning.gradual import GradualPruning

        return GradualPruning(self, recipe, target, ground)

    def levels(self, target: Target) -> tuple[Target, ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return (target,)

    def removed_at(self, t: float, final: float, initial: float = 0.0) -> float:
        """The removed fraction when a fraction ``t`` of training is done.

        Args:
            t: in [0, 1].
            final: s_f, the target's removed fraction.
            initial: s_i.
        """
        if t < self.begin:
            return initial
        if t >= self.end:
            return final
        left = 1.0 - (t - self.begin) / (self.end - self.begin)
        return final + (initial - final) * left**3


SCHEDULES: dict[str, type[Schedule]] = {
    p.name: p for p in (OneShot, Iterative, Rescored, Rounds, Levels, Once, Gradual)
}
