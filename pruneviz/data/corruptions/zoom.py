"""Closer views of the middle of a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.data.corruptions.pixels import Pictures

if TYPE_CHECKING:
    import torch


def zoom_blur(images: Pictures, terms: tuple[float, float, float]) -> Pictures:
    """The mean of the picture and of its zooms by start, start + step, … below the end.

    Zooms are rounded to whole grey levels, which moves the mean of seven or more of them by a fraction of one.
    """
    import torch

    factors = np.arange(*terms)
    total = images.astype(np.uint16)
    planes = torch.from_numpy(images.copy()).permute(0, 3, 1, 2)
    for factor in factors:
        closer = zoomed(planes, float(factor)) if factor > 1 else planes
        total += closer.permute(0, 2, 3, 1).numpy()
    return (total // (len(factors) + 1)).astype(np.uint8)


def zoomed(planes: torch.Tensor, factor: float) -> torch.Tensor:
    """The middle of (N, C, H, W), enlarged linearly to the same size, its corners staying corners."""
    from torch.nn.functional import interpolate

    height, width = planes.shape[2:]
    (top, high), (left, wide) = middle(height, factor), middle(width, factor)
    size = round(high * factor), round(wide * factor)
    part = planes[:, :, top : top + high, left : left + wide]
    larger = interpolate(part, size=size, mode="bilinear", align_corners=True)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return larger[:, :, top : top + height, left : left + width]


def middle(length: int, factor: float) -> tuple[int, int]:
    """Where the part of a side begins that fills the whole side when enlarged, and how long it is."""
    part = math.ceil(length / factor)
    return (length - part) // 2, part
