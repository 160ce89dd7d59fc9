"""Resizing with Pillow: bilinear with antialiasing, the whole image, without keeping proportions."""

from __future__ import annotations

import numpy as np

from pruneviz.data.dataset import Array


def resize(images: Array, size: tuple[int, int]) -> Array:
    """Resize a batch.

    Args:
        images: uint8 (N, H, W, C) with C 1 or 3, or float32 (N, C, H, W).
        size: height and width.

    Returns:
        The same layout and type in the new size; the given array itself where it has that size already.
    """
    pixels = images.dtype == np.uint8
    if images.shape[1:3] == size if pixels else images.shape[2:] == size:
        return images
    if not pixels:
        return np.stack([np.stack([resize_plane(channel, size) for channel in image]) for image in images])
    return np.stack([resize_pixels(image, size) for image in images])


def resize_pixels(image: Array, size: tuple[int, int]) -> Array:
    """Resize one uint8 (H, W, C) image, C 1 or 3, to (height, width, C)."""
    plane = image[:, :, 0] if image.shape[2] == 1 else image
    return resize_plane(plane, size).reshape(*size, image.shape[2])


def resize_plane(plane: Array, size: tuple[int, int]) -> Array:
    """Resize what Pillow holds as one image: (H, W) uint8 or float32, or (H, W, 3) uint8."""
    from PIL import Image

    height, width = size
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.BILINEAR))
