"""Images as people see them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pruneviz.data.dataset import Array, ImageData
from pruneviz.data.resize import resize

LONGEST = 64  # pixels


def pictures(data: ImageData) -> npt.NDArray[np.uint8]:
    """Thumbnails of the test images, in their order.

    Pixels are shown as they are, made smaller where a side is longer than 64, in proportion. Float images are scaled
    by channel, the smallest and largest value over the whole split becoming 0 and 255; where they have neither 1 nor
    3 channels, the channels' mean is shown.

    Returns:
        uint8 (N, h, w, C), C 1 or 3.
    """
    images = data.test.images
    if not data.pixels:
        images = _scaled(images)
    height, width = images.shape[1:3]
    factor = LONGEST / max(height, width)
    if factor < 1:
        images = resize(images, (max(1, round(height * factor)), max(1, round(width * factor))))
    return images


def _scaled(images: Array) -> Array:
    if images.shape[1] not in (1, 3):
        images = images.mean(axis=1, keepdims=True)
    low = images.min(axis=(0, 2, 3), keepdims=True)
    span = images.max(axis=(0, 2, 3), keepdims=True) - low
    shown = (images - low) * (255 / np.where(span > 0, span, 1))
    return np.ascontiguousarray(np.moveaxis(np.rint(shown).astype(np.uint8), 1, 3))
