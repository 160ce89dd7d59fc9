"""Edges, distances to them and equal use of all levels: what drops of water are drawn with.

Each is done for a stack of grey pictures (N, H, W) at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.pixels import Floats, Pictures

Flags = npt.NDArray[np.bool_]
_TAN_22 = math.sqrt(2) - 1
_UNIT, _DIAGONAL, _KNIGHT = np.uint16(1600), np.uint16(2240), np.uint16(3515)


def edges(stack: Pictures, low: int, high: int) -> Flags:
    """Canny's edges (1986), with gradients by Sobel and their size as the sum of the absolute values of both parts.

    Args:
        stack: uint8 (N, H, W); beyond the border goes on what lies on it.
        low, high: an edge has a gradient above ``low`` everywhere and above ``high`` somewhere.
    """
    # All pictures end to end, each with a frame of one pixel: a neighbour is then a step along one axis.
    wide = np.pad(stack.astype(np.int16), ((0, 0), (1, 1), (1, 1)), mode="edge")
    flat, line = wide.reshape(-1), wide.shape[2]
    inner = slice(line + 1, flat.size - line - 1)

    def beside(values: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
        return values[inner.start + step : inner.stop + step]

    along = flat[:-2] + 2 * flat[1:-1] + flat[2:]
    down = along[2 * line :] - along[: -2 * line]
    along = flat[: -2 * line] + 2 * flat[line:-line] + flat[2 * line :]
    across = along[2:] - along[:-2]
    slope, steep = np.abs(across), np.abs(down)
    framed = np.zeros(wide.shape, np.int16)
    size = framed.reshape(-1)
    np.add(slope, steep, out=size[inner])
    framed[:, [0, -1]] = 0
    framed[:, :, [0, -1]] = 0

    # Thinned: an edge's gradient is larger than its two neighbours' in the direction in which it points.
    here = size[inner]
    scaled, exact = slope.astype(np.float32), steep.astype(np.float32)
    level, upright = exact < scaled * np.float32(_TAN_22), exact > scaled * np.float32(1 / _TAN_22)
    falling = (across ^ down) < 0
    thin = level & (here > beside(size, -1)) & (here >= beside(size, 1))
    thin |= upright & (here > beside(size, -line)) & (here >= beside(size, line))
    slanted = ~(level | upright)
    thin |= slanted & ~falling & (here > beside(size, -line - 1)) & (here > beside(size, line + 1))
    thin |= slanted & falling & (here > beside(size, 1 - line)) & (here > beside(size, line - 1))

    found = np.zeros(wide.shape, np.bool_)
    strong = found.reshape(-1)
    np.logical_and(thin, here > high, out=strong[inner])
    thin &= here > low
    while True:  # thin ones that touch strong ones are strong
        row = strong[:-2] | strong[1:-1]
        row |= strong[2:]
        grown = row[: -2 * line] | row[line:-line]
        grown |= row[2 * line :]
        grown &= thin
        if np.array_equal(grown, strong[inner]):
            return found[:, 1:-1, 1:-1]
        strong[inner] = grown


def distances(marked: Flags, most: int) -> Floats:
    """How far the nearest marked pixel is, at most ``most`` (up to 20), in steps of a 5 × 5 neighbourhood.

    The lengths of the steps are Borgefors' (1986): 1 straight, 1.4 diagonally, 2.1969 as the knight moves in chess.

    Args:
        marked: (N, H, W).
        most: where no pixel is marked, all are this far.
    """
    n, height, width = marked.shape
    # One row of all pictures at once, end to end, with gaps that no distance can bridge. Whole numbers of 16 bits are
    # fast, and hold the farthest distance and the longest step from there.
    far = np.full((height + 2, 2 + n * (width + most) + 2), most * _UNIT, np.uint16)
    places = (2 + np.arange(n)[:, None] * (width + most) + np.arange(width)).reshape(-1)
    far[1:-1, places] = np.where(marked, np.uint16(0), far[0, 0]).transpose(1, 0, 2).reshape(height, -1)
    for rows in (far, far[::-1]):  # first what lies above, then what lies below
        row = rows[0]
        beside_before = np.minimum(row[:-2], row[2:])
        for after in rows[1:-1]:
            beside = np.minimum(row[:-2], row[2:])
            nearest = np.minimum(row[:-4], row[4:])
            np.minimum(nearest, beside_before[1:-1], out=nearest)
            nearest += _KNIGHT
            np.minimum(nearest, beside[1:-1] + _DIAGONAL, out=nearest)
            np.minimum(nearest, row[2:-2] + _UNIT, out=nearest)
            np.minimum(after[2:-2], nearest, out=after[2:-2])
            row, beside_before = after, beside
    for step in (1, 2, 4, 8, 16):  # what a way goes along a row it may as well go at its end
        ahead = far[:, :-step] + _UNIT * np.uint16(step)
        behind = far[:, step:] + _UNIT * np.uint16(step)
        np.minimum(far[:, step:], ahead, out=far[:, step:])
        np.minimum(far[:, :-step], behind, out=far[:, :-step])
    return far[1:-1, places].reshape(height, n, width).transpose(1, 0, 2) * np.float32(1 / _UNIT)


def equalised(stack: Pictures) -> Pictures:
    """Levels mapped so that the lowest becomes 0, the highest 255, and each is used about equally often."""
    n = len(stack)
    flat = stack.reshape(n, -1)
    numbers = flat + 256 * np.arange(n)[:, None]
    counts = np.bincount(numbers.reshape(-1), minlength=256 * n).reshape(n, 256)
    lowest = counts[np.arange(n), flat.min(axis=1)]
    rest = flat.shape[1] - lowest
    risen = np.maximum(counts.cumsum(axis=1) - lowest[:, None], 0)
    levels = np.rint(risen * (255 / np.maximum(rest, 1)[:, None])).astype(np.uint8)
    levels[rest == 0] = np.arange(256)
    equal: Pictures = levels.reshape(-1).take(numbers).reshape(stack.shape)
    return equal


def boxed(stack: npt.NDArray[Any]) -> Floats:
    """The mean of the 3 × 3 pixels around each, mirrored beyond the border; whole numbers must fit nine times."""
    wide = np.pad(stack, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    mean: Floats = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / np.float32(9)
    return mean
