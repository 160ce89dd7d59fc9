"""The corruptions' definitions, one pixel at a time. Planes are float arrays (H, W), images (H, W, C) in 0..255."""

from __future__ import annotations

import colorsys
import math

import numpy as np


def clamped(i, length):
    return min(max(i, 0), length - 1)


def mirrored_at_pixels(i, length):
    while not 0 <= i < length:
        i = -i if i < 0 else 2 * (length - 1) - i
    return i


def mirrored_at_edges(i, length):
    while not 0 <= i < length:
        i = -1 - i if i < 0 else 2 * length - 1 - i
    return i


def convolved(plane, weights, border):
    """Correlation with a square of weights, around each pixel."""
    height, width = plane.shape
    radius = len(weights) // 2
    out = np.zeros(plane.shape)
    for y in range(height):
        for x in range(width):
            for i, row in enumerate(weights):
                for j, weight in enumerate(row):
                    out[y, x] += weight * plane[border(y + i - radius, height), border(x + j - radius, width)]
    return out


def normal_weights(sigma, radius):
    weights = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(-radius, radius + 1)]
    return np.array(weights) / sum(weights)


def normal_blur(plane, sigma, truncate=4.0, border=clamped):
    weights = normal_weights(sigma, int(truncate * sigma + 0.5))
    return convolved(plane, np.outer(weights, weights), border)


def disk(radius, softness):
    reach = max(8, radius)
    size = 2 * reach + 1
    inside = np.array([[(x - reach) ** 2 + (y - reach) ** 2 <= radius**2 for x in range(size)] for y in range(size)])
    weights = normal_weights(softness, 1 if radius <= 8 else 2)
    return convolved(inside / inside.sum(), np.outer(weights, weights), mirrored_at_pixels)


def linear(plane, y, x, border):
    height, width = plane.shape
    top, left = math.floor(y), math.floor(x)
    value = 0.0
    for row, share in ((top, top + 1 - y), (top + 1, y - top)):
        for column, part in ((left, left + 1 - x), (left + 1, x - left)):
            value += share * part * plane[border(row, height), border(column, width)]
    return value


def zoomed(plane, factor):
    """The middle, its corners kept, enlarged to the next whole size, and of that the middle again."""
    sides = []
    for length in plane.shape:
        part = math.ceil(length / factor)
        size = round(part * factor)
        first, trim = (length - part) // 2, (size - length) // 2
        sides.append([first + (i + trim) * (part - 1) / (size - 1) for i in range(length)])
    return np.array([[linear(plane, y, x, clamped) for x in sides[1]] for y in sides[0]])


def brightened(image, more):
    out = np.zeros(image.shape)
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(image[place] / 255))
        out[place] = colorsys.hsv_to_rgb(hue, saturation, min(value + more, 1))
    return out * 255


def saturated(image, factor, more):
    out = np.zeros(image.shape)
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(image[place] / 255))
        out[place] = colorsys.hsv_to_rgb(hue, min(saturation * factor + more, 1), value)
    return out * 255


def smeared(plane, angle, radius, sigma):
    height, width = plane.shape
    weights = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(2 * radius + 1)]
    out = np.zeros(plane.shape)
    for y in range(height):
        for x in range(width):
            for k, weight in enumerate(weights):
                down = math.ceil(k * math.sin(math.radians(angle)) - 0.5)
                right = math.ceil(k * math.cos(math.radians(angle)) - 0.5)
                out[y, x] += weight / sum(weights) * plane[clamped(y + down, height), clamped(x + right, width)]
    return out


def shuffled(plane, step, moves):
    """From the last pixel back, each takes what another has by then; moves[time][y][x] = (down, right)."""
    plane = plane.copy()
    height, width = plane.shape
    for once in moves:
        for y in range(height - step, step, -1):
            for x in range(width - step, step, -1):
                down, right = once[y][x]
                plane[y, x] = plane[y + down, x + right]
    return plane


