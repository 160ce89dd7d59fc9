"""Smoothing along both axes, as products with banded matrices: any kernel, any way to go on beyond the border."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bands = tuple[tuple[slice, slice, Floats], ...]

_BLOCK = 24  # rows of a matrix at once: enough for a fast product, few enough to leave out most zeros


def smooth(planes: Floats, sigma: float, *, border: str = "nearest", truncate: float = 4.0) -> Floats:
    """Convolve with a normal kernel.

    Args:
        planes: (N, …, H, W).
        sigma: in pixels; 0 leaves the planes as they are.
        border: ``nearest`` (aa|abc|cc) or ``reflect`` (ba|abc|cb).
        truncate: the kernel ends after this many sigmas, rounded to whole pixels.

    Returns:
        An array of the same shape; the given one itself where the kernel is a single pixel.
    """
    if int(truncate * sigma + 0.5) == 0:
        return planes
    height, width = planes.shape[-2:]
    rows = planes.reshape(len(planes), -1, width)
    across = np.empty_like(rows)
    for out, into, matrix in _bands(width, sigma, border, truncate):
        np.matmul(rows[..., into], matrix.T, out=across[..., out])
    columns, down = across.reshape(planes.shape), np.empty_like(planes)
    for out, into, matrix in _bands(height, sigma, border, truncate):
        np.matmul(matrix, columns[..., into, :], out=down[..., out, :])
    return down


@functools.lru_cache(maxsize=64)
def _bands(length: int, sigma: float, border: str, truncate: float) -> Bands:
    """The matrix that smooths a row of this length, cut into blocks of rows without the columns that are 0."""
    radius = int(truncate * sigma + 0.5)
    steps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights.sum()
    places = np.arange(length)[:, None] + steps
    if border == "nearest":
        places = places.clip(0, length - 1)
    else:
        places %= 2 * length
        places = np.where(places < length, places, 2 * length - 1 - places)
    matrix = np.zeros((length, length))
    np.add.at(matrix, (np.arange(length)[:, None], places), weights)
    blocks = []
    for start in range(0, length, _BLOCK):
        rows = matrix[start : start + _BLOCK]
        used = np.flatnonzero(rows.any(axis=0))
        into = slice(int(used[0]), int(used[-1]) + 1)
        blocks.append((slice(start, start + len(rows)), into, np.ascontiguousarray(rows[:, into], np.float32)))
    return tuple(blocks)
