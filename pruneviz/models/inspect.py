"""What a model consists of: its prunable layers, how often each weight is used, and whether it can be worked with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class LayerInfo:
    """One prunable weight.

    Attributes:
        module: the module's name, empty for the model itself.
        parameter: the weight's name, e.g. ``conv1.weight``.
        kind: ``conv`` or ``linear``.
        shape: of the weight.
        positions: how often each weight entry is used for one image: output positions of a convolution (input
            positions of a transposed one), tokens of a linear layer; uses add up for a module that is called twice.
    """

    module: str
    parameter: str
    kind: str
    shape: tuple[int, ...]
    positions: int

    @property
    def parameters(self) -> int:
        """Entries of the weight."""
        return math.prod(self.shape)

    @property
    def macs(self) -> int:
        """Multiply-adds for one image."""
        return self.parameters * self.positions


@dataclass(frozen=True)
class ModelInfo:
    """A model's prunable layers and its size.

    Attributes:
        layers: in the order in which they first run.
        parameters: all parameters, biases and norms included.
        macs: multiply-adds for one image of these layers; additions of biases, norms, and products of two
            activations (as in attention) are not counted.
        classifier: name of the module whose outputs are the logits.
        unused: weights of convolutions and linear layers that one image does not reach; they are never pruned.
    """

    layers: tuple[LayerInfo, ...]
    parameters: int
    macs: int
    classifier: str
    unused: tuple[str, ...]

    def __getitem__(self, parameter: str) -> LayerInfo:
        return next(layer for layer in self.layers if layer.parameter == parameter)


def examine(net: nn.Module, example: Tensor, classes: int) -> ModelInfo:
    """Run a model once on an example, in evaluation mode and without gradients, and look at what runs.

    ``nn.MultiheadAttention`` counts as linear layers: its packed or separate input projections, used once per token
    (for cross-attention through a packed projection: the mean number of tokens of query, key and value, rounded up),
    and its output projection, used once per query.

    Args:
        net: left as it was, its training modes included.
        example: float32 (1, C, H, W), preprocessed, on the model's device.
        classes: the number of classes of the data.

    Raises:
        ModelError: the model cannot be used: lazy, not in single precision, without prunable parameters; with tied,
            frozen or computed ones; its forward pass fails, or gives something else than (1, classes) finite numbers,
            or others each time.
    """
    require_parameters(net)
    weights = _weights(net)
    with _evaluating(net), _counting(net, weights) as counted:
        logits = _forward(net, example)
    layers = tuple(
        LayerInfo(weights[name][0], name, weights[name][1], tuple(weights[name][2].shape), positions)
        for name, positions in counted.positions.items()
    )
    if not layers:
        remedy = "Parameters are prunable in torch.nn convolutions, linear layers and multi-head attention."
        raise ModelError(f"The model has no prunable parameters: no convolution or linear layer ran. {remedy}")
    _require_logits(logits, example, classes)
    with _evaluating(net):
        _require_same(logits, _forward(net, example))
    _require_prunable(net, weights)
    return ModelInfo(
        layers=layers,
        parameters=sum(p.numel() for p in net.parameters()),
        macs=sum(layer.macs for layer in layers),
        classifier=_classifier(counted.order, layers, classes),
        unused=tuple(name for name in weights if name not in counted.positions),
    )


def has_batch_norm(net: nn.Module) -> bool:
    """Whether a model holds batch norm with running statistics."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(isinstance(m, _BatchNorm) and m.track_running_stats for m in net.modules())


def require_parameters(net: nn.Module) -> None:
    """Refuse a model whose parameters have no values that could be worked with.

    Raises:
        ModelError: one is lazy, on no device, or not in single precision.
    """
    import torch
    from torch.nn.parameter import is_lazy

    for name, p in net.named_parameters():
        if is_lazy(p):
            raise ModelError(
                f"Parameter {name!r} is lazy: it has no shape yet. Run the model on one batch before it is given, "
                "or use the layer that is not lazy."
            )
        if p.is_meta:
            raise ModelError(f"Parameter {name!r} has no values: it is on the device 'meta'. Load the weights first.")
        if p.is_floating_point() and p.dtype != torch.float32:
            kind = "half precision" if p.dtype in (torch.float16, torch.bfloat16) else "not in single precision"
            raise ModelError(f"Parameter {name!r} is {kind} ({p.dtype}); allowed: torch.float32. Call net.float().")


def _weights(net: nn.Module) -> dict[str, tuple[str, str, nn.Parameter]]:
    """Module, kind and parameter of every weight that could be pruned, by name, in order of definition."""
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    found: dict[str, tuple[str, str, nn.Parameter]] = {}
    for module_name, module in net.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            own = [("linear", n) for n in _IN_PROJECTIONS if getattr(module, n) is not None]
        elif isinstance(module, (_ConvNd, nn.Linear)):
            own = [("conv" if isinstance(module, _ConvNd) else "linear", "weight")]
        else:
            continue
        for kind, attribute in own:
            name = f"{module_name}.{attribute}" if module_name else attribute
            p = module._parameters.get(attribute)
            if p is None:
                raise ModelError(
                    f"{name!r} is computed from other parameters, so it cannot be masked. Make it plain with "
                    "torch.nn.utils.parametrize.remove_parametrizations, torch.nn.utils.prune.remove or "
                    "torch.nn.utils.remove_weight_norm, and give the model again."
                )
            found[name] = (module_name, kind, p)
    return found


