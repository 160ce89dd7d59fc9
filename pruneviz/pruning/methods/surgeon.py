"""Optimal brain surgeon, layer by layer: what goes, and how what stays makes up for it.

For one layer with inputs x and weights w (one row per output), the squared error of its outputs has the Hessian
H = E x xᵀ, the same for every row. Removing the weights S of a row raises the error least if those that stay, K, move
to w_K + H_KK⁻¹ H_KS w_S; removing a single one then costs ½ w² / [H⁻¹]_qq. H is damped by a fraction of its mean
diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.errors import Unsupported
from pruneviz.core.options import option
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.methods.spa import WANG
from pruneviz.pruning.parts import Given, Score, Scores, Units, Update
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import SAMPLES_DOC
from pruneviz.pruning.spaces import Channels, Weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.core.masks import Mask

INPUTS = frozenset({"inputs"})


@dataclass(frozen=True)
class Surgeon(Score):
    """½ w² / [H⁻¹]_qq, H the second moments of the layer's inputs (Hassibi & Stork 1993, layer-wise: Dong et al. 2017).

    Of a channel, summed over all weights that read it, since these are what has to make up for it.
    """

    name: ClassVar[str] = "surgeon"
    summary: ClassVar[str] = "error of the layer's outputs if the weight goes and the others make up for it"
    needs: ClassVar[frozenset[str]] = INPUTS

    damping: float = option(0.01, "added to H's diagonal, as a fraction of its mean", gt=0, le=10)
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        gathered = given.gathered("inputs")
        found = {}
        for name, w in given.weights.items():
            if (key := f"moment|{name}") in gathered:
                inverse = _damped(gathered[key], self.damping).inverse().diagonal().to(w.device)
                found[name] = (0.5 * w.flatten(1).double().square() / inverse).float().reshape(w.shape)
        if given.unit != "channel":
            return Scores(found)
        return Scores({}, inputs={name: v.transpose(0, 1).flatten(1).sum(1) for name, v in found.items()})

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """The inputs of all layers have to be gathered."""
        _require_plain(net, "The score surgeon")


@dataclass(frozen=True)
class Compensate(Update):
    """w_K + H_KK⁻¹ H_KS w_S: the weights that stay move so that the layer's outputs change least.

    All removed weights of a row at once, which ends where removing them one by one with Hassibi & Stork's update would.
    For channels these are the inputs that consumers lose. H is of the network before this pruning; biases stay.
    """

    name: ClassVar[str] = "compensate"
    summary: ClassVar[str] = "least squares: what stays moves so that each layer's outputs change least"
    needs: ClassVar[frozenset[str]] = INPUTS

    ridge: float = option(0.01, "added to H's diagonal, as a fraction of its mean", gt=0, le=10)

    def __call__(self, given: Given, mask: Mask) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Update`."""
        import torch

        gathered = given.gathered("inputs")
        changed = {}
        for name, w in given.weights.items():
            kept = torch.from_numpy(mask[name]).flatten(1)
            lost = ~kept & (w.flatten(1).cpu() != 0)
            if f"moment|{name}" in gathered and bool((lost.any(1) & kept.any(1)).any()):
                h = _damped(gathered[f"moment|{name}"], self.ridge)
                new = _compensated(w.flatten(1).cpu().double(), kept, h)
                changed[name] = new.to(w.device, w.dtype).reshape(w.shape)
        return changed

    def check(self, net: nn.Module, units: Units, example: Tensor) -> None:
        """The inputs of all layers have to be gathered."""
        _require_plain(net, "The update compensate")


def _damped(moment: Tensor, fraction: float) -> Tensor:
    h = moment.double()
    mean = float(h.diagonal().mean()) or 1.0  # a layer that reads nothing but zeros
    h.diagonal().add_(fraction * mean)
    return h


def _compensated(w: Tensor, kept: Tensor, h: Tensor) -> Tensor:
    """Rows with equal patterns are solved together."""
    import torch

    patterns, which = torch.unique(kept, dim=0, return_inverse=True)
    out = torch.where(kept, w, 0.0)
    for i, keep in enumerate(patterns):
        rows = (which == i).nonzero()[:, 0]
        lost = w[rows][:, ~keep]
        if not keep.any() or not lost.any():
            continue
        factor = torch.linalg.cholesky(h[keep][:, keep])
        shift = torch.cholesky_solve(h[keep][:, ~keep] @ lost.T, factor).T
        out[rows[:, None], keep.nonzero()[:, 0]] += shift
    return out


def _require_plain(net: nn.Module, what: str) -> None:
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    from pruneviz.pruning.moments import is_looked_into

    kinds = (_ConvNd, nn.Linear, nn.MultiheadAttention)
    if other := [n for n, m in net.named_modules() if isinstance(m, kinds) and not is_looked_into(m)]:
        raise Unsupported(
            f"{what} works on linear layers and 2-D convolutions without groups; something else: {', '.join(other)}. "
            "Use another method."
        )


_HASSIBI = Reference(
    "Hassibi, Stork", 1993, "Second order derivatives for network pruning: optimal brain surgeon", "NeurIPS"
)

PARTS = (Surgeon, Compensate)
RECIPES = (
    Recipe(
        name="obs",
        space=Weights(),
        score=Surgeon(),
        allocation=Global(),
        schedule=OneShot(),
        update=Compensate(),
        summary="the weights whose removal the others can make up for, and they do so",
        formula="remove the k weights with the smallest ½ w² / [H⁻¹]_qq; then w_K += H_KK⁻¹ H_KS w_S, H = E x xᵀ",
        reference=_HASSIBI,
        differs="layer by layer as Dong et al. (2017) have it, and all at once: the score is not updated in between",
    ),
    Recipe(
        name="obspa",
        space=Channels(),
        score=Surgeon(),
        allocation=Global(),
        schedule=OneShot(),
        update=Compensate(),
        summary="the channels whose loss their consumers can make up for, and they do so, without fine-tuning",
        formula="remove the k channels with the smallest Σ ½ w² / [H⁻¹]_qq over their readers; w_K += H_KK⁻¹ H_KS w_S",
        reference=WANG,
        differs="a paper-described variant (abstract): H from calibration images, which the paper can do without",
    ),
)
