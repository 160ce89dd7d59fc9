"""A network as a graph of its channels, and a small graph network that edits its weights to be easier to prune."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from pruneviz.pruning.tracing import Group

HIDDEN = 16
_FEATURES = 3
_RATE = 0.01  # Adam's, of the graph network


@dataclass(frozen=True, eq=False)
class Graph:
    """Channels that can be removed are nodes; channels that read others are joined to them.

    Attributes:
        sizes: of the groups, in their order; nodes stand group by group.
        makes, reads: by parameter, (nodes, rows) and (nodes, columns): 1 where the node makes the parameter's row or
            reads by its column.
    """

    sizes: tuple[int, ...]
    makes: Mapping[str, Tensor]
    reads: Mapping[str, Tensor]

    def norms(self, weights: Mapping[str, Tensor], power: int) -> tuple[Tensor, Tensor]:
        """Of each node Σ|w|^power over what makes it, and over what reads it."""
        zero = torch.zeros(sum(self.sizes), device=next(iter(weights.values())).device)
        made = sum((m @ weights[n].abs().pow(power).flatten(1).sum(1) for n, m in self._rows(weights)), zero)
        read = sum((m @ _columns(weights[n].abs().pow(power)).sum(1) for n, m in self.reads.items()), zero)
        return made, read

    def features(self, weights: Mapping[str, Tensor]) -> Tensor:
        """(nodes, 3): logarithms of both norms, each standardised within its group, and 1."""
        made, read = (torch.log(t + 1e-12) for t in self.norms(weights, 1))
        parts = [torch.cat([_standard(p) for p in torch.split(t, list(self.sizes))]) for t in (made, read)]
        return torch.stack([*parts, torch.ones_like(made)], dim=1)

    def adjacency(self, weights: Mapping[str, Tensor]) -> Tensor:
        """(nodes, nodes): Σ|w| between a node and one that it reads, as a fraction of all that it reads; else 0."""
        nodes = sum(self.sizes)
        found = torch.zeros(nodes, nodes, device=next(iter(weights.values())).device)
        for name, reads in self.reads.items():
            if name in self.makes:
                between = weights[name].abs().flatten(2).sum(2) if weights[name].dim() > 2 else weights[name].abs()
                found += self.makes[name] @ between @ reads.T
        return found / found.sum(1, keepdim=True).clamp(min=1e-12)

    def edited(self, weights: Mapping[str, Tensor], gains: Tensor) -> dict[str, Tensor]:
        """The parameters with rows and columns multiplied by the nodes' gains, (nodes, 2): made, and read."""
        out = dict(weights)
        for name, m in self.makes.items():
            out[name] = out[name] * _spread(m, gains[:, 0]).reshape(-1, *[1] * (out[name].dim() - 1))
        for name, m in self.reads.items():
            out[name] = out[name] * _spread(m, gains[:, 1]).reshape(1, -1, *[1] * (out[name].dim() - 2))
        return out

    def spread_out(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Mean over groups of Σn / (√size ‖n‖), n the Euclidean norms: 1 where all are alike, at least 1/√size."""
        made, read = self.norms(weights, 2)
        norms = torch.sqrt(made + read + 1e-12)
        parts = torch.split(norms, list(self.sizes))
        return torch.stack([p.sum() / (len(p) ** 0.5 * p.norm()) for p in parts]).mean()

    def _rows(self, weights: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        return ((n, m) for n, m in self.makes.items() if weights[n].dim() > 1)


def graph_of(groups: Sequence[Group], weights: Mapping[str, Tensor]) -> Graph:
    """The graph of a network's channel groups; ``weights`` are its parameters."""
    nodes, first = sum(g.size for g in groups), 0
    makes: dict[str, Tensor] = {}
    reads: dict[str, Tensor] = {}
    for group in groups:
        for m in group.members:
            if m.tensor in weights and (m.axis == 0 or m.consumes):
                kind = reads if m.consumes and m.axis == 1 else makes
                w = weights[m.tensor]
                at = kind.setdefault(m.tensor, torch.zeros(nodes, w.shape[m.axis], device=w.device))
                at[first + torch.from_numpy(m.unit), torch.from_numpy(m.index)] = 1.0
        first += group.size
    return Graph(tuple(g.size for g in groups), makes, reads)


class GraphNetwork:
    """h ← tanh(h S + A h I + Aᵀ h O), so many rounds; gains = exp(reach · tanh(h E)), all 1 before it is trained.

    Args:
        rounds: of message passing.
        reach: the largest |log gain|.
        seed: of its first weights.
        device: where.
    """

    def __init__(self, rounds: int, reach: float, seed: int, device: str | torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)
        widths = [_FEATURES, *[HIDDEN] * rounds]
        self.reach = reach
        self.layers = [
            [(torch.randn(a, b, generator=generator) / a**0.5).to(device).requires_grad_(True) for _ in range(3)]
            for a, b in pairwise(widths)
        ]
        self.last = torch.zeros(widths[-1], 2, device=device, requires_grad=True)

    @property
    def parameters(self) -> list[Tensor]:
        """All that is trained."""
        return [*(t for layer in self.layers for t in layer), self.last]

    def __call__(self, features: Tensor, adjacency: Tensor) -> Tensor:
        """Gains, (nodes, 2)."""
        h = features
        for own, inwards, outwards in self.layers:
            h = torch.tanh(h @ own + adjacency @ h @ inwards + adjacency.T @ h @ outwards)
        return torch.exp(self.reach * torch.tanh(h @ self.last))


def edit(
    net: nn.Module,
    graph: Graph,
    metanetwork: GraphNetwork,
    batches: Iterator[tuple[Tensor, Tensor]],
    strength: float,
) -> tuple[dict[str, Tensor], list[float]]:
    """Train the graph network on the batches, and edit.

    It minimises the edited network's cross-entropy plus ``strength`` times :meth:`Graph.spread_out`; the network is in
    evaluation mode, and left as it is.

    Returns:
        the edited parameters, and what was minimised at each step.
    """
    weights = {n: p.detach() for n, p in net.named_parameters()}
    features, adjacency = graph.features(weights), graph.adjacency(weights)
    optimizer = torch.optim.Adam(metanetwork.parameters, lr=_RATE)
    course = []
    modes = [(m, m.training) for m in net.modules()]
    net.eval()
    try:
        for images, labels in batches:
            edited = graph.edited(weights, metanetwork(features, adjacency))
            loss = F.cross_entropy(functional_call(net, edited, (images,)), labels)
            loss = loss + strength * graph.spread_out(edited)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            course.append(float(loss.detach()))
    finally:
        for module, training in modes:
            module.training = training
    with torch.no_grad():
        return graph.edited(weights, metanetwork(features, adjacency)), course


def _columns(w: Tensor) -> Tensor:
    return w.transpose(0, 1).flatten(1)


def _standard(t: Tensor) -> Tensor:
    return (t - t.mean()) / (t.std(unbiased=False) + 1e-6)


def _spread(member: Tensor, gains: Tensor) -> Tensor:
    """Each row's (column's) gain; 1 where no node has it."""
    return gains @ member + (1 - member.sum(0).clamp(max=1.0))
