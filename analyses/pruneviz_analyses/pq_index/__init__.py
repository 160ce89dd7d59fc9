"""PQ index of weights: how sparse what is left still is, along the iterations of pruning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.pq_index.schemas import LEVELS, NEURONS, PHASES, RUNS, SEEN

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PQIndex:
    """PQ index of each neuron, layer and model, the weights it says must stay, and its course over iterations.

    Diao et al. conjecture that along iterations the index first falls (the model is regularised), then rises (its
    compressibility reaches a limit), then falls again (it collapses). Each of the three is claimed only where its
    change over dense models excludes 0. Random pruning and Gini's index stand beside it, since an index falls
    mechanically where small weights go.
    """

    name: ClassVar[str] = "pq_index"
    summary: ClassVar[str] = "how sparse the kept weights still are (PQ index), along the iterations of pruning"
    reference: ClassVar[str] = (
        "Diao et al. 2023, Pruning Deep Neural Networks from a Sparsity Perspective (ICLR, arXiv 2302.05601); "
        "Hurley & Rickard 2009, Comparing Measures of Sparsity (IEEE Transactions on Information Theory 55)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (RUNS, LEVELS, PHASES)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN, NEURONS)
    version: ClassVar[int] = 2

    p: float = option(0.5, "the smaller norm, below q", gt=0)
    q: float = option(1.0, "the larger norm", gt=0)
    eta: float = option(0.0, "η of the bound: Σ|w|^p of what is removed, over that of what stays", ge=0)
    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    resamples: int = option(2000, "draws of the bootstrap over dense models and seeds", ge=200)
    seed: int = option(0, "seed of those draws", ge=0)

    def __post_init__(self) -> None:
        """Refuse norms that make no index.

        Raises:
            SpecError: p is not below q.
        """
        if self.p >= self.q:
            raise SpecError("pq_index p, q", [self.p, self.q], "p below q, such as p = 0.5 and q = 1")

    def check(self, subject: Subject) -> None:
        """Say before anything starts that the index would have no course.

        Raises:
            Unsupported: the study prunes nothing.
        """
        if not subject.spec.methods:
            raise Unsupported(
                "pq_index: the study prunes nothing, so the index has no course. Add a method under [prune], best one "
                'that goes by iterations, such as {name = "magnitude", schedule = {name = "rounds", rounds = 20}}.'
            )

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Each run with the one a level before, whose weights it was pruned from."""
        from pruneviz_analyses.pq_index.courses import previous_runs

        before, part = previous_runs(runs), {"p": self.p, "q": self.q, "eta": self.eta}
        return [
            Observation((run, before[run]) if run in before else (run,), part, f"sparsity of {name}")
            for run, name in zip(runs["run_id"], runs["name"], strict=True)
        ]

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """The indices of one run's weights.

        Raises:
            ModelError: some weights are NaN or infinite.
        """
        from pruneviz_analyses.pq_index.observing import observe

        return observe(models, part["p"], part["q"], part["eta"], progress)

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """The indices beside accuracy and density, level by level, and the phases of their courses."""
        from pruneviz_analyses.pq_index.measuring import measure

        return measure(tables, self.level, self.resamples, self.seed)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the courses show; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.pq_index.sentences import findings

        return findings(tables, frames, self)
