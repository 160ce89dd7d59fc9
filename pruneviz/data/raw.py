"""What a reader hands over: labels and ids at once, images when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruneviz.core.errors import DataError
from pruneviz.data.dataset import Array, Ids, Labels, Split

Positions = Labels


@dataclass(frozen=True)
class Request:
    """What a reader is asked for.

    Attributes:
        source: the whole source, such as ``cifar:data/bin``, for messages.
        rest: what follows the scheme.
        size: height and width to resize to; None: as they are. Readers of images of different sizes apply it.
        live: objects given in Python, by name.
    """

    source: str
    rest: str
    size: tuple[int, int] | None
    live: Mapping[str, Any]

    def error(self, problem: str, remedy: str = "") -> DataError:
        """The error for this source: what was found and what is allowed, then the remedy."""
        return DataError(f"data source {self.source!r}: {problem}. {remedy}".strip())


@dataclass(frozen=True, eq=False)
class Part:
    """One split as found.

    Attributes:
        labels: int64 (N,).
        ids: text (N,).
        images: called with positions int64 (n,), gives uint8 (n, H, W, C) or float32 (n, C, H, W).
    """

    labels: Labels
    ids: Ids
    images: Callable[[Positions], Array]

    @classmethod
    def of(cls, images: Array, labels: Labels, split: str) -> Part:
        """A split whose images are in memory already; its ids are ``split:index``."""
        ids = np.array([f"{split}:{i}" for i in range(len(labels))], dtype=np.str_)
        return cls(labels, ids, lambda at: images if is_all(at, len(images)) else images[at])

    def split(self, at: Positions) -> Split:
        """The images at these positions."""
        return Split(np.ascontiguousarray(self.images(at)), self.labels[at], self.ids[at])


@dataclass(frozen=True, eq=False)
class Raw:
    """A data set as found; ``classes`` is empty where the source names none."""

    train: Part | None
    val: Part | None
    test: Part
    classes: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, Part]:
        """The splits that there are, by name."""
        found = {"train": self.train, "val": self.val, "test": self.test}
        return {name: part for name, part in found.items() if part is not None}


def is_all(at: Positions, count: int) -> bool:
    """Whether positions are 0, 1, …, count - 1: then the array itself will do, without a copy."""
    return len(at) == count and bool(np.array_equal(at, np.arange(count)))


def integer_labels(values: Any, request: Request, what: str, count: int) -> Labels:
    """Labels as int64 (N,), checked to be whole numbers from 0, one for each image.

    Args:
        values: an array or list.
        request: for messages.
        what: where the labels stand, for messages.
        count: how many images there are.

    Raises:
        DataError: anything else.
    """
    labels = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise request.error(
            f"{what} have shape {labels.shape}; allowed: one whole number an image, shape ({count},)",
            "If they are one-hot, take their argmax over axis 1.",
        )
    if labels.ndim == 2:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != count:
        raise request.error(f"{what} have shape {labels.shape}, but there are {count} images; allowed: ({count},)")
    if count and labels.dtype.kind not in "iu":
        raise request.error(
            f"{what} are {labels.dtype} (the first is {labels[0]}); allowed: whole numbers from 0",
            "Number the classes from 0 and store the numbers as integers.",
        )
    labels = labels.astype(np.int64)
    if count and labels.min() < 0:
        at = int(labels.argmin())
        raise request.error(
            f"{what}: sample {at} has label {labels[at]}; allowed: 0 and above", "Number the classes from 0."
        )
    return labels


def class_names(raw: Raw, request: Request) -> tuple[str, ...]:
    """Names of all classes, after checking that labels, classes and splits fit together.

    Raises:
        DataError: no samples, a label without a class, a class without any image, a class that is in the test split
            but not in training.
    """
    for name, part in raw.parts.items():
        if len(part.labels) == 0:
            raise request.error(f"the {name} split has no samples; allowed: at least one")
    used = {name: np.unique(part.labels) for name, part in raw.parts.items()}
    highest = max(int(u[-1]) for u in used.values())
    classes = raw.classes or tuple(str(k) for k in range(highest + 1))
    for name, part in raw.parts.items():
        if used[name][-1] >= len(classes):
            at = int(part.labels.argmax())
            raise request.error(
                f"sample {str(part.ids[at])!r} has label {part.labels[at]}; allowed: 0 to {len(classes) - 1}, "
                f"as there are {len(classes)} classes",
                "Name every class, or mend the label.",
            )
    if not raw.classes:
        missing = np.setdiff1d(np.arange(highest + 1), np.concatenate(list(used.values())))
        if len(missing):
            raise request.error(
                f"labels go up to {highest}, but no image has label {_some(missing)}; allowed: 0, 1, 2, … without gaps",
                "Number the classes from 0, or name them all (`classes`, or a file classes.txt).",
            )
    if raw.train is not None:
        for name in used.keys() - {"train"}:
            new = np.setdiff1d(used[name], used["train"])
            if len(new):
                names = _some([classes[k] for k in new])
                raise request.error(
                    f"the {name} split has class {names}, of which training has no image; allowed: classes of training",
                    "Add training images of it, or take it out.",
                )
    return classes


def _some(items: Sequence[Any] | Array, count: int = 5) -> str:
    shown = ", ".join(repr(i.item() if isinstance(i, np.generic) else i) for i in list(items)[:count])
    return shown + (f" and {len(items) - count} more" if len(items) > count else "")
