"""Which kept weights still lie on a path from the input to the output, and which are cut off.

A network is run on a stand-in for numbers that only says where something of the input arrives: every activation is 0 or
1, every kept weight 1, every removed one 0; where the output is reached from is then what its gradient says. Biases
carry nothing of the input and count as 0. Operations that are not known to pass values on in this way are refused by
name, since they might connect what no weight connects.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pruneviz.core.errors import PrunevizError, Unsupported
from pruneviz.core.masks import Mask

Bools = npt.NDArray[np.bool_]

_WEIGHTED = ("linear", *(f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)))
_MAX_POOLS = {f"max_pool{d}d": getattr(F, f"avg_pool{d}d") for d in (1, 2, 3)}
_MAX_POOLS |= {f"adaptive_max_pool{d}d": getattr(F, f"adaptive_avg_pool{d}d") for d in (1, 2, 3)}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Elementwise: nothing passes where nothing arrives, whatever constant comes out instead. Log-softmax mixes, but stands
# at the end alone, where every output counts.
_ELEMENTWISE = _names(
    """relu relu_ relu6 leaky_relu leaky_relu_ elu elu_ selu celu gelu silu mish softplus hardtanh hardtanh_ hardswish
    hardsigmoid sigmoid tanh logsigmoid abs neg clamp clamp_ prelu rrelu square sqrt exp log_softmax
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout
    contiguous clone detach to float double type_as"""
)
_MOVING = _names(
    """flatten view reshape permute transpose swapaxes movedim squeeze unsqueeze __getitem__ chunk split narrow expand
    cat concat stack pad unbind t roll flip channel_shuffle pixel_shuffle pixel_unshuffle unflatten"""
)
_AVERAGING = _names(
    "mean sum avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d"
)
_ASKING = _names("__get__ size dim numel __len__ is_floating_point")
_SUMS = _names("add add_ sub sub_ __add__ __iadd__ __radd__ __sub__ __isub__ __rsub__ rsub")
_PRODUCTS = _names("mul mul_ div div_ true_divide __mul__ __imul__ __rmul__ __truediv__ __itruediv__")


@dataclass(frozen=True, eq=False)
class Reached:
    """One layer's weights: what the input reaches, and from where the output is reached.

    Attributes:
        fed: kept, and something of the input arrives at it in some position.
        heard: kept, and something of what leaves it arrives at the output.
        connected: kept and on some path from input to output.
    """

    fed: Bools
    heard: Bools
    connected: Bools


def connectivity(net: nn.Module, mask: Mask | None, example: Tensor) -> dict[str, Reached]:
    """Which weights lie on a path from the input to the output (Vysogorets & Kempe 2023, section 3).

    Paths go through positions as well as channels: padding, strides and pooling count. What the mask says counts,
    whatever the values of the weights; a batch norm whose scale is removed passes nothing on.

    Args:
        net: left as it is.
        mask: what is kept; None: everything.
        example: float32 (1, C, H, W); only its shape matters.

    Returns:
        By weight, for every convolution and linear layer that ran, arrays of the weight's shape.

    Raises:
        Unsupported: the network does something through which paths cannot be followed; the text names it.
    """
    stand_in = copy.deepcopy(net).cpu().eval()
    names = {id(p): name for name, p in stand_in.named_parameters()}
    follower = _Follower(names, mask if mask is not None else Mask.of({}))
    image = torch.ones(example.shape, dtype=torch.float64, requires_grad=True)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            with follower:
                out = stand_in(image)
            return follower.reached(out)
    except PrunevizError:
        raise
    except Exception as e:  # whatever the user's code raises where numbers are not what it expects
        raise Unsupported(
            f"Paths through this model cannot be followed: {type(e).__name__}: {e}. Effective sparsity is known for "
            "convolutions, linear layers, batch norm, elementwise activations, pooling, sums and concatenations."
        ) from e


class _Arrives(torch.autograd.Function):
    """1 where anything arrives; backwards, 1 from where anything is reached."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return (gradient > 0).to(gradient.dtype)


def _arrives(x: Tensor) -> Tensor:
    found: Tensor = _Arrives.apply(x)  # type: ignore[no-untyped-call]
    return found


@dataclass(frozen=True, eq=False)
class _Use:
    """One use of a weight: its name, its input, its kept entries, its output before :class:`_Arrives`, and itself."""

    name: str
    given: Tensor
    kept: Tensor
    out: Tensor
    again: Callable[[Tensor, Tensor], Tensor]


