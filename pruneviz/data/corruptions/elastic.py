"""Stretching and bending."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.pixels import Floats, Pictures, from_planes, to_planes
from pruneviz.data.corruptions.smoothing import smooth
from pruneviz.data.corruptions.streams import Draw, uniform


def elastic_transform(images: Pictures, terms: tuple[float, float, float], draw: Draw) -> Pictures:
    """Terms, as shares of the shorter side: how far pixels move, how smoothly, and how far three anchors move."""
    height, width = images.shape[1:3]
    side = min(height, width)
    count = 2 * height * width if terms[0] else 0
    words = draw(6 + count)
    anchors = uniform(words[:, :6], -side * terms[2], side * terms[2]).reshape(-1, 3, 2)
    made = stretched(to_planes(images), anchors)
    if count:
        field = uniform(words[:, 6:], -1, 1).reshape(-1, 2, height, width)
        made = bent(made, field, terms[0] * side, terms[1] * side)
    return from_planes(made)


def stretched(planes: Floats, anchors: npt.NDArray[np.floating]) -> Floats:
    """The affine map that moves three points around the middle as given; mirrored beyond the border, at its pixels.

    Args:
        planes: (N, C, H, W).
        anchors: (N, 3, 2), by how many columns and rows each of the points moves: the one right below the middle,
            the one right above it, and the one left above it.
    """
    height, width = planes.shape[2:]
    reach = min(height, width) // 3
    x, y = width // 2, height // 2
    points = np.array([(x + reach, y + reach), (x + reach, y - reach), (x - reach, y - reach)], np.float64)
    moved = np.concatenate([points + anchors, np.ones((len(planes), 3, 1))], axis=2)
    back = np.linalg.solve(moved, np.broadcast_to(points, (len(planes), 3, 2)))  # from where it goes to where it was
    columns, rows = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)[:, None]
    places = [
        back[:, 0, i, None, None] * columns + back[:, 1, i, None, None] * rows + back[:, 2, i, None, None]
        for i in (0, 1)
    ]
    return _sampled(planes, places[0], places[1], True)


def bent(planes: Floats, field: Floats, far: float, sigma: float) -> Floats:
    """Every pixel from a place nearby; mirrored beyond the border, at its edge.

    Args:
        planes: (N, C, H, W).
        field: (N, 2, H, W) in −1..1: by columns and by rows, before smoothing.
        far: what the smoothed field is multiplied by, in pixels.
        sigma: of the smoothing, which ends after 3 sigmas.
    """
    height, width = planes.shape[2:]
    moves = smooth(field, sigma, border="reflect", truncate=3.0) * np.float32(far)
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    return _sampled(planes, moves[:, 0] + columns, moves[:, 1] + rows, False)


def _sampled(
    planes: Floats, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], at_pixels: bool
) -> Floats:
    """Linear interpolation at the places (N, H, W), mirrored at the outermost pixels or at their outer edges."""
    import torch
    from torch.nn.functional import grid_sample

    grid = np.empty((*x.shape, 2), np.float32)
    for i, (places, length) in enumerate(((x, planes.shape[3]), (y, planes.shape[2]))):
        grid[..., i] = places * (2 / (length - 1)) - 1 if at_pixels else (places * 2 + 1) / length - 1
    found = grid_sample(
        torch.from_numpy(planes), torch.from_numpy(grid), "bilinear", "reflection", align_corners=at_pixels
    )
    return found.numpy()
