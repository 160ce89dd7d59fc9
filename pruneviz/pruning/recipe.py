"""A recipe: one composition of parts, under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pruneviz.core.options import to_plain
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.needs import cost_of, step_of
from pruneviz.pruning.parts import Allocation, Part, Schedule, Score, Space, Update
from pruneviz.pruning.updates import NoUpdate

_AS_THEY_ARE = NoUpdate()


@dataclass(frozen=True)
class Reference:
    """Where a method was published."""

    authors: str
    year: int
    title: str
    venue: str
    arxiv: str = ""

    @property
    def label(self) -> str:
        """One line for people."""
        link = f", arXiv:{self.arxiv}" if self.arxiv else ""
        return f"{self.authors} ({self.year}). {self.title}. {self.venue}{link}"


@dataclass(frozen=True)
class Recipe:
    """A pruning method: unit space × score × allocation × schedule × update, and a recovery where it fixes one.

    Attributes:
        name: how it is called.
        space: what can be removed.
        score: how much a unit matters.
        allocation: how the amount is divided over layers.
        schedule: when it is removed.
        summary: one line of what it does.
        formula: which units it removes, as text.
        reference: where it was published; None for a control.
        recovery: the recovery that belongs to the method; None: it is crossed with the study's.
        update: what becomes of the weights that stay.
        untrained: whether the paper prunes at initialisation.
        at: the step of the dense training at whose weights a study prunes, 0 being the initialisation; None: the dense
            model as it is given.
        like: of the control of a method that finds out by itself how much it removes: that method, whose numbers it
            takes over, layer by layer.
        differs: what differs from the paper, for people; empty where nothing does.
    """

    name: str
    space: Space
    score: Score
    allocation: Allocation
    schedule: Schedule
    summary: str
    formula: str
    reference: Reference | None = None
    recovery: Choice | None = field(default=None, hash=False)
    update: Update = _AS_THEY_ARE
    untrained: bool = False
    at: int | None = None
    like: Recipe | None = None
    differs: str = ""

    @property
    def unit(self) -> str:
        """What is removed: ``weight``, ``nm``, ``channel`` or ``block``."""
        return self.space.unit

    @property
    def parts(self) -> dict[str, Part]:
        """The parts by the names that overrides use."""
        return {
            "unit": self.space,
            "score": self.score,
            "allocation": self.allocation,
            "schedule": self.schedule,
            "update": self.update,
        }

    @property
    def target(self) -> str:
        """``exact`` (reaches what is asked), ``schedule`` (follows its own levels) or ``natural`` (finds its own)."""
        if self.space.sparsity is not None or self.schedule.numbered:
            return "natural"
        return "schedule" if self.schedule.own else "exact"

    def targets(self, asked: Sequence[Target]) -> tuple[Target, ...]:
        """The targets at which the method is run, when a study asks for these: its own, where it has its own."""
        if self.space.sparsity is not None:
            return (Target("sparsity", self.space.sparsity),)
        if self.schedule.own:
            return (self.schedule.levels(Target("sparsity", 0.0))[-1],)
        return tuple(asked)

    @property
    def needs(self) -> frozenset[str]:
        """Statistics that have to be gathered first."""
        return self.score.wanted | self.update.needs | self.schedule.needs

    @property
    def passes(self) -> frozenset[str]:
        """Those statistics that cost passes over the data."""
        return frozenset(need for need in self.needs if step_of(need) is None)

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps of the dense training whose weights it needs; 0 is the initialisation."""
        found = {s for need in self.needs if (s := step_of(need)) is not None}
        return tuple(sorted(found | ({self.at} if self.at is not None else set())))

    @property
    def uses_seed(self) -> bool:
        """Whether the result depends on the scoring seed: it draws, or its statistics do."""
        return self.score.draws or bool(self.passes)

    @property
    def samples(self) -> int | None:
        """How many training images its statistics use, where the method says so itself."""
        return getattr(self.score, "samples", None)

    @property
    def when(self) -> str:
        """When the method prunes, as published."""
        if self.schedule.kind == "training":
            return "during training"
        first = "before training" if self.untrained or self.at == 0 else "after training"
        return f"{first}, in levels" if self.schedule.kind == "iterative" else first

    @property
    def cost(self) -> str:
        """What one pruning costs beside ranking, in passes over the data."""
        parts = [*(cost_of(need) for need in sorted(self.needs)), *([self.score.effort] if self.score.effort else [])]
        if not parts:
            return "no pass over data"
        rounds = len(self.schedule.phases(self.score, Target("sparsity", 0.5))) if self.schedule.rescores else 1
        again = f" in each of {rounds} rounds" if rounds > 1 else ""
        at = {"one-shot": "", "iterative": " at each level", "training": " at each pruning"}[self.schedule.kind]
        return "; ".join(parts) + again + at

    @property
    def recovered(self) -> str:
        """What makes up for the loss: an update of what stays, a recovery of the method's own, or the study's."""
        update = [f"{self.update.name} at once"] if self.update.changes else []
        return ", then ".join([*update, self.recovery.name if self.recovery is not None else "as the study says"])

    def to_plain(self) -> dict[str, Any]:
        """All that decides what the method does; its name and texts do not."""
        return {
            **{k: p.to_plain() for k, p in self.parts.items()},
            "recovery": to_plain(self.recovery),
            "at": self.at,
            "like": self.like.to_plain() if self.like is not None else None,
        }
