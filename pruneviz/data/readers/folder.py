"""``folder:DIR``: image files in a folder for each class.

``DIR/train/<class>/…`` and ``DIR/test/<class>/…``, with ``DIR/val/<class>/…`` where the validation images are chosen
already; or ``DIR/<class>/…`` (or ``DIR/test/…`` alone), which is a test split only. Classes are the folders' names in
alphabetical order, or the lines of ``DIR/classes.txt``. Files that are no images and hidden files are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pruneviz.core.errors import nearest
from pruneviz.data.dataset import Array
from pruneviz.data.images import channels_of, open_picture, pixels_of, require_memory, unreadable
from pruneviz.data.raw import Part, Positions, Raw, Request
from pruneviz.data.readers.files import CLASSES_FILE, digests, folder_of, read_names
from pruneviz.data.resize import resize_pixels

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm")
SPLITS = ("train", "val", "test")
S = TypeVar("S")
T = TypeVar("T")


def fingerprint(request: Request) -> Any:
    """Digests of the files that are read."""
    base = folder_of(request)
    found = _find(base, request)
    names = [base / CLASSES_FILE] if (base / CLASSES_FILE).is_file() else []
    return digests([p for split in found.values() for files in split.values() for p in files] + names, base)


def read(request: Request) -> Raw:
    """Find the images of a folder, and read the header of each.

    Raises:
        DataError: the folder is not laid out so, has no images, or images that cannot be used (named).
    """
    base = folder_of(request)
    found = _find(base, request)
    first = found.get("train") or found["test"]
    classes = read_names(base / CLASSES_FILE, request) or tuple(first)
    for split, by_class in found.items():
        for name, files in by_class.items():
            where = "training" if "train" in found else CLASSES_FILE
            if name not in classes and files:
                allowed = f"the classes of {where}: {', '.join(map(repr, classes[:10]))}{'…' * (len(classes) > 10)}"
                raise request.error(
                    f"the {split} split has the class {name!r}; allowed: {allowed}",
                    nearest(name, classes) or "Add training images of it, or take it out.",
                )
            if not files and split == "train":
                raise request.error(
                    f"the class folder {base / split / name} has no images; allowed: at least one "
                    f"({', '.join(s[1:] for s in SUFFIXES)})",
                    "Add images, or remove the folder.",
                )
    paths = [p for by_class in found.values() for files in by_class.values() for p in files]
    height, width, channels = _shape(paths, base, request)
    parts = {s: _part(by_class, classes, base, (height, width, channels), request) for s, by_class in found.items()}
    return Raw(parts.get("train"), parts.get("val"), parts["test"], classes)


def _find(base: Path, request: Request) -> dict[str, dict[str, list[Path]]]:
    """Sorted image files by split and class."""
    folders = {p.name: p for p in sorted(base.iterdir()) if p.is_dir() and not p.name.startswith(".")}
    if not folders:
        loose = any(p.suffix.lower() in SUFFIXES for p in base.iterdir())
        raise request.error(
            f"the folder {base} has {'images but no class folders' if loose else 'no class folders'}; allowed: "
            "train/<class>/… and test/<class>/…, or <class>/… for a test split only",
            "Put the images of each class in a folder of its own.",
        )
    splits = {name: folders[name] for name in SPLITS if name in folders}
    if not {"train", "test"} & splits.keys():
        splits = {"test": base}
    elif "test" not in splits:
        others = sorted(folders.keys() - {"train"})
        have = f" (there are: {', '.join(others)})" if others else ""
        raise request.error(
            f"the folder {base} has train/ but no test/{have}; allowed: train/, test/ and, where you like, val/",
            "Results are reported on test/: rename the folder that is for it, or move images of each class there.",
        )
    elif stray := [n for n in folders if n in ("valid", "validation")]:
        raise request.error(f"the folder {base / stray[0]} is not read; allowed: train, val, test", "Rename it to val.")
    found = {split: {c.name: _files(c) for c in sorted(top.iterdir()) if _is_class(c)} for split, top in splits.items()}
    for split, by_class in found.items():
        if not any(by_class.values()):
            raise request.error(
                f"the folder {splits[split]} has no images in class folders; allowed: at least one "
                f"({', '.join(s[1:] for s in SUFFIXES)})"
            )
    return found


def _is_class(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))


def _shape(paths: list[Path], base: Path, request: Request) -> tuple[int, int, int]:
    """Height, width and channels of the images as they will be used, from the files' headers."""

    def header(path: Path) -> tuple[tuple[int, int], int]:
        what = f"the image {path.relative_to(base)}"
        with open_picture(path, what, request) as image:
            return image.size, channels_of(image, what, request)

    headers = _each(header, paths)
    channels = max(c for _, c in headers)
    if request.size is not None:
        return (*request.size, channels)
    width, height = headers[0][0]
    for path, (size, _) in zip(paths, headers, strict=True):
        if size != (width, height):
            raise request.error(
                f"images differ in size: {paths[0].relative_to(base)} is {height}×{width} (height × width), "
                f"{path.relative_to(base)} is {size[1]}×{size[0]}; allowed: one size",
                f"Give a size to resize to, such as `size = [{height}, {width}]`.",
            )
    return height, width, channels


def _part(
    by_class: dict[str, list[Path]], classes: tuple[str, ...], base: Path, shape: tuple[int, int, int], request: Request
) -> Part:
    number = {name: k for k, name in enumerate(classes)}
    listed = [(path, number[name]) for name, files in by_class.items() for path in files]
    paths = [path for path, _ in listed]
    ids = np.array([p.relative_to(base).as_posix() for p in paths], dtype=np.str_)

    def decode(path: Path) -> Array:
        what = f"the image {path.relative_to(base)}"
        with open_picture(path, what, request) as image:
            try:
                image.load()
            except Exception as e:  # decoders raise all sorts of errors on broken files
                raise unreadable(e, what, request) from None
            pixels = pixels_of(image, what, request)
        resized = pixels if pixels.shape[:2] == shape[:2] else resize_pixels(pixels, shape[:2])
        return np.broadcast_to(resized, shape)

    def images(at: Positions) -> Array:
        require_memory(len(at), shape, request)
        out = np.empty((len(at), *shape), dtype=np.uint8)

        def fill(i: int) -> None:
            out[i] = decode(paths[at[i]])

        _each(fill, range(len(at)))
        return out

    return Part(np.array([label for _, label in listed], dtype=np.int64), ids, images)


def _each(function: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """Results in order; decoding leaves Python's lock, so threads help. The first error in order is raised."""
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        return list(pool.map(function, items))
    finally:
        pool.shutdown(cancel_futures=True)
