"""Between bytes and numbers: pictures as floats in 0..255, channel by channel or as they lie, and back.

Numbers become bytes by leaving out what is behind the point, as in the published pictures. A hair is added first:
the published ones were computed in double precision, and single precision must not take a level off a flat area.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

HAIR = np.float32(1 / 1024)


def to_planes(images: Pictures) -> Floats:
    """uint8 (N, H, W, C) as float32 (N, C, H, W)."""
    n, height, width, channels = images.shape
    planes = np.empty((n, channels, height, width), np.float32)
    for c in range(channels):
        planes[:, c] = images[..., c]
    return planes


def from_planes(planes: Floats) -> Pictures:
    """float32 (N, C, H, W), which is overwritten, as uint8 (N, H, W, C)."""
    n, channels, height, width = planes.shape
    flat = to_bytes(planes)
    images = np.empty((n, height, width, channels), np.uint8)
    for c in range(channels):
        images[..., c] = flat[:, c]
    return images


def to_bytes(values: Floats) -> Pictures:
    """float32, which is overwritten, as uint8: clipped to 0..255, what is behind the point left out."""
    np.add(values, HAIR, out=values)
    np.clip(values, 0, 255, out=values)
    return values.astype(np.uint8)
