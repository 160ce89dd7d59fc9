"""Channels by what they put out: the share of zeros (APoZ), and norms of activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.errors import Unsupported
from pruneviz.core.options import option
from pruneviz.pruning.allocations import Global, Uniform
from pruneviz.pruning.parts import Given, Score, Scores, Units
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import SAMPLES_DOC
from pruneviz.pruning.spaces import Channels

if TYPE_CHECKING:
    from torch import Tensor, nn

ACTIVATIONS = frozenset({"activations"})


@dataclass(frozen=True)
class Apoz(Score):
    """1 − APoZ: the share of the channel's outputs behind ReLU that are not zero (Hu et al. 2016, equation 1).

    The mean runs over images and positions; of coupled layers it is the mean of theirs, each over the ReLUs behind it.
    """

    name: ClassVar[str] = "apoz"
    summary: ClassVar[str] = "share of the channel's outputs that ReLU does not set to zero"
    needs: ClassVar[frozenset[str]] = ACTIVATIONS
    units: ClassVar[tuple[str, ...]] = ("channel",)

    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return Scores(_gathered(given, "active"), mean=True)

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """Every channel needs a ReLU."""
        import torch

        from pruneviz.pruning.activations import with_relu

        found = with_relu(net, example)
        named = dict(net.named_parameters())
        try:
            units.rank(Scores({name: torch.ones(len(named[name])) for name in found}))
        except Unsupported as e:
            raise Unsupported(f"APoZ counts the zeros that ReLU makes, and there are channels without it. {e}") from e


@dataclass(frozen=True)
class ActivationNorm(Score):
    """Mean absolute, or root of the mean squared, output of the channel behind its activation function.

    The mean runs over images and positions; of coupled layers it is the mean of theirs.
    """

    name: ClassVar[str] = "activation-norm"
    summary: ClassVar[str] = "mean absolute or mean squared output of the channel"
    needs: ClassVar[frozenset[str]] = ACTIVATIONS
    units: ClassVar[tuple[str, ...]] = ("channel",)

    order: int = option(1, "1: mean absolute value; 2: root of the mean square", choices=(1, 2))
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        if self.order == 1:
            return Scores(_gathered(given, "abs"), mean=True)
        return Scores(_gathered(given, "square"), total=torch.sqrt, mean=True)


def _gathered(given: Given, key: str) -> dict[str, Tensor]:
    """A statistic by the names of the weights whose channels it is of."""
    device, prefix = next(given.net.parameters()).device, f"{key}|"
    gathered = given.gathered("activations")
    return {n.removeprefix(prefix): t.to(device) for n, t in gathered.items() if n.startswith(prefix)}


_MOLCHANOV = Reference(
    "Molchanov, Tyree, Karras, Aila, Kautz",
    2017,
    "Pruning convolutional neural networks for resource efficient inference",
    "ICLR",
    "1611.06440",
)

PARTS = (Apoz, ActivationNorm)
RECIPES = (
    Recipe(
        name="apoz",
        space=Channels(),
        score=Apoz(),
        allocation=Global(),
        schedule=OneShot(),
        summary="the channels that ReLU sets to zero most often",
        formula="remove the k channels with the largest share of zeros behind ReLU",
        reference=Reference(
            "Hu, Peng, Tai, Tang",
            2016,
            "Network trimming: a data-driven neuron pruning approach towards efficient deep architectures",
            "preprint",
            "1607.03250",
        ),
        differs="the paper prunes a few chosen layers in turn, channels beyond one standard deviation, and retrains",
    ),
    Recipe(
        name="activation-l1",
        space=Channels(),
        score=ActivationNorm(1),
        allocation=Uniform(),
        schedule=OneShot(),
        summary="the channels that put out least, the same fraction of every group",
        formula="per group remove the channels with the smallest E|a|",
        reference=_MOLCHANOV,
        differs="the paper's baseline criterion, ranked here within each group, since layers differ in scale",
    ),
    Recipe(
        name="activation-l2",
        space=Channels(),
        score=ActivationNorm(2),
        allocation=Uniform(),
        schedule=OneShot(),
        summary="the channels whose outputs have the least mean square, the same fraction of every group",
        formula="per group remove the channels with the smallest √E a²",
        reference=_MOLCHANOV,
        differs="the paper's baseline criterion, ranked here within each group, since layers differ in scale",
    ),
)
