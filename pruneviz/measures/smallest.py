"""Choosing the smallest model that is still good enough, without looking at the test split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_ROUNDING = 1e-9  # so that 0.91 − 0.90 counts as within 0.01


@dataclass(frozen=True, eq=False)
class Smallest:
    """The choice, and what it was made from.

    Attributes:
        index: row of the chosen model, or None where none is good enough.
        enough: (R,) which models are within δ of their dense model.
        reason: why none was chosen; empty where one was.
    """

    index: int | None
    enough: npt.NDArray[np.bool_]
    reason: str


def smallest_within(
    val_accuracy: npt.ArrayLike, cost: npt.ArrayLike, dense_val_accuracy: npt.ArrayLike, delta: float
) -> Smallest:
    """The cheapest model whose *validation* accuracy is at most ``delta`` below its dense model's.

    It takes no test accuracy, so it cannot choose by it. Of equal costs the more accurate is chosen, of equal ones
    the first. Choosing the best of many favours lucky ones on the validation split, so what the chosen model is
    worth must be read from the test split.

    Args:
        val_accuracy: (R,) fractions; NaN (no validation split, or failed) is never chosen.
        cost: (R,) what is to be small, such as multiply-adds; NaN is never chosen.
        dense_val_accuracy: the dense model's, or (R,) each model's own dense model's.
        delta: greatest loss of accuracy allowed, a fraction: 0.01 is one point.

    Raises:
        ValueError: ``delta`` is negative or NaN.
    """
    if not delta >= 0:
        raise ValueError(f"delta must be at least 0, got {delta}")
    accuracy, size, dense = (np.asarray(x, np.float64) for x in (val_accuracy, cost, dense_val_accuracy))
    known = np.isfinite(accuracy) & np.isfinite(size) & np.isfinite(dense)
    enough: npt.NDArray[np.bool_] = known & (accuracy >= dense - delta - _ROUNDING)
    if not known.any():
        return Smallest(None, enough, "no model has a validation accuracy, and the test split must not choose")
    if not enough.any():
        return Smallest(None, enough, f"no model is within {100 * delta:g} points of its dense model on validation")
    best = np.lexsort((np.arange(len(accuracy)), -accuracy, size))
    chosen: Any = best[enough[best]][0]
    return Smallest(int(chosen), enough, "")
