"""Falling snow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.motion import smeared
from pruneviz.data.corruptions.pixels import Floats, Pictures, from_planes, to_planes
from pruneviz.data.corruptions.streams import Draw, normal, uniform
from pruneviz.data.corruptions.zoom import zoomed

Terms = tuple[float, float, float, float, int, float, float]


def snow(images: Pictures, terms: Terms, draw: Draw) -> Pictures:
    """Terms: mean, spread and zoom of the flakes, the least that counts as one, their smear, and how much stays clear.

    The smear has a radius and a sigma, as in :func:`~pruneviz.data.corruptions.motion.smeared`.
    """
    height, width = images.shape[1:3]
    words = draw(height * width + 1)
    flakes = normal(words[:, 1:]).reshape(-1, height, width)
    return snowed(images, flakes, uniform(words[:, 0], -135, -45), terms)


def snowed(images: Pictures, flakes: Floats, angles: npt.NDArray[np.floating], terms: Terms) -> Pictures:
    """The scene whitened, and snow in front of it, once as it falls and once turned by half a circle.

    Args:
        images: uint8 (N, H, W, C).
        flakes: (N, H, W) standard normal.
        angles: (N,) in degrees.
        terms: see :func:`snow`.
    """
    mean, spread, zoom, least, radius, sigma, clear = terms
    layer = _enlarged(flakes, zoom) * np.float32(spread) + np.float32(mean)
    layer[layer < least] = 0
    bytes_ = (layer.clip(0, 1) * np.float32(255)).astype(np.uint8)
    smear = smeared(bytes_[..., None], angles, radius, sigma)[..., 0]
    falling = smear.astype(np.float32)
    falling += smear[:, ::-1, ::-1]

    planes = to_planes(images)
    if planes.shape[1] == 3:
        grey = planes[:, 0] * np.float32(0.299) + planes[:, 1] * np.float32(0.587) + planes[:, 2] * np.float32(0.114)
    else:
        grey = planes[:, 0].copy()
    grey *= np.float32(1.5)
    grey += np.float32(127.5)
    whitened = np.maximum(planes, grey[:, None])
    whitened *= np.float32(1 - clear)
    planes *= np.float32(clear)
    planes += whitened
    planes += falling[:, None]
    return from_planes(planes)


def _enlarged(flakes: Floats, zoom: float) -> Floats:
    if zoom == 1:
        return flakes
    import torch

    return zoomed(torch.from_numpy(flakes)[:, None], zoom)[:, 0].numpy()
