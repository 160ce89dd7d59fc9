"""Unit spaces: what can be removed from a network, and what goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.options import option
from pruneviz.pruning.parts import Block, Scores, Space, Units

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.core.masks import Mask
    from pruneviz.models.inspect import LayerInfo, ModelInfo
    from pruneviz.pruning.smallest import Ranked


def is_excluded(layer: LayerInfo, patterns: Sequence[str]) -> bool:
    """Whether a shell pattern matches the layer's module name or its weight's name."""
    return any(fnmatchcase(layer.module, p) or fnmatchcase(layer.parameter, p) for p in patterns)


def unmatched(info: ModelInfo, patterns: Sequence[str]) -> tuple[str, ...]:
    """A note for each pattern that matches no layer."""
    return tuple(
        f"exclude pattern {p!r} matches no layer of this model; its layers: "
        + ", ".join(layer.module or layer.parameter for layer in info.layers)
        for p in patterns
        if not any(is_excluded(layer, (p,)) for layer in info.layers)
    )


@dataclass(frozen=True)
class Weights(Space):
    """Single entries of convolution and linear weights."""

    name: ClassVar[str] = "weight"
    summary: ClassVar[str] = "single weights of convolutions and linear layers"
    unit: ClassVar[str] = "weight"
    speedup: ClassVar[str] = "only with kernels for unstructured sparsity; smaller when compressed"

    def __call__(self, net: nn.Module, info: ModelInfo, exclude: Sequence[str], example: Tensor) -> Units:
        """See :class:`~pruneviz.pruning.parts.Space`."""
        layers = [layer for layer in info.layers if not is_excluded(layer, exclude)]
        if not layers:
            raise Unsupported(f"Nothing is left to prune: exclude {list(exclude)} matches every layer.")
        blocks = tuple(Block(x.parameter, x.shape, x.shape, place=_place(info, x)) for x in layers)
        return WeightUnits(info, blocks, unmatched(info, exclude))


@dataclass(frozen=True, eq=False)
class WeightUnits:
    """The weights of one network."""

    info: ModelInfo
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]

    def rank(self, scores: Scores) -> dict[str, Ranked]:
        """See :class:`~pruneviz.pruning.parts.Units`."""
        from pruneviz.pruning.smallest import Ranked

        each, total = scores.each, scores.total
        if silent := [b.name for b in self.blocks if b.name not in scores.values]:
            without = ", ".join(silent)
            raise Unsupported(
                f"Nothing is said about {without} (a layer of a kind that is not looked into). Leave such layers out "
                f"with exclude = {silent}, or use another method."
            )

        def both(t: Tensor) -> Tensor:
            t = t if each is None else each(t)
            return t if total is None else total(t)

        return {b.name: Ranked(scores.values[b.name], both) for b in self.blocks}

    def gone(self, mask: Mask) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Units`."""
        import torch

        return {b.name: torch.from_numpy(~mask[b.name]) for b in self.blocks if b.name in mask}

    def mask(self, removed: Mapping[str, Tensor]) -> Mask:
        """See :class:`~pruneviz.pruning.parts.Units`."""
        from pruneviz.pruning.masking import full_mask

        return full_mask(self.info, {name: ~r.cpu().numpy() for name, r in removed.items()})


