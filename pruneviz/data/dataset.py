"""Images and labels as the rest of the library sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.keys import bytes_digest, digest
from pruneviz.data.preprocess import Preprocess

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]
Ids = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Split:
    """Images of one split, with their labels and names.

    Attributes:
        images: uint8 (N, H, W, C) in 0..255 where the source has pixels; float32 (N, C, H, W), as given, where a
            user's data set yields tensors that are no pixels any more.
        labels: int64 (N,), from 0.
        ids: text (N,), unique: the file's path within its folder, or ``test:17`` with the index in the source's split.
    """

    images: Array
    labels: Labels
    ids: Ids

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def content(self) -> str:
        """Hex digest of images, labels and ids, with their types and shapes."""
        form = f"{self.images.dtype} {self.images.shape}".encode()
        return bytes_digest(
            form,
            np.ascontiguousarray(self.images).data.cast("B"),
            np.ascontiguousarray(self.labels).tobytes(),
            "\n".join(self.ids.tolist()).encode(),
        )


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set for single-label classification of images of one size.

    Attributes:
        name: the source, as text.
        train: what models are trained on; None where there is only a test split (comparing only).
        val: what choices are made on; None without training images or with ``val_fraction = 0``.
        test: what results are reported on.
        classes: names of the classes, in the order of their numbers.
        mean, std: by channel, of images scaled to [0, 1]; 0 and 1 for float images used as given.
        digest: hex content digest of everything above but the name: all that can change a result.
    """

    name: str
    train: Split | None
    val: Split | None
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        parts = [split.content if split is not None else None for split in (self.train, self.val, self.test)]
        content = {"parts": parts, "classes": self.classes, "mean": self.mean, "std": self.std}
        object.__setattr__(self, "digest", digest(content))

    @property
    def pixels(self) -> bool:
        """Whether images are uint8 pixels (N, H, W, C), rather than float tensors (N, C, H, W) as given."""
        return self.test.images.dtype == np.uint8

    @property
    def channels(self) -> int:
        """Channels of an image: 1 or 3 for pixels."""
        return int(self.test.images.shape[3 if self.pixels else 1])

    @property
    def height(self) -> int:
        """Rows of an image, in pixels."""
        return int(self.test.images.shape[1 if self.pixels else 2])

    @property
    def width(self) -> int:
        """Columns of an image, in pixels."""
        return int(self.test.images.shape[2 if self.pixels else 3])

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def preprocess(self) -> Preprocess:
        """What turns these images into a model's input."""
        return Preprocess(self.mean, self.std)
