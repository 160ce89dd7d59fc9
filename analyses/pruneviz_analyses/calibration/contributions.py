"""Every metric as a mean over samples, so that one way of comparing serves for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.calibration import binned, error_shares, squared_error_shares
from pruneviz_analyses.arrays import read_columns, read_predictions
from pruneviz_analyses.calibration.schemas import ERRORS, METRICS, SAMPLES


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each sample adds to each metric of each run; the mean over the samples is the metric.

    Attributes:
        row: of each run in the arrays.
        each: by metric, (R, S).
        left_out: by run, samples that some other run lacks, and that are therefore not here.
    """

    row: Mapping[str, int]
    each: Mapping[str, npt.NDArray[np.float32]]
    left_out: Mapping[str, int]

    @property
    def samples(self) -> int:
        """S."""
        return int(self.each[METRICS[0]].shape[1])

    def value(self, metric: str, run_id: str) -> float:
        """A metric of a run, over the samples that all runs have."""
        return float(self.each[metric][self.row[run_id]].mean(dtype=np.float64))

    def between(self, metric: str, run_id: str, reference: str) -> npt.NDArray[np.float64]:
        """(S,) what each sample adds to the difference of two runs."""
        own, other = (self.each[metric][self.row[r]].astype(np.float64) for r in (run_id, reference))
        difference: npt.NDArray[np.float64] = own - other
        return difference


def contributions(tables: Tables, run_ids: Sequence[str], bins: int) -> Contributions:
    """Read what was seen of these runs, on the samples that all of them have.

    Raises:
        DataError: the samples of the runs do not fit each other.
    """
    found = read_predictions(tables, run_ids)
    told = read_columns(tables, "samples", run_ids, found.sample_ids, ("confidence", "loss"))
    score = read_columns(tables, SAMPLES.name, run_ids, found.sample_ids, ("brier",), len(run_ids))["brier"]
    right = found.prediction == found.labels
    each = {"brier": score, "nll": told["loss"], "overconfidence": told["confidence"] - right}
    each |= {name: np.empty_like(score) for name in (*ERRORS, "squared_error")}
    for i, confidence in enumerate(told["confidence"].astype(np.float64)):
        by_width, by_mass = (binned(confidence, bins, kind) for kind in ("width", "mass"))
        each["ece_width"][i] = error_shares(confidence, right[i], by_width)
        each["ece_mass"][i] = error_shares(confidence, right[i], by_mass)
        each["squared_error"][i] = squared_error_shares(confidence, right[i], by_mass)
    left_out = dict(zip(found.run_ids, found.left_out.tolist(), strict=True))
    return Contributions({r: i for i, r in enumerate(run_ids)}, each, left_out)
