"""``idx:DIR``: files in the format of MNIST, compressed with gzip or not.

``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``
(also with a dot before ``idx``, as some archives unpack them); without the training files it is a test split only.
A file is 0, 0, 8 (unsigned bytes), the number of axes, each axis' length as 4 bytes, highest first, and the values.
Source: the MNIST home page, "file formats". Classes are named by the lines of ``classes.txt``, else by their numbers.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pruneviz.data.dataset import Array
from pruneviz.data.images import from_array
from pruneviz.data.raw import Part, Raw, Request, integer_labels
from pruneviz.data.readers.files import CLASSES_FILE, digests, folder_of, read_bytes, read_names

PREFIXES = {"train": "train", "test": "t10k"}
UNSIGNED_BYTES = 8


def _find(request: Request) -> dict[str, tuple[Path, Path]]:
    """Paths of images and labels by split."""
    folder = folder_of(request)
    found: dict[str, tuple[Path, Path]] = {}
    for split, prefix in PREFIXES.items():
        images, labels = (_variant(folder, prefix, what) for what in ("images-idx3", "labels-idx1"))
        if images and labels:
            found[split] = (images, labels)
        elif images or labels or split == "test":
            absent = f"{prefix}-labels-idx1-ubyte" if images else f"{prefix}-images-idx3-ubyte"
            raise request.error(
                f"the file {folder / absent} (or {absent}.gz) is missing; allowed: images and labels of train and "
                "t10k, or of t10k alone",
                "Get the data with `pruneviz fetch fashion-mnist` (or mnist).",
            )
    return found


def _variant(folder: Path, prefix: str, what: str) -> Path | None:
    stems = (f"{prefix}-{what}-ubyte", f"{prefix}-{what.replace('-', '.')}-ubyte")
    return next((p for stem in stems for end in ("", ".gz") if (p := folder / f"{stem}{end}").is_file()), None)


def fingerprint(request: Request) -> Any:
    """Digests of the files that are read."""
    found = _find(request)
    base = folder_of(request)
    names = [base / CLASSES_FILE] if (base / CLASSES_FILE).is_file() else []
    return digests([path for pair in found.values() for path in pair] + names, base)


def read(request: Request) -> Raw:
    """Read MNIST-style files.

    Raises:
        DataError: files are missing, cut short, or of another type or shape.
    """
    parts = {}
    for split, (x, y) in _find(request).items():
        images = from_array(_values(x, 3, request), f"{x}", request, channels_first=False, batch=True)
        parts[split] = Part.of(images, integer_labels(_values(y, 1, request), request, f"{y}", len(images)), split)
    return Raw(parts.get("train"), None, parts["test"], read_names(folder_of(request) / CLASSES_FILE, request))


def _values(path: Path, dims: int, request: Request) -> Array:
    raw = read_bytes(path, request)
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as e:
            raise request.error(f"the file {path} cannot be decompressed ({e})", "Fetch it again.") from None
    head = 4 + 4 * dims
    if len(raw) < head or raw[:4] != bytes((0, 0, UNSIGNED_BYTES, dims)):
        raise request.error(
            f"the file {path} starts with bytes {list(raw[:4])}; allowed: {[0, 0, UNSIGNED_BYTES, dims]}, an IDX "
            f"file of unsigned bytes with {dims} axes"
        )
    shape = tuple(int.from_bytes(raw[4 + 4 * d : 8 + 4 * d], "big") for d in range(dims))
    if len(raw) - head != int(np.prod(shape, dtype=np.int64)):
        raise request.error(
            f"the file {path} has {len(raw) - head} values; allowed: {'×'.join(map(str, shape))}, as its header says",
            "It may be cut short: fetch it again.",
        )
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)
