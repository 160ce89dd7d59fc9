"""Which channels go together: an adapter around torch-pruning's dependency graph.

Only the graph is used. What it finds is turned into index maps over the dense network, from which both masks and
physical cuts are made, so that the two cannot disagree. The graph is found by heuristics, hence
:func:`pruneviz.pruning.channels.find_channels` tries every group on a copy before it trusts it.
"""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from pruneviz.core.errors import Unsupported

IntArray = npt.NDArray[np.int64]
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, eq=False)
class Member:
    """A tensor that loses entries along one axis when a group loses units.

    Attributes:
        module: the module's name.
        attribute: the tensor's name within it.
        axis: of the tensor.
        index: positions along the axis.
        unit: the group's unit that each position belongs to.
        consumes: whether these are a consumer's inputs, rather than what makes or normalises the channel.
    """

    module: str
    attribute: str
    axis: int
    index: IntArray
    unit: IntArray
    consumes: bool = False

    @property
    def tensor(self) -> str:
        """The tensor's full name."""
        return f"{self.module}.{self.attribute}" if self.module else self.attribute


@dataclass(frozen=True, eq=False)
class Group:
    """Channels that are coupled through residual connections, depthwise convolutions and the like.

    Attributes:
        name: the module that makes the channels; of several, the one that runs first.
        size: how many units there are.
        members: every tensor that is touched.
        makers: modules whose output channels these are, in execution order.
        problem: why units cannot be removed; empty where they can.
    """

    name: str
    size: int
    members: tuple[Member, ...]
    makers: tuple[str, ...]
    problem: str = ""


def trace(net: nn.Module, example: Tensor) -> tuple[Group, ...]:
    """The groups of all convolutions and linear layers, in execution order.

    Args:
        net: left as it is: everything happens on a copy on the CPU.
        example: float32 (1, C, H, W), preprocessed.

    Raises:
        Unsupported: the network cannot be traced.
    """
    import torch_pruning

    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad():
            warnings.simplefilter("ignore")
            net, example = copy.deepcopy(net).cpu(), example.detach().cpu().clone()
            net.requires_grad_(True)  # the graph is read off autograd: frozen parameters would silently not be in it
            order = _execution_order(net, example)
            graph = torch_pruning.DependencyGraph().build_dependency(net, example, verbose=False)
            groups, seen = [], set()
            with _bounded(16 * max(max(p.shape, default=0) for p in net.parameters())):
                for name, module in order.items():
                    if name not in seen and module in graph.module2node:
                        group = _group(net, graph, name, module, list(order))
                        seen |= set(group.makers)
                        groups.append(group)
    except Exception as e:
        raise Unsupported(
            f"The model's channels cannot be traced by torch-pruning ({type(e).__name__}: {e}). "
            'Prune weights instead (unit = "weight" or "nm").'
        ) from e
    return tuple(groups)


@contextmanager
def _bounded(most: int) -> Iterator[None]:
    """Stop torch-pruning where an index map grows without end.

    It does where a flattened map is concatenated with something else of the same channels: each turn multiplies the
    indices, and there is no last one.
    """
    from torch_pruning.dependency import graph

    class Bounded(graph.Group):  # type: ignore[misc]
        def add_dep(self, dep: Any, idxs: Any) -> None:
            if len(idxs) > most:
                raise ValueError(f"an index map grew beyond {most} entries")
            super().add_dep(dep, idxs)

    with _ONE_AT_A_TIME:
        original = graph.Group
        graph.Group = Bounded
        try:
            yield
        finally:
            graph.Group = original


def _execution_order(net: nn.Module, example: Tensor) -> dict[str, nn.Module]:
    ran: dict[str, nn.Module] = {}

    def hook_for(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            ran.setdefault(name, module)

        return hook

    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, (_ConvNd, nn.Linear))]
    handles = [m.register_forward_hook(hook_for(n)) for n, m in layers]
    with torch.no_grad():
        net.eval()(example)
    for handle in handles:
        handle.remove()
    return ran


