"""What holds for every corruption: shapes, seeds, severities, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import pruneviz as pv
from pruneviz.core.errors import SpecError
from pruneviz.data.corruptions import CORRUPTIONS, corrupt
from pruneviz.data.corruptions.registry import FAMILIES, SETS

RANDOM = [name for name, c in CORRUPTIONS.items() if c.random]
FIXED = [name for name, c in CORRUPTIONS.items() if not c.random]
COLOURED = [name for name, c in CORRUPTIONS.items() if c.coloured]
# Those of which every constant grows more severe; the others change in kind from one severity to the next.
_GROWING = {"gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "gaussian_blur", "defocus_blur"}
_GROWING |= {"brightness", "contrast", "jpeg_compression"}
GROWING = {
    "cifar10-c": sorted(_GROWING | {"zoom_blur", "fog", "pixelate"}),
    "imagenet-c": sorted(_GROWING | {"motion_blur"}),
}


def pictures(n: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Smooth colours with hard-edged patches."""
    rng = np.random.default_rng(height * width)
    y, x = np.arange(height)[:, None, None], np.arange(width)[:, None]
    waves = [rng.normal(size=(n, 1, 1, channels)) * np.sin(rng.normal(0, 0.2, (n, 1, 1, 1)) * a) for a in (y, x, y + x)]
    images = 128 + 50 * sum(waves)
    images[:, : height // 3, width // 2 :] += 60
    images[:, height // 2 :, : width // 3] -= 60
    return images.clip(0, 255).astype(np.uint8)


def ids(n: int) -> list[str]:
    return [f"test:{i}" for i in range(n)]


def test_the_catalogue_is_whole() -> None:
    assert len(CORRUPTIONS) == 19
    for name, entry in CORRUPTIONS.items():
        assert entry.name == name
        assert entry.family in FAMILIES
        assert entry.summary
        assert "2019" in entry.reference
        assert set(entry.constants) == set(SETS)
        assert [len(c) for c in entry.constants.values()] == [5, 5]
        assert corrupt(pictures(1, 8, 8), name, 1).shape == (1, 8, 8, 3)
    assert [n for n, c in CORRUPTIONS.items() if not c.faithful] == ["frost"]
    assert sorted(c.family for c in CORRUPTIONS.values()).count("extra") == 4


def test_the_catalogue_needs_nothing_heavy() -> None:
    code = "import sys, pruneviz.data.corruptions; sys.exit(any(m in sys.modules for m in ('torch', 'scipy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert pv.corrupt is corrupt


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severity_0_is_the_identity(name: str) -> None:
    images = pictures(3, 9, 10)
    same = corrupt(images, name, 0)
    assert np.array_equal(same, images)
    assert not np.shares_memory(same, images)


@pytest.mark.parametrize("constants", SETS)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_shapes(name: str, constants: str) -> None:
    for size in ((8, 8), (9, 31), (28, 28), (65, 40)):
        for severity in (1, 3, 4, 5):
            images = pictures(2, *size)
            images.setflags(write=False)
            for given in (images, images[..., :1], images[..., 0], images[:0]):
                made = corrupt(given, name, severity, constants=constants)
                assert made.shape == given.shape
                assert made.dtype == np.uint8
                assert not np.shares_memory(made, given)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_large_pictures(name: str) -> None:
    images = pictures(2, 224, 224)
    made = corrupt(images, name, 3, constants="imagenet-c")
    assert made.shape == images.shape
    assert 0.5 < np.abs(made.astype(int) - images).mean() < 128


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_extreme_pictures(name: str) -> None:
    """All black and all white; what only moves or mixes pixels leaves them as they are."""
    images = np.stack([np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)])
    for constants in SETS:
        for severity in range(1, 6):
            made = corrupt(images, name, severity, constants=constants)
            if name in ("glass_blur", "motion_blur", "zoom_blur", "elastic_transform", "gaussian_blur", "pixelate"):
                assert np.array_equal(made, images)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_sample_is_corrupted_alike_in_any_batch(name: str) -> None:
    """Bit by bit, whatever its neighbours, its place and how many are worked on at once."""
    rng = np.random.default_rng(0)
    for n, size, constants in (
        (120, (32, 32), "cifar10-c"),
        (9, (45, 70), "imagenet-c"),
        (3, (224, 224), "imagenet-c"),
    ):
        images, names, order = pictures(n, *size), ids(n), rng.permutation(n)
        for severity in (2, 5):
            made = corrupt(images, name, severity, constants=constants, sample_ids=names)
            mixed = corrupt(images[order], name, severity, constants=constants, sample_ids=[names[i] for i in order])
            assert np.array_equal(mixed, made[order])
            for part in (slice(1, 2), slice(n // 2, n // 2 + 7)):
                some = corrupt(images[part], name, severity, constants=constants, sample_ids=names[part])
                assert np.array_equal(some, made[part])


@pytest.mark.parametrize("name", RANDOM)
def test_what_is_random_depends_on_id_severity_and_seed(name: str) -> None:
    same = pictures(1, 32, 32).repeat(6, axis=0)
    made = corrupt(same, name, 3, sample_ids=["a", "b", "c", "d", "a", "e"])
    assert np.array_equal(made[0], made[4])
    assert len({m.tobytes() for m in made}) >= 4  # close angles of a short smear may look the same
    assert not np.array_equal(made, corrupt(same, name, 3, sample_ids=["a", "b", "c", "d", "a", "e"], seed=1))
    unnamed = corrupt(same, name, 3)
    assert np.array_equal(unnamed, corrupt(same, name, 3, sample_ids=range(6)))
    assert np.array_equal(unnamed, corrupt(same, name, 3, sample_ids=np.arange(6)))


@pytest.mark.parametrize("name", FIXED)
def test_what_is_not_random_depends_on_nothing(name: str) -> None:
    images = pictures(3, 32, 32)
    made = corrupt(images, name, 2)
    assert np.array_equal(made, corrupt(images, name, 2, sample_ids=["x", "y", "z"], seed=5))


@pytest.mark.parametrize(("constants", "name"), [(s, n) for s, names in GROWING.items() for n in names])
def test_more_severity_changes_more(name: str, constants: str) -> None:
    images = pictures(40, 48, 48)
    changes = [np.abs(corrupt(images, name, s, constants=constants).astype(int) - images).mean() for s in range(6)]
    assert changes == sorted(changes)
    assert len(set(changes)) == 6


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_grey(name: str) -> None:
    """Grey pictures with and without a channel axis are the same thing."""
    images = pictures(4, 20, 24, 1)
    made = corrupt(images, name, 4)
    assert np.array_equal(made[..., 0], corrupt(images[..., 0], name, 4))
    if name in COLOURED:
        colour = corrupt(images.repeat(3, axis=3), name, 4).astype(float)
        assert np.abs(made[..., 0] - colour @ [0.299, 0.587, 0.114]).max() <= 0.5
    elif not CORRUPTIONS[name].random and name != "jpeg_compression":
        assert np.array_equal(made.repeat(3, axis=3), corrupt(images.repeat(3, axis=3), name, 4))


def test_a_lens_without_drops() -> None:
    """Where nothing counts as a drop there is none; the definition divides by zero there."""
    from pruneviz.data.corruptions.spatter import spattered

    images = pictures(2, 16, 16)
    assert np.array_equal(spattered(images, np.zeros((2, 16, 16), np.float32), (0.62, 0.1, 0.7, 0.7, 0.5, 0)), images)


IMAGES = np.zeros((2, 32, 32, 3), np.uint8)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "gausian_noise"}, "Did you mean 'gaussian_noise'"),
        ({"name": None}, "allowed: brightness, contrast"),
        ({"severity": 6}, "got 6; allowed: 1, 2, 3, 4, 5, or 0 for none"),
        ({"severity": -1}, "got -1"),
        ({"severity": 2.5}, "got 2.5"),
        ({"severity": True}, "got True"),
        ({"constants": "imagenet"}, "Did you mean 'imagenet-c'"),
        ({"sample_ids": ["a"]}, "as many as there are images, 2"),
        ({"seed": 0.5}, "a whole number"),
        ({"images": IMAGES / 255}, "as uint8"),
        ({"images": IMAGES[0]}, "images[None]"),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, "Move the channels to the end"),
        ({"images": IMAGES[:, :, :7]}, "sides of at least 8"),
        ({"images": IMAGES[..., :2]}, "C 1 or 3"),
        ({"images": np.zeros(5, np.uint8)}, "(N, H, W)"),
    ],
)
def test_what_is_refused(change: dict[str, object], said: str) -> None:
    given = {"images": IMAGES, "name": "fog", "severity": 1, **change}
    with pytest.raises(SpecError, match=re.escape(said)):
        corrupt(given.pop("images"), given.pop("name"), given.pop("severity"), **given)
