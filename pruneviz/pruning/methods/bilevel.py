"""BiP: masks and weights learned in turns, as two levels of one problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.gated import Gated
from pruneviz.pruning.learned import LearnedScores, rest
from pruneviz.pruning.parts import Schedule
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Gradual, Once
from pruneviz.pruning.scores import FilterNorm, Magnitude
from pruneviz.pruning.spaces import Channels, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import DuringTraining, Ground, Training


@dataclass(frozen=True)
class Bilevel(Gradual):
    """Steps of the weights in turn with steps of scores s, the mask being the largest |s| (Zhang et al. 2022).

    A step of the scores is s ← s − η (∂ℓ/∂s − λ (∂ℓ/∂s) ⊙ (∂ℓ/∂θ)), with ∂ℓ/∂s = (∂ℓ/∂w′) ⊙ θ ⊙ sign s straight through
    the choice, ∂ℓ/∂θ = (∂ℓ/∂w′) ⊙ m, and w′ = θ ⊙ m the weights that the network uses; the weights rest meanwhile. The
    scores begin with the recipe's, and the mask removes the whole target from the first step on.
    """

    name: ClassVar[str] = "bilevel"
    summary: ClassVar[str] = "during training, steps of the weights in turn with steps of learned scores"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    end: float = option(1.0, "when the mask is final, as a fraction of training; after begin", gt=0, le=1)
    every: int = option(2, "steps between two choices of the mask", unit="steps", ge=1)
    initial: float = option(1.0, "removed before the first step (s_i), as a fraction of the target", ge=0, le=1)
    score_lr: float = option(0.1, "η: learning rate of the scores", gt=0)
    coupling: float = option(1e-4, "λ: weight of the implicit gradient", ge=0)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return InTurns(self, recipe, target, ground)

    def control(self) -> Schedule:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Gradual(self.begin, self.end, self.every, self.initial)


class InTurns(LearnedScores):
    """Every other step belongs to the scores."""

    curve: Bilevel

    def after_backward(self, t: Training) -> None:
        """See :class:`~pruneviz.pruning.learned.LearnedScores`."""
        if not self.reached and t.step % 2:
            super().after_backward(t)
            rest(t)

    def learn(self, t: Training, name: str, gradient: Tensor, weight: Tensor) -> None:
        """See :class:`~pruneviz.pruning.learned.LearnedScores`."""
        of_score = gradient * weight * self.scores[name].sign()
        of_weight = gradient * self.kept[name]
        self.scores[name] -= self.curve.score_lr * (of_score - self.curve.coupling * of_score * of_weight)

    def ranking(self) -> dict[str, Tensor]:
        """|s|."""
        return {name: s.abs() for name, s in self.scores.items()}


@dataclass(frozen=True)
class BilevelGates(Once):
    """The same for channels: gates of 0 or 1 on their outputs, open for the largest |s|, as many as the target keeps.

    ∂ℓ/∂s is that of the gate, straight through; the coupling is λ Σ (∂ℓ/∂θ · θ) · ∂ℓ/∂θ over the channel's filters,
    which is zero for closed ones. Scores begin with the recipe's over their group's mean.
    """

    name: ClassVar[str] = "bilevel-gates"
    summary: ClassVar[str] = "during training, steps of the weights in turn with steps of channels' learned scores"
    units: ClassVar[tuple[str, ...]] = ("channel",)

    end: float = option(1.0, "when the mask is final, as a fraction of training", gt=0, le=1)
    score_lr: float = option(0.1, "η: learning rate of the scores", gt=0)
    coupling: float = option(1e-4, "λ: weight of the implicit gradient", ge=0)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return GatesInTurns(self, recipe, target, ground)


class GatesInTurns(Gated):
    """Every other step belongs to the scores."""

    schedule: BilevelGates

    def begin(self, t: Training) -> dict[str, Tensor]:
        """See the schedule."""
        found = {n: s / (float(s.mean()) or 1.0) for n, s in self.scored(t).items()}
        self._open(t, found)
        return found

    def gate(self, group: str) -> Tensor:
        """Open or closed; as |s| for the gradient."""
        size = self.learned[group].abs()
        return self.open[group].to(size.dtype) + size - size.detach()

    def after_backward(self, t: Training) -> None:
        """In steps of the scores, note the coupling and let the weights rest."""
        from pruneviz.pruning.parts import Scores

        if not self.reached and t.step % 2:
            named = dict(t.net.named_parameters())
            weights = {x.parameter: named[x.parameter] for x in self.ground.info.layers}
            squares = {n: g.square() * w.detach() for n, w in weights.items() if (g := w.grad) is not None}
            self.coupled = {n: r.scores for n, r in self.units(t).rank(Scores(squares)).items()}
            rest(t)

    def learn(self, t: Training) -> None:
        """See the schedule."""
        if t.step % 2 == 0:
            for name, s in self.learned.items():
                of_score = s.grad if s.grad is not None else 0.0
                coupled = self.coupled[name] * s.sign() * self.open[name]
                s.sub_(self.schedule.score_lr * (of_score - self.schedule.coupling * coupled))
            self._open(t, self.learned)

    def ranking(self) -> dict[str, Tensor]:
        """|s|."""
        return {name: s.abs() for name, s in self.learned.items()}

    def _open(self, t: Training, scores: dict[str, Tensor]) -> None:
        import torch

        chosen = self.choose(t, self.target, {n: s.detach().abs() for n, s in scores.items()}).mask
        self.open = {n: torch.from_numpy(chosen.units[n]).to(s.device) for n, s in scores.items()}


_ZHANG = Reference(
    "Zhang, Yao, Ram, Zhao, Chen, Hong, Wang, Liu",
    2022,
    "Advancing model pruning via bi-level optimization",
    "NeurIPS",
    "2210.04092",
)

PARTS = (Bilevel, BilevelGates)
RECIPES = (
    Recipe(
        name="bip",
        space=Weights(),
        score=Magnitude(),
        allocation=Global(),
        schedule=Bilevel(),
        recovery=Choice("lr-rewind", {}),
        summary="which weights stay is learned in turns with the weights themselves",
        formula="s ← s − η (∂ℓ/∂s − λ ∂ℓ/∂s ⊙ ∂ℓ/∂θ), m = the largest |s|, in turns with θ",
        reference=_ZHANG,
        differs="the scores' learning rate is constant; a step is one of the weights or one of the scores",
    ),
    Recipe(
        name="bip-channel",
        space=Channels(),
        score=FilterNorm(1),
        allocation=Global(),
        schedule=BilevelGates(),
        recovery=Choice("lr-rewind", {}),
        summary="which channels stay is learned in turns with the weights",
        formula="s ← s − η (∂ℓ/∂s − λ Σ (∂ℓ/∂θ · θ) · ∂ℓ/∂θ), open = the largest |s|, in turns with θ",
        reference=_ZHANG,
        differs="gates on the channels' outputs, not masks on filters; the scores' learning rate is constant",
    ),
)
