"""AP: beside what the host method removes, a few negative weights that did not move, so that fewer neurons are dead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pruneviz.core.options import option
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.needs import write_need
from pruneviz.pruning.parts import Given, Schedule, Score, Scores
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Rounds
from pruneviz.pruning.scores import Magnitude
from pruneviz.pruning.spaces import Weights


@dataclass(frozen=True)
class LeastMoved(Score):
    """|w − w_k| of negative weights, w_k the dense model's weight at step k; all others rank behind them.

    Negative weights that training did not move are those that keep a ReLU from firing and learn nothing (Liu et al.
    2023).
    """

    name: ClassVar[str] = "least-moved"
    summary: ClassVar[str] = "how far a negative weight has moved since an early step; positive ones come last"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    step: int = option(0, "k: the step of the dense training that it is measured from", unit="steps", ge=0)

    @property
    def wanted(self) -> frozenset[str]:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return frozenset({write_need("earlier", step=self.step)})

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        (need,) = self.wanted
        start = given.gathered(need)
        moved = {n: (w - start[n].to(w.device)).abs() for n, w in given.weights.items()}
        return Scores({n: torch.where(w < 0, moved[n], torch.inf) for n, w in given.weights.items()})


@dataclass(frozen=True)
class Reactivating(Schedule):
    """Levels of 20 % of what remains: the first 18 % by the recipe's score, 2 % the least moved negative survivors.

    Every level ends with the survivors put back to step k, so what a weight has moved since then is what it has moved
    since the level began. Where no negative weights are left, others go, the first ones first.

    Told at each level, before it prunes: the dynamic dead-neuron rate, the share of neurons and filters behind an
    activation function that put out nothing on any calibration image, among those that have a weight left. It stands
    with the warnings of the run, in reports and `pruneviz status`.
    """

    name: ClassVar[str] = "reactivating"
    summary: ClassVar[str] = "a fifth of what remains per level, a tenth of that negative weights that hardly moved"
    kind: ClassVar[str] = "iterative"
    units: ClassVar[tuple[str, ...]] = ("weight",)
    own: ClassVar[bool] = True

    host: float = option(0.18, "fraction of the remaining weights removed by the recipe's score per level", ge=0, lt=1)
    least: float = option(0.02, "fraction of the remaining weights removed as least moved negative ones", gt=0, lt=0.5)
    rounds: int = option(15, "how many levels", unit="levels", ge=1, le=1000)
    step: int = option(0, "k: the step that survivors are put back to", unit="steps", ge=0)

    @property
    def needs(self) -> frozenset[str]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return LeastMoved(self.step).wanted | {"activations"}

    def notes(self, given: Given, level: Target) -> tuple[str, ...]:
        """The dynamic dead-neuron rate."""
        dead, count = dead_neurons(given)
        rate = f"dynamic dead-neuron rate before the pruning to {level.label}: {dead / max(count, 1):.1%}"
        return (f"{rate} ({dead} of {count})",) if count else ()

    def levels(self, target: Target) -> tuple[Target, ...]:
        """Its own levels, as sparsities; the target is not looked at."""
        return Rounds(round(self.host + self.least, 12), self.rounds).levels(target)

    def phases(self, score: Score, level: Target) -> tuple[tuple[Score, Target], ...]:
        """The host's part, then the least moved; of a level that is none of its own, from the level below it."""
        kept = 1.0 - self.host - self.least
        before = (1.0 - level.value) / kept  # remained before this level
        first = Target("sparsity", max(0.0, 1.0 - before * (1.0 - self.host)))
        return ((score, first), (LeastMoved(self.step), level))

    def control(self) -> Schedule:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Rounds(round(self.host + self.least, 12), self.rounds)


def dead_neurons(given: Given) -> tuple[int, int]:
    """How many neurons and filters put out nothing on any calibration image, and how many there are.

    Counted are those behind an activation function which have a weight left; without one they are dead by pruning.
    """
    active = given.gathered("activations")
    dead = count = 0
    for name, w in given.weights.items():
        if (share := active.get(f"active|{name}")) is not None:
            alive = (w.flatten(1) != 0).any(1).cpu()
            count += int(alive.sum())
            dead += int((alive & (share == 0)).sum())
    return dead, count


PARTS = (LeastMoved, Reactivating)
RECIPES = (
    Recipe(
        name="ap",
        space=Weights(),
        score=Magnitude(),
        allocation=Global(),
        schedule=Reactivating(),
        recovery=Choice("weight-rewind", {"to": 0}),
        summary="lottery tickets with 2 % of each level's pruning spent on negative weights that hardly moved",
        formula="repeat: train; remove 18 % by |w| and the 2 % w < 0 with the smallest |w − w₀|; reset to θ₀",
        reference=Reference(
            "Liu, Ghosh, Tan, Motani",
            2023,
            "AP: selective activation for de-sparsifying pruned networks",
            "TMLR",
            "2212.06145",
        ),
        differs="a rewind to another step needs schedule = {step = k} beside the recovery's to = k",
    ),
)
