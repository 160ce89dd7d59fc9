"""Several small drawings within one picture of fixed size: axes laid out at pixels, from the top left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pruneviz.views.marks import Floats, Line, Mark, Text
from pruneviz.views.text import number

_PADDING = 0.06  # of the data's range, on either side
_TICKS = 4


@dataclass(frozen=True)
class Scale:
    """A range of values and the round ones among them.

    Attributes:
        low, high: its ends.
        ticks: where numbers stand.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, values: Floats) -> Scale:
        """A scale for finite values, with some room on either side; around 0 where there are none."""
        known = values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
        room = _PADDING * (high - low) or 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
        step = 10.0 ** math.floor(math.log10((high - low) / _TICKS))
        step *= next(f for f in (1, 2, 5, 10) if (high - low) / (f * step) <= _TICKS + 1)
        first = math.ceil(low / step)
        return cls(low, high, tuple(step * k for k in range(first, math.floor(high / step) + 1)))


@dataclass(frozen=True)
class Panel:
    """A drawing's place and its two scales.

    Attributes:
        left, top, width, height: of what lies between the axes, in pixels of the picture.
    """

    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale

    def across(self, values: Floats) -> Floats:
        """Pixels of values on the horizontal axis."""
        return np.asarray(self.left + self.width * (values - self.x.low) / (self.x.high - self.x.low))

    def down(self, values: Floats) -> Floats:
        """Pixels of values on the vertical axis."""
        return np.asarray(self.top + self.height * (self.y.high - values) / (self.y.high - self.y.low))

    def frame(self, x_title: str, y_title: str) -> Iterator[Mark]:
        """Grid lines with their numbers, and what the axes mean: the vertical one's title stands above it."""
        right, bottom = self.left + self.width, self.top + self.height
        ticks_x, ticks_y = np.array(self.x.ticks), np.array(self.y.ticks)
        for at in self.across(ticks_x):
            yield Line(np.array([at, at]), np.array([self.top, bottom]), "faint", width=1.0)
        for at in self.down(ticks_y):
            yield Line(np.array([self.left, right]), np.array([at, at]), "faint", width=1.0)
        below = np.full(len(ticks_x), bottom + 12.0)
        yield Text(self.across(ticks_x), below, [number(t) for t in ticks_x], "soft", "center", size=11)
        beside = np.full(len(ticks_y), self.left - 8.0)
        yield Text(beside, self.down(ticks_y), [number(t) for t in ticks_y], "soft", "right", size=11)
        middle = np.array([self.left + self.width / 2])
        yield Text(middle, np.array([bottom + 30.0]), [x_title], align="center", size=12)
        yield Text(np.array([self.left - 40.0]), np.array([self.top - 14.0]), [y_title], size=12)
