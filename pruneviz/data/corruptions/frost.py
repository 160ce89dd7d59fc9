"""Ice on the lens, grown here.

The published pictures lay photographs of frosted glass over the scene. Here are five sheets of needles and clouds
instead, with the photographs' mean levels and spreads but not their shapes: numbers got with them are no substitute
for the published ones, and are reported apart.
"""

from __future__ import annotations

import functools

import numpy as np

from pruneviz.data.corruptions.pixels import Floats, Pictures, to_bytes
from pruneviz.data.corruptions.streams import Draw, Streams, normal

# Mean and standard deviation of red, green and blue: turquoise, twice white, bluish grey, dark.
_TINTS = (
    ((78, 149, 166), (27, 16, 15)),
    ((201, 205, 214), (21, 22, 23)),
    ((201, 205, 214), (21, 22, 23)),
    ((138, 153, 165), (28, 28, 30)),
    ((112, 123, 135), (44, 43, 42)),
)
_DIRECTIONS = 6
_LENGTH, _THICKNESS = 1 / 20, 1 / 250  # of a needle, as shares of a sheet's side


def frost(images: Pictures, terms: tuple[float, float], draw: Draw) -> Pictures:
    """terms[0] · x + terms[1] · ice, where the ice is a random part of a random sheet.

    Args:
        images: uint8 (N, H, W, 3).
        terms: see above.
        draw: see :mod:`~pruneviz.data.corruptions.streams`.
    """
    _, height, width, _ = images.shape
    side = 2 << (max(height, width) - 1).bit_length()
    chances = draw(3).astype(np.int64)
    which = chances[:, 0] * len(_TINTS) >> 16
    top = chances[:, 1] * (side - height + 1) >> 16
    left = chances[:, 2] * (side - width + 1) >> 16
    ice = np.empty_like(images)
    for out, sheet, y, x in zip(ice, which, top, left, strict=True):
        out[:] = _sheets(side)[sheet][y : y + height, x : x + width]
    mixed = ice * np.float32(terms[1])
    mixed += images * np.float32(terms[0])
    return to_bytes(mixed)


@functools.lru_cache(maxsize=4)
def _sheets(side: int) -> tuple[Pictures, ...]:
    """uint8 (side, side, 3) each; the same ones always."""
    streams = Streams("sheets of frost", 0)
    return tuple(
        _tinted(_needles(normal(streams.words([f"{i} {d}" for d in range(_DIRECTIONS)], side * side))), *tint)
        for i, tint in enumerate(_TINTS)
    )


def _needles(noise: Floats) -> Floats:
    """Noise drawn out along one direction each, the strongest in front: (side, side), of mean 0 and spread 1."""
    from scipy import fft

    side = int(np.sqrt(noise.shape[1]))
    along, across = fft.rfftfreq(side).astype(np.float32), fft.fftfreq(side).astype(np.float32)[:, None]
    front = np.full((side, side), -np.inf, np.float32)
    for i, field in enumerate(noise.reshape(-1, side, side)):
        angle = np.pi * (i + 0.5) / len(noise)
        lengthwise = along * np.float32(np.cos(angle)) + across * np.float32(np.sin(angle))
        sidewise = across * np.float32(np.cos(angle)) - along * np.float32(np.sin(angle))
        shape = (lengthwise * np.float32(_LENGTH * side)) ** 2 + (sidewise * np.float32(_THICKNESS * side)) ** 2
        # A power that falls with the frequency makes patches of needles, as on the photographs.
        strength = np.exp(-2 * shape) / np.sqrt(np.maximum(np.hypot(along, across), 1 / side))
        drawn_out = fft.irfft2(fft.rfft2(field) * strength, (side, side))
        np.maximum(front, drawn_out / drawn_out.std(), out=front)
    front -= front.mean()
    front /= front.std()
    return front


def _tinted(relief: Floats, means: tuple[int, ...], spreads: tuple[int, ...]) -> Pictures:
    return to_bytes(relief[..., None] * np.array(spreads, np.float32) + np.array(means, np.float32))
