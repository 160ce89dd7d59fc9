"""Scores of single weights that are learned while the network is trained, by their straight-through gradient.

The network runs with w ⊙ m, m the mask; the gradient of the loss for the product is dense, so the score of a removed
weight goes on being learned, and a weight that comes back has the value with which it went.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pruneviz.pruning.during import Ground, Training
from pruneviz.pruning.gradual import GradualPruning
from pruneviz.pruning.schedules import Gradual

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.recipe import Recipe


class LearnedScores(GradualPruning, ABC):
    """Prunes along a curve by scores of its own; what was removed may come back until the curve's end.

    Attributes:
        scores: by weight, what :meth:`learn` makes of them.
        removed: by weight, the values with which removed weights went; elsewhere meaningless.
    """

    def __init__(self, schedule: Gradual, recipe: Recipe, target: Target, ground: Ground) -> None:
        super().__init__(schedule, recipe, target, ground)
        self.scores: dict[str, Tensor] = {}
        self.removed: dict[str, Tensor] = {}
        self.kept: dict[str, Tensor] = {}

    def first(self, t: Training) -> dict[str, Tensor]:
        """The scores to begin with: the recipe's."""
        return self.scored(t)

    @abstractmethod
    def learn(self, t: Training, name: str, gradient: Tensor, weight: Tensor) -> None:
        """Change ``self.scores[name]``.

        Args:
            t: the training.
            name: of the weight.
            gradient: of the loss, for the weight as the network uses it; dense.
            weight: with removed entries as they were.
        """

    def ranking(self) -> dict[str, Tensor]:
        """What units are ranked by; the smallest go."""
        return self.scores

    def on_start(self, t: Training) -> None:
        """Take the first scores, and remove what is gone from the beginning."""
        import torch

        named = self.weights(t)
        self.scores = {name: s.clone() for name, s in self.first(t).items()}
        self.removed = {name: w.detach().clone() for name, w in named.items()}
        self.kept = {name: torch.ones_like(w, dtype=torch.bool) for name, w in named.items()}
        super().on_start(t)

    def after_backward(self, t: Training) -> None:
        """Learn from the dense gradient."""
        import torch

        if not self.reached:
            for name, w in self.weights(t).items():
                if w.grad is not None:
                    whole = torch.where(self.kept[name], w.detach(), self.removed[name])
                    self.learn(t, name, w.grad, whole)

    def prune(self, t: Training, target: Target) -> None:
        """Remove the units of the smallest scores; those that come back have their values again."""
        import torch

        with torch.no_grad():
            named = self.weights(t)
            for name, w in named.items():
                self.removed[name] = torch.where(self.kept[name], w, self.removed[name])
            self.keep(t, self.choose(t, target, self.ranking()))
            for name, w in named.items():
                now = torch.from_numpy(self.mask[name]).to(w.device)
                w.copy_(torch.where(now & ~self.kept[name], self.removed[name], w))
                self.kept[name] = now

    def weights(self, t: Training) -> dict[str, nn.Parameter]:
        """The weights that can be removed, by name."""
        named = dict(t.net.named_parameters())
        return {b.name: named[b.name] for b in self.units(t).blocks}


def rest(t: Training) -> None:
    """Let the optimiser change nothing in this step."""
    t.optimizer.zero_grad(set_to_none=True)
