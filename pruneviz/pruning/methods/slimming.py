"""Batch norm's scales made ready for pruning while the network is trained: MaskSparsity and polarization."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.gradual import PruningOnce
from pruneviz.pruning.parts import Units
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Once
from pruneviz.pruning.scores import BatchNormScale
from pruneviz.pruning.spaces import Channels

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import DuringTraining, Ground, Training
    from pruneviz.pruning.selection import Selected


@dataclass(frozen=True)
class ScalesOnly(Once):
    """What both have in common: they need batch norm behind every channel, and prune once."""

    units: ClassVar[tuple[str, ...]] = ("channel",)

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """Every group needs a batch norm."""
        BatchNormScale().check(net, units, example)


@dataclass(frozen=True)
class MaskSparsity(ScalesOnly):
    """s·sign γ added to the gradient of batch norm's scales γ of those channels only that will go.

    Which will go is chosen before the first step, by the recipe's score; they go when the fraction ``end`` of training
    is done, and how many of their scales are not yet below the threshold is told.
    """

    name: ClassVar[str] = "mask-sparsity"
    summary: ClassVar[str] = "during training, the scales of channels that will go are pulled to zero; then they go"

    strength: float = option(5e-4, "s: pull of a scale towards zero", ge=0)
    threshold: float = option(0.01, "|γ| below which a scale counts as gone", ge=0)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Pulling(self, recipe, target, ground)


class Pulling(PruningOnce):
    """Knows from the beginning what will go."""

    schedule: MaskSparsity

    def on_start(self, t: Training) -> None:
        """Choose what will go."""
        import torch

        self.chosen: Selected = self.choose(t, self.target)
        named = _scales(t.net)
        self.doomed = {
            n: torch.from_numpy(~self.chosen.mask[n]).to(p.device) for n, p in named.items() if n in self.chosen.mask
        }

    def after_backward(self, t: Training) -> None:
        """Pull."""
        if not self.reached:
            named = _scales(t.net)
            for name, gone in self.doomed.items():
                p = named[name]
                if p.grad is not None:
                    p.grad += self.schedule.strength * p.detach().sign() * gone

    def finish(self, t: Training) -> None:
        """Remove what was chosen."""
        named = _scales(t.net)
        above = sum(int((named[n].detach()[g].abs() > self.schedule.threshold).sum()) for n, g in self.doomed.items())
        total = sum(int(g.sum()) for g in self.doomed.values())
        note = f"{above} of the {total} scales that were pulled to zero are above {self.schedule.threshold:g}"
        self.keep(t, replace(self.chosen, warnings=(*self.chosen.warnings, *([note] if above else []))))


@dataclass(frozen=True)
class Polarizing(ScalesOnly):
    """λ (t Σ|γ| − Σ|γ − γ̄|) added to the loss, γ̄ the mean scale, so that scales are near zero or far from it.

    Zhuang et al. (2020, equation 2): the first term pulls all towards zero, the second away from their mean. Scales
    are kept within 0 and ``upper``.
    """

    name: ClassVar[str] = "polarizing"
    summary: ClassVar[str] = "during training, scales are pulled to zero or away from their mean; then the smallest go"

    strength: float = option(1e-4, "λ: weight of the penalty", ge=0)
    pull: float = option(1.2, "t: weight of the pull towards zero", ge=0)
    upper: float = option(1.0, "largest scale", gt=0)

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Parting(self, recipe, target, ground)


class Parting(PruningOnce):
    """Adds the penalty's gradient."""

    schedule: Polarizing

    def after_backward(self, t: Training) -> None:
        """∂/∂γ_i = λ (t sign γ_i − sign(γ_i − γ̄) + the mean of those signs)."""
        if not self.reached:
            scales = [p for p in _scales(t.net).values() if p.grad is not None]
            found = polarized([p.detach() for p in scales], self.schedule.pull)
            for p, g in zip(scales, found, strict=True):
                assert p.grad is not None
                p.grad += self.schedule.strength * g

    def after_step(self, t: Training) -> None:
        """Keep scales within bounds, and prune when it is time."""
        if not self.reached:
            for p in _scales(t.net).values():
                p.data.clamp_(0.0, self.schedule.upper)
        super().after_step(t)


def polarized(values: list[Tensor], pull: float) -> list[Tensor]:
    """Gradient of t Σ|x| − Σ|x − x̄| over all values together."""
    import torch

    whole = torch.cat([v.reshape(-1) for v in values])
    away = [(v - whole.mean()).sign() for v in values]
    middle = torch.cat([a.reshape(-1) for a in away]).mean()
    return [pull * v.sign() - a + middle for v, a in zip(values, away, strict=True)]


def _scales(net: nn.Module) -> dict[str, nn.Parameter]:
    from torch.nn.modules.batchnorm import _BatchNorm

    named = dict(net.named_parameters())
    norms = [n for n, m in net.named_modules() if isinstance(m, _BatchNorm)]
    return {key: named[key] for n in norms if (key := f"{n}.weight" if n else "weight") in named}


PARTS = (MaskSparsity, Polarizing)
RECIPES = (
    Recipe(
        name="mask-sparsity",
        space=Channels(),
        score=BatchNormScale(),
        allocation=Global(),
        schedule=MaskSparsity(),
        recovery=Choice("lr-rewind", {}),
        summary="batch-norm scales pulled to zero, of those channels only that will go; then fine-tuned",
        formula="choose the k channels with the smallest |γ|; add s · sign γ to their gradients only; remove; train on",
        reference=Reference(
            "Jiang, Zhao, Zhao, An, Tang, Wang",
            2023,
            "Pruning-aware sparse regularization for network pruning",
            "Machine Intelligence Research",
            "2201.06776",
        ),
        differs="exactly the chosen channels go; how many of their scales are above the threshold then is told",
    ),
    Recipe(
        name="polarization",
        space=Channels(),
        score=BatchNormScale(),
        allocation=Global(),
        schedule=Polarizing(),
        recovery=Choice("lr-rewind", {}),
        summary="batch-norm scales driven apart, to zero or away from their mean; then the smallest channels go",
        formula="ℓ + λ (t Σ|γ| − Σ|γ − γ̄|); then remove the k channels with the smallest |γ|; train on",
        reference=Reference(
            "Zhuang, Zhang, Huang, Zeng, Shuang, Li",
            2020,
            "Neuron-level structured pruning using polarization regularizer",
            "NeurIPS",
        ),
        differs="the target says how many go, not the gap between the two sorts of scales; λ and t are ours",
    ),
)
