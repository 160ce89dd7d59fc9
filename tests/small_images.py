"""A data set that a tiny network learns in a second: where the bright spot is says the class."""

from __future__ import annotations

import numpy as np

from pruneviz.data import ImageData, Split


def split(count: int, seed: int, name: str, classes: int = 3, size: int = 4, channels: int = 1) -> Split:
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % classes
    images = rng.integers(0, 120, (count, size, size, channels), dtype=np.uint8)
    for i, label in enumerate(labels):
        images[i, label // size, label % size] = 255
    return Split(images, labels, np.asarray([f"{name}:{i}" for i in range(count)]))


def small(train: int | None = 50, val: int | None = 12, test: int = 15, channels: int = 1) -> ImageData:
    """Images of 4×4 pixels in three classes."""
    return ImageData(
        name="small",
        train=None if train is None else split(train, 0, "train", channels=channels),
        val=None if val is None else split(val, 1, "val", channels=channels),
        test=split(test, 2, "test", channels=channels),
        classes=("left", "middle", "right"),
        mean=(0.3,) * channels,
        std=(0.25,) * channels,
    )
