"""Keeping removed weights at zero while a network is trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.core.masks import Mask


class MaskKeeper:
    """Holds the entries that a mask removes at exactly zero.

    Masking the gradients is enough: with a zero gradient, weight and momentum, the updates of sgd, adam and adamw
    are zero, whatever the weight decay. Masked buffers (batch-norm statistics of removed channels) are zeroed by
    :meth:`apply` only; their inputs are zero from then on.

    Args:
        net: the network, held by reference.
        mask: what is kept, by names of the network's parameters and buffers.

    Raises:
        KeyError: the mask names something that the network does not have.
        ValueError: an entry of the mask has another shape than its tensor.
    """

    def __init__(self, net: nn.Module, mask: Mask) -> None:
        self.net = net
        self._pairs: list[tuple[nn.Parameter, Tensor]] = []
        self._set(mask)

    @property
    def mask(self) -> Mask:
        """What is kept."""
        return self._mask

    @torch.no_grad()
    def apply(self) -> None:
        """Zero the removed entries. To be called again after the network went to another device."""
        named = self._named()
        self._pairs = []
        for name, kept in self._kept.items():
            tensor, keep = named[name], kept.to(named[name].device)
            # Not multiplied: infinities and NaN become zero as well, and no zero gets a sign.
            tensor.masked_fill_(~keep, 0)
            if isinstance(tensor, nn.Parameter):
                self._pairs.append((tensor, keep.to(tensor.dtype)))

    @torch.no_grad()
    def mask_grads(self) -> None:
        """Zero the gradients of removed entries, in place."""
        pairs = [(p.grad, keep) for p, keep in self._pairs if p.grad is not None]
        if pairs:
            torch._foreach_mul_([g for g, _ in pairs], [keep for _, keep in pairs])

    @torch.no_grad()
    def replace(self, mask: Mask, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Keep another mask from now on; entries that come back start from zero.

        Args:
            mask: what is kept.
            optimizer: its momentum (any state of the parameter's shape) of removed entries is cleared.
        """
        self._set(mask)
        self.apply()
        for p, keep in self._pairs:
            for state in (optimizer.state.get(p, {}) if optimizer is not None else {}).values():
                if isinstance(state, Tensor) and state.shape == p.shape:
                    state.mul_(keep)

    def _named(self) -> dict[str, Tensor]:
        return {**dict(self.net.named_parameters()), **dict(self.net.named_buffers())}

    def _set(self, mask: Mask) -> None:
        named = self._named()
        for name, kept in mask.items():
            if name not in named:
                raise KeyError(f"the mask names {name!r}, which the network does not have")
            if tuple(named[name].shape) != kept.shape:
                raise ValueError(f"the mask of {name!r} has shape {kept.shape}, its tensor {tuple(named[name].shape)}")
        self._mask = mask
        # What is kept whole costs nothing.
        self._kept = {name: torch.tensor(kept) for name, kept in mask.items() if not kept.all()}
