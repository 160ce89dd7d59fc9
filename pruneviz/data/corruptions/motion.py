"""Smearing along a line, as ImageMagick's motion blur does it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.pixels import Floats, Pictures, to_bytes
from pruneviz.data.corruptions.streams import Draw, uniform

_NEGLIGIBLE = 1e-4  # of the kernel's weight, that is .03 grey levels, is left out at its end


def motion_blur(images: Pictures, terms: tuple[int, float], draw: Draw) -> Pictures:
    """Smeared in a direction between −45° and 45°; terms are the kernel's radius and sigma."""
    angles = uniform(draw(1)[:, 0], -45, 45)
    return smeared(images, angles, *terms)


def smeared(images: Pictures, angles: npt.NDArray[np.floating], radius: int, sigma: float) -> Pictures:
    """Each pixel the mean of those that follow it on a line, weighted by one side of a normal kernel.

    Beyond the border goes on what lies on it.

    Args:
        images: uint8 (N, H, W, C).
        angles: (N,) in degrees, from the first axis of columns towards that of rows.
        radius: the kernel ends after 2 · radius pixels.
        sigma: of the kernel, in pixels.
    """
    steps = np.arange(2 * math.ceil(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    steps = steps[: int(np.searchsorted(np.cumsum(weights), 1 - _NEGLIGIBLE)) + 1]
    weights = (weights[: len(steps)] / weights[: len(steps)].sum()).astype(np.float32)

    order = np.argsort(angles, kind="stable")  # neighbours then share most offsets
    turned = np.deg2rad(np.asarray(angles, np.float64)[order])[:, None]
    down = np.ceil(steps * np.sin(turned) - 0.5).astype(np.intp)
    right = np.ceil(steps * np.cos(turned) - 0.5).astype(np.intp)
    above, before = -int(down.min()), -int(right.min())
    wide = _widened(images[order], (above, int(down.max())), (before, int(right.max())))
    n, height, width, channels = images.shape
    line = wide.shape[2] * channels
    ends, flat = height * line, wide.reshape(n, -1)
    # As wide as what it is made of: a step along the line is then one step in memory for all pixels of an image.
    total = np.zeros((n, ends), np.float32)
    turns = (down[1:] != down[:-1]) | (right[1:] != right[:-1])
    for k in reversed(range(len(weights))):  # Horner's rule: each weight is the one before times a ratio
        if k + 1 < len(weights):
            total *= weights[k + 1] / weights[k]
        bounds = [0, *(np.flatnonzero(turns[:, k]) + 1).tolist(), n]
        for first, last in itertools.pairwise(bounds):
            start = (above + down[first, k]) * line + (before + right[first, k]) * channels
            total[first:last] += flat[first:last, start : start + ends]
    total *= weights[0]
    made = np.empty_like(images)
    made[order] = to_bytes(total).reshape(n, height, -1, channels)[:, :, :width]
    return made


def _widened(images: Pictures, rows: tuple[int, int], columns: tuple[int, int]) -> Floats:
    """float32, with that many rows and columns more before and behind, equal to those at the border.

    A last row follows that means nothing, so that what starts within a row may end within the next.
    """
    n, height, width, channels = images.shape
    (top, bottom), (left, right) = rows, columns
    wide = np.empty((n, top + height + bottom + 1, left + width + right, channels), np.float32)
    wide[:, top : top + height, left : left + width] = images
    wide[:, top : top + height, :left] = images[:, :, :1]
    wide[:, top : top + height, left + width :] = images[:, :, -1:]
    wide[:, :top] = wide[:, top : top + 1]
    wide[:, top + height :] = wide[:, top + height - 1 : top + height]
    return wide
