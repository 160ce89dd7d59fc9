"""The features that a linear classifier reads, and that classifier: found in any network by asking it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pruneviz.core.analysis import Seen
from pruneviz.core.errors import PrunevizError, Unsupported, nearest

_PROBES = 6  # of random features, besides real ones
_TOLERANCE = 1e-3  # of the largest logit, or of the largest weight


@dataclass(frozen=True, eq=False)
class Head:
    """What lies between the features and the logits, which is linear: logits = X Wᵀ + b.

    Attributes:
        net: the network, held by reference.
        module: whose input or output the features are.
        output: whether it is its output.
        pooled: axes of that tensor (counted with the batch) over which the logits only see its mean.
        weight: (K, D) directions of the classes.
        bias: (K,).
    """

    net: nn.Module
    module: str
    output: bool
    pooled: tuple[int, ...]
    weight: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]

    @property
    def name(self) -> str:
        """The features in words."""
        what = f"{'output' if self.output else 'input'} of {self.module or 'the model'}"
        return f"mean over positions of the {what}" if self.pooled else what

    def read(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, D) and logits (N, K) of preprocessed images; gradients flow where they are not switched off."""
        with _tapped(self.net, self.module, self.output, None) as caught:
            logits = self.net(batch)
        return flattened(caught[0], self.pooled), logits


def flattened(tensor: Tensor, pooled: tuple[int, ...]) -> Tensor:
    """Features (N, D) of what was tapped."""
    return (tensor.mean(dim=pooled) if pooled else tensor).flatten(1)


def find_head(seen: Seen, layer: str = "", dead: bool = False) -> Head:
    """The linear classifier behind a layer's output, or behind the model's last layer's input.

    What stands between the features and the logits is tried out: flattening, average pooling, batch norm, dropout
    (in evaluation mode) and further linear layers may stand there, since together they are still linear. Where the
    logits only see the features' mean over positions, that mean is taken for the features.

    Args:
        seen: the model.
        layer: a module's name; empty: what feeds the classifier.
        dead: whether the logits may be the same whatever the features are, as where pruning has left no weight.

    Raises:
        Unsupported: there is no such module, it runs more than once or not at all, or what follows is not linear.
    """
    if layer:
        modules = [name for name, _ in seen.net.named_modules() if name]
        if layer not in modules:
            raise Unsupported(
                f"the model has no layer {layer!r}. {nearest(layer, modules)} Name one of "
                f"{_some(modules)}; or leave `layer` out for what the classifier reads."
            )
        found = _try(seen, layer, True)
    else:
        found = _try(seen, seen.info.classifier, False)
    if isinstance(found, Head) and (dead or found.weight.any()):
        return found
    why = "does not change the logits" if isinstance(found, Head) else found
    what = f"the output of {layer!r}" if layer else f"the input of {seen.info.classifier!r}, its last layer,"
    raise Unsupported(f"{what} {why}. {_remedy(seen)}")


def _remedy(seen: Seen) -> str:
    """Which layers would do, by trying those that run."""
    names = [n for n, m in seen.net.named_modules() if n and n != seen.info.classifier and not list(m.children())]
    fit = []
    for name in reversed(names):
        try:
            found = _try(seen, name, True)
            if isinstance(found, Head) and found.weight.any():
                fit.append(name)
        except PrunevizError:  # it only says that this one does not fit either
            continue
    if isinstance(_try(seen, seen.info.classifier, False), Head):
        return f"Leave `layer` out{f', or choose {_some(fit)}' if fit else ''}."
    if fit:
        return f"What follows these is linear: {_some(fit)}."
    return "Nothing in this model feeds a linear classifier, so there are no class directions to measure against."


def _try(seen: Seen, module: str, output: bool) -> Head | str:
    """The head behind a module's input or output, or why there is none, as the rest of a sentence."""
    net = seen.net
    images = seen.data.test.images[:_PROBES] if len(seen.data.test) else None
    batch = seen.data.preprocess(images, seen.device) if images is not None else seen.example
    try:
        with _tapped(net, module, output, None) as caught, torch.no_grad():
            logits = net(batch)
    except Exception as e:  # a user's network may fail in any way
        return f"cannot be looked at: {type(e).__name__}: {e}"
    if len(caught) != 1:
        return "never comes to be" if not caught else f"comes to be {len(caught)} times an image"
    real = caught[0]
    if not isinstance(real, Tensor) or real.dim() < 2 or len(real) != len(batch) or not real.is_floating_point():
        return "is not one row of numbers for each image"
    return _linear(net, module, output, batch, real, logits)


