"""Drops of water or mud on the lens."""

from __future__ import annotations

import numpy as np

from pruneviz.data.corruptions import contours
from pruneviz.data.corruptions.pixels import Floats, Pictures, from_planes, to_planes
from pruneviz.data.corruptions.smoothing import smooth
from pruneviz.data.corruptions.streams import Draw, normal

Terms = tuple[float, float, float, float, float, int]

_WATER = (175, 238, 238)  # pale turquoise
_MUD = (63, 42, 20)
_RELIEF = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))


def spatter(images: Pictures, terms: Terms, draw: Draw) -> Pictures:
    """Terms: mean, spread and smoothness of the liquid, the least that counts as a drop, its opacity, and 1 for mud.

    For mud the opacity's place holds the softness of a drop's edge.
    """
    height, width = images.shape[1:3]
    return spattered(images, normal(draw(height * width)).reshape(-1, height, width), terms)


def spattered(images: Pictures, liquid: Floats, terms: Terms) -> Pictures:
    """Colour images with drops on them; one without any drop stays as it is.

    Args:
        images: uint8 (N, H, W, 3).
        liquid: (N, H, W) standard normal.
        terms: see :func:`spatter`.
    """
    mean, spread, smoothness, least, last, mud = terms
    layer = smooth(liquid * np.float32(spread) + np.float32(mean), smoothness)
    planes = to_planes(images)
    if mud:
        cover = smooth((layer > least).astype(np.float32), last)
        cover[cover < 0.8] = 0
        planes *= (1 - cover)[:, None]
        colour = _MUD
    else:
        cover = _water(layer, least)
        cover *= np.float32(last)
        colour = _WATER
    for plane, level in zip(planes.transpose(1, 0, 2, 3), colour, strict=True):
        plane += cover * np.float32(level)
    return from_planes(planes)


def _water(layer: Floats, least: float) -> Floats:
    """How much light each pixel of the drops adds, up to 1 in each picture: brighter where lit from above left."""
    # What is above 1 starts again from 0, as in the published pictures: thick drops have dark hearts.
    drops = np.where(layer < least, 0, layer * np.float32(255)).astype(np.int32).astype(np.uint8)
    away = contours.distances(contours.edges(drops, 50, 150), 20)
    levels = contours.equalised(contours.boxed(away).astype(np.uint8))
    wide = np.pad(levels.astype(np.int16), ((0, 0), (1, 1), (1, 1)), mode="reflect")
    height, width = layer.shape[1:]
    relief = np.zeros(layer.shape, np.int16)
    for y, row in enumerate(_RELIEF):
        for x, weight in enumerate(row):
            if weight:
                relief += wide[:, y : y + height, x : x + width] * np.int16(weight)
    light = np.rint(contours.boxed(relief.clip(0, 255))) * drops
    brightest = light.max(axis=(1, 2), keepdims=True)
    brightest[brightest == 0] = 1
    return np.asarray(light / brightest, np.float32)
