"""What a network's channels put out, gathered while it runs.

A channel's output is looked at behind its activation function (ReLU, GELU, …), where it has one. Which layer's channels
an activation function works on is found by following tensors through the forward pass: what keeps a tensor's shape, or
pools it, keeps its channels; a sum has the channels of all that is added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.overrides import TorchFunctionMode

from pruneviz.pruning.calibration import Calibration

_LAYERS = {"conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear"}
_RELUS = {"relu", "relu_", "relu6", "clamp_min", "clamp_min_"}
_OTHERS = {"gelu", "silu", "mish", "elu", "elu_", "selu", "celu", "leaky_relu", "leaky_relu_", "prelu", "softplus"}
_OTHERS |= {"hardtanh", "hardswish", "hardsigmoid", "sigmoid", "sigmoid_", "tanh", "tanh_"}
_MOVING = {"transpose", "permute", "movedim", "swapaxes", "flip", "roll", "channel_shuffle", "pixel_shuffle", "t"}


class Following(TorchFunctionMode):
    """Watches a forward pass and tells of each activation function whose channels it works on.

    Args:
        net: the network.
        tell: called with the function's name, the names of the weights that make its channels, the axis of these
            (counted from the front for convolutions, from the back for linear layers), and its output.
    """

    def __init__(self, net: nn.Module, tell: Callable[[str, frozenset[str], int, Tensor], None]) -> None:
        super().__init__()
        self._names = {id(p): n for n, p in net.named_parameters()}
        self._tell = tell
        self._made: dict[int, tuple[Tensor, frozenset[str], int]] = {}  # holds the tensors, so that ids stay theirs

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch in place of each of its functions."""
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if isinstance(out, Tensor):
            self._follow(name, [*args, *(kwargs or {}).values()], out)
        return out

    def _follow(self, name: str, given: list[Any], out: Tensor) -> None:
        tensors = [a for a in given if isinstance(a, Tensor)]
        if name in _LAYERS:
            makers = frozenset(self._names[id(t)] for t in tensors if id(t) in self._names and t.dim() > 1)
            if makers:
                self._made[id(out)] = (out, makers, -1 if name == "linear" else 1)
            return
        sources = [self._made[id(t)] for t in tensors if id(t) in self._made]
        sources = [s for s in sources if self._keeps_channels(name, s[0], s[2], out)]
        if not sources:
            return
        makers, axis = frozenset().union(*(s[1] for s in sources)), sources[0][2]
        self._made[id(out)] = (out, makers, axis)
        if name in _RELUS or name in _OTHERS:
            self._tell(name, makers, axis, out)

    @staticmethod
    def _keeps_channels(name: str, before: Tensor, axis: int, after: Tensor) -> bool:
        if name in _MOVING or before.dim() != after.dim() or before.shape[axis] != after.shape[axis]:
            return False
        return before.shape == after.shape or "pool" in name


def with_relu(net: nn.Module, images: Tensor) -> set[str]:
    """Names of the weights whose channels pass a ReLU somewhere."""
    found: set[str] = set()

    def note(name: str, makers: frozenset[str], axis: int, out: Tensor) -> None:
        if name in _RELUS:
            found.update(makers)

    with torch.no_grad(), Following(net, note):
        net(images)
    return found


def gather_activations(net: nn.Module, calibration: Calibration) -> dict[str, Tensor]:
    """Means over images and positions, of shape (outputs,), for the weight p of every layer.

    ``active|p``: share of the activation function's outputs that are not zero; ``abs|p`` and ``square|p``: their mean
    absolute and squared values; where several activation functions work on the channels (in a residual stream), the
    mean of all. Absent for layers without one.
    ``spread|p``: mean over output positions of σ_out / σ_in, where σ_out is the standard deviation over images of the
    layer's own output (before batch norm) at the position, and σ_in that over images and all inputs that this output
    is made from; positions where σ_in is 0 count as 0.
    """
    seen: dict[str, Tensor] = {}

    def note(name: str, makers: frozenset[str], axis: int, out: Tensor) -> None:
        values = out.detach().movedim(axis, -1).reshape(-1, out.shape[axis])
        sums = torch.stack([(values != 0).sum(0), values.abs().sum(0), values.square().sum(0)]).double()
        counted = torch.cat([sums, sums.new_full((1, sums.shape[1]), len(values))])
        for maker in makers:
            seen[maker] = seen[maker] + counted if maker in seen else counted

    spreads = [_Spread(f"{n}.weight" if n else "weight", m) for n, m in net.named_modules() if _is_plain(m)]
    try:
        with torch.no_grad():
            for images, _ in calibration.batches():
                with Following(net, note):
                    net(images)
    finally:
        for spread in spreads:
            spread.handle.remove()
    found = {}
    for maker, sums in seen.items():
        for key, row in zip(("active", "abs", "square"), sums[:3] / sums[3], strict=True):
            found[f"{key}|{maker}"] = row.float().cpu()
    return found | {f"spread|{s.weight}": s.ratio.float().cpu() for s in spreads if s.images}


def _is_plain(module: nn.Module) -> bool:
    return isinstance(module, (_ConvNd, nn.Linear)) and not isinstance(module, _ConvTransposeNd)


class _Spread:
    """Standard deviations of one layer's outputs and of the inputs that each is made from."""

    def __init__(self, weight: str, module: Any) -> None:
        self.weight, self.images, self.window = weight, 0, 0
        self.sums: Any = 0.0
        self.handle = module.register_forward_hook(self._hook)
        self.convolution = isinstance(module, _ConvNd)
        if self.convolution:
            shape = (module.groups, module.in_channels // module.groups, *module.kernel_size)
            self.ones = torch.ones(shape, dtype=torch.float64, device=module.weight.device)
            self.window = self.ones[0].numel()
        else:
            self.window = module.in_features

    def _hook(self, module: Any, args: tuple[Tensor, ...], out: Tensor) -> None:
        x, y = args[0].double(), out.double()
        self.images += len(x)
        inputs = [self._over_window(module, t).sum(0) for t in (x, x.square())]
        outputs = [y.sum(0), y.square().sum(0)]
        self.sums = [a + b for a, b in zip(self.sums, inputs + outputs, strict=True)] if self.sums else inputs + outputs

    def _over_window(self, module: Any, x: Tensor) -> Tensor:
        if not self.convolution:
            return x.sum(-1, keepdim=True)
        summed: Tensor = module._conv_forward(x, self.ones, None)
        return summed.repeat_interleave(module.out_channels // module.groups, dim=1)

    @property
    def ratio(self) -> Tensor:
        """Mean over positions of σ_out / σ_in, by output."""
        read, read_squares, made, made_squares = self.sums
        count = self.images * self.window
        inside = _deviation(read / count, read_squares / count)
        outside = _deviation(made / self.images, made_squares / self.images)
        ratio = torch.where(inside > 0, outside / inside, 0.0).expand_as(made)
        return (ratio.flatten(1) if self.convolution else ratio.reshape(-1, made.shape[-1]).T).mean(1)


def _deviation(mean: Tensor, square: Tensor) -> Tensor:
    """Standard deviation from double-precision moments; what is within their rounding error is 0."""
    variance = square - mean.square()
    return torch.where(variance > 1e-12 * square, variance, 0.0).sqrt()
