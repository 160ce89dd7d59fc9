"""Running again only what some tensors change: many variants of one network on the same images."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, fx, nn

_TOLERANCE = 1e-4  # of the largest logit: the same operations on the same numbers


@dataclass(frozen=True, eq=False)
class Kept:
    """What one batch of images has come to, as far as the tensors do not matter.

    Attributes:
        images: the batch.
        values: by node of the graph; empty where everything is run again.
    """

    images: Tensor
    values: dict[fx.Node, Any]


class Rerun:
    """A network of which some parameters are changed in place, over and over.

    What does not depend on them is computed once for each batch. Networks that torch.fx cannot trace, or that change
    their own values in place where it matters, are run whole each time: the same logits, slower.

    Args:
        net: in evaluation mode; held by reference.
        tensors: full names of the parameters that will change.
    """

    def __init__(self, net: nn.Module, tensors: Collection[str]) -> None:
        import torch

        self.net, self.tensors = net, frozenset(tensors)
        self.module: fx.GraphModule | None = None
        try:
            self.module = torch.fx.symbolic_trace(net)
        except Exception:  # control flow that depends on values, say: whatever the user's code raises
            return
        self.changing = self._changing(self.module)

    def _changing(self, module: fx.GraphModule) -> set[fx.Node]:
        """The nodes whose values the tensors decide."""
        changing: set[fx.Node] = set()
        for node in module.graph.nodes:
            own = node.op in ("call_module", "get_attr") and any(
                t == node.target or t.startswith(f"{node.target}.") for t in self.tensors
            )
            if own or node.op == "output" or any(source in changing for source in node.all_input_nodes):
                changing.add(node)
        return changing

    def keep(self, images: Tensor) -> Kept:
        """Compute what does not depend on the tensors, of one batch (N, C, H, W) on the network's device."""
        from torch import fx

        if self.module is None:
            return Kept(images, {})
        # Values that nothing changing reads are only kept where they are read: a batch's activations are large.
        whole = fx.Interpreter(self.module, garbage_collect_values=False)
        logits = whole.run(images)
        read = {source for node in self.changing for source in node.all_input_nodes} - self.changing
        skipped = {n: whole.env.get(n) for n in self.module.graph.nodes if n not in self.changing}
        kept = Kept(images, {n: (value if n in read else None) for n, value in skipped.items()})
        again = self(kept)
        if not _same(again, logits) or not _same(self(kept), again):
            self.module = None
            return Kept(images, {})
        return kept

    def __call__(self, kept: Kept) -> Tensor:
        """The logits of a batch with the tensors as they are now."""
        from torch import fx

        if self.module is None:
            return self.net(kept.images)  # type: ignore[no-any-return]
        return fx.Interpreter(self.module).run(kept.images, initial_env=dict(kept.values))  # type: ignore[no-any-return]


def _same(a: Tensor, b: Tensor) -> bool:
    import torch

    scale = float(b.abs().max())
    return torch.allclose(a, b, rtol=0, atol=_TOLERANCE * scale if math.isfinite(scale) else 0, equal_nan=True)
