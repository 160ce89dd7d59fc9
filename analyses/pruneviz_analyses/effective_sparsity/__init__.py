"""How sparse pruned networks really are: kept weights that no path from input to output uses are no use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import Unsupported, located
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.effective_sparsity.schemas import ARMS, RUNS, SEEN

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EffectiveSparsity:
    """Direct and effective sparsity of each run, layer by layer, beside random pruning.

    A weight is connected where it lies on a path from the input to the output over kept weights. The others could be
    removed as well: what they add is the same for every image.
    """

    name: ClassVar[str] = "effective_sparsity"
    summary: ClassVar[str] = "how many kept weights are cut off from the input or the output"
    reference: ClassVar[str] = (
        "Vysogorets & Kempe 2023, Connectivity Matters: Neural Network Pruning Through the Lens of Effective Sparsity "
        "(Journal of Machine Learning Research 24, arXiv 2107.02306)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (RUNS, ARMS)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN,)
    version: ClassVar[int] = 2
    observing_version: ClassVar[int] = 1

    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    resamples: int = option(2000, "draws of the bootstrap over dense models and seeds", ge=200)
    seed: int = option(0, "seed of those draws", ge=0)
    sentences: int = option(12, "arms that the findings describe, those with most cut off first", unit="arms", ge=1)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that nothing is pruned, or that paths through a model cannot be followed.

        Raises:
            Unsupported: so it is; the text names what a model does that hides its paths.
        """
        if not subject.spec.compares:
            raise Unsupported(
                "effective_sparsity: the study prunes nothing, so nothing is cut off. Add a method under [prune]."
            )
        from pruneviz.pruning.connectivity import connectivity

        for label, seen in subject.models.items():
            with located(f"[analyses] effective_sparsity: model {label!r}"):
                connectivity(seen.net, None, seen.example)

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Each pruned run by itself."""
        pruned = runs[runs["method"] != "dense"]
        return [
            Observation((str(run),), {}, f"paths of {name}")
            for run, name in zip(pruned["run_id"], pruned["name"], strict=True)
        ]

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """Which kept weights of one run are connected, as counts.

        Raises:
            Unsupported: paths through the model cannot be followed.
        """
        from pruneviz_analyses.effective_sparsity.measuring import counted

        progress(0, 1)
        frame = counted(models[0])
        progress(1, 1)
        return {SEEN.name: frame}

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Shares by run and by arm."""
        from pruneviz_analyses.effective_sparsity.measuring import measure

        return measure(tables, self.level, self.resamples, self.seed)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.effective_sparsity.sentences import findings

        return findings(tables, frames, self.level, self.sentences)