@dataclass(frozen=True)
class NM(Space):
    """Weights in groups of M consecutive inputs, of which N are kept (Mishra et al. 2021 for 2:4).

    Groups run along the input features of a linear layer, and along the input channels of a convolution at each
    kernel position, which is the order in which sparse tensor cores read. Layers whose input is not divisible by M
    stay dense and are named; they do not count as units of this space.
    """

    name: ClassVar[str] = "nm"
    summary: ClassVar[str] = "N of every M consecutive inputs are kept"
    unit: ClassVar[str] = "nm"
    speedup: ClassVar[str] = "up to 2× for 2:4 on GPUs with sparse tensor cores"

    n: int = option(2, "weights kept of each group", unit="weights", ge=1)
    m: int = option(4, "weights in each group", unit="weights", ge=2, le=64)

    def __post_init__(self) -> None:
        if self.n >= self.m:
            raise SpecError("unit nm: n, m", [self.n, self.m], "n smaller than m, such as n = 2, m = 4")

    @property
    def sparsity(self) -> float:
        """1 − n/m: a pattern has only this one."""
        return 1.0 - self.n / self.m

    def __call__(self, net: nn.Module, info: ModelInfo, exclude: Sequence[str], example: Tensor) -> Units:
        """See :class:`~pruneviz.pruning.parts.Space`."""
        from torch.nn.modules.conv import _ConvTransposeNd

        blocks, dense = [], []
        for layer in info.layers:
            if is_excluded(layer, exclude):
                continue
            transposed = isinstance(net.get_submodule(layer.module), _ConvTransposeNd)
            if transposed or layer.shape[1] % self.m:
                dense.append(f"{layer.module or layer.parameter} ({'transposed' if transposed else layer.shape[1]})")
            else:
                shape = (layer.parameters // self.m, self.m)
                blocks.append(Block(layer.parameter, shape, layer.shape, place=_place(info, layer)))
        where = f"layers whose inputs are no multiple of {self.m}: {', '.join(dense)}"
        if not blocks:
            why = where if dense else "all are excluded"
            raise Unsupported(f"No layer can take a {self.n}:{self.m} pattern: {why}.")
        notes = (f"left dense, {where}",) if dense else ()
        return NMUnits(info, tuple(blocks), notes + unmatched(info, exclude))


class NMUnits(WeightUnits):
    """Weights arranged as (groups, M)."""

    def rank(self, scores: Scores) -> dict[str, Ranked]:
        """See :class:`~pruneviz.pruning.parts.Units`."""
        values = {b.name: _grouped(scores.values[b.name], b) for b in self.blocks if b.name in scores.values}
        return super().rank(replace(scores, values=values))

    def gone(self, mask: Mask) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Units`."""
        found = super().gone(mask)
        return {b.name: _grouped(found[b.name], b) for b in self.blocks if b.name in found}

    def mask(self, removed: Mapping[str, Tensor]) -> Mask:
        """See :class:`~pruneviz.pruning.parts.Units`."""
        blocks = {b.name: b for b in self.blocks}
        return super().mask({name: _ungrouped(r, blocks[name]) for name, r in removed.items()})


@dataclass(frozen=True)
class Channels(Space):
    """Output channels of convolutions and features of linear layers, with all that goes with them.

    Channels that must go together (residual connections, depthwise convolutions) form one unit of a coupled group;
    removing it removes filters, biases, batch-norm scales and shifts, and the consumers' inputs. The classifier's
    outputs are never removed. Groups that normalise over channels, that mix them with attention heads, or whose
    sizes the model's own code fixes, are left out and named. An ``exclude`` pattern leaves a group out if it matches
    one of the layers that make the group's channels; the inputs of an excluded layer may still shrink.
    """

    name: ClassVar[str] = "channel"
    summary: ClassVar[str] = "channels of convolutions and linear layers, in coupled groups"
    unit: ClassVar[str] = "channel"
    speedup: ClassVar[str] = "everywhere, by physical cutting"

    def __call__(self, net: nn.Module, info: ModelInfo, exclude: Sequence[str], example: Tensor) -> Units:
        """See :class:`~pruneviz.pruning.parts.Space`."""
        from pruneviz.pruning.channels import find_channels

        return find_channels(net, info, exclude, example)


def _place(info: ModelInfo, layer: LayerInfo) -> str:
    if layer.module == info.classifier:
        return "last"
    return "first" if layer is info.layers[0] else ""


def _grouped(t: Tensor, block: Block) -> Tensor:
    """From a weight's shape to (groups, M), groups along the inputs; what has that shape already stays."""
    if tuple(t.shape) == block.shape:
        return t
    return t.movedim(1, -1).reshape(block.shape)


def _ungrouped(t: Tensor, block: Block) -> Tensor:
    outputs, inputs, *kernel = block.dense_shape
    return t.reshape(outputs, *kernel, inputs).movedim(-1, 1)


SPACES: dict[str, type[Space]] = {p.name: p for p in (Weights, NM, Channels)}
