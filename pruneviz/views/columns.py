"""Several quantities in columns beside each other: each has a scale of its own around 0, 1, 2, … of one axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pruneviz.views.marks import Line, Mark, Text
from pruneviz.views.text import number

Floats = npt.NDArray[np.float64]

ROOM = 0.4  # of a column's width of 1, to either side of its middle


@dataclass(frozen=True)
class Scale:
    """Values of a column as places on the picture's axis.

    Attributes:
        column: its number.
        low, high: the values at its edges.
        ticks: round values between them.
    """

    column: int
    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, column: int, values: Floats, with_zero: bool = True) -> Scale:
        """A scale for finite values, with 0 where that means something; it begins there if none is below."""
        known = np.append(values, 0.0) if with_zero or not len(values) else values
        low, high = float(known.min()), float(known.max())
        room = max(high - low, 1e-3)
        low, high = low - (0.05 * room if low != 0 else 0.0), high + 0.05 * room
        step = 10 ** math.floor(math.log10(room))
        step *= next(k for k in (0.5, 1, 2, 5) if room / (k * step) <= 3)
        return cls(
            column, low, high, tuple(i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1))
        )

    def at(self, values: npt.ArrayLike) -> Floats:
        """Places, within the column."""
        share = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        return np.asarray(self.column - ROOM + 2 * ROOM * share)

    def marks(self, rows: int) -> Iterator[Mark]:
        """An axis as wide as the column, faint lines at round values, a stronger one at 0, and the values above them.

        Columns stand close, and the axes alone say to which of two a point between their numbers belongs.
        """
        at = self.at(self.ticks)
        ends = np.array([self.column - ROOM, self.column + ROOM])
        yield Line(ends, np.full(2, rows + 0.5), "soft", width=1.0)
        for x, value in zip(at, self.ticks, strict=True):
            yield Line(np.array([x, x]), np.array([0.4, rows + 0.5]), "soft" if value == 0 else "faint", width=1.0)
        yield Text(at, np.zeros(len(at)), [number(t, 2) for t in self.ticks], "soft", "center", size=11)
