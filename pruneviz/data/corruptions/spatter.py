"""Drops of water or mud on the lens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions import contours
from pruneviz.data.corruptions.pixels import Floats, Pictures, from_planes, to_planes
from pruneviz.data.corruptions.smoothing import smooth
from pruneviz.data.corruptions.streams import Draw, normal

Terms = tuple[float, float, float, float, float, int]

_WATER = (175, 238, 238)  # pale turquoise
_MUD = (63, 42, 20)
_RELIEF = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
_AT_ONCE = 1 << 16  # pixels: what is worked on together fits into a processor's cache


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
    *_, last, mud = terms
    if mud:
        return _in_parts(lambda some, drawn: _muddy(some, _layer(drawn, terms), terms), images, liquid)
    drops = _in_parts(lambda drawn: _drops(_layer(drawn, terms), terms[3]), liquid)
    outlines = _in_parts(lambda some: contours.edges(some, 50, 150), drops)
    away = contours.distances(outlines, 20)  # goes row by row: the more pictures at once, the better
    return _in_parts(lambda some, drop, far: _wet(some, drop, far, last), images, drops, away)


def _layer(liquid: Floats, terms: Terms) -> Floats:
    mean, spread, smoothness, *_ = terms
    return smooth(liquid * np.float32(spread) + np.float32(mean), smoothness)


def _muddy(images: Pictures, layer: Floats, terms: Terms) -> Pictures:
    cover = smooth((layer > terms[3]).astype(np.float32), terms[4])
    cover[cover < 0.8] = 0
    planes = to_planes(images)
    planes *= (1 - cover)[:, None]
    return _tinted(planes, cover, _MUD)


def _drops(layer: Floats, least: float) -> Pictures:
    """What is above 1 starts again from 0, as in the published pictures: thick drops have dark hearts."""
    drops = (layer * np.float32(255)).astype(np.int32).astype(np.uint8)
    drops *= layer >= least
    return drops


def _wet(images: Pictures, drops: Pictures, away: Floats, opacity: float) -> Pictures:
    """Drops add light where they slope up from above left, each picture's brightest pixel as much as the opacity."""
    levels = contours.equalised(contours.boxed(away).astype(np.uint8))
    wide = np.pad(levels.astype(np.int16), ((0, 0), (1, 1), (1, 1)), mode="reflect")
    height, width = drops.shape[1:]
    relief = np.zeros(drops.shape, np.int16)
    for y, row in enumerate(_RELIEF):
        for x, weight in enumerate(row):
            if weight:
                relief += wide[:, y : y + height, x : x + width] * np.int16(weight)
    light = np.rint(contours.boxed(relief.clip(0, 255)))
    light *= drops
    brightest = light.max(axis=(1, 2), keepdims=True)
    brightest[brightest == 0] = 1
    light *= np.float32(opacity) / brightest
    return _tinted(to_planes(images), light, _WATER)


def _tinted(planes: Floats, cover: Floats, colour: tuple[int, ...]) -> Pictures:
    for plane, level in zip(planes.transpose(1, 0, 2, 3), colour, strict=True):
        plane += cover * np.float32(level)
    return from_planes(planes)


def _in_parts(make: Callable[..., npt.NDArray[Any]], *stacks: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What ``make`` does to a few pictures at a time, put together again."""
    n, height, width = stacks[0].shape[:3]
    few = max(1, _AT_ONCE // (height * width))
    return np.concatenate([make(*(s[i : i + few] for s in stacks)) for i in range(0, n, few) or [0]])
