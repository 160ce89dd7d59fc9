"""The definitions of the data package, one image, channel and pixel at a time."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def preprocess(images, mean, std):
    """(N, H, W, C) bytes to (N, C, H, W): (x / 255 - mean) / std."""
    n, h, w, c = images.shape
    out = np.empty((n, c, h, w), dtype=np.float64)
    for i in range(n):
        for k in range(c):
            for y in range(h):
                for x in range(w):
                    out[i, k, y, x] = (int(images[i, y, x, k]) / 255 - mean[k]) / std[k]
    return out


def mean_and_std(images):
    """By channel, exactly, in fractions."""
    means, stds = [], []
    for k in range(images.shape[3]):
        values = [Fraction(int(v), 255) for v in images[:, :, :, k].reshape(-1)]
        mean = sum(values) / len(values)
        means.append(float(mean))
        stds.append(math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)))
    return means, stds


def cifar_record(label_bytes, image):
    """One record: labels, then the red, the green and the blue plane, row by row."""
    out = bytearray(label_bytes)
    for channel in range(3):
        for row in range(32):
            for column in range(32):
                out.append(int(image[row, column, channel]))
    return bytes(out)


def bilinear_halved(plane):
    """A plane at half its height and width, by the triangle filter of twice the width, as antialiasing asks for."""
    h, w = plane.shape

    def weights(i, length):
        centre = 2 * (i + 0.5)
        w = {j: max(0.0, 1 - abs(j + 0.5 - centre) / 2) for j in range(length)}
        total = sum(w.values())
        return {j: v / total for j, v in w.items() if v}

    out = np.empty((h // 2, w // 2))
    for i in range(h // 2):
        for j in range(w // 2):
            out[i, j] = sum(
                a * b * float(plane[y, x]) for y, a in weights(i, h).items() for x, b in weights(j, w).items()
            )
    return out
