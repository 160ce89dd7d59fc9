"""``npz:FILE``: a NumPy archive of plain arrays.

Images are uint8 (N, H, W) or (N, H, W, C), or floating-point (N, C, H, W), used as given; labels are whole numbers
(N,). An array ``classes`` of text names the classes.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from pruneviz.data.dataset import Array
from pruneviz.data.images import from_array
from pruneviz.data.raw import Part, Raw, Request, integer_labels
from pruneviz.data.readers.files import digests, file_of

FORM = "x_train, y_train, x_test, y_test (and x_val, y_val), or images and labels for a test split only"


def fingerprint(request: Request) -> Any:
    """Digest of the file, whatever it is called."""
    path = file_of(request)
    return list(digests([path], path.parent).values())


def read(request: Request) -> Raw:
    """Read an archive; never a pickle.

    Raises:
        DataError: it is no archive of such arrays, or holds pickled objects.
    """
    path = file_of(request)
    arrays = _arrays(path, request)
    if {"images", "labels"} <= arrays.keys() and "x_test" not in arrays:
        pairs = {"test": ("images", "labels")}
    else:
        pairs = {s: (f"x_{s}", f"y_{s}") for s in ("train", "val", "test") if {f"x_{s}", f"y_{s}"} & arrays.keys()}
    absent = [key for pair in pairs.values() for key in pair if key not in arrays]
    if "test" not in pairs or absent:
        problem = f"has no {', '.join(absent)}" if absent else "has no test split"
        raise request.error(f"{path} {problem}; allowed: {FORM}", f"It holds: {', '.join(arrays) or 'nothing'}.")
    parts = {}
    for split, (x, y) in pairs.items():
        images = from_array(arrays[x], f"{path}: array {x!r}", request, channels_first=False, batch=True)
        parts[split] = Part.of(images, integer_labels(arrays[y], request, f"{path}: array {y!r}", len(images)), split)
    classes = arrays.get("classes", np.empty(0, dtype=np.str_))
    if classes.dtype.kind not in "US" or classes.ndim != 1:
        raise request.error(f"{path}: array 'classes' is {classes.dtype} {classes.shape}; allowed: text, one a class")
    return Raw(parts.get("train"), parts.get("val"), parts["test"], tuple(str(c) for c in classes.astype(np.str_)))


def _arrays(path: Path, request: Request) -> dict[str, Array]:
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                if not zipfile.is_zipfile(file):
                    raise ValueError("its end is missing")
                file.seek(0)
                with np.load(file, allow_pickle=False) as archive:
                    return {key: archive[key] for key in archive}
    except Exception as e:  # damaged archives raise zip, zlib, value, key and file errors
        if "allow_pickle" in str(e):
            raise request.error(
                f"{path} holds pickled Python objects, which can run code and are never loaded; allowed: plain arrays",
                "Save it again with numpy.savez, from arrays of numbers (no dtype object).",
            ) from None
        raise request.error(f"{path} cannot be read ({e})", "It may be cut short: copy it again.") from None
    raise request.error(f"{path} is no NumPy archive; allowed: what numpy.savez writes, with {FORM}")
