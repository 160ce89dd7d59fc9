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
_TAN_22 = round(math.tan(math.radians(22.5)) * 2**15)
_UNIT, _DIAGONAL, _KNIGHT = np.uint16(1600), np.uint16(2240), np.uint16(3515)


def edges(stack: Pictures, low: int, high: int) -> Flags:
    """Canny's edges (1986), with gradients by Sobel and their size as the sum of the absolute values of both parts.

    Args:
        stack: uint8 (N, H, W); beyond the border goes on what lies on it.
        low, high: an edge has a gradient above ``low`` everywhere and above ``high`` somewhere.
    """
    wide = np.pad(stack.astype(np.int16), ((0, 0), (1, 1), (1, 1)), mode="edge")
    across, down = np.zeros_like(wide), np.zeros_like(wide)
    along = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    np.subtract(along[:, :, 2:], along[:, :, :-2], out=across[:, 1:-1, 1:-1])
    along = wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]
    np.subtract(along[:, 2:], along[:, :-2], out=down[:, 1:-1, 1:-1])
    size = np.abs(across) + np.abs(down)

    # Thinned: an edge's gradient is larger than its two neighbours' in the direction in which it points.
    flat, line = size.reshape(-1), size.shape[2]
    at = np.flatnonzero(flat > low)
    x, y = across.reshape(-1).take(at).astype(np.int32), down.reshape(-1).take(at).astype(np.int32)
    slope, steep = np.abs(x) * _TAN_22, np.abs(y) << 15
    level, upright = steep < slope, steep > slope + (np.abs(x) << 16)
    offset = np.where(level, 1, np.where(upright, line, np.where((x ^ y) < 0, line - 1, line + 1)))
    here, ahead = flat.take(at), flat.take(at + offset)
    thin = (here > flat.take(at - offset)) & ((here > ahead) | ((level | upright) & (here == ahead)))

    weak, strong = np.zeros(size.shape, np.bool_), np.zeros(size.shape, np.bool_)
    weak.reshape(-1)[at[thin]] = True
    strong.reshape(-1)[at[thin & (here > high)]] = True
    while True:
        rows = strong.copy()
        rows[:, 1:] |= strong[:, :-1]
        rows[:, :-1] |= strong[:, 1:]
        grown = rows.copy()
        grown[:, :, 1:] |= rows[:, :, :-1]
        grown[:, :, :-1] |= rows[:, :, 1:]
        grown &= weak
        if np.array_equal(grown, strong):
            return strong[:, 1:-1, 1:-1]
        strong = grown


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
    far = np.full((height + 4, 2 + n * (width + most) + 2), most * _UNIT, np.uint16)
    places = (2 + np.arange(n)[:, None] * (width + most) + np.arange(width)).reshape(-1)
    far[2:-2, places] = np.where(marked, np.uint16(0), far[0, 0]).transpose(1, 0, 2).reshape(height, -1)
    for rows in (far, far[::-1]):  # first what lies above, then what lies below
        for above, before, row in zip(rows[:-4], rows[1:-3], rows[2:-2], strict=True):
            nearest = np.minimum(before[:-4], before[4:])
            np.minimum(nearest, above[1:-3], out=nearest)
            np.minimum(nearest, above[3:-1], out=nearest)
            nearest += _KNIGHT
            diagonal = np.minimum(before[1:-3], before[3:-1])
            diagonal += _DIAGONAL
            np.minimum(nearest, diagonal, out=nearest)
            np.minimum(nearest, before[2:-2] + _UNIT, out=nearest)
            np.minimum(row[2:-2], nearest, out=row[2:-2])
    for step in (1, 2, 4, 8, 16):  # what a way goes along a row it may as well go at its end
        ahead = far[:, :-step] + _UNIT * np.uint16(step)
        behind = far[:, step:] + _UNIT * np.uint16(step)
        np.minimum(far[:, step:], ahead, out=far[:, step:])
        np.minimum(far[:, :-step], behind, out=far[:, :-step])
    return far[2:-2, places].reshape(height, n, width).transpose(1, 0, 2) * np.float32(1 / _UNIT)


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
