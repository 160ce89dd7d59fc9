"""Whether pruned models still know how sure they may be: reliability, calibration error, proper scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import Unsupported
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.calibration.schemas import ARMS, BINS, DIFFERENCES, RUNS, SAMPLES, SEEN

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Calibration:
    """Calibration of the top class, Brier's score and the log-likelihood of each run, against its dense model.

    An expected calibration error is never 0: bins hold few samples, and their accuracies differ from their
    confidences by chance. The floor says by how much, and differences are widened by it, since how much of the floor
    an error contains depends on how calibrated the model is, which nobody knows.
    """

    name: ClassVar[str] = "calibration"
    summary: ClassVar[str] = "whether confidences are what they claim: reliability, ECE and its floor, Brier, NLL"
    reference: ClassVar[str] = (
        "Guo et al. 2017, On Calibration of Modern Neural Networks (ICML); "
        "Bröcker & Smith 2007, Increasing the Reliability of Reliability Diagrams (Weather and Forecasting 22); "
        "Roelofs et al. 2022, Mitigating Bias in Calibration Error Estimation (AISTATS); "
        "Brier 1950, Verification of Forecasts Expressed in Terms of Probability (Monthly Weather Review 78)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (RUNS, DIFFERENCES, ARMS)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN, BINS, SAMPLES)
    version: ClassVar[int] = 3
    observing_version: ClassVar[int] = 1

    bins: int = option(15, "bins of confidence", unit="bins", ge=2, le=1000)
    simulations: int = option(1000, "simulated calibrated models behind each floor", ge=100)
    level: float = option(0.95, "level of the intervals, and of what chance stays below", ge=0.5, lt=1)
    resamples: int = option(1000, "draws of the bootstrap over dense models, seeds and samples", ge=200)
    seed: int = option(0, "seed of the simulations and those draws", ge=0)
    sentences: int = option(12, "arms that the findings describe, those that differ most first", unit="arms", ge=1)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there is nothing to be calibrated.

        Raises:
            Unsupported: fewer than two classes, or fewer test samples than bins.
        """
        if len(subject.classes) < 2:
            raise Unsupported(
                f"calibration: the data has {len(subject.classes)} class; it needs at least 2, for a model to be able "
                "to be unsure. Use data with more classes, or leave this analysis out."
            )
        if subject.samples < self.bins:
            raise Unsupported(
                f"calibration: {subject.samples} test samples cannot fill {self.bins} bins. Use a larger test split, "
                f"or fewer bins, such as calibration = {{bins = {max(2, subject.samples // 10)}}}."
            )

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Each run by itself, on the test split."""
        part = {"bins": self.bins, "simulations": self.simulations, "level": self.level, "seed": self.seed}
        return [
            Observation((run,), part, f"probabilities of {name}")
            for run, name in zip(runs["run_id"], runs["name"], strict=True)
        ]

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """One run's probabilities on the test split, and what a calibrated model would show.

        Raises:
            ModelError: some outputs are NaN or infinite.
        """
        from pruneviz_analyses.calibration.observing import observe

        return observe(models[0], part, progress)

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Compare every finished run with its dense model, and with that model retrained alike.

        Raises:
            DataError: the samples of the runs do not fit each other.
        """
        from pruneviz_analyses.calibration.measuring import measure

        return measure(tables, self.bins, self.level, self.resamples, self.seed)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show, arm by arm; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.calibration.sentences import findings

        return findings(tables, frames, self.level, self.bins, self.sentences)
