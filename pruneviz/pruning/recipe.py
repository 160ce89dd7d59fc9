"""A recipe: one composition of parts, under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pruneviz.core.options import to_plain
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.parts import Allocation, Part, Schedule, Score, Space


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
    """A pruning method: unit space × score × allocation × schedule, and a recovery where the method fixes one.

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

    @property
    def unit(self) -> str:
        """What is removed: ``weight``, ``nm`` or ``channel``."""
        return self.space.unit

    @property
    def parts(self) -> dict[str, Part]:
        """The parts by the names that overrides use."""
        return {"unit": self.space, "score": self.score, "allocation": self.allocation, "schedule": self.schedule}

    @property
    def target(self) -> str:
        """``exact`` (reaches what is asked), ``schedule`` (follows its own levels) or ``natural`` (finds its own)."""
        if self.space.sparsity is not None:
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
        return self.score.needs

    @property
    def uses_seed(self) -> bool:
        """Whether the result depends on the scoring seed: it draws, or its statistics do."""
        return self.score.draws or bool(self.score.needs)

    @property
    def samples(self) -> int | None:
        """How many training images its statistics use, where the method says so itself."""
        return getattr(self.score, "samples", None)

    def to_plain(self) -> dict[str, Any]:
        """All that decides what the method does; its name and texts do not."""
        return {**{k: p.to_plain() for k, p in self.parts.items()}, "recovery": to_plain(self.recovery)}
