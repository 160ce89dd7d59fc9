"""The unit space of residual branches: what a network can do without because a shortcut runs past it."""

from __future__ import annotations

import operator
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn

from pruneviz.core.errors import Unsupported
from pruneviz.core.masks import Mask
from pruneviz.models.inspect import ModelInfo
from pruneviz.pruning.masking import full_mask
from pruneviz.pruning.parts import Block, Scores
from pruneviz.pruning.smallest import Ranked
from pruneviz.pruning.spaces import is_excluded, unmatched

BLOCKS = "blocks"  # the one block of scores: a number for each branch
_ADDITIONS = {operator.add, operator.iadd, torch.add, "add", "add_"}


@dataclass(frozen=True)
class Branch:
    """A residual branch.

    Attributes:
        name: what its layers' names begin with.
        layers: its prunable weights.
        tensors: all its parameters; with all of them zero, the branch gives zero.
    """

    name: str
    layers: tuple[str, ...]
    tensors: tuple[str, ...]


def find_blocks(net: nn.Module, info: ModelInfo, exclude: Sequence[str], example: Tensor) -> BlockUnits:
    """Find the residual branches of a network.

    Where two values are added that come from one, the way with more prunable layers is the branch, and the other the
    shortcut. A branch that other layers read as well, or that gives something else than zero when all its parameters
    are zero, is left out.

    Raises:
        Unsupported: there are none, or the network cannot be traced.
    """
    try:
        module = fx.symbolic_trace(net)
    except Exception as e:  # control flow that depends on values, say: whatever the model's code raises
        why = f"The residual blocks of this model cannot be found, since torch.fx cannot trace it ({e})."
        raise Unsupported(f'{why} Use unit = "weight".') from None
    layers = {x.module: x for x in info.layers}
    found = []
    for node, way in _branches(module, layers.keys()):
        modules = list(dict.fromkeys(str(n.target) for n in way if n.op == "call_module"))
        own = [layers[m] for m in modules if m in layers]
        tensors = [f"{m}.{p}" for m in modules for p, _ in net.get_submodule(m).named_parameters()]
        shared = {str(n.target) for n in module.graph.nodes if n.op == "call_module" and n not in way}
        if not shared.isdisjoint(modules) or any(is_excluded(x, exclude) for x in own):
            continue
        if _gives_nothing(module, node, tensors, example):
            found.append(Branch(_common([x.module for x in own]), tuple(x.parameter for x in own), tuple(tensors)))
    if not found:
        why = "This model has no residual blocks that could be removed: no branch is added to a shortcut."
        raise Unsupported(f'{why} Use unit = "weight".')
    return BlockUnits(net, info, tuple(found), unmatched(info, exclude))


@dataclass(frozen=True, eq=False)
class BlockUnits:
    """The residual branches of one network, see :class:`~pruneviz.pruning.parts.Units`."""

    net: nn.Module
    info: ModelInfo
    branches: tuple[Branch, ...]
    notes: tuple[str, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One: all branches are ranked together."""
        return (Block(BLOCKS, (len(self.branches),), (len(self.branches),)),)

    def rank(self, scores: Scores) -> dict[str, Ranked]:
        """Sum each branch's entries over its prunable weights, then apply ``total``."""
        if BLOCKS in scores.values:
            values = scores.values[BLOCKS]
            return {BLOCKS: Ranked(values if scores.each is None else scores.each(values))}
        sums = []
        for branch in self.branches:
            if silent := [name for name in branch.layers if name not in scores.values]:
                raise Unsupported(f"The score says nothing about {', '.join(silent)}. Use another score.")
            entries = [scores.values[name].double() for name in branch.layers]
            entries = entries if scores.each is None else [scores.each(v) for v in entries]
            total = torch.stack([v.sum() for v in entries]).sum()
            sums.append(total / sum(v.numel() for v in entries) if scores.mean else total)
        out = torch.stack(sums)
        return {BLOCKS: Ranked((out if scores.total is None else scores.total(out)).float())}

    def gone(self, mask: Mask) -> dict[str, Tensor]:
        """Which branches the mask has removed whole."""
        gone = [all(name in mask and not mask[name].any() for name in b.layers) for b in self.branches]
        return {BLOCKS: torch.tensor(gone)}

    def mask(self, removed: Mapping[str, Tensor]) -> Mask:
        """The mask of all parameters of these branches."""
        kept = dict(full_mask(self.info).kept)
        shapes = {name: tuple(p.shape) for name, p in self.net.named_parameters()}
        for branch, gone in zip(self.branches, removed[BLOCKS].tolist(), strict=True):
            if gone:
                kept |= {name: np.zeros(shapes[name], dtype=np.bool_) for name in branch.tensors}
        return Mask.of(kept)


def _branches(module: fx.GraphModule, layers: Container[str]) -> list[tuple[fx.Node, set[fx.Node]]]:
    """The last node of each branch, and all nodes of it."""
    before: dict[fx.Node, set[fx.Node]] = {}
    found = []
    for node in module.graph.nodes:
        is_size = node.target in ("size", "shape", "dim") or (
            node.target is getattr and node.args[1] in ("shape", "ndim")
        )
        before[node] = {node}.union(*(before[n] for n in node.all_input_nodes if not is_size))
        ends = list(node.all_input_nodes)
        if node.target not in _ADDITIONS or len(ends) != 2 or before[ends[0]].isdisjoint(before[ends[1]]):
            continue
        ways = [before[ends[0]] - before[ends[1]], before[ends[1]] - before[ends[0]]]
        counts = [sum(n.op == "call_module" and str(n.target) in layers for n in way) for way in ways]
        if counts[0] == counts[1]:
            continue
        at = counts.index(max(counts))
        if all(user in ways[at] or user is node for n in ways[at] for user in n.users):
            found.append((ends[at], ways[at]))
    return found


def _gives_nothing(module: fx.GraphModule, end: fx.Node, tensors: Sequence[str], example: Tensor) -> bool:
    parameters = dict(module.named_parameters())
    spare = {name: parameters[name].detach().clone() for name in tensors}
    runner = fx.Interpreter(module, garbage_collect_values=False)
    try:
        with torch.no_grad():
            for name in tensors:
                parameters[name].zero_()
            runner.run(example)
            return not bool(runner.env[end].any())
    finally:
        with torch.no_grad():
            for name, values in spare.items():
                parameters[name].copy_(values)


def _common(names: Sequence[str]) -> str:
    """What all these dotted names begin with."""
    parts = [n.split(".") for n in names]
    shared = 0
    while all(len(p) > shared + 1 and p[shared] == parts[0][shared] for p in parts):
        shared += 1
    return ".".join(parts[0][:shared]) or names[0]
