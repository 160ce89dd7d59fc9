"""Training few parameters of a pruned network: PERP."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from pruneviz.models import examine
from pruneviz.training.kinds import Perp
from pruneviz.training.schedule import derived_seed
from pruneviz.training.trainer import TrainState

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@dataclass(eq=False)
class Adapter:
    """A low-rank change of one weight.

    Attributes:
        weight: the network's.
        start: its values before, flattened to (outputs, inputs).
        b: (outputs, r).
        a: (r, inputs).
        factor: what the change is multiplied by at every entry: (alpha / r) · [W ≠ 0] for ``masked``, W for ``scale``.
        base: what the change is added to.
    """

    weight: nn.Parameter
    start: Tensor
    b: nn.Parameter
    a: nn.Parameter
    factor: Tensor
    base: Tensor

    def pull(self) -> None:
        """Gradients of b and a out of the weight's, which is left without one."""
        assert self.weight.grad is not None
        gradient = self.weight.grad.flatten(1) * self.factor
        self.b.grad, self.a.grad = gradient @ self.a.detach().T, self.b.detach().T @ gradient
        self.weight.grad = None

    def push(self) -> None:
        """The weight that b and a mean."""
        changed = self.base + (self.b @ self.a) * self.factor
        self.weight.copy_(changed.reshape(self.weight.shape))


def rank_of(asked: int, outputs: int, inputs: int) -> int:
    """The largest rank up to the one asked for which an adapter has no more numbers than the layer; at least 1."""
    return max(1, min(asked, outputs * inputs // (outputs + inputs)))


class FewParameters:
    """Lets the trainer change what the recovery names, and weights through their adapters; nothing else moves.

    Adapters get their gradients out of the weights' by the chain rule, so the forward pass is the network's own.

    Attributes:
        trained: how many numbers are trained.
    """

    def __init__(self, recovery: Perp, seed: int) -> None:
        self.recovery, self.seed = recovery, seed
        self.frozen: list[nn.Parameter] = []
        self.adapters: list[Adapter] = []
        self.trained = 0

    def on_start(self, t: TrainState) -> None:
        """Sort the parameters, and make the adapters."""
        assert t.data.train is not None
        info = examine(t.net, t.data.preprocess(t.data.train.images[:1], t.device), t.data.num_classes)
        of = self.recovery
        norms = {
            f"{n}.{p}" if n else p
            for n, m in t.net.named_modules()
            if isinstance(m, _NORMS)
            for p in ("weight", "bias")
        }
        head = {f"{info.classifier}.{p}" if info.classifier else p for p in ("weight", "bias")}
        layers = {x.parameter for x in info.layers}
        for name, p in t.net.named_parameters():
            if name in norms:
                whole = of.norms
            elif name in head:
                whole = of.head or (of.biases and p.dim() == 1)
            else:
                whole = of.biases and p.dim() == 1 and name.endswith("bias")
            if whole:
                self.trained += p.numel()
            elif name in layers and of.adapters != "none":
                self.adapters.append(self._adapter(name, p))
            else:
                self.frozen.append(p)
        if self.adapters:
            t.optimizer.add_param_group({"params": [x for adapter in self.adapters for x in (adapter.b, adapter.a)]})
        self.trained += sum(adapter.b.numel() + adapter.a.numel() for adapter in self.adapters)

    def after_backward(self, t: TrainState) -> None:
        """Pass the weights' gradients on to the adapters, and let what is frozen rest."""
        for adapter in self.adapters:
            adapter.pull()
        for p in self.frozen:
            p.grad = None

    @torch.no_grad()
    def after_step(self, t: TrainState) -> None:
        """Put the adapters into the weights."""
        for adapter in self.adapters:
            adapter.push()

    def on_epoch(self, t: TrainState) -> None:
        """Epochs do not matter."""

    def on_end(self, t: TrainState) -> None:
        """The weights hold their changes already."""

    def _adapter(self, name: str, p: nn.Parameter) -> Adapter:
        """Changing nothing yet: B is zero, but for a first component of ones where BA multiplies; A is drawn."""
        start = p.detach().flatten(1).clone()
        outputs, inputs = start.shape
        rank = rank_of(self.recovery.rank, outputs, inputs)
        generator = torch.Generator().manual_seed(derived_seed(self.seed, f"adapter {name}"))
        bound = inputs**-0.5
        a = ((torch.rand((rank, inputs), generator=generator) * 2 - 1) * bound).to(p.device)
        b = torch.zeros((outputs, rank), device=p.device)
        if self.recovery.adapters == "scale":
            a[0], b[:, 0] = 1.0, 1.0
            return Adapter(p, start, nn.Parameter(b), nn.Parameter(a), start, torch.zeros_like(start))
        factor = (start != 0).float() * (self.recovery.alpha / rank)
        return Adapter(p, start, nn.Parameter(b), nn.Parameter(a), factor, start)
