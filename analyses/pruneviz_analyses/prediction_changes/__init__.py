"""Which predictions change when a model is pruned, beside those that change when it is merely trained again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.analysis import Subject
from pruneviz.core.errors import Unsupported
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.prediction_changes.schemas import ARMS, CLASSES, EXEMPLARS, PAIRS, SAMPLES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PredictionChanges:
    """Flips, churn and per-class changes of every run against its dense model, beside the churn of training alone.

    Churn is that of Milani Fard et al. 2016, negative flips those of Yan et al. 2021, and pruning-identified exemplars,
    which need at least ten dense models and are not what ``flips`` counts, those of Hooker et al. 2019.
    """

    name: ClassVar[str] = "prediction_changes"
    summary: ClassVar[str] = "which predictions pruning changes, beside those that retraining alone changes"
    reference: ClassVar[str] = (
        "Milani Fard et al. 2016, Launch and Iterate: Reducing Prediction Churn (NeurIPS); "
        "Yan et al. 2021, Positive-Congruent Training: Towards Regression-Free Model Updates (CVPR); "
        "Hooker et al. 2019, What Do Compressed Deep Neural Networks Forget? (arXiv 1911.05248)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (PAIRS, CLASSES, ARMS, SAMPLES, EXEMPLARS)
    version: ClassVar[int] = 4

    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    resamples: int = option(
        2000, "draws of the bootstrap over dense models, seeds and samples, and of exchanges", ge=200
    )
    seed: int = option(0, "seed of those draws", ge=0)
    small_class: int = option(10, "classes with fewer test samples get no interval", unit="samples", ge=1)
    sentences: int = option(12, "arms that the findings describe, those that differ most first", unit="arms", ge=1)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there is nothing to compare.

        Raises:
            Unsupported: fewer than two classes, no test samples, or no two models that belong together.
        """
        if len(subject.classes) < 2:
            raise Unsupported(
                f"prediction_changes: the data has {len(subject.classes)} class; it needs at least 2, "
                "for a prediction to be able to change. Use data with more classes, or leave this analysis out."
            )
        if subject.samples < 1:
            raise Unsupported("prediction_changes: the test split has no samples. Use data with a test split.")
        if not subject.spec.compares and all(m.replicates < 2 for m in subject.spec.models):
            raise Unsupported(
                "prediction_changes: the study prunes nothing and trains each model once, so there are no two models "
                "to compare. Add methods under [prune], or replicates = 2 under [model]."
            )

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Compare every finished run with its dense model, and dense models with each other.

        Raises:
            DataError: the samples of the runs do not fit each other.
        """
        from pruneviz_analyses.prediction_changes.measuring import measure

        return measure(tables, self.level, self.resamples, self.seed, self.small_class)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show, arm by arm; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.prediction_changes.sentences import findings

        return findings(tables, frames, self.level, self.small_class, self.sentences)
