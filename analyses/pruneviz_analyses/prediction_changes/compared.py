"""All pairs of runs with what became of every sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pruneviz.core.tables import Tables
from pruneviz.measures.changes import Change, Flips, changes, count_changes
from pruneviz_analyses.arrays import Predictions, read_predictions
from pruneviz_analyses.pairs import RETRAINED, Pair

Floats = npt.NDArray[np.float64]

_PAIRS_AT_ONCE = 128


@dataclass(frozen=True, eq=False)
class Compared:
    """All pairs with what became of every sample.

    Attributes:
        pairs: P pairs.
        predictions: of all runs.
        codes: (P, S), :class:`~pruneviz.measures.changes.Change` of each sample.
        flips: counts by class, (P, K, 5).
        retrained: (P,) the pair of the matching retrained dense model; −1 where there is none.
    """

    pairs: tuple[Pair, ...]
    predictions: Predictions
    codes: npt.NDArray[np.int8]
    flips: Flips
    retrained: npt.NDArray[np.int64]

    @property
    def changed(self) -> npt.NDArray[np.bool_]:
        """(P, S) whether the prediction changed."""
        return self.codes >= Change.RIGHT_TO_WRONG

    def beside(self, values: Floats) -> Floats:
        """For each pair (first axis) the value of its retrained pair, NaN where it has none."""
        missing = (self.retrained < 0).reshape(-1, *[1] * (values.ndim - 1))
        return np.where(missing, np.nan, values[self.retrained])


def compare(tables: Tables, pairs: tuple[Pair, ...]) -> Compared:
    """Read the predictions once and compare all pairs.

    Raises:
        DataError: the samples of the runs do not fit each other.
    """
    ids = list(dict.fromkeys(i for p in pairs for i in (p.reference_run_id, p.run_id)))
    row = {run_id: i for i, run_id in enumerate(ids)}
    found = read_predictions(tables, ids)
    codes = np.empty((len(pairs), len(found.labels)), np.int8)
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        part = pairs[start : start + _PAIRS_AT_ONCE]
        before = found.prediction[[row[p.reference_run_id] for p in part]]
        after = found.prediction[[row[p.run_id] for p in part]]
        codes[start : start + len(part)] = changes(found.labels, before, after)
    at = {p.run_id: i for i, p in enumerate(pairs) if p.arm.kind == RETRAINED}
    retrained = np.array([-1 if p.retrained_run_id is None else at[p.retrained_run_id] for p in pairs])
    return Compared(pairs, found, codes, count_changes(codes, found.labels, len(tables.classes)), retrained)
