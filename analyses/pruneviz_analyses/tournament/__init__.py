"""Which methods are better than others at matched cost, as far as paired dense models allow it to be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.analysis import Subject
from pruneviz.core.errors import Unsupported
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.tournament.schemas import CONTESTANTS, FIELDS, PAIRS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Tournament:
    """Methods of one unit at one target and one cost, paired by dense model.

    Cost is the kept share of weights (of channels and blocks: of multiply-adds) and all training steps, those of the
    dense model included where they are known. What costs more or less is named and not compared. Methods are ranked
    only where at least six dense models are paired and Friedman's test finds that they differ; contrasts of mean ranks
    against the random control and plain magnitude (of channels: the filters' L1 norm) are corrected together (Holm).
    Otherwise there are intervals and tiers.
    """

    name: ClassVar[str] = "tournament"
    summary: ClassVar[str] = "which methods are better at matched cost, by pairs of dense models; ranked if allowed"
    reference: ClassVar[str] = (
        "Demšar 2006, Statistical comparisons of classifiers over multiple data sets (Journal of Machine Learning "
        "Research 7)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (CONTESTANTS, FIELDS, PAIRS)
    version: ClassVar[int] = 4

    level: float = option(0.95, "level of the intervals and tiers; tests are at 1 minus it", ge=0.5, lt=1)
    tolerance: float = option(
        0.02, "by how much the cost of a contestant may differ from that of its field, relatively", ge=0, le=0.5
    )

    def check(self, subject: Subject) -> None:
        """Say before anything starts that too little is compared.

        Raises:
            Unsupported: the study has fewer than two pruning methods.
        """
        if len(subject.spec.methods) < 2:
            raise Unsupported("tournament: it takes two pruning methods or more to compare. Add some under [prune].")

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Fields, their contestants, and what each made of each dense model."""
        from pruneviz_analyses.tournament.measuring import measure

        return measure(tables, self.level, self.tolerance)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.tournament.sentences import findings

        return findings(tables, frames, self.level)
