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
    by_x, by_y, start = back.astype(np.float32).transpose(1, 0, 2)[..., None]
    across = by_x * np.arange(width, dtype=np.float32) + start
    down = by_y * np.arange(height, dtype=np.float32)
    return _sampled(planes, across[:, :, None] + down[..., None], True)


def bent(planes: Floats, field: Floats, far: float, sigma: float) -> Floats:
    """Every pixel from a place nearby; mirrored beyond the border, at its edge.

    Args:
        planes: (N, C, H, W).
        field: (N, 2, H, W) in −1..1: by columns and by rows, before smoothing.
        far: what the smoothed field is multiplied by, in pixels.
        sigma: of the smoothing, which ends after 3 sigmas.
    """
    height, width = planes.shape[2:]
    moves = smooth(field, sigma, border="reflect", truncate=3.0)
    moves *= np.float32(far)
    moves[:, 0] += np.arange(width, dtype=np.float32)
    moves[:, 1] += np.arange(height, dtype=np.float32)[:, None]
    return _sampled(planes, moves, False)


def _sampled(planes: Floats, places: Floats, at_pixels: bool) -> Floats:
    """Linear interpolation at x and y (N, 2, H, W), mirrored at the outermost pixels or at their outer edges."""
    import torch
    from torch.nn.functional import grid_sample

    for i, side in enumerate(planes.shape[:1:-1]):  # −1 and 1 are the border
        places[:, i] *= np.float32(2 / (side - 1) if at_pixels else 2 / side)
        places[:, i] += np.float32(-1 if at_pixels else 1 / side - 1)
    grid = torch.from_numpy(places).permute(0, 2, 3, 1)
    return grid_sample(torch.from_numpy(planes), grid, "bilinear", "reflection", align_corners=at_pixels).numpy()
