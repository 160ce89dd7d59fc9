"""A network that was cut, put back into the shapes that it was cut from.

What was removed becomes zeros under a channel mask, so that everything that knows masks knows cut networks too. Which
channels went has to be known: from the units that a file of ours names, or from torch-pruning's history, which is
played again on a network whose every entry is its own position.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.core.errors import CheckpointError
from pruneviz.core.masks import BoolArray, Mask
from pruneviz.models.checkpoint import load_into
from pruneviz.models.inspect import ModelInfo
from pruneviz.pruning.channels import ChannelUnits, cut
from pruneviz.pruning.masking import apply
from pruneviz.pruning.tracing import Group, trace

_TOLERANCE = 1e-3  # of the largest logit: float error stays far below, a wrong channel far above
_HISTORY = "a list of [module, whether its outputs were pruned, [channels]], as torch-pruning's pruning_history() gives"


@dataclass(frozen=True, eq=False)
class Restored:
    """A cut network in the shapes of the one it was cut from.

    Attributes:
        net: with zeros where something was removed; in evaluation mode.
        mask: what is kept; with units where they are whole channels that can be cut again.
    """

    net: nn.Module
    mask: Mask


def restore_units(
    net: nn.Module,
    info: ModelInfo,
    example: Tensor,
    units: Mapping[str, BoolArray],
    state: Mapping[str, Tensor],
    where: str,
) -> Restored:
    """Put back a network that was cut by :func:`pruneviz.pruning.cut`.

    Args:
        net: the architecture before the cut; left as it is.
        info: its layers.
        example: float32 (1, C, H, W), preprocessed, on the CPU.
        units: kept channels by group.
        state: the cut network's tensors.
        where: the file, for messages.

    Raises:
        CheckpointError: the file is of another network.
    """
    groups = {g.name: g for g in trace(net, example)}
    for name, kept in units.items():
        if name not in groups or groups[name].size != len(kept):
            has = f"has {groups[name].size}" if name in groups else "has none of that name"
            raise CheckpointError(
                f"{where}: is cut of another model: it had {len(kept)} channels {name!r}, this one {has}."
            )
    mask = _mask(net, info, [groups[n] for n in units], units)
    small = cut(net, mask, example)
    return _restored(net, small, _left([groups[n] for n in units], units, net), mask, state, example, where)


def restore_history(
    net: nn.Module, info: ModelInfo, example: Tensor, history: Any, state: Mapping[str, Tensor], where: str
) -> Restored:
    """Put back a network that torch-pruning cut.

    Args:
        net: the architecture before the cut; left as it is.
        info: its layers.
        example: float32 (1, C, H, W), preprocessed, on the CPU.
        history: what ``pruning_history()`` gave.
        state: the cut network's tensors.
        where: the file, for messages.

    Raises:
        CheckpointError: the history is none, or does not lead from this architecture to the file's shapes.
    """
    small, left = _replayed(net, example, _checked(history, where), where)
    units = {}
    traced = [g for g in trace(net, example) if not g.problem]
    for group in traced:
        made = next(m for m in group.members if not m.consumes)
        rows = _any_of_each(np.moveaxis(left[made.tensor], made.axis, 0))
        kept = np.ones(group.size, np.bool_)
        kept[made.unit] = rows[made.index]
        if not kept.all():
            units[group.name] = kept
    mask = _mask(net, info, [g for g in traced if g.name in units], units)
    parameters = dict(net.named_parameters())
    whole = {n: np.ones(tuple(p.shape), np.bool_) for n, p in parameters.items()}
    if not all(np.array_equal(mask.get(n, whole[n]), left[n]) for n in parameters):
        mask = Mask.of({n: left[n] for n in parameters})  # not whole units as we know them: masked, not cut again
    return _restored(net, small, left, mask, state, example, where)


def zeroed_units(net: nn.Module, info: ModelInfo, example: Tensor, mask: Mask) -> Mask:
    """The same mask with its units, where all that is zero are whole channels: those can be cut.

    A channel counts as removed where its filter, its bias and the scale and shift of its norm are all zero, so that
    nothing reads anything of it; what it fed is then removed too.

    Args:
        net: with the zeros, in evaluation mode on the CPU; left as it is.
        info: its layers.
        example: float32 (1, C, H, W), preprocessed, on the CPU.
        mask: what is kept, told from zeros.
    """
    if not any(_silent_rows(net, mask, x.module, x.parameter) for x in info.layers if x.module != info.classifier):
        return mask
    units, groups = {}, []
    parameters = dict(net.named_parameters())
    for group in trace(net, example):
        if group.problem or info.classifier in group.makers:
            continue
        alive = np.zeros(group.size, np.bool_)
        for m in group.members:
            if m.tensor in parameters and not m.consumes:
                entries = np.moveaxis((parameters[m.tensor].detach() != 0).numpy(), m.axis, 0)
                np.logical_or.at(alive, m.unit, _any_of_each(entries)[m.index])
        if not alive.all() and alive.any():
            units[group.name] = alive
            groups.append(group)
    if not units:
        return mask
    closed = _mask(net, info, groups, units)
    explained = all((mask[x.parameter] | ~closed[x.parameter]).all() for x in info.layers)
    whole = copy.deepcopy(net)
    apply(whole, closed)
    inputs = torch.randn((2, *example.shape[1:]), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        same = torch.allclose(whole(inputs), net(inputs), rtol=0, atol=_TOLERANCE * float(net(inputs).abs().max()))
    return closed if explained and same else mask


def _any_of_each(entries: BoolArray) -> BoolArray:
    """Along the first axis, whether any is true."""
    return np.asarray(entries.reshape(len(entries), -1).any(axis=1))


def _silent_rows(net: nn.Module, mask: Mask, module: str, parameter: str) -> bool:
    """Whether a layer has outputs of which neither a weight nor the bias is left."""
    rows = _any_of_each(mask[parameter])
    bias = getattr(net.get_submodule(module), "bias", None)
    if isinstance(bias, Tensor) and len(bias) == len(rows):
        rows = rows | (bias.detach() != 0).numpy()
    return bool(not rows.all())


def _mask(net: nn.Module, info: ModelInfo, groups: Sequence[Group], units: Mapping[str, BoolArray]) -> Mask:
    return ChannelUnits(net, info, tuple(groups), ()).mask({n: torch.from_numpy(~kept) for n, kept in units.items()})


def _left(groups: Sequence[Group], units: Mapping[str, BoolArray], net: nn.Module) -> dict[str, BoolArray]:
    """Which entries of each tensor the cut leaves, buffers included."""
    left = {n: np.ones(tuple(t.shape), np.bool_) for n, t in net.state_dict().items()}
    for group in groups:
        for m in group.members:
            np.moveaxis(left[m.tensor], m.axis, 0)[m.index[~units[group.name][m.unit]]] = False
    return left


def _restored(
    net: nn.Module,
    small: nn.Module,
    left: Mapping[str, BoolArray],
    mask: Mask,
    state: Mapping[str, Tensor],
    example: Tensor,
    where: str,
) -> Restored:
    """The cut tensors in their places, held against the cut network's own outputs."""
    load_into(small, state, where)
    whole = copy.deepcopy(net)
    with torch.no_grad():
        for name, tensor in whole.state_dict().items():
            if name in state:
                tensor.fill_(1 if name.endswith("running_var") else 0)
                tensor[torch.from_numpy(left[name])] = state[name].reshape(-1).to(tensor.dtype)
    apply(whole, mask)
    inputs = torch.randn((2, *example.shape[1:]), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = whole.eval()(inputs), small.eval()(inputs)
    if float((ours - theirs).abs().max()) > _TOLERANCE * (float(theirs.abs().max()) or 1.0):
        raise CheckpointError(
            f"{where}: put back into the shapes of the whole model, it gives other outputs than as it was cut. "
            "Give the cut model a factory of its own, as in NAME=package.module:factory@FILE."
        )
    return Restored(whole, mask)


def _checked(history: Any, where: str) -> list[tuple[str, bool, list[int]]]:
    found = []
    for item in history if isinstance(history, (list, tuple)) else [history]:
        fits = isinstance(item, (list, tuple)) and len(item) == 3 and isinstance(item[0], str)
        if not (fits and isinstance(item[1], (bool, int)) and isinstance(item[2], (list, tuple))):
            raise CheckpointError(f"{where}: holds {str(item)[:60]!r}; allowed: {_HISTORY}.")
        if not all(isinstance(i, int) and i >= 0 for i in item[2]):
            raise CheckpointError(
                f"{where}: names channels of {item[0]!r} that are no numbers from 0; allowed: {_HISTORY}."
            )
        found.append((item[0], bool(item[1]), [int(i) for i in item[2]]))
    return found


def _replayed(
    net: nn.Module, example: Tensor, history: list[tuple[str, bool, list[int]]], where: str
) -> tuple[nn.Module, dict[str, BoolArray]]:
    """The architecture cut as the history says, and which entries of each tensor that leaves.

    Once the graph is built, every tensor's entries are replaced by their own positions, in double precision, which
    holds them exactly; the positions that come out are what is left.
    """
    import torch_pruning

    small = copy.deepcopy(net).requires_grad_(True)
    shapes = {n: tuple(t.shape) for n, t in small.state_dict().items()}
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad():
            warnings.simplefilter("ignore")
            graph = torch_pruning.DependencyGraph().build_dependency(small, example.detach().clone(), verbose=False)
            for tensor in (*small.parameters(), *small.buffers()):
                tensor.data = torch.arange(tensor.numel(), dtype=torch.float64).reshape(tensor.shape)
            graph.load_pruning_history([list(item) for item in history])
    except Exception as e:  # a module or channel that is not there; whatever torch-pruning meets on the way
        raise CheckpointError(
            f"{where}: its history cannot be played again on this model ({type(e).__name__}: {e}). Give the "
            "architecture as it was before it was cut, or the cut model's own factory."
        ) from e
    left = {}
    for name, tensor in small.state_dict().items():
        left[name] = np.zeros(shapes[name], np.bool_)
        left[name].reshape(-1)[tensor.detach().long().reshape(-1).numpy()] = True
    return small.float().eval(), left
