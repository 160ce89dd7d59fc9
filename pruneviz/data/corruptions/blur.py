"""Blurs that are the same everywhere and for every image."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.data.corruptions.pixels import Floats, Pictures, from_planes, to_planes
from pruneviz.data.corruptions.smoothing import smooth

if TYPE_CHECKING:
    import torch

_MOST_TAPS = 40  # with more, transforming costs less than adding up


def gaussian_blur(images: Pictures, sigma: float) -> Pictures:
    """Convolved with a normal kernel that ends after 4 sigmas; beyond the border goes on what lies on it."""
    return from_planes(smooth(to_planes(images), sigma))


def defocus_blur(images: Pictures, terms: tuple[float, float]) -> Pictures:
    """Convolved with a disk of radius terms[0], its edge softened by terms[1]; mirrored beyond the border."""
    kernel = disk(*terms)
    planes = to_planes(images)
    radius = len(kernel) // 2
    height, width = planes.shape[-2:]
    rows, columns = _mirrored(height, radius), _mirrored(width, radius)
    wide = planes.take(rows, axis=2).take(columns, axis=3)
    if np.count_nonzero(kernel) <= _MOST_TAPS:
        return from_planes(_added(wide, kernel, height, width))
    return from_planes(_transformed(wide, terms, height, width))


@functools.cache
def disk(radius: float, softness: float) -> npt.NDArray[np.float32]:
    """The kernel of defocus: a disk of equal weights, then smoothed by a 3 × 3 (from radius 8 on 5 × 5) normal kernel.

    Returns:
        Square, of odd side, without empty margins.
    """
    reach = max(8, int(radius))
    steps = np.arange(-reach, reach + 1)
    inside = (steps**2 + steps[:, None] ** 2 <= radius**2).astype(np.float64)
    inside /= inside.sum()
    around = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
    weights = np.exp(-(around**2) / (2 * softness**2))
    weights /= weights.sum()
    for _ in range(2):  # along each axis; the margin is mirrored too
        wide = inside[_mirrored(len(steps), len(around) // 2)]
        inside = sum(w * wide[i : i + len(steps)] for i, w in enumerate(weights)).T
    inside[inside < 1e-7] = 0  # what no byte can show
    margin = int(np.flatnonzero(inside.any(axis=0))[0])
    kernel = inside[margin : len(steps) - margin, margin : len(steps) - margin]
    return np.ascontiguousarray(kernel, np.float32)


def _added(wide: Floats, kernel: Floats, height: int, width: int) -> Floats:
    total = np.zeros((*wide.shape[:2], height, width), np.float32)
    part = np.empty_like(total)
    for y, x in np.argwhere(kernel):
        np.multiply(wide[:, :, y : y + height, x : x + width], kernel[y, x], out=part)
        total += part
    return total


def _transformed(wide: Floats, terms: tuple[float, float], height: int, width: int) -> Floats:
    """By Fourier transform, image by image, so that a result does not depend on its neighbours in the batch."""
    import torch

    sides = _smooth_number(wide.shape[2]), _smooth_number(wide.shape[3])
    spectrum = _spectrum(terms, sides)
    top, left = wide.shape[2] - height, wide.shape[3] - width
    out = np.empty((*wide.shape[:2], height, width), np.float32)
    padded = torch.zeros((wide.shape[1], *sides), dtype=torch.float32, device="cpu")
    for planes, made in zip(wide, out, strict=True):
        padded[:, : planes.shape[1], : planes.shape[2]] = torch.from_numpy(planes)
        whole = torch.fft.irfft2(torch.fft.rfft2(padded).mul_(spectrum), sides)
        made[:] = whole[:, top : top + height, left : left + width].numpy()
    return out


@functools.lru_cache(maxsize=16)
def _spectrum(terms: tuple[float, float], sides: tuple[int, int]) -> torch.Tensor:
    import torch

    spectrum: torch.Tensor = torch.fft.rfft2(torch.from_numpy(disk(*terms)), sides)
    return spectrum


def _smooth_number(least: int) -> int:
    """The next multiple of 4 without prime factors above 5, which is fast to transform."""
    return next(n for n in itertools.count(least + -least % 4, 4) if pow(30, n, n) == 0)


def _mirrored(length: int, radius: int) -> npt.NDArray[np.intp]:
    """Where to look from ``radius`` before the start to ``radius`` behind the end: dcb|abcd|cba."""
    places = np.arange(-radius, length + radius) % (2 * length - 2)
    return np.where(places < length, places, 2 * length - 2 - places)
