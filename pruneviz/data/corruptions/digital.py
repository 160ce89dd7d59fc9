"""What storing and showing pictures does: a lower resolution, JPEG. Made by Pillow, one image at a time."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.data.corruptions.pixels import Pictures

if TYPE_CHECKING:
    from PIL import Image


def pixelate(images: Pictures, share: float) -> Pictures:
    """Resized to ``share`` of its sides, rounded down, and back, each pixel a mean of those that it covers."""
    from PIL import Image

    height, width = images.shape[1:3]
    small = max(1, int(width * share)), max(1, int(height * share))
    made = np.empty_like(images)
    for image, out in zip(images, made, strict=True):
        less = _picture(image).resize(small, Image.Resampling.BOX)
        out[:] = _pixels(less.resize((width, height), Image.Resampling.BOX), image)
    return made


def jpeg_compression(images: Pictures, quality: int) -> Pictures:
    """Through JPEG of the given quality, as Pillow writes it."""
    from PIL.JpegImagePlugin import JpegImageFile

    made = np.empty_like(images)
    for image, out in zip(images, made, strict=True):
        file = BytesIO()
        _picture(image).save(file, "JPEG", quality=quality)
        file.seek(0)
        out[:] = _pixels(JpegImageFile(file), image)
    return made


def _picture(image: Pictures) -> Image.Image:
    from PIL import Image

    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def _pixels(picture: Image.Image, like: Pictures) -> Pictures:
    return np.asarray(picture, np.uint8).reshape(like.shape)