def diamond_square(side, decay, chances):
    """Heights from 0 to 1 on a torus; ``chances`` yields numbers in −1..1, by scale, step and reading order."""
    land = np.zeros((side, side))
    step, shake = side, 100.0
    while step > 1:
        half = step // 2
        rounds = [(half, half, [(-half, -half), (-half, half), (half, -half), (half, half)])]
        rounds += [(0, half, [(-half, 0), (half, 0), (0, -half), (0, half)])]
        rounds += [(half, 0, [(-half, 0), (half, 0), (0, -half), (0, half)])]
        for top, left, around in rounds:
            for y in range(top, side, step):
                for x in range(left, side, step):
                    total = sum(land[(y + i) % side, (x + j) % side] for i, j in around)
                    land[y, x] = total / 4 + shake * shake * next(chances)
        step, shake = half, shake / decay
    land -= land.min()
    return land / land.max()


def stretched(plane, anchors):
    """Backwards through the affine map that moves three points around the middle."""
    height, width = plane.shape
    reach, x, y = min(height, width) // 3, width // 2, height // 2
    points = np.array([(x + reach, y + reach), (x + reach, y - reach), (x - reach, y - reach)], float)
    there = np.vstack([(points + anchors).T, np.ones(3)])
    back = points.T @ np.linalg.inv(there)
    out = np.zeros(plane.shape)
    for row, column in np.ndindex(plane.shape):
        from_x, from_y = back @ (column, row, 1)
        out[row, column] = linear(plane, from_y, from_x, mirrored_at_pixels)
    return out


def bent(plane, right, down, far, sigma):
    right = normal_blur(right, sigma, 3.0, mirrored_at_edges) * far
    down = normal_blur(down, sigma, 3.0, mirrored_at_edges) * far
    out = np.zeros(plane.shape)
    for row, column in np.ndindex(plane.shape):
        y, x = row + down[row, column], column + right[row, column]
        out[row, column] = linear(plane, y, x, mirrored_at_edges)
    return out


def distances(marked, most):
    """The shortest way by steps of length 1, 1.4 and 2.1969, found by relaxing until nothing changes."""
    steps = {(0, 1): 1, (1, 0): 1, (1, 1): 1.4, (1, 2): 2.1969, (2, 1): 2.1969}
    steps = {(y * i, x * j): cost for (y, x), cost in steps.items() for i in (-1, 1) for j in (-1, 1)}
    far = np.where(marked, 0.0, most)
    height, width = far.shape
    while True:
        nearer = far.copy()
        for y, x in np.ndindex(far.shape):
            for (i, j), cost in steps.items():
                if 0 <= y + i < height and 0 <= x + j < width:
                    nearer[y, x] = min(nearer[y, x], far[y + i, x + j] + cost)
        if np.array_equal(nearer, far):
            return far
        far = nearer


def edges(plane, low, high):
    """Canny's edges: gradients, thinned along their direction in steps of 45°, followed from the strong ones."""
    height, width = plane.shape
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    across, down = convolved(plane, sobel, clamped), convolved(plane, sobel.T, clamped)
    size = np.pad(abs(across) + abs(down), 1)
    thin = np.zeros(plane.shape, bool)
    for y, x in np.ndindex(plane.shape):
        angle = math.degrees(math.atan2(abs(down[y, x]), abs(across[y, x])))
        if angle < 22.5:
            i, j, tie = 0, 1, True
        elif angle > 67.5:
            i, j, tie = 1, 0, True
        else:
            i, j, tie = 1, (1 if (across[y, x] < 0) == (down[y, x] < 0) else -1), False
        here, before, ahead = size[y + 1, x + 1], size[y + 1 - i, x + 1 - j], size[y + 1 + i, x + 1 + j]
        thin[y, x] = here > low and here > before and (here > ahead or (tie and here == ahead))
    found = thin & (size[1:-1, 1:-1] > high)
    waiting = list(zip(*np.nonzero(found), strict=True))
    while waiting:
        y, x = waiting.pop()
        for i in range(max(y - 1, 0), min(y + 2, height)):
            for j in range(max(x - 1, 0), min(x + 2, width)):
                if thin[i, j] and not found[i, j]:
                    found[i, j] = True
                    waiting.append((i, j))
    return found


def equalised(levels):
    values, counts = np.unique(levels, return_counts=True)
    if len(values) == 1:
        return levels.copy()
    rest = levels.size - counts[0]
    out = np.zeros_like(levels)
    for value in values[1:]:
        upto = counts[1:][values[1:] <= value].sum()
        out[levels == value] = round(255 * upto / rest)
    return out