def _group(net: nn.Module, graph: Any, name: str, root: nn.Module, order: list[str]) -> Group:
    pruner = graph.get_pruner_of_module(root)
    channels = pruner.get_out_channels(root)
    names = {id(m): n for n, m in net.named_modules()} | {id(p): n for n, p in net.named_parameters()}
    touched: list[Member] = []
    problems: list[str] = []
    union = _Union(channels)
    for item in graph.get_pruning_group(root, pruner.prune_out_channels, list(range(channels))):
        module = item.dep.target.module
        if id(module) not in names:  # an operation of the graph, no module of the network
            continue
        index, unit = np.asarray(item.idxs, np.int64), np.asarray(item.root_idxs, np.int64)
        inputs = not graph.is_out_channel_pruning_fn(item.dep.handler)
        found = _members(names[id(module)], module, index, unit, inputs, union)
        if found is None:
            problems.append(f"{names[id(module)]} ({type(module).__name__})")
        else:
            touched += found
    size, renumbered = union.numbered()
    members = tuple(_unique(m, renumbered) for m in touched)
    makers = {m.module for m in touched if m.attribute == "weight" and not m.consumes} & set(order)
    return Group(
        name=name,
        size=size,
        members=members,
        makers=tuple(n for n in order if n in makers),
        problem=f"they reach {_some(list(dict.fromkeys(problems)))}" if problems else "",
    )


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{rest}, which need them all"


def _members(
    name: str, module: Any, index: IntArray, unit: IntArray, inputs: bool, union: _Union
) -> list[Member] | None:
    """The tensors of a module that lose entries; None for a module whose channels cannot be removed one by one."""
    if isinstance(module, _ConvTransposeNd):
        return None
    if isinstance(module, _ConvNd):
        depthwise = module.groups == module.in_channels == module.out_channels > 1
        if module.groups > 1 and not depthwise:  # every one of its groups has to lose the same channels
            size = (module.in_channels if inputs else module.out_channels) // module.groups
            union.join(index % size, unit)
            index = index % size if inputs else index
        inputs = inputs and not depthwise
    if isinstance(module, (_ConvNd, nn.Linear)):
        if inputs:
            return [Member(name, "weight", 1, index, unit, consumes=True)]
        return _tensors(name, module, ("weight", "bias"), index, unit)
    if isinstance(module, _NormBase):
        own = _tensors(name, module, ("weight", "bias", "running_mean", "running_var"), index, unit)
        return own or None  # one without any tensors could not be told its new size
    if isinstance(module, nn.PReLU):
        return _tensors(name, module, ("weight",), index, unit) if module.num_parameters > 1 else []
    own_parameters = list(module.parameters()) if isinstance(module, nn.Module) else [module]
    return None if own_parameters else []


def _tensors(name: str, module: Any, attributes: tuple[str, ...], index: IntArray, unit: IntArray) -> list[Member]:
    return [Member(name, a, 0, index, unit) for a in attributes if getattr(module, a, None) is not None]


def _unique(member: Member, renumbered: IntArray) -> Member:
    index, first = np.unique(member.index, return_index=True)
    unit = renumbered[member.unit[first]]
    return Member(member.module, member.attribute, member.axis, index, unit, member.consumes)


class _Union:
    """Which of a root's channels form one unit."""

    def __init__(self, channels: int) -> None:
        self.parent = np.arange(channels)

    def join(self, labels: IntArray, channels: IntArray) -> None:
        """Channels with equal labels belong to one unit."""
        for label in np.unique(labels):
            roots = np.unique(self.parent[channels[labels == label]])
            self.parent[np.isin(self.parent, roots)] = roots[0]

    def numbered(self) -> tuple[int, IntArray]:
        """How many units there are, and each channel's unit, numbered by first channel."""
        roots, units = np.unique(self.parent, return_inverse=True)
        return len(roots), units.astype(np.int64)
