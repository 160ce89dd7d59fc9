"""LAPP: a learned threshold for each layer, with a bound on the cost of the whole network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.gated import Gated
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Gradual, Once
from pruneviz.pruning.scores import FilterNorm
from pruneviz.pruning.spaces import Channels

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import DuringTraining, Ground, Training


@dataclass(frozen=True)
class Thresholds(Once):
    """Soft gates σ((I − τ_l)/T), I a channel's score over the mean of its group, τ_l learned for each group.

    τ ← τ − η ∂(ℓ + μ max(0, F − F_t)²)/∂τ, F the kept fraction of what the target counts when every channel counts with
    its gate, F_t what the target allows by now, along a cubic curve that ends with ``end``. Then the channels of the
    smallest (I − τ_l)/T go, as many as the target says.
    """

    name: ClassVar[str] = "thresholds"
    summary: ClassVar[str] = "during training, by a threshold learned for each layer under a bound on the cost"
    units: ClassVar[tuple[str, ...]] = ("channel",)

    threshold_lr: float = option(0.05, "η: learning rate of the thresholds", gt=0)
    bound: float = option(10.0, "μ: weight of the bound on the cost", ge=0)
    temperature: float = option(0.1, "T: softness of the gates", gt=0)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Thresholding(self, recipe, target, ground)


class Thresholding(Gated):
    """Soft gates."""

    schedule: Thresholds

    def begin(self, t: Training) -> dict[str, Tensor]:
        """Thresholds of 0, below every score."""
        import torch

        self._measure(t)
        return {name: torch.zeros((), device=i.device) for name, i in self.importance.items()}

    def gate(self, group: str) -> Tensor:
        """See the schedule."""
        return self._margin(group).sigmoid()

    def after_backward(self, t: Training) -> None:
        """Add the gradient of the bound."""
        import torch

        if not self.reached:
            with torch.enable_grad():
                over = (self.kept_cost(t) - self.allowed(t.step / t.total_steps)).clamp(min=0)
                torch.autograd.backward(self.schedule.bound * over.square(), inputs=list(self.learned.values()))

    def learn(self, t: Training) -> None:
        """See the schedule; scores are taken anew."""
        for tau in self.learned.values():
            if tau.grad is not None:
                tau.sub_(self.schedule.threshold_lr * tau.grad)
        self._measure(t)

    def ranking(self) -> dict[str, Tensor]:
        """How far channels are above their thresholds."""
        return {name: self._margin(name) for name in self.learned}

    def allowed(self, done: float) -> float:
        """F_t."""
        return 1.0 - Gradual(0.0, self.schedule.end).removed_at(done, self.target.removed)

    def kept_cost(self, t: Training) -> Tensor:
        """F: the kept fraction of channels, weights or multiply-adds, each channel counted with its gate."""
        import torch

        units = self.channels(t)
        gates = {g.name: self.gate(g.name) for g in units.groups}
        if self.target.kind == "sparsity":
            return torch.cat(list(gates.values())).mean()
        kept: dict[str, list[Tensor]] = {}
        for group in units.groups:
            for m in {m.tensor: m for m in group.members}.values():
                kept.setdefault(m.tensor, []).append(gates[group.name].mean())
        whole, total = 0, torch.zeros((), device=t.device)
        for layer in self.ground.info.layers:
            cost = layer.macs if self.target.kind == "macs" else layer.parameters
            whole += cost
            part = torch.ones((), device=t.device)
            for fraction in kept.get(layer.parameter, []):
                part = part * fraction
            total = total + cost * part
        return total / whole

    def _margin(self, group: str) -> Tensor:
        return (self.importance[group] - self.learned[group]) / self.schedule.temperature

    def _measure(self, t: Training) -> None:
        scores = self.scored(t)
        self.importance = {n: s / (float(s.mean()) or 1.0) for n, s in scores.items()}


PARTS = (Thresholds,)
RECIPES = (
    Recipe(
        name="lapp",
        space=Channels(),
        score=FilterNorm(1),
        allocation=Global(),
        schedule=Thresholds(),
        recovery=Choice("lr-rewind", {}),
        at=0,
        summary="a threshold for each layer, learned from the loss and a bound on the network's cost, from scratch",
        formula="gate σ((I − τ_l)/T); τ ← τ − η ∂(ℓ + μ max(0, F − F_t)²)/∂τ; remove the k smallest I − τ_l; train on",
        reference=Reference(
            "Zhai, Guo, Liu, Xing, Xu",
            2023,
            "LAPP: layer adaptive progressive pruning for compressing CNNs from scratch",
            "preprint",
            "2309.14157",
        ),
        differs=(
            "a paper-described variant (abstract): the score is the L1 norm of the filters over the group's mean; "
            "thresholds, bound and curve are the plainest; no light bypass beside each convolution: a linear one would "
            "be part of its kernel, any other would make another architecture, which a study does not"
        ),
    ),
)