class _Follower(TorchFunctionMode):
    """Runs each operation on what arrives and not on numbers."""

    def __init__(self, names: Mapping[int, str], mask: Mask) -> None:
        super().__init__()
        self.names, self.mask = names, mask
        self.uses: list[_Use] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = str(getattr(func, "__name__", func)), kwargs or {}
        given = [v for v in (*args, *kwargs.values()) if _flows(v)]
        given += [v for a in args if isinstance(a, (list, tuple)) for v in a if _flows(v)]
        if not given or name in _ASKING:
            return func(*args, **kwargs)  # of constants alone, or a question about a shape
        if name in _WEIGHTED:
            return self._weighted(func, *args, **kwargs)
        if name == "batch_norm":
            return self._normed(*args, **kwargs)
        if name in _MAX_POOLS:
            return _arrives(_pooled(name, *args, **kwargs))
        if name in _ELEMENTWISE:
            return args[0] if args else kwargs["input"]
        if name in _SUMS or name in _PRODUCTS:
            return self._combined(name, *args[:2], **kwargs)
        if name in _MOVING:
            return func(*args, **kwargs)
        if name in _AVERAGING:
            return _arrives(func(*args, **kwargs))
        raise _unknown(name)

    def _weighted(
        self, func: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any, **more: Any
    ) -> Tensor:
        if id(weight) not in self.names:
            raise Unsupported(
                f"Paths through this model cannot be followed: a weight of {func.__name__} is computed, no parameter."
            )
        name = self.names[id(weight)]
        kept = self._kept(name, weight)

        def again(x: Tensor, w: Tensor) -> Tensor:
            out: Tensor = func(x, w, None, *rest, **more)
            return out

        out = again(input, kept)
        self.uses.append(_Use(name, input.detach().clone(), kept, out, again))
        return _arrives(out)

    def _kept(self, name: str, weight: Tensor) -> Tensor:
        if name not in self.mask:
            return torch.ones(weight.shape, dtype=torch.float64)
        return torch.from_numpy(self.mask[name]).double()

    def _normed(
        self, input: Tensor, mean: Any = None, var: Any = None, weight: Tensor | None = None, *rest: Any, **more: Any
    ) -> Tensor:
        weight = more.get("weight", weight)
        if weight is None or id(weight) not in self.names:
            return input
        kept = self._kept(self.names[id(weight)], weight)
        return input * kept.reshape(1, -1, *[1] * (input.dim() - 2))

    def _combined(self, name: str, a: Any, b: Any, **more: Any) -> Tensor:
        """A sum of two things that arrive, or a constant added to one or multiplied with it."""
        if _flows(a) and _flows(b):
            if name in _PRODUCTS:
                raise _unknown(f"{name} of two activations")
            out = _arrives(a + b)
        else:
            flow, constant = (a, b) if _flows(a) else (b, a)
            out = flow
            if name in _SUMS and isinstance(constant, Tensor):  # it may be the larger one, and widen the other
                out = flow + torch.zeros(constant.shape, dtype=torch.float64)
            elif isinstance(constant, Tensor):
                named = self.names.get(id(constant))
                out = flow * (self._kept(named, constant) if named is not None else (constant != 0).double())
        if name.endswith("_") and not name.endswith("__"):
            a.copy_(out)  # whoever holds it sees the sum
            return a  # type: ignore[no-any-return]
        return out

    def reached(self, out: Any) -> dict[str, Reached]:
        """What every weight's uses say together."""
        if not isinstance(out, Tensor):
            raise _unknown(f"an output of type {type(out).__name__}")
        found: dict[str, list[Tensor]] = {}
        gradients = (
            torch.autograd.grad(out.sum(), [u.out for u in self.uses], allow_unused=True)
            if out.requires_grad
            else [None] * len(self.uses)
        )
        for use, gradient in zip(self.uses, gradients, strict=True):
            heard = torch.zeros_like(use.out) if gradient is None else (gradient > 0).double()
            everywhere, always = torch.ones_like(use.out), torch.ones_like(use.given)
            each = [
                _entries(use, x, g) & (use.kept > 0)
                for x, g in ((use.given, everywhere), (always, heard), (use.given, heard))
            ]
            before = found.get(use.name, each)
            found[use.name] = [a | b for a, b in zip(before, each, strict=True)]
        return {name: Reached(*(t.numpy() for t in each)) for name, each in found.items()}


def _entries(use: _Use, given: Tensor, wanted: Tensor) -> Tensor:
    """Which entries of a weight bring something of ``given`` to where it is ``wanted``."""
    weight = torch.ones_like(use.kept).requires_grad_(True)
    (gradient,) = torch.autograd.grad(use.again(given, weight), weight, wanted)
    return gradient > 0


def _flows(value: Any) -> bool:
    """Whether a value comes from the input: parameters and constants are in single precision, or need no gradient."""
    return isinstance(value, Tensor) and value.dtype == torch.float64 and value.requires_grad


def _pooled(name: str, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The mean in place of the largest, so that whatever arrives in a window is seen, and not one of it."""
    kwargs = {k: v for k, v in kwargs.items() if k != "return_indices"}
    dilation = args[3] if len(args) > 3 else kwargs.pop("dilation", 1)
    if set(np.atleast_1d(dilation).tolist()) != {1}:
        raise _unknown(f"{name} with dilation")
    if name.startswith("adaptive"):
        args = args[:1]
    elif len(args) > 4:
        kwargs["ceil_mode"] = args[4]
    found: Tensor = _MAX_POOLS[name](input, *args[:3], **kwargs)
    return found


def _unknown(what: str) -> Unsupported:
    return Unsupported(
        f"Paths through {what!r} cannot be followed, since it mixes what it is given in a way that no weight decides "
        "(attention, layer and group norm, softmax, gates). Effective sparsity is known for convolutions, linear "
        "layers, batch norm, elementwise activations, pooling, sums and concatenations."
    )
