"""SAP: how much to prune at each level is read from how unevenly the weights are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.errors import SpecError
from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import by_counts
from pruneviz.pruning.parts import Allocation, Block
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import Levels
from pruneviz.pruning.scores import Magnitude
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from pruneviz.pruning.smallest import Ranked


@dataclass(frozen=True)
class SparsityIndexed(Allocation):
    """⌊d · min(max(γ (1 − m/d), 0), β)⌋ of the d weights that a scope still has, those of the smallest scores.

    m is the least number of weights that the PQ index of the scores says must stay (Diao et al. 2023, theorem 1,
    algorithm 1); see :func:`pruneviz.measures.sparsity.retained_bound`. A scope whose scores are all 0 loses nothing.
    """

    name: ClassVar[str] = "sparsity-indexed"
    summary: ClassVar[str] = "as much as the PQ index of what remains allows, level by level"
    units: ClassVar[tuple[str, ...]] = ("weight",)
    sized: ClassVar[bool] = True

    scope: str = option("global", "over what the index is taken", choices=("neuron", "layer", "global"))
    p: float = option(0.5, "the first norm", gt=0)
    q: float = option(1.0, "the second norm, larger than p", gt=0)
    eta: float = option(0.0, "η: what pruning may remove, as Σ|w|^p of the removed over that of the kept", ge=0)
    gamma: float = option(1.0, "γ: scales the fraction that the index allows", gt=0)
    beta: float = option(0.9, "β: the largest fraction of a scope removed at one level", gt=0, lt=1)

    def __post_init__(self) -> None:
        if self.p >= self.q:
            raise SpecError("allocation sparsity-indexed: p, q", [self.p, self.q], "p smaller than q")

    def __call__(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked], remove: int) -> dict[str, Tensor]:
        """Not asked: the amount is its own."""
        raise TypeError("the allocation 'sparsity-indexed' is not told how much to remove")

    def amount(self, blocks: Sequence[Block], ranked: Mapping[str, Ranked]) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Allocation`."""
        import numpy as np

        scores = {b.name: ranked[b.name].scores.cpu().numpy().reshape(b.shape[0], -1) for b in blocks}
        if self.scope == "neuron":
            return {b.name: self._per_row(scores[b.name], ranked[b.name]) for b in blocks}
        if self.scope == "layer":
            lost = [int(self._lost(scores[b.name].reshape(1, -1))[0]) for b in blocks]
            return by_counts(blocks, ranked, [b.gone + n for b, n in zip(blocks, lost, strict=True)])
        from pruneviz.pruning.smallest import smallest

        whole = np.concatenate([scores[b.name].reshape(-1) for b in blocks])
        gone = sum(b.gone for b in blocks)
        return smallest({b.name: ranked[b.name] for b in blocks}, gone + int(self._lost(whole[None])[0]))

    def _lost(self, scores: np.ndarray) -> np.ndarray:
        """How many each row loses; what is gone already ranks at −∞."""
        import numpy as np

        from pruneviz.measures.sparsity import pq_index, retained_bound

        kept = np.isfinite(scores)
        d = kept.sum(1)
        index = pq_index(np.where(kept, scores, 0.0), kept, p=self.p, q=self.q)
        m = retained_bound(np.nan_to_num(index), d, p=self.p, q=self.q, eta=self.eta)
        share = np.clip(self.gamma * (1 - m / np.maximum(d, 1)), 0, self.beta)
        lost: np.ndarray = np.floor(d * share + 1e-9).astype(np.int64)
        return lost

    def _per_row(self, scores: np.ndarray, ranked: Ranked) -> Tensor:
        """The smallest of each row, among equals the first."""
        import numpy as np
        import torch

        counts = (~np.isfinite(scores)).sum(1) + self._lost(scores)
        order = np.argsort(scores, axis=1, kind="stable")
        removed = np.zeros(scores.shape, dtype=np.bool_)
        np.put_along_axis(removed, order, np.arange(scores.shape[1])[None] < counts[:, None], axis=1)
        return torch.from_numpy(removed).reshape(ranked.values.shape).to(ranked.values.device)


_DIAO = Reference(
    "Diao, Wang, Zhan, Yang, Ding, Tarokh",
    2023,
    "Pruning deep neural networks from a sparsity perspective",
    "ICLR",
    "2302.05601",
)


def _recipe(scope: str) -> Recipe:
    of = {"neuron": "each neuron", "layer": "each layer", "global": "the whole network"}[scope]
    return Recipe(
        name=f"sap-{scope}",
        space=Weights(),
        score=Magnitude(),
        allocation=SparsityIndexed(scope),
        schedule=Levels(30),
        recovery=Choice("weight-rewind", {"to": 0}),
        summary=f"at every level as many of the smallest weights as the PQ index of {of} allows, then back to θ₀",
        formula=f"repeat: train; of {of} remove ⌊d · clamp(γ(1 − m/d), 0, β)⌋ with the smallest |w|; reset to θ₀",
        reference=_DIAO,
    )


PARTS = (SparsityIndexed,)
RECIPES = tuple(_recipe(scope) for scope in ("neuron", "layer", "global"))