_IN_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


class _Counted:
    """Uses of each weight, and the modules in the order of their last use."""

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}
        self.order: dict[str, None] = {}

    def add(self, module: str, weight: str, positions: int) -> None:
        self.positions[weight] = self.positions.get(weight, 0) + positions
        self.order.pop(module, None)
        self.order[module] = None


@contextmanager
def _counting(net: nn.Module, weights: dict[str, tuple[str, str, nn.Parameter]]) -> Iterator[_Counted]:
    """Count while the model runs; the hooks also keep torch off its fused transformer path, which calls no layers."""
    from torch import nn

    counted = _Counted()

    def hook_for(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            if isinstance(module, nn.MultiheadAttention):
                _count_attention(counted, name, module, args, kwargs)
            else:
                counted.add(name, f"{name}.weight" if name else "weight", _positions(module, args, kwargs, output))

        return hook

    modules = dict(net.named_modules())
    names = dict.fromkeys(module for module, _, _ in weights.values())
    handles = [modules[n].register_forward_hook(hook_for(n), with_kwargs=True) for n in names]
    try:
        yield counted
    finally:
        for handle in handles:
            handle.remove()


def _positions(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> int:
    from torch import nn
    from torch.nn.modules.conv import _ConvTransposeNd

    if isinstance(module, nn.Linear):
        return int(output.numel() // module.out_features)
    if isinstance(module, _ConvTransposeNd):
        given = args[0] if args else kwargs["input"]
        return int(given.numel() // module.in_channels)
    return int(output.numel() // module.out_channels)


def _count_attention(counted: _Counted, name: str, module: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """Multi-head attention uses its weights without calling any layer, so they are counted here."""
    inputs = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
    tokens = {part: inputs[part].numel() // inputs[part].shape[-1] for part in ("query", "key", "value")}
    prefix = f"{name}." if name else ""
    if module.in_proj_weight is not None:
        counted.add(name, f"{prefix}in_proj_weight", math.ceil(sum(tokens.values()) / 3))
    else:
        for part, letter in (("query", "q"), ("key", "k"), ("value", "v")):
            counted.add(name, f"{prefix}{letter}_proj_weight", tokens[part])
    counted.add(f"{prefix}out_proj", f"{prefix}out_proj.weight", tokens["query"])


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    modes = [(m, m.training) for m in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _forward(net: nn.Module, example: Tensor) -> Any:
    import torch

    try:
        with torch.no_grad():
            return net(example)
    except Exception as e:
        first = (str(e) or "no message").splitlines()[0]
        raise ModelError(
            f"The model fails on an image of shape {tuple(example.shape)} (batch, channels, height, width): "
            f"{type(e).__name__}: {first}. Check the data's channels and size against what the model expects; "
            "[data] size = [height, width] resizes."
        ) from e


def _require_logits(logits: Any, example: Tensor, classes: int) -> None:
    from torch import Tensor

    if not isinstance(logits, Tensor):
        raise ModelError(f"The model returns {type(logits).__name__}, allowed: a tensor of logits (images, classes).")
    if tuple(logits.shape) != (len(example), classes):
        raise ModelError(
            f"The model's outputs are of shape {tuple(logits.shape)}, allowed: {(len(example), classes)}, since the "
            f"data has {classes} classes. Make a model with as many outputs, or give the data it was made for."
        )
    if not logits.isfinite().all():
        raise ModelError(
            "The model's outputs on an image are NaN or infinite. Check its weights and the data's mean and std."
        )


def _require_same(logits: Tensor, again: Tensor) -> None:
    """Predictions that change by themselves would be counted as changed by pruning."""
    difference = float((logits - again).abs().max())
    if difference > 1e-3 * float(logits.abs().max()):  # kernels may sum in another order each time
        raise ModelError(
            "The model gives other outputs each time for the same image in evaluation mode: they differ by up to "
            f"{difference:.3g}. Whatever is random must stop there, as torch.nn.Dropout does: in forward, write "
            "F.dropout(x, p, training=self.training), and draw noise only where self.training is set."
        )


def _require_prunable(net: nn.Module, weights: dict[str, tuple[str, str, nn.Parameter]]) -> None:
    owners: dict[int, list[str]] = {}
    for name, p in net.named_parameters(remove_duplicate=False):
        owners.setdefault(p.data_ptr(), []).append(name)
    for name, (_, _, p) in weights.items():
        if not p.requires_grad:
            raise ModelError(
                f"The weight {name!r} is frozen (requires_grad is False), so it could not be retrained. "
                "Call net.requires_grad_(True)."
            )
        if len(owners[p.data_ptr()]) > 1:
            tied = " and ".join(owners[p.data_ptr()])
            raise ModelError(
                f"The weights {tied} are tied: one tensor under several names, which cannot be pruned apart. "
                "Give each layer a weight of its own (a module that is merely called twice is fine)."
            )


def _classifier(order: dict[str, None], layers: tuple[LayerInfo, ...], classes: int) -> str:
    """The module that ran last of those with as many outputs as there are classes; else the one that ran last."""
    outputs = {layer.module: layer.shape[0] for layer in layers}
    last = list(order)[::-1]
    return next((module for module in last if outputs.get(module) == classes), last[0])
