"""Noise: every value changes by itself.

Each function takes uint8 (N, H, W, C), the constant of the severity and a way to draw words, and returns uint8.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.pixels import Floats, Pictures, to_bytes
from pruneviz.data.corruptions.streams import Draw, Words, normal


def gaussian_noise(images: Pictures, scale: float, draw: Draw) -> Pictures:
    """Each value x in 0..1 becomes x + scale · z, with z standard normal."""
    values: Floats = normal(_words(images, draw))
    values *= np.float32(255 * scale)
    values += images
    return to_bytes(values)


def speckle_noise(images: Pictures, scale: float, draw: Draw) -> Pictures:
    """Each value x in 0..1 becomes x + x · scale · z, with z standard normal."""
    values: Floats = normal(_words(images, draw))
    values *= np.float32(scale)
    values += 1
    values *= images
    return to_bytes(values)


def impulse_noise(images: Pictures, amount: float, draw: Draw) -> Pictures:
    """Each value becomes 0 or 255 with a chance of ``amount`` / 2 each."""
    words = _words(images, draw)
    kept = np.negative((words >= round(amount * 65536)).view(np.uint8))  # 255 or 0: masks are faster than choices
    white = np.negative((words < round(amount * 32768)).view(np.uint8))
    return images & kept | white


def shot_noise(images: Pictures, photons: int, draw: Draw) -> Pictures:
    """Each value x in 0..1 becomes Poisson(x · photons) / photons.

    What a value may become depends on nothing but itself, so it is drawn by the alias method (Walker 1977): a byte
    chooses one of 256 columns, another tosses between the column's two outcomes.
    """
    words = _words(images, draw)
    column, toss = words & 255, words >> 8
    entry = _alias_table(photons).take((images.astype(np.uint16) << 8) | column)
    made = entry.astype(np.uint8)  # its lower byte
    stays = np.negative((toss < entry >> 8).view(np.uint8))
    return made ^ ((made ^ column.astype(np.uint8)) & stays)


def _words(images: Pictures, draw: Draw) -> Words:
    return draw(math.prod(images.shape[1:])).reshape(images.shape)


@functools.lru_cache(maxsize=16)
def _alias_table(photons: int) -> npt.NDArray[np.uint16]:
    """For every value and column (65536,): 256 · (chance to stay in the column, in 256ths) + the other outcome."""
    share = _poisson_bytes(photons) * 256
    stay = np.zeros((256, 256), np.uint16)
    other = np.tile(np.arange(256, dtype=np.uint16), (256, 1))
    values = np.arange(256)
    poor = share.copy()
    for _ in range(255):  # the poorest column is filled up by the richest, and is done
        low, high = poor.argmin(1), share.argmax(1)
        stay[values, low] = np.minimum(np.rint(share[values, low] * 256), 255)
        other[values, low] = high
        share[values, high] -= 1 - share[values, low]
        poor[values, high] = share[values, high]
        share[values, low], poor[values, low] = -np.inf, np.inf
    table: npt.NDArray[np.uint16] = (stay * np.uint16(256) + other).reshape(-1)
    return table


def _poisson_bytes(photons: int) -> npt.NDArray[np.float64]:
    """The chance (256, 256) of each byte, by the value that it was."""
    from scipy.special import gammaln, xlogy

    counts = np.arange(photons)
    rate = np.arange(256)[:, None] / 255 * photons
    chance = np.exp(xlogy(counts, rate) - rate - gammaln(counts + 1))
    became = (counts / photons * 255).astype(np.int64)
    table = np.zeros((256, 256))
    np.add.at(table.T, became, chance.T)
    table[:, 255] += np.maximum(1 - chance.sum(1), 0)
    table /= table.sum(1, keepdims=True)
    return table
