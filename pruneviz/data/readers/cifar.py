"""``cifar:DIR``: the binary versions of CIFAR-10 and CIFAR-100.

Records are a label byte (CIFAR-100: a coarse and a fine one, of which the fine counts) and 3,072 bytes: 32 × 32 red,
then green, then blue, row by row. CIFAR-10 is ``data_batch_1.bin`` … and ``test_batch.bin``, CIFAR-100 ``train.bin``
and ``test.bin``. Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009), and the data
sets' home page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pruneviz.data.dataset import Array, Labels
from pruneviz.data.raw import Part, Raw, Request
from pruneviz.data.readers.files import digests, folder_of, read_bytes, read_names

SIDE = 32
PIXELS = 3 * SIDE * SIDE
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class _Found:
    """The files of a data set: ``labels`` bytes before each image, of which the last one counts."""

    folder: Path
    train: tuple[Path, ...]
    test: Path
    names: Path
    labels: int
    classes: int


def _find(request: Request) -> _Found:
    folder = folder_of(request)
    if (folder / "test_batch.bin").is_file():
        numbered = {int(m[1]): p for p in folder.iterdir() if (m := re.fullmatch(r"data_batch_(\d+)\.bin", p.name))}
        for k in range(1, max(numbered, default=0)):
            if k not in numbered:
                raise request.error(
                    f"the file {folder / f'data_batch_{k}.bin'} is missing, though a later one is there"
                )
        train = tuple(numbered[k] for k in sorted(numbered))
        return _Found(folder, train, folder / "test_batch.bin", folder / "batches.meta.txt", 1, 10)
    if (folder / "test.bin").is_file():
        train = (folder / "train.bin",) if (folder / "train.bin").is_file() else ()
        return _Found(folder, train, folder / "test.bin", folder / "fine_label_names.txt", 2, 100)
    problem = f"the folder {folder} has neither test_batch.bin (CIFAR-10) nor test.bin (CIFAR-100)"
    inside = [p.parent for name in ("test_batch.bin", "test.bin") for p in sorted(folder.glob(f"*/{name}"))]
    if inside:
        raise request.error(problem, f"Did you mean 'cifar:{inside[0]}'?")
    if (folder / "test_batch").is_file() or (folder / "meta").is_file():
        raise request.error(
            f"{problem}; these are the pickled Python files, allowed: the binary version",
            "Get it with `pruneviz fetch cifar10` (or cifar100).",
        )
    raise request.error(problem, "Get the data with `pruneviz fetch cifar10` (or cifar100).")


def fingerprint(request: Request) -> Any:
    """Digests of the files that are read."""
    found = _find(request)
    names = (found.names,) if found.names.is_file() else ()
    return digests([*found.train, found.test, *names], found.folder)


def read(request: Request) -> Raw:
    """Read CIFAR-10 or CIFAR-100; a folder without training files gives a test split only.

    Raises:
        DataError: files are missing, of a wrong length, or hold labels out of range.
    """
    found = _find(request)
    names = read_names(found.names, request)
    if names and len(names) != found.classes:
        raise request.error(f"{found.names} names {len(names)} classes; allowed: {found.classes}")
    if not names and found.classes == len(CIFAR10_CLASSES):
        names = CIFAR10_CLASSES
    classes = names or tuple(str(k) for k in range(found.classes))
    train = None
    if found.train:
        batches = [_records(path, found, request) for path in found.train]
        images = np.concatenate([b[0] for b in batches]) if len(batches) > 1 else batches[0][0]
        train = Part.of(images, np.concatenate([b[1] for b in batches]), "train")
    return Raw(train, None, Part.of(*_records(found.test, found, request), "test"), classes)


def _records(path: Path, found: _Found, request: Request) -> tuple[Array, Labels]:
    raw = read_bytes(path, request)
    length = found.labels + PIXELS
    if not raw or len(raw) % length:
        raise request.error(
            f"the file {path} has {len(raw)} bytes; allowed: a whole number of records of {length} bytes "
            f"({found.labels} for labels, {PIXELS} for the image)",
            "It may be cut short, or of the other CIFAR: fetch it again.",
        )
    table = np.frombuffer(raw, np.uint8).reshape(-1, length)
    labels = table[:, found.labels - 1].astype(np.int64)
    if labels.max() >= found.classes:
        at = int(labels.argmax())
        raise request.error(f"{path}: record {at} has label {labels[at]}; allowed: 0 to {found.classes - 1}")
    planes = table[:, found.labels :].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels
