"""What a mask does to a network, and what it leaves of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.errors import ModelError
from pruneviz.core.masks import Mask

if TYPE_CHECKING:
    from torch import nn

    from pruneviz.models.inspect import ModelInfo


@dataclass(frozen=True)
class Costs:
    """What is left of a network.

    Attributes:
        nonzero: parameters that are not removed, biases and norms included.
        prunable_kept: entries kept of convolution and linear weights.
        macs: multiply-adds for one image with removed weights skipped.
    """

    nonzero: int
    prunable_kept: int
    macs: int


def full_mask(info: ModelInfo, kept: Mapping[str, Any] | None = None) -> Mask:
    """A mask over every prunable weight.

    Args:
        info: the network's layers.
        kept: boolean arrays by weight name; a weight that is absent is kept whole.
    """
    kept = kept or {}
    return Mask.of({x.parameter: kept.get(x.parameter, np.ones(x.shape, dtype=np.bool_)) for x in info.layers})


def apply(net: nn.Module, mask: Mask) -> None:
    """Set the removed entries to zero, in place. What is kept stays bit for bit.

    Raises:
        ModelError: the mask names a tensor that the network lacks or that has another shape.
    """
    import torch

    named = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    for name, kept in mask.items():
        if name not in named or tuple(named[name].shape) != kept.shape:
            has = f"of shape {tuple(named[name].shape)}" if name in named else "not there"
            raise ModelError(f"The mask is of another model: it covers {name!r} of shape {kept.shape}, which is {has}.")
    with torch.no_grad():
        for name, kept in mask.items():
            if not kept.all():
                named[name].masked_fill_(torch.from_numpy(~kept).to(named[name].device), 0)


def costs(info: ModelInfo, mask: Mask) -> Costs:
    """Count what a mask leaves.

    For a channel mask, ``macs`` are those of the physically cut network.
    """
    kept = {
        x.parameter: int(np.count_nonzero(mask[x.parameter])) if x.parameter in mask else x.parameters
        for x in info.layers
    }
    return Costs(
        nonzero=info.parameters - mask.removed_count,
        prunable_kept=sum(kept.values()),
        macs=sum(kept[x.parameter] * x.positions for x in info.layers),
    )


def dead_layers(info: ModelInfo, mask: Mask) -> tuple[str, ...]:
    """Modules of which the mask keeps no weight at all: nothing passes through them but their bias."""
    return tuple(x.module or x.parameter for x in info.layers if x.parameter in mask and not mask[x.parameter].any())


def both(a: Mask, b: Mask) -> Mask:
    """The mask that keeps what both keep."""
    kept = {n: a[n] & b[n] if n in a and n in b else a.get(n, b.get(n)) for n in dict.fromkeys([*a, *b])}
    units = {n: a.units.get(n, b.units.get(n)) for n in dict.fromkeys([*a.units, *b.units])}
    return Mask.of(kept, units)
