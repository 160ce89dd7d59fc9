"""Edges, distances to them and equal use of all levels: what drops of water are drawn with.

Each is done for a stack of grey pictures (N, H, W) at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.pixels import Floats, Pictures

Flags = npt.NDArray[np.bool_]
_TAN_22 = 0.4142135623730951
_NEAR, _DIAGONAL, _KNIGHT = np.float32(1), np.float32(1.4), np.float32(2.1969)


def edges(stack: Pictures, low: int, high: int) -> Flags:
    """Canny's edges (1986), with gradients by Sobel and their size as the sum of the absolute values of both parts.

    Args:
        stack: uint8 (N, H, W); beyond the border goes on what lies on it.
        low, high: an edge has a gradient above ``low`` everywhere and above ``high`` somewhere.
    """
    wide = np.pad(stack.astype(np.int16), ((0, 0), (1, 1), (1, 1)), mode="edge")
    along = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    across = along[:, :, 2:] - along[:, :, :-2]
    along = wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]
    down = along[:, 2:] - along[:, :-2]
    size = np.zeros(wide.shape, np.int16)
    np.abs(across, out=size[:, 1:-1, 1:-1])
    size[:, 1:-1, 1:-1] += np.abs(down)

    # Thinned: an edge's gradient is larger than its two neighbours' in the direction in which it points.
    flat, line = size.reshape(-1), size.shape[2]
    at = np.flatnonzero(flat > low)
    inner = np.ravel_multi_index(np.subtract(np.unravel_index(at, size.shape), [[0], [1], [1]]), stack.shape)
    x, y = across.reshape(-1)[inner].astype(np.float32), down.reshape(-1)[inner].astype(np.float32)
    steep, slope = np.abs(y), np.abs(x)
    flat_wise, steep_wise = steep < slope * _TAN_22, steep > slope * (2 + _TAN_22)
    offset = np.where(flat_wise, 1, np.where(steep_wise, line, np.where((x < 0) == (y < 0), line + 1, line - 1)))
    here, ahead = flat[at], flat[at + offset]
    straight = flat_wise | steep_wise
    thin = (here > flat[at - offset]) & ((here > ahead) | (straight & (here == ahead)))

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
    """How far the nearest marked pixel is, at most ``most`` (up to 31), in steps of a 5 × 5 neighbourhood.

    The lengths of the steps are Borgefors' (1986): 1 straight, 1.4 diagonally, 2.1969 as the knight moves in chess.

    Args:
        marked: (N, H, W).
        most: where no pixel is marked, all are this far.
    """
    n, height, width = marked.shape
    far = np.full((height + 4, n, width + 4), most, np.float32)  # row by row, all pictures at once
    far[2:-2, :, 2:-2][marked.transpose(1, 0, 2)] = 0
    for rows in (far, far[::-1, :, ::-1]):  # once down and to the right, once up and to the left
        for above, before, row in zip(rows[:-4], rows[1:-3], rows[2:-2], strict=True):
            middle = row[:, 2:-2]
            knight = np.minimum(before[:, :-4], before[:, 4:])
            np.minimum(knight, above[:, 1:-3], out=knight)
            np.minimum(knight, above[:, 3:-1], out=knight)
            knight += _KNIGHT
            diagonal = np.minimum(before[:, 1:-3], before[:, 3:-1])
            diagonal += _DIAGONAL
            np.minimum(knight, diagonal, out=knight)
            np.minimum(knight, before[:, 2:-2] + _NEAR, out=knight)
            np.minimum(middle, knight, out=middle)
            for step in (1, 2, 4, 8, 16):  # along the row
                if step < width:
                    np.minimum(middle[:, step:], middle[:, :-step] + np.float32(step), out=middle[:, step:])
    return np.ascontiguousarray(far[2:-2, :, 2:-2].transpose(1, 0, 2))


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
    return levels.reshape(-1).take(numbers).reshape(stack.shape)


def boxed(stack: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The sum over the 3 × 3 pixels around each, mirrored beyond the border."""
    wide = np.pad(stack, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    return rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
