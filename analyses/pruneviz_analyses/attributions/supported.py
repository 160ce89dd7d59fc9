"""Which ways of attributing a network supports, said with the names of the layers in the way."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from pruneviz.core.errors import Unsupported, unknown
from pruneviz.pruning.relevance import require_relevance

_LRP_KNOWS = (
    _ConvNd,
    _BatchNorm,
    nn.Linear,
    nn.ReLU,
    nn.LeakyReLU,
    nn.Identity,
    nn.Flatten,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Dropout,
    nn.Dropout2d,
    nn.ZeroPad2d,
)


def gradcam_layer(net: nn.Module, example: Tensor, wanted: str) -> str:
    """The module whose outputs GradCAM weighs.

    Args:
        net: in evaluation mode; left as it is.
        example: float32 (1, C, H, W), on the network's device.
        wanted: a module's name; empty for the last convolution whose outputs have several places.

    Raises:
        Unsupported: no convolution has, or the module's outputs are no maps of channels.
        SpecError: there is no module of that name.
    """
    modules = {name: m for name, m in net.named_modules() if name}
    if wanted and wanted not in modules:
        raise unknown("[analyses] attributions layer", wanted, modules)
    shapes = _shapes(net, example)
    if wanted:
        shape = shapes.get(wanted, ())
        if not _is_maps(shape):
            got = "×".join(map(str, shape)) or "nothing for one image"
            raise Unsupported(
                f"attributions: layer = {wanted!r} gives {got}; GradCAM needs channels × height × width with several "
                "places. Name a convolution or a block of them."
            )
        return wanted
    fitting = [n for n, s in shapes.items() if _is_maps(s) and _is_convolution(modules[n])]
    if not fitting:
        raise Unsupported(
            "attributions: GradCAM needs a convolution whose outputs have several places, and none is here. Name "
            'another module by layer = "…", or leave it out: methods = ["integrated_gradients", "occlusion"].'
        )
    return fitting[-1]


def require_lrp(net: nn.Module, example: Tensor) -> None:
    """Refuse a network that relevance cannot be propagated through, naming the layers in the way.

    Raises:
        Unsupported: which, and what would help.
    """
    try:
        require_relevance(net, example)
    except Unsupported as e:
        leaves = [(n, m) for n, m in net.named_modules() if not any(m.children())]
        others = [f"{n} ({type(m).__name__})" for n, m in leaves if not isinstance(m, _LRP_KNOWS)]
        which = f" Layers that it has no rule for: {', '.join(others)}." if others else ""
        why = str(e).removesuffix(" Use another method.")
        raise Unsupported(
            f"attributions: LRP cannot be used here: {why}{which} Leave it out: "
            'methods = ["gradcam", "integrated_gradients", "occlusion"].'
        ) from None


def _shapes(net: nn.Module, example: Tensor) -> dict[str, tuple[int, ...]]:
    """The shape of each module's output for one image, without the batch, in the order in which modules finish."""
    found: dict[str, tuple[int, ...]] = {}

    def hook_for(name: str) -> Any:
        def hook(module: nn.Module, args: Any, out: Any) -> None:
            if isinstance(out, Tensor):
                found.pop(name, None)
                found[name] = tuple(out.shape[1:])

        return hook

    handles = [m.register_forward_hook(hook_for(n)) for n, m in net.named_modules() if n]
    try:
        with torch.no_grad():
            net(example)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _is_maps(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[1] * shape[2] > 1


def _is_convolution(module: nn.Module) -> bool:
    return isinstance(module, _ConvNd) and not isinstance(module, _ConvTransposeNd)
