"""Every corruption against its definition, written slowly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from references import corruptions_slow as slow

from pruneviz.data.corruptions import CORRUPTIONS, blur, colour, contours, elastic, fog, glass, motion, noise, zoom
from pruneviz.data.corruptions.pixels import to_planes
from pruneviz.data.corruptions.smoothing import smooth


def terms(name: str) -> list[object]:
    return [c for constants in CORRUPTIONS[name].constants.values() for c in constants]


def pictures(n: int, height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Rough and flat areas, with black, white and grey pixels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, height, width, channels), np.uint8)
    images[:, : height // 2] = images[:, :1, :1]
    images[:, -1, :4] = np.array([0, 255, 128, 128], np.uint8)[:, None]
    return images


def close(made: np.ndarray, exact: np.ndarray, within: float = 1.0) -> None:
    """What is behind the point is left out, give or take what single precision can do to it."""
    assert np.abs(made - (np.clip(exact, 0, 255) - 0.5)).max() <= within / 2 + 0.01


@pytest.mark.parametrize("border", ["nearest", "reflect"])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.7])
def test_smoothing(sigma: float, border: str) -> None:
    planes = np.random.default_rng(1).random((2, 1, 9, 31), np.float32)
    rule = slow.clamped if border == "nearest" else slow.mirrored_at_edges
    made = smooth(planes, sigma, border=border, truncate=3.0)
    for plane, out in zip(planes[:, 0], made[:, 0], strict=True):
        assert np.allclose(out, slow.normal_blur(plane, sigma, 3.0, rule), atol=1e-5)


@pytest.mark.parametrize("sigma", [0.4, 1.0])
def test_gaussian_blur(sigma: float) -> None:
    images = pictures(2, 9, 11)
    exact = np.stack([[slow.normal_blur(p, sigma) for p in i.transpose(2, 0, 1)] for i in images])
    close(blur.gaussian_blur(images, sigma), exact.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("constants", terms("defocus_blur"))
def test_disks(constants: tuple[float, float]) -> None:
    exact, made = slow.disk(*constants), blur.disk(*constants)
    margin = (len(exact) - len(made)) // 2
    assert np.allclose(np.pad(made, margin), exact, atol=1e-7)


@pytest.mark.parametrize("constants", [(0.5, 0.6), (1.5, 0.1), (6, 0.5), (10, 0.5)])
def test_defocus_blur(constants: tuple[float, float]) -> None:
    images = pictures(1, 8, 10, 1)
    exact = slow.convolved(images[0, :, :, 0], blur.disk(*constants), slow.mirrored_at_pixels)
    close(blur.defocus_blur(images, constants)[0, :, :, 0], exact)


@pytest.mark.parametrize("constants", [(1, 1.06, 0.01), (1, 1.31, 0.03)])
def test_zoom_blur(constants: tuple[float, float, float]) -> None:
    images = pictures(1, 13, 9, 1)
    plane = images[0, :, :, 0].astype(float)
    factors = np.arange(*constants)
    exact = (plane + sum(slow.zoomed(plane, f) if f > 1 else plane for f in factors)) / (len(factors) + 1)
    close(zoom.zoom_blur(images, constants)[0, :, :, 0], exact, within=2.0)


@pytest.mark.parametrize("more", [0.05, 0.5])
def test_brightness(more: float) -> None:
    images = pictures(1, 12, 12)
    close(colour.brightness(images, more)[0], slow.brightened(images[0], more))


@pytest.mark.parametrize("constants", terms("saturate"))
def test_saturate(constants: tuple[float, float]) -> None:
    images = pictures(1, 12, 12)
    close(colour.saturate(images, constants)[0], slow.saturated(images[0], *constants))


def test_contrast() -> None:
    images = pictures(2, 8, 9)
    means = images.mean(axis=(1, 2), keepdims=True)
    close(colour.contrast(images, 0.3), (images - means) * 0.3 + means)


@pytest.mark.parametrize("constants", [(6, 1), (9, 2.5), (20, 15)])
def test_motion(constants: tuple[int, float]) -> None:
    images, angles = pictures(5, 9, 12, 1), np.array([17.0, -45, 44.9, 0, -110])
    made = motion.smeared(images, angles, *constants)
    for image, angle, out in zip(images, angles, made, strict=True):
        close(out[:, :, 0], slow.smeared(image[:, :, 0].astype(float), angle, *constants), within=1.1)


@pytest.mark.parametrize(("step", "times"), [(1, 1), (1, 2), (2, 3), (4, 2)])
def test_glass(step: int, times: int) -> None:
    images = pictures(3, 14, 11, 1)
    rng = np.random.default_rng(0)
    moves = rng.integers(-step, step, (3, times, 14, 11, 2))
    taken = np.zeros((3, times, 14, 11), np.intp)
    inner = np.s_[:, :, step + 1 : 14 - step + 1, step + 1 : 11 - step + 1]
    taken[inner] = (moves[..., 0] * 11 + moves[..., 1])[inner]
    made = glass.shuffled(images, 0.05, taken)  # a kernel of one pixel: nothing is blurred
    for image, once, out in zip(images, moves, made, strict=True):
        assert np.array_equal(out[:, :, 0], slow.shuffled(image[:, :, 0], step, once))


def test_glass_moves_pixels_by_all_steps_equally_often() -> None:
    """Seen by columns: a picture whose value is its column shows from where each came."""
    ramp = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None], (200, 12, 40, 1)).copy()
    rng = np.random.default_rng(0)
    made = glass.glass_blur(ramp, (0.05, 1, 1), lambda n: rng.integers(0, 65536, (200, n), np.uint16))
    moved = (ramp.astype(int) - made)[:, 2:12, 2:40]
    assert set(np.unique(moved)) == {0, 1}
    assert abs(moved.mean() - 0.5) < 0.01


@pytest.mark.parametrize("decay", [1.75, 3.0])
def test_fog(decay: float) -> None:
    chances = np.random.default_rng(3).uniform(-1, 1, (2, 255)).astype(np.float32)
    made = fog.heights(chances, 16, decay)
    for numbers, land in zip(chances, made, strict=True):
        given: Iterator[float] = iter(numbers.tolist())
        assert np.allclose(land, slow.diamond_square(16, decay, given), atol=1e-5)
        assert next(given, None) is None
    images = pictures(2, 12, 15)
    veil, most = made[:, :12, :15, None], images.max(axis=(1, 2, 3), keepdims=True) / 255
    close(fog.veiled(images, made, 1.5), (images / 255 + 1.5 * veil) * most / (most + 1.5) * 255)


def test_elastic() -> None:
    planes = to_planes(pictures(2, 12, 9, 1))
    rng = np.random.default_rng(0)
    anchors = rng.uniform(-4, 4, (2, 3, 2))
    made = elastic.stretched(planes, anchors)
    for plane, moved, out in zip(planes[:, 0], anchors, made[:, 0], strict=True):
        assert np.allclose(out, slow.stretched(plane, moved), atol=0.02)
    field = rng.uniform(-1, 1, (2, 2, 12, 9)).astype(np.float32)
    made = elastic.bent(planes, field, 9.0, 1.1)
    for plane, (right, down), out in zip(planes[:, 0], field, made[:, 0], strict=True):
        assert np.allclose(out, slow.bent(plane, right, down, 9.0, 1.1), atol=0.02)


def blots(seed: int) -> np.ndarray:
    """Blots on black, of few levels, so that gradients are often equal."""
    rng = np.random.default_rng(seed)
    rough = smooth(rng.normal(size=(1, 17, 21)).astype(np.float32), 1.2)[0]
    return np.where(rough > 0.1, 120 + 20 * np.round(rough * 8), 0).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_contours(seed: int) -> None:
    stack = np.stack([blots(seed), blots(seed + 50), np.zeros((17, 21), np.uint8)])
    for low, high in ((50, 150), (50, 400)):
        made = contours.edges(stack, low, high)
        for picture, found in zip(stack, made, strict=True):
            assert np.array_equal(found, slow.edges(picture, low, high))
    marked = np.random.default_rng(seed).random((3, 30, 45)) < np.array([0.002, 0.03, 0])[:, None, None]
    away = contours.distances(marked, 20)
    for flags, found in zip(marked, away, strict=True):
        assert np.allclose(found, slow.distances(flags, 20), atol=1e-3)
    levels = away.astype(np.uint8)
    for picture, made_ in zip(levels, contours.equalised(levels), strict=True):
        assert np.array_equal(made_, slow.equalised(picture))


@pytest.mark.parametrize("photons", [3, 60, 500])
def test_shot_noise_is_poisson(photons: int) -> None:
    values = np.repeat(np.array([0, 1, 40, 128, 250, 255], np.uint8), 40_000).reshape(6, 200, 200, 1)
    rng = np.random.default_rng(0)
    made = noise.shot_noise(values, photons, lambda n: rng.integers(0, 65536, (6, n), np.uint16))
    drawn = np.random.default_rng(1).poisson(values / 255 * photons)
    direct = (np.minimum(drawn / photons, 1) * 255).astype(np.uint8)
    for ours, theirs in zip(made, direct, strict=True):
        counts = np.stack([np.bincount(a.reshape(-1), minlength=256) for a in (ours, theirs)]) / 40_000
        assert np.abs(counts[0].cumsum() - counts[1].cumsum()).max() < 0.015  # Kolmogorov and Smirnov: p < 1e-3


@pytest.mark.parametrize("amount", [0.01, 0.27])
def test_impulse_noise(amount: float) -> None:
    values = np.full((1, 400, 400, 3), 77, np.uint8)
    rng = np.random.default_rng(0)
    made = noise.impulse_noise(values, amount, lambda n: rng.integers(0, 65536, (1, n), np.uint16))
    for level in (0, 255):
        assert abs((made == level).mean() - amount / 2) < 5 * (amount / 2 / made.size) ** 0.5
    assert abs((made == 77).mean() - (1 - amount)) < 5 * (amount / made.size) ** 0.5


def test_normal_noise() -> None:
    values = np.full((1, 300, 300, 3), 100, np.uint8)
    rng = np.random.default_rng(0)

    def draw(count: int) -> np.ndarray:
        return rng.integers(0, 65536, (1, count), np.uint16)

    for make, spread in ((noise.gaussian_noise, 25.5), (noise.speckle_noise, 10.0)):
        added = make(values, 0.1, draw).astype(float) + 0.5 - 100
        assert abs(added.mean()) < 5 * spread / added.size**0.5
        assert abs(added.std() / (spread**2 + 1 / 12) ** 0.5 - 1) < 0.01
