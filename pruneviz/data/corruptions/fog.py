"""A veil of uneven thickness."""

from __future__ import annotations

import numpy as np

from pruneviz.data.corruptions.pixels import Floats, Pictures, from_planes, to_planes
from pruneviz.data.corruptions.streams import Draw, uniform


def fog(images: Pictures, terms: tuple[float, float], draw: Draw) -> Pictures:
    """Terms are the veil's strength and its smoothness (how fast it evens out from one scale to the next)."""
    side = 1 << (max(images.shape[1:3]) - 1).bit_length()
    return veiled(images, heights(uniform(draw(side * side - 1), -1, 1), side, terms[1]), terms[0])


def veiled(images: Pictures, veil: Floats, strength: float) -> Pictures:
    """(x + strength · veil) · m / (m + strength), for x in 0..1 and m the brightest value of the image.

    Args:
        images: uint8 (N, H, W, C).
        veil: (N, at least H, at least W) in 0..1.
        strength: see above.
    """
    height, width = images.shape[1:3]
    planes = to_planes(images)
    most = images.max(axis=(1, 2, 3)).astype(np.float32)[:, None, None]
    scale = most / (most + np.float32(255 * strength))
    planes *= scale[:, None]
    planes += (veil[:, :height, :width] * (scale * np.float32(255 * strength)))[:, None]
    return from_planes(planes)


def heights(chances: Floats, side: int, decay: float) -> Floats:
    """Diamond-square: means of four neighbours, shaken less and less, from coarse to fine; on a torus.

    Args:
        chances: (N, side² − 1) in −1..1.
        side: a power of two.
        decay: by how much the shaking is divided from one scale to the next.

    Returns:
        float32 (N, side, side), from 0 to 1.
    """
    n = len(chances)
    land = np.zeros((n, side, side), np.float32)
    step, shake, used = side, 100.0, 0

    def shaken(total: Floats) -> Floats:
        nonlocal used
        count = total.shape[1] * total.shape[2]
        noise = chances[:, used : used + count].reshape(total.shape)
        used += count
        return total * np.float32(0.25) + noise * np.float32(shake * shake)

    while step > 1:
        half = step // 2
        corners = land[:, ::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=1)
        centres = shaken(pairs + np.roll(pairs, -1, axis=2))
        land[:, half::step, half::step] = centres
        beside = corners + np.roll(corners, -1, axis=2)
        land[:, ::step, half::step] = shaken(centres + np.roll(centres, 1, axis=1) + beside)
        land[:, half::step, ::step] = shaken(centres + np.roll(centres, 1, axis=2) + pairs)
        step, shake = half, shake / decay
    land -= land.min(axis=(1, 2), keepdims=True)
    land /= land.max(axis=(1, 2), keepdims=True)
    return land
