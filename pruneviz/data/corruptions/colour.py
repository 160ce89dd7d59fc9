"""Light and colour: brightness, contrast, saturation.

Brightness and saturation are defined in the space of hue, saturation and value, where the value is the largest channel
and the saturation how far the smallest lies below it, as a share of it. Neither needs the hue: with hue and saturation
kept, the channels are in proportion to the value; with hue and value kept, what they lie below the value is in
proportion to the saturation.
"""

from __future__ import annotations

import numpy as np

from pruneviz.data.corruptions.pixels import Pictures, from_planes, to_planes


def brightness(images: Pictures, more: float) -> Pictures:
    """The value raised by ``more``, of 0..1, to at most 1; black becomes grey."""
    planes = to_planes(images)
    value = planes.max(axis=1)
    black = value == 0
    value[black] = 1
    scale = np.minimum(value + np.float32(255 * more), 255) / value
    planes *= scale[:, None]
    np.copyto(planes, np.float32(255 * more), where=black[:, None])
    return from_planes(planes)


def saturate(images: Pictures, terms: tuple[float, float]) -> Pictures:
    """Saturation s becomes terms[0] · s + terms[1], at most 1; what has no hue counts as red, as in the definition."""
    factor, more = map(np.float32, terms)
    planes = to_planes(images)
    value = planes.max(axis=1)
    below = value - planes.min(axis=1)
    grey = below == 0
    below[grey] = 1
    inverse = value / below
    scale = np.minimum(factor + more * inverse, inverse)
    planes *= scale[:, None]  # value − (value − x) · scale
    planes += (value * (1 - scale))[:, None]
    if more > 0:
        for plane in (planes[:, 1], planes[:, 2]):
            np.copyto(plane, value * (1 - more), where=grey)
    return from_planes(planes)


def contrast(images: Pictures, factor: float) -> Pictures:
    """(x − mean) · factor + mean, with the mean of each image and channel."""
    planes = to_planes(images)
    means = planes.mean(axis=(2, 3), dtype=np.float64, keepdims=True)
    planes *= np.float32(factor)
    planes += (means * (1 - factor)).astype(np.float32)
    return from_planes(planes)
