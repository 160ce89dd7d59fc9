"""Scores: how much a weight or channel matters. The smallest are removed.

A channel's score is made from the filters (the weights and nothing else: no biases) of all layers whose outputs are
coupled to it, by residual connections or depthwise convolutions; the consumers' weights do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.pruning.parts import Given, Score, Scores, Units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

GRADIENTS = frozenset({"gradients"})
REDUCE = ("mean-of-abs", "abs-of-mean")
_REDUCE_DOC = "over images: the mean of absolute values, or the absolute value of the mean"
SAMPLES_DOC = "training images to use; absent: the study's calibration_samples"


@dataclass(frozen=True)
class Random(Score):
    """Uniform random numbers, one per unit: the control that every method is compared with.

    Each block draws from a generator of its own, seeded by the seed and the block's name, always on the CPU: the
    same seed gives the same mask on every device, and a larger sparsity removes more of the same.
    """

    name: ClassVar[str] = "random"
    summary: ClassVar[str] = "chance"
    draws: ClassVar[bool] = True

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        from pruneviz.core.keys import digest

        device = next(given.net.parameters()).device
        values = {}
        for block in given.blocks:
            seed = int(digest(["random score", given.seed, block.name])[:15], 16)
            generator = torch.Generator().manual_seed(seed)
            values[block.name] = torch.rand(block.shape, generator=generator).to(device)
        return Scores(values)


@dataclass(frozen=True)
class Magnitude(Score):
    """|w|; of a channel, the L1 norm of its filters."""

    name: ClassVar[str] = "magnitude"
    summary: ClassVar[str] = "absolute value of the weight"

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        return Scores(given.weights, each=torch.abs)


@dataclass(frozen=True)
class Gradient(Score):
    """|∂ℓ/∂w| at the given weights; of a channel, summed over its filters' entries."""

    name: ClassVar[str] = "gradient"
    summary: ClassVar[str] = "absolute value of the loss's gradient"
    needs: ClassVar[frozenset[str]] = GRADIENTS

    reduce: str = option("mean-of-abs", _REDUCE_DOC, choices=REDUCE)
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        found = gradients_of(given, "abs" if self.reduce == "mean-of-abs" else "mean")
        return Scores(found, each=torch.abs)


@dataclass(frozen=True)
class Taylor(Score):
    """|Σ w · ∂ℓ/∂w|: to first order, how much the loss changes when the unit is set to zero.

    The sum runs over the unit's entries, so it is |w · g| for a weight. ``mean-of-abs`` takes the absolute value
    for each image and then the mean over images, as Molchanov et al. (2017) do; of coupled layers, each layer's
    value is added. ``abs-of-mean`` uses the mean gradient, whose entries cancel where the network fits its data.
    Molchanov et al. (2019) take the mean of the *square* over mini-batches; the absolute value here is the same
    quantity on a linear scale, image by image.
    """

    name: ClassVar[str] = "taylor"
    summary: ClassVar[str] = "first-order change of the loss when the unit is zeroed"
    needs: ClassVar[frozenset[str]] = GRADIENTS

    reduce: str = option("mean-of-abs", _REDUCE_DOC, choices=REDUCE)
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        if self.reduce == "abs-of-mean":
            return Scores(times(given.weights, gradients_of(given, "mean")), total=torch.abs)
        if given.unit == "channel":
            return Scores(gradients_of(given, "filter"))
        return Scores(times(given.weights, gradients_of(given, "abs")), each=torch.abs)


@dataclass(frozen=True)
class Snip(Score):
    """Connection sensitivity |g · w| / Σ |g · w| (Lee et al. 2019), g the gradient of the mean loss over the images.

    The paper takes it at initialisation; here it is taken at the given weights, whatever they are, and batch norm
    uses its running statistics. The sum runs over all prunable weights. Of a channel, summed over its filters.
    """

    name: ClassVar[str] = "snip"
    summary: ClassVar[str] = "normalised sensitivity of the loss to the connection"
    needs: ClassVar[frozenset[str]] = GRADIENTS

    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        sensitivity = {k: t.abs_() for k, t in times(given.weights, gradients_of(given, "mean")).items()}
        total = sum(float(t.double().sum()) for t in sensitivity.values())
        if total > 0:  # where no weight matters to first order there is nothing to normalise, and all are equal
            for t in sensitivity.values():
                t /= total
        return Scores(sensitivity)


@dataclass(frozen=True)
class FilterNorm(Score):
    """The L1 or L2 norm of a channel's filters (Li et al. 2017 for L1): root filters only, not their consumers.

    Of coupled layers the norm is taken over all their filters together.
    """

    name: ClassVar[str] = "filter-norm"
    summary: ClassVar[str] = "norm of the channel's filter"
    units: ClassVar[tuple[str, ...]] = ("channel",)

    order: int = option(1, "of the norm: 1 sums absolute values, 2 is Euclidean", choices=(1, 2))

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        if self.order == 1:
            return Scores(given.weights, each=torch.abs)
        return Scores(given.weights, each=torch.square, total=torch.sqrt)


@dataclass(frozen=True)
class BatchNormScale(Score):
    """|γ| of the batch norm behind the channel (Liu et al. 2017); of coupled layers, the sum over their batch norms.

    The paper trains with an L1 penalty on γ first; here γ is taken as it is.
    """

    name: ClassVar[str] = "bn-scale"
    summary: ClassVar[str] = "absolute scale of the channel's batch norm"
    units: ClassVar[tuple[str, ...]] = ("channel",)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        return Scores(_batch_norm_scales(given.net), each=torch.abs)

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """Every group needs a batch norm."""
        units.rank(Scores(_batch_norm_scales(net)))


def gradients_of(given: Given, statistic: str) -> dict[str, Tensor]:
    """A gathered statistic of every prunable weight's gradient, on the weight's device.

    Args:
        given: what the score was given.
        statistic: ``mean``, ``abs``, ``square``, ``filter`` or ``filter_square``; see
            :mod:`pruneviz.pruning.statistics`.

    Raises:
        Unsupported: it was not gathered.
    """
    gathered = given.gathered("gradients")
    return {name: gathered[f"{statistic}|{name}"].to(w.device) for name, w in given.weights.items()}


def times(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Products by name."""
    return {name: t * b[name] for name, t in a.items()}


def _batch_norm_scales(net: nn.Module) -> dict[str, Tensor]:
    from torch.nn.modules.batchnorm import _BatchNorm

    scales = {}
    for name, module in net.named_modules():
        if isinstance(module, _BatchNorm) and module.weight is not None:
            scales[f"{name}.weight" if name else "weight"] = module.weight.detach()
    return scales


SCORES: dict[str, type[Score]] = {
    p.name: p for p in (Random, Magnitude, Gradient, Taylor, Snip, FilterNorm, BatchNormScale)
}
