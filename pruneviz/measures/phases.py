"""Whether repeated curves fall, rise and fall again, told over independent repeats and never from one curve's noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pruneviz.measures.statistics import Interval, points_only

Floats = npt.NDArray[np.float64]

SIGNS = (-1, 1, -1)  # of a fall, a rise and a fall


@dataclass(frozen=True)
class Phases:
    """A curve's first fall, its rise and its last fall.

    Attributes:
        low, high: places between which the mean curve rises most; equal where it never rises.
        first: change from the first place to ``low``.
        rise: change from ``low`` to ``high``.
        last: change from ``high`` to the last place.
    """

    low: int
    high: int
    first: Interval
    rise: Interval
    last: Interval


def largest_rise(curve: npt.ArrayLike) -> tuple[int, int]:
    """The two places between which a curve rises most, the first of equals; (0, 0) where it never rises."""
    at, low, high, most = 0, 0, 0, 0.0
    c = np.asarray(curve, np.float64)
    for place, value in enumerate(c):
        if value < c[at]:
            at = place
        if value - c[at] > most:
            low, high, most = at, place, float(value - c[at])
    return low, high


def phases(curves: npt.ArrayLike, level: float = 0.95, varied: str = "dense models") -> Phases:
    """Look for a fall, a rise and a fall again in curves of independent repeats.

    The turning points of each curve are those of the *other* curves' mean, so that no curve chooses the places at
    which it is judged; what they say of it is averaged. These values share most of what chose their places, so their
    standard error is √(1/D + 1/(D − 1)) of their spread and not √(1/D) (Nadeau & Bengio 2003, Machine Learning 52,
    for cross-validation). Simulated with curves that do not rise, 5 to 10 of them: a rise is found in at most 6 %,
    all three phases in at most 2 %.

    Args:
        curves: (D, T), a row for each independent repeat, finite.
        level: of the intervals.
        varied: what the repeats are, in words.

    Raises:
        ValueError: no curves, fewer than two places, or values that are not finite.
    """
    c = np.asarray(curves, np.float64)
    if c.ndim != 2 or c.shape[0] < 1 or c.shape[1] < 2 or not np.isfinite(c).all():
        raise ValueError(f"needs finite curves, (repeats, places), at least (1, 2); got {c.shape}")
    low, high = largest_rise(c.mean(axis=0))
    there = _changes(c, np.full((len(c), 2), (low, high)))
    if points_only(len(c)):
        first, rise, last = (Interval(float(v), math.nan, math.nan, level, len(c), varied) for v in there.mean(axis=0))
        return Phases(low, high, first, rise, last)
    total = c.sum(axis=0)
    elsewhere = np.array([largest_rise((total - own) / (len(c) - 1)) for own in c])
    first, rise, last = (_interval(v, level, varied) for v in _changes(c, elsewhere).T)
    return Phases(low, high, first, rise, last)


def _changes(curves: Floats, places: npt.NDArray[np.int64]) -> Floats:
    """(D, 3) changes of each curve: to its low place, on to its high place, and on to its end."""
    row = np.arange(len(curves))
    low, high = curves[row, places[:, 0]], curves[row, places[:, 1]]
    return np.stack([low - curves[:, 0], high - low, curves[:, -1] - high], axis=1)


def _interval(values: Floats, level: float, varied: str) -> Interval:
    from scipy.special import stdtrit

    n, mean = len(values), float(values.mean())
    error = float(values.std(ddof=1)) * math.sqrt(1 / n + 1 / (n - 1))
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return Interval(mean, mean - half, mean + half, level, n, f"{n} {varied}")
