"""The unit space of channels: coupled groups, the masks that remove them, and the physical cut."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from pruneviz.core.errors import ModelError, Unsupported
from pruneviz.core.masks import BoolArray, Mask
from pruneviz.models.inspect import ModelInfo
from pruneviz.pruning.masking import full_mask
from pruneviz.pruning.parts import Block, Scores
from pruneviz.pruning.smallest import Ranked
from pruneviz.pruning.spaces import is_excluded, unmatched
from pruneviz.pruning.tracing import Group, Member, trace

_TOLERANCE = 1e-3  # of the largest logit: float error stays far below, a wrong index map far above


def find_channels(net: nn.Module, info: ModelInfo, exclude: Sequence[str], example: Tensor) -> ChannelUnits:
    """Find the groups of a network whose channels can be removed.

    Each group is tried: on a copy with random weights, zeroing half of its units must give the same outputs as
    cutting them away. Groups that fail (a size that the model's code fixes, channels that attention heads share) are
    left out and named.

    Raises:
        Unsupported: no group is left, or the network cannot be traced.
    """
    layers = {layer.module: layer for layer in info.layers}
    groups: list[Group] = []
    problems: dict[str, str] = {}
    for group in trace(net, example):
        if info.classifier in group.makers or any(is_excluded(layers[m], exclude) for m in group.makers if m in layers):
            continue
        if group.problem:
            problems[group.name] = group.problem
        elif group.size < 2:
            problems[group.name] = "they cannot be removed one by one"
        else:
            groups.append(group)
    groups, failed = _tried(net, groups, example)
    problems |= dict.fromkeys(
        failed, "cutting them away would not equal zeroing them (heads, a shuffle, or a size fixed in the model's code)"
    )
    notes = tuple(
        f"channels of {', '.join(n for n, why in problems.items() if why == reason)} are never removed: {reason}"
        for reason in dict.fromkeys(problems.values())
    )
    if not groups:
        reasons = "; ".join(notes) or f"exclude {list(exclude)} and the classifier leave no group"
        raise Unsupported(f'No channels of this model can be removed: {reasons}. Use unit = "weight".')
    return ChannelUnits(net, info, tuple(groups), notes + unmatched(info, exclude))


@dataclass(frozen=True, eq=False)
class ChannelUnits:
    """The channels of one network, see :class:`~pruneviz.pruning.parts.Units`."""

    net: nn.Module
    info: ModelInfo
    groups: tuple[Group, ...]
    notes: tuple[str, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One block per group; one channel of each has to stay."""
        shapes = {layer.module: layer.shape for layer in self.info.layers}
        return tuple(Block(g.name, (g.size,), shapes[g.name], least=1) for g in self.groups)

    def rank(self, scores: Scores) -> dict[str, Ranked]:
        """Sum each unit's entries over all tensors that make or normalise the channel, and over what reads it, then
        apply ``total``.
        """
        sums: dict[str, Tensor] = {}
        for group in self.groups:
            if group.name in scores.values:
                values = scores.values[group.name]
                sums[group.name] = values if scores.each is None else scores.each(values)
                continue
            made = [(m, scores.values[m.tensor]) for m in group.members if not m.consumes and m.tensor in scores.values]
            read = [(m, scores.inputs[m.tensor]) for m in group.members if m.consumes and m.tensor in scores.inputs]
            if found := [_summed(m, values, scores.each, group.size) for m, values in made + read]:
                sums[group.name] = torch.stack(found).sum(0)
                if scores.mean:
                    entries = [_summed(m, torch.ones_like(values), None, group.size) for m, values in made + read]
                    sums[group.name] /= torch.stack(entries).sum(0)
        if silent := [m for g in self.groups if g.name not in sums for m in g.makers]:
            remedy = f"Leave them out with exclude = {silent}, or use another score." if sums else "Use another score."
            without = ", ".join(silent)
            raise Unsupported(f"The score says nothing about the channels of {without} (no batch norm, say). {remedy}")
        return {n: Ranked(t if scores.total is None else scores.total(t)) for n, t in sums.items()}

    def gone(self, mask: Mask) -> dict[str, Tensor]:
        """Which channels the mask has removed, by group."""
        return {g.name: torch.from_numpy(~mask.units[g.name]) for g in self.groups if g.name in mask.units}

    def mask(self, removed: Mapping[str, Tensor]) -> Mask:
        """The mask closed over filters, biases, batch-norm scales and shifts, and the consumers' inputs.

        Batch-norm statistics need no mask: whatever a removed channel normalises to, no consumer reads it.
        """
        gone = {name: r.cpu().numpy() for name, r in removed.items()}
        shapes = {name: tuple(p.shape) for name, p in self.net.named_parameters()}
        kept = dict(full_mask(self.info).kept)
        for group in self.groups:
            for m in group.members:
                if m.tensor in shapes:
                    array = kept.setdefault(m.tensor, np.ones(shapes[m.tensor], dtype=np.bool_))
                    np.moveaxis(array, m.axis, 0)[m.index[gone[group.name][m.unit]]] = False
        return Mask.of(kept, {name: ~r for name, r in gone.items()})


def _summed(member: Member, values: Tensor, each: Callable[[Tensor], Tensor] | None, size: int) -> Tensor:
    values = values if each is None else each(values)
    per_filter = values.reshape(values.shape[0], -1).sum(1)
    index, unit = torch.from_numpy(member.index), torch.from_numpy(member.unit)
    out = torch.zeros(size, dtype=per_filter.dtype, device=per_filter.device)
    return out.index_add_(0, unit.to(out.device), per_filter[index.to(out.device)])


def cut(net: nn.Module, mask: Mask, example: Tensor) -> nn.Module:
    """A physically smaller copy of a network whose channels are masked.

    Its outputs in evaluation mode equal those of the masked network to float error.

    Args:
        net: the dense-shaped network, masked or not; left as it is.
        mask: a channel mask, as :func:`pruneviz.pruning.select` gives.
        example: float32 (1, C, H, W), preprocessed.

    Raises:
        Unsupported: the mask removes single weights, which have no smaller shape.
        ModelError: the mask was made for another network.
    """
    if not mask.units:
        raise Unsupported("Only channel masks can be cut; this mask removes single weights, whose shapes stay.")
    groups = {g.name: g for g in trace(net, example)}
    for name, kept in mask.units.items():
        if name not in groups or groups[name].size != len(kept):
            has = f"has {groups[name].size}" if name in groups else "has no such group"
            raise ModelError(
                f"The mask is of another model: it holds {len(kept)} channels of {name!r}, the model {has}."
            )
    return _cut(net, [groups[name] for name in mask.units], mask.units)


def _cut(net: nn.Module, groups: Sequence[Group], units: Mapping[str, BoolArray]) -> nn.Module:
    removed: dict[tuple[str, str], dict[int, set[int]]] = {}
    for group in groups:
        for m in group.members:
            gone = m.index[~units[group.name][m.unit]]
            removed.setdefault((m.module, m.attribute), {}).setdefault(m.axis, set()).update(gone.tolist())
    smaller = copy.deepcopy(net)
    tensors = {}
    for (module_name, attribute), axes in removed.items():
        old: Tensor = getattr(smaller.get_submodule(module_name), attribute)
        new = old.detach()
        for axis, positions in axes.items():
            stay = [i for i in range(old.shape[axis]) if i not in positions]
            new = new.index_select(axis, torch.tensor(stay, dtype=torch.int64, device=old.device))
        tensors[f"{module_name}.{attribute}" if module_name else attribute] = new
    reshape(smaller, tensors)
    return smaller


def reshape(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give layers tensors of other shapes, as :func:`cut` does, in place; the layers' own numbers follow.

    Args:
        net: as it was before it was cut.
        tensors: those that were cut, by full name.
    """
    for name, tensor in tensors.items():
        path, _, attribute = name.rpartition(".")
        module = net.get_submodule(path)
        old = getattr(module, attribute)
        new = tensor.detach().clone()
        setattr(module, attribute, nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new)
    for path in dict.fromkeys(name.rpartition(".")[0] for name in tensors):
        _declare_sizes(net.get_submodule(path))


def _declare_sizes(module: Any) -> None:
    """Make a layer's own numbers agree with its tensors."""
    if isinstance(module, _ConvNd):
        if module.groups == module.in_channels == module.out_channels > 1:
            module.groups = module.weight.shape[0]
        module.out_channels, module.in_channels = module.weight.shape[0], module.weight.shape[1] * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _NormBase):
        module.num_features = len(module.weight if module.weight is not None else module.running_mean)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(module.weight)


def _tried(net: nn.Module, groups: list[Group], example: Tensor) -> tuple[list[Group], list[str]]:
    """The groups for which cutting equals zeroing, and the names of those for which it does not."""
    stand_in = _randomised(net)
    inputs = torch.randn((2, *example.shape[1:]), generator=torch.Generator().manual_seed(0))
    if not groups or _cut_equals_zeroed(stand_in, groups, inputs):
        return groups, []
    sound = [g for g in groups if _cut_equals_zeroed(stand_in, [g], inputs)]
    if not _cut_equals_zeroed(stand_in, sound, inputs):  # sound one by one, not together: nothing to build on
        sound = []
    return sound, [g.name for g in groups if g not in sound]


def _randomised(net: nn.Module) -> nn.Module:
    """A copy on the CPU, in evaluation mode, whose weights hide nothing (no zeros, nothing equal by design)."""
    stand_in = copy.deepcopy(net).cpu().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, p in stand_in.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() > 1:
                p.copy_(noise * (2 / (p.numel() / p.shape[0])) ** 0.5)
            else:
                p.copy_(0.1 * noise + (1.0 if name.endswith("weight") else 0.0))
        for module in stand_in.modules():
            if isinstance(module, _NormBase):
                module.reset_running_stats()
    return stand_in


@torch.no_grad()
def _cut_equals_zeroed(net: nn.Module, groups: Sequence[Group], inputs: Tensor) -> bool:
    generator = np.random.default_rng(0)
    units = {}
    for g in groups:
        units[g.name] = np.ones(g.size, dtype=np.bool_)
        units[g.name][generator.permutation(g.size)[: max(1, g.size // 2)]] = False
    zeroed = copy.deepcopy(net)
    try:
        for g in groups:
            for m in g.members:
                tensor: Tensor = getattr(zeroed.get_submodule(m.module), m.attribute)
                if isinstance(tensor, nn.Parameter):
                    tensor.transpose(0, m.axis)[torch.from_numpy(m.index[~units[g.name][m.unit]])] = 0
        small = _cut(zeroed, groups, units)(inputs)
        large = zeroed(inputs)
    except Exception:  # an index map beyond a tensor's end; whatever the model raises at a size it does not expect
        return False
    if not isinstance(small, Tensor) or small.shape != large.shape:
        return False
    return bool((small - large).abs().max() <= _TOLERANCE * large.abs().max())
