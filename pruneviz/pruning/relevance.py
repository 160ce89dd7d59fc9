"""Layer-wise relevance propagation (LRP), for filters, single weights and the input's pixels.

A layer with outputs z_j = Σ_i a_i w_ij + b_j passes the relevance R_j of its outputs on to its inputs in proportion to
what each contributes:

- convolutions, z⁺ rule: R_i = Σ_j (a_i w_ij)⁺ / (Σ_k (a_k w_kj)⁺ + b_j⁺ + ε) · R_j;
- linear layers, ε rule: R_i = Σ_j a_i w_ij / (z_j + ε sign z_j) · R_j, with ε = 1e-6 in both. Convolutions can be given
  this rule, too.

Everything between layers passes relevance on in proportion, too: through ReLU unchanged, through max pooling to the
largest, through averages and sums by share. With c = R / value, that is what an ordinary backward pass does with c
there, so that only convolutions and linear layers need a rule of their own, and any network of such parts is
supported, however it is wired.

Batch norm is folded into the layer before it. Linear layers and convolutions both may be anything that
:func:`torch.nn.functional.conv2d` and its like allow, but not transposed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from pruneviz.core.errors import Unsupported
from pruneviz.pruning.calibration import Calibration
from pruneviz.pruning.linearity import fold_batch_norm, require_homogeneous, without_biases

EPSILON = 1e-6
Apply = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def require_relevance(net: nn.Module, example: Tensor) -> None:
    """Refuse a network that relevance cannot be propagated through.

    Args:
        net: left as it is.
        example: float32 (1, C, H, W), on the network's device.

    Raises:
        Unsupported: it has transposed convolutions, batch norm that cannot be folded, layer norm, attention or alike.
    """
    if other := [n for n, m in net.named_modules() if isinstance(m, _ConvTransposeNd)]:
        raise Unsupported(f"Relevance has no rule for the transposed convolutions {', '.join(other)}.")
    stand_in = without_biases(fold_batch_norm(net, example))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((4, *example.shape[1:]), generator=generator, dtype=torch.float64)
    require_homogeneous(stand_in, noise.to(example.device), "Relevance")


def gather_relevance(
    net: nn.Module, calibration: Calibration, *, references: int, start: str, convolutions: str
) -> dict[str, Tensor]:
    """Absolute relevance of every layer's filters and weights, by the name p of its weight.

    ``filter|p``, of shape (outputs,): mean over images of |Σ R| over a filter's output positions; ``weight|p``, of the
    weight's shape: mean over images of |Σ R| that passes through the weight, summed over positions. At the start the
    true class has the relevance 1 (``start = one``) or its logit (``logit``), the others 0. ``convolutions`` have the
    rule ``z-plus`` or ``epsilon``.
    """
    example = next(calibration.one_by_one())[0]
    require_relevance(net, example)
    stand_in = fold_batch_norm(net, example).requires_grad_(False)
    record = _Record()
    for name, module in stand_in.named_modules():
        if isinstance(module, (_ConvNd, nn.Linear)):
            _give_rule(module, f"{name}.weight" if name else "weight", convolutions == "z-plus", record)
    for image, label in calibration.one_by_one():
        image = image.requires_grad_(True)
        with torch.enable_grad():
            logit = stand_in(image)[0, label]
            scale = logit.detach() if start == "logit" else torch.ones_like(logit)
            torch.autograd.grad(logit, image, scale / _stabilised(logit.detach()))
        record.close_image()
    return {key: (t / len(calibration)).float().cpu() for key, t in record.sums.items()}


def pixel_relevance(net: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """Relevance of every value of the input for a class's logit, in logits.

    Its sum over an image is the logit without what biases have kept of it (and the stabiliser ε, which is little).

    Args:
        net: one that :func:`require_relevance` lets pass; left as it is.
        images: preprocessed, float32 (N, C, H, W), on the network's device.
        classes: (N,) whole numbers, the logit of which class is explained in each.

    Returns:
        float32 (N, C, H, W).
    """
    stand_in = fold_batch_norm(net, images[:1]).requires_grad_(False)
    for name, module in stand_in.named_modules():
        if isinstance(module, (_ConvNd, nn.Linear)):
            _give_rule(module, name, True, None)
    leaves = images.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        logit = stand_in(leaves).gather(1, classes[:, None])
        (share,) = torch.autograd.grad(logit, leaves, logit.detach() / _stabilised(logit.detach()))
    return (leaves * share).detach()


class _Record:
    """Adds up relevance, first within an image, then absolute values over images."""

    def __init__(self) -> None:
        self.image: dict[str, Tensor] = {}
        self.sums: dict[str, Tensor] = {}

    def add(self, key: str, value: Tensor) -> None:
        self.image[key] = self.image[key] + value if key in self.image else value

    def close_image(self) -> None:
        for key, value in self.image.items():
            self.sums[key] = self.sums[key] + value.abs() if key in self.sums else value.abs()
        self.image.clear()


def _give_rule(module: Any, weight: str, z_plus: bool, record: _Record | None) -> None:
    """Make a layer pass on relevance instead of gradients."""
    convolution = isinstance(module, _ConvNd)
    apply: Apply = module._conv_forward if convolution else nn.functional.linear
    axis = 1 if convolution else -1

    def forward(x: Tensor) -> Tensor:
        out: Tensor = _Rule.apply(  # type: ignore[no-untyped-call]
            x, module.weight, module.bias, apply, axis, convolution and z_plus, weight, record
        )
        return out.clone()  # what follows may change it in place, and the rule needs it as it was

    module.forward = forward


class _Rule(torch.autograd.Function):
    """A layer whose backward pass takes c_j = R_j / z_j and gives c_i = R_i / a_i."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        w: Tensor,
        b: Tensor | None,
        apply: Apply,
        axis: int,
        z_plus: bool,
        name: str,
        to: _Record | None,
    ) -> Tensor:
        z = apply(x, w, b)
        ctx.save_for_backward(x, w, b, z)
        ctx.rest = apply, axis, z_plus, name, to
        return z

    @staticmethod
    def backward(ctx: Any, c: Tensor) -> Any:
        x, w, b, z = ctx.saved_tensors
        apply, axis, z_plus, name, record = ctx.rest
        relevance = z * c
        parts, bias = [(x, w)], b
        if z_plus:  # what is positive of a·w comes from factors of equal sign
            parts = [(x.clamp(min=0), w.clamp(min=0)), (x.clamp(max=0), w.clamp(max=0))]
            bias = None if b is None else b.clamp(min=0)
        leaves = [t.detach().requires_grad_(True) for part in parts for t in part]
        with torch.enable_grad():
            total = apply(leaves[0], leaves[1], bias)
            for i in range(2, len(leaves), 2):
                total = total + apply(leaves[i], leaves[i + 1], None)
            found = torch.autograd.grad(total, leaves, relevance / _stabilised(total.detach()))
        back = torch.where(x > 0, found[0], found[2]) if z_plus else found[0]
        if record is not None:
            through = sum(w.detach() * g for w, g in zip(leaves[1::2], found[1::2], strict=True))
            record.add(f"filter|{name}", relevance.movedim(axis, 0).reshape(relevance.shape[axis], -1).sum(1))
            record.add(f"weight|{name}", through)
        return back, *[None] * 7


def _stabilised(z: Tensor) -> Tensor:
    return z + EPSILON * torch.where(z < 0, -1.0, 1.0)