def _linear(net: nn.Module, module: str, output: bool, batch: Tensor, real: Tensor, logits: Tensor) -> Head | str:
    """Try whether logits are an affine function of the tensor, at real and at random places."""
    finite = torch.isfinite(real.flatten(1)).all(dim=1) & torch.isfinite(logits).all(dim=1)
    if not finite.any():
        return f"is NaN or infinite for each of the first {len(real)} test images"
    real, logits = real[finite], logits[finite]
    generator = torch.Generator().manual_seed(0)
    scale = float(real.abs().max()) or 1.0
    noise = torch.randn((2, *real.shape[1:]), generator=generator).to(real) * scale
    probes = torch.cat([real, noise, -noise, torch.zeros_like(real[:1])])
    images = batch[finite][:1].expand(len(probes), *batch.shape[1:])
    try:
        weight, alike, values = _slopes(net, module, output, images, probes)
    except Exception as e:  # in-place changes, control flow: whatever the user's code raises
        return f"cannot be followed to the logits: {type(e).__name__}: {e}"
    bias, again = values[-1], values[: len(real)]
    if not torch.allclose(again, logits, rtol=0, atol=_TOLERANCE * (float(logits.abs().max()) or 1.0)):
        return "is not all that the logits depend on: something passes it by"
    straight = torch.einsum("kd,nd->nk", weight.flatten(1), probes.flatten(1)) + bias
    reach = float(values.abs().max()) or 1.0
    if not alike or not torch.allclose(straight, values, rtol=0, atol=_TOLERANCE * reach):
        return "does not feed a linear classifier: what comes between it and the logits is not linear"
    pooled = _pooled(weight)
    flat = (weight.sum(dim=pooled) if pooled else weight).flatten(1)
    return Head(net, module, output, pooled, flat.double().cpu().numpy(), bias.double().cpu().numpy())


def _slopes(net: nn.Module, module: str, output: bool, images: Tensor, probes: Tensor) -> tuple[Tensor, bool, Tensor]:
    """The logits' gradients (K, …) at the first probe, whether they are the same at all, and the logits (n, K)."""
    leaf = probes.detach().clone().requires_grad_(True)
    first, alike = [], True
    with torch.enable_grad(), _tapped(net, module, output, leaf):
        values = net(images)
        for k in range(values.shape[1]):
            (slope,) = torch.autograd.grad(values[:, k].sum(), leaf, retain_graph=True)
            steep = float(slope.abs().max())
            alike = alike and torch.allclose(slope, slope[:1].expand_as(slope), rtol=0, atol=_TOLERANCE * steep)
            first.append(slope[0])
    return torch.stack(first), alike, values.detach()


def _pooled(weight: Tensor) -> tuple[int, ...]:
    """The axes of positions over which the weights (K, …) are the same: those of pictures, or of tokens."""
    axes = {4: (2, 3), 3: (1,)}.get(weight.dim(), ())
    if not axes or all(weight.shape[a] == 1 for a in axes):
        return ()
    mean = weight.mean(dim=axes, keepdim=True)
    same = torch.allclose(weight, mean.expand_as(weight), rtol=0, atol=_TOLERANCE * float(weight.abs().max()))
    return axes if same else ()


@contextmanager
def _tapped(net: nn.Module, module: str, output: bool, instead: Tensor | None) -> Iterator[list[Any]]:
    """What a module gets or gives while the network runs; with ``instead``, that is put in its place."""
    caught: list[Any] = []

    def swap(tensor: Any) -> Any:
        caught.append(tensor)
        return None if instead is None else instead * 1  # a copy, which the network may change in place

    def after(_: nn.Module, args: Any, given: Any) -> Any:
        return swap(given)

    def before(_: nn.Module, args: Any) -> Any:
        other = swap(args[0] if args else None)
        return None if other is None else (other, *args[1:])

    at = net.get_submodule(module)
    handle = at.register_forward_hook(after) if output else at.register_forward_pre_hook(before)
    try:
        yield caught
    finally:
        handle.remove()


def _some(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
