"""Linear mode connectivity of retrained models, and the regimes of pruning that follow from it.

Zhou et al. 2023, A Three-regime Model of Network Pruning (ICML). The authors publish no numeric thresholds between the
regimes: those here are settings, and whoever uses them says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PLACES = tuple(i / 10 for i in range(11))  # t on the line between two models
APART, HOT, WELL, NEITHER = "I", "II-A", "II-B", "barrier, yet similar"
RAISE, LOWER, STAY, NOTHING = "raise", "lower", "stay", ""
ADVICE = {APART: RAISE, HOT: LOWER, WELL: STAY, NEITHER: NOTHING, "": NOTHING}


@dataclass(frozen=True)
class Connectivity:
    """How a line between two models departs from its ends.

    Attributes:
        value: LMC, as a difference of errors: below 0 is a barrier, 0 a level line, above 0 a dip.
        place: t* in [0, 1], where the line departs most; the first of equals.
    """

    value: float
    place: float


def linear_mode_connectivity(errors: npt.ArrayLike) -> Connectivity:
    """LMC = ½ (E(0) + E(1)) − E(t*), t* = argmax_t |½ (E(0) + E(1)) − E(t)| (Zhou et al. 2023, equation 2).

    Args:
        errors: (T,), the train error E on the line at evenly spaced t from 0 to 1, as fractions.

    Raises:
        ValueError: fewer than two places, or errors that are not in [0, 1].
    """
    e = np.asarray(errors, np.float64)
    if e.ndim != 1 or len(e) < 2 or not ((e >= 0) & (e <= 1)).all():
        raise ValueError(f"errors at two places or more are needed, each in [0, 1], got {e.tolist()}")
    gap = (e[0] + e[-1]) / 2 - e
    at = int(np.argmax(np.abs(gap)))
    return Connectivity(float(gap[at]), at / (len(e) - 1))


def regime(lmc: float, cka: float, *, barrier: float, similar: float) -> str:
    """The regime of a pruned model.

    Args:
        lmc: linear mode connectivity of its retrainings.
        cka: similarity of their outputs.
        barrier: a barrier is an LMC below −``barrier``; > 0.
        similar: outputs are similar from this CKA on.

    Returns:
        ``I`` (poorly connected, dissimilar), ``II-A`` (connected, dissimilar), ``II-B`` (connected, similar);
        :data:`NEITHER` where there is a barrier between similar models, which the paper has no name for; empty where
        one of the two is not known.
    """
    if not (math.isfinite(lmc) and math.isfinite(cka)):
        return ""
    if lmc < -barrier:
        return NEITHER if cka >= similar else APART
    return WELL if cka >= similar else HOT


def normalised(errors: npt.ArrayLike) -> Floats:
    """Each column brought to 0 (its least) … 1 (its most), as errors of one load over the temperatures.

    Args:
        errors: (temperatures, loads); NaN where not known.

    Returns:
        The same shape; NaN where not known, and where a column does not vary.
    """
    e = np.asarray(errors, np.float64)
    known = np.isfinite(e)
    low = np.where(known, e, np.inf).min(axis=0)
    high = np.where(known, e, -np.inf).max(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (e - low) / (high - low)
    return np.where(np.isfinite(found), found, np.nan)


def chosen(lmc: npt.ArrayLike, cka: npt.ArrayLike, *, barrier: float) -> int | None:
    """Which of a family of models to prune, by connectivity and similarity alone: no error is looked at.

    Of those without a barrier the one whose retrainings are most alike; where all have one, the one with the least.

    Args:
        lmc: (M,), linear mode connectivity after pruning and retraining; NaN where not known.
        cka: (M,), similarity, likewise.
        barrier: see :func:`regime`.

    Returns:
        Its place, the first of equals; None where nothing is known of any.
    """
    line, alike = np.asarray(lmc, np.float64), np.asarray(cka, np.float64)
    known = np.isfinite(line) & np.isfinite(alike)
    if not known.any():
        return None
    level = known & (line >= -barrier)
    worth = np.where(level, alike, -np.inf) if level.any() else np.where(known, line, -np.inf)
    return int(np.argmax(worth))
