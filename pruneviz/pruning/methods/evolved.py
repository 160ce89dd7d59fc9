"""EMO-PMS: masks evolved in each sub-network, merged by what they impair (Zhu et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pruneviz.core.options import option
from pruneviz.pruning.allocations import Global
from pruneviz.pruning.needs import write_need
from pruneviz.pruning.parts import Given, Score, Scores
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import SAMPLES_DOC
from pruneviz.pruning.spaces import Channels


@dataclass(frozen=True)
class Impairment(Score):
    """The least impairment at which an evolved mask of the layer's Pareto front removes the filter.

    Each layer is a sub-network by itself. NSGA-II looks for masks of its filters that remove many and raise the loss of
    the whole network little. The layers' fronts are merged by that rise: filters are ranked by it over all layers, and
    by their L1 norm where one mask removes them. Of coupled layers the mean of their places. What is left at several
    sparsities is the merged front of accuracy and size. Each layer's own front is told with what was pruned (in
    reports, `pruneviz status` and `pruneviz prune`).
    """

    name: ClassVar[str] = "impairment"
    summary: ClassVar[str] = "rise of the loss at which evolved masks of the layer give the filter up"
    needs: ClassVar[frozenset[str]] = frozenset({"evolution"})
    units: ClassVar[tuple[str, ...]] = ("channel",)

    population: int = option(12, "masks in a generation", unit="masks", ge=4, le=1000)
    generations: int = option(8, "generations after the first", unit="generations", ge=0, le=10000)
    samples: int | None = option(None, SAMPLES_DOC, unit="images", ge=1)

    @property
    def wanted(self) -> frozenset[str]:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return frozenset({write_need("evolution", population=self.population, generations=self.generations)})

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        import torch

        (need,) = self.wanted
        gathered = given.gathered(need)
        known = {n: w for n, w in given.weights.items() if f"impairment|{n}" in gathered}
        rise = torch.cat([gathered[f"impairment|{n}"].double() for n in known])
        norms = torch.cat([w.flatten(1).abs().sum(1).double().cpu() for w in known.values()])
        order = norms.argsort(stable=True)
        order = order[rise[order].argsort(stable=True)]
        place = torch.empty(len(order))
        place[order] = torch.arange(len(order), dtype=place.dtype)
        parts = torch.split(place, [len(w) for w in known.values()])
        return Scores({n: p.to(w.device) for (n, w), p in zip(known.items(), parts, strict=True)}, mean=True)

    def notes(self, given: Given) -> tuple[str, ...]:
        """The Pareto front of each layer whose filters may go."""
        (need,) = self.wanted
        gathered, said = given.gathered(need), []
        for layer in given.info.layers:
            front = gathered.get(f"front|{layer.parameter}")
            if front is None or layer.module == given.info.classifier:
                continue
            points = ", ".join(f"{int(gone)} {rise:+.2g}" for gone, rise in front.tolist() if gone)
            said.append(f"Pareto front of {layer.module}, filters removed of {layer.shape[0]} and nats: {points}")
        return tuple(said)


PARTS = (Impairment,)
RECIPES = (
    Recipe(
        name="emo-pms",
        space=Channels(),
        score=Impairment(samples=200),
        allocation=Global(),
        schedule=OneShot(),
        summary="filter masks evolved layer by layer, much removed against little impaired, merged by what they impair",
        formula="per layer the Pareto front of (removed, ℓ(mask) − ℓ); remove the k filters given up at the least rise",
        reference=Reference(
            "Shang, Zhu, Wu, Zhang, Jiao, Xu",
            2023,
            "An EMO joint pruning with multiple sub-networks: fast and effect",
            "preprint",
            "2303.16212",
        ),
        differs=(
            "a paper-described variant (abstract): a layer is a sub-network, measured by the loss of the whole network "
            "and not by features behind a trained selector; sub-networks are not trained by themselves"
        ),
    ),
)
