"""From a spec to data: read, take the images wanted, hold some out for choosing, measure the normalisation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from pruneviz.core.errors import SpecError
from pruneviz.core.keys import digest
from pruneviz.core.options import build
from pruneviz.core.spec import DataSpec
from pruneviz.data.dataset import Array, ImageData, Labels, Split
from pruneviz.data.images import one_type, require_memory
from pruneviz.data.raw import Positions, Raw, Request, class_names
from pruneviz.data.resize import resize
from pruneviz.data.sources import reader_of
from pruneviz.data.splits import balanced, stratified

VERSION = 1  # of everything between a source's bytes and the data; raise it when equal specs give other data
NOTHING: Mapping[str, Any] = MappingProxyType({})


def load(spec: DataSpec, live: Mapping[str, Any] = NOTHING) -> ImageData:
    """Load a data set.

    ``train_limit`` and ``test_limit`` choose images balanced by class; the validation split is then carved from the
    training images, stratified by class, by ``split_seed`` and nothing else, unless the source has one of its own.
    ``mean`` and ``std`` are measured on what is left for training.

    Args:
        spec: what is wanted.
        live: objects for ``memory:NAME`` sources, by name.

    Raises:
        SpecError: the spec makes no sense as written.
        DataError: the data is missing or cannot be used.
    """
    spec = _checked(spec)
    request, raw = _read(spec, live)
    classes = class_names(raw, request)
    chosen = {"test": (raw.test, balanced(raw.test.labels, spec.test_limit))}
    if raw.train is not None:
        train, val = _training(raw.train.labels, spec, request, carve=raw.val is None)
        chosen["train"] = (raw.train, train)
        if val is not None:
            chosen["val"] = (raw.train, val)
    if raw.val is not None:
        chosen["val"] = (raw.val, np.arange(len(raw.val.labels)))
    splits = {name: _sized(part.split(at), spec, request) for name, (part, at) in chosen.items()}
    one_type({name: split.images for name, split in splits.items()}, request)
    mean, std = _normalisation(splits, spec, request)
    return ImageData(spec.source, splits.get("train"), splits.get("val"), splits["test"], classes, mean, std)


def identity(spec: DataSpec, live: Mapping[str, Any] = NOTHING) -> str:
    """Hex digest of what :func:`load` would give: equal digests mean equal data.

    It follows from the content of the source and from every field of the spec, not from where the source lies. Files
    are hashed without decoding them; data that ships is known by its card; only data that comes out of Python
    (``memory:``, functions, ``hf:``) has to be read for it.

    Raises:
        SpecError: the spec makes no sense as written.
        DataError: the data is missing, or, where it has to be read, cannot be used.
    """
    spec = _checked(spec)
    kind, reader, rest = reader_of(spec.source)
    if reader.fingerprint is not None:
        content = reader.fingerprint(Request(spec.source, rest, _size(spec), live))
    else:
        request, raw = _read(spec, live)
        class_names(raw, request)
        whole = {name: part.split(np.arange(len(part.labels))).content for name, part in raw.parts.items()}
        content = [whole, raw.classes]
    asked = {f.name: getattr(spec, f.name) for f in fields(spec) if f.name != "source"}
    return digest({"version": VERSION, "kind": kind, "content": content, "spec": asked})


def _checked(spec: DataSpec) -> DataSpec:
    """The spec with its values checked, however it was made."""
    spec = build(DataSpec, {f.name: getattr(spec, f.name) for f in fields(spec)}, "[data]")
    if spec.size is not None and len(spec.size) != 2:
        raise SpecError("[data] size", list(spec.size), "two whole numbers, height and width", "Write [32, 32].")
    if (spec.mean is None) != (spec.std is None):
        raise SpecError("[data] mean, std", [spec.mean, spec.std], "both, or neither (then they are measured)")
    return spec


def _size(spec: DataSpec) -> tuple[int, int] | None:
    return (spec.size[0], spec.size[1]) if spec.size is not None else None


def _read(spec: DataSpec, live: Mapping[str, Any]) -> tuple[Request, Raw]:
    _, reader, rest = reader_of(spec.source)
    request = Request(spec.source, rest, _size(spec), live)
    return request, reader.read(request)


def _sized(split: Split, spec: DataSpec, request: Request) -> Split:
    size = _size(spec)
    if size is None:
        return split
    images = split.images
    channels = images.shape[3 if images.dtype == np.uint8 else 1]
    require_memory(len(images), (*size, channels), request, images.itemsize)
    return replace(split, images=resize(images, size))


def _training(labels: Labels, spec: DataSpec, request: Request, *, carve: bool) -> tuple[Positions, Positions | None]:
    """Positions of the images to train on, and of those held out of them."""
    count = len(np.unique(labels))
    if spec.train_limit is not None and spec.train_limit < count:
        raise SpecError("[data] train_limit", spec.train_limit, f"at least one image for each of {count} classes")
    used = balanced(labels, spec.train_limit)
    if not carve or spec.val_fraction == 0:
        return used, None
    kept, held = stratified(labels[used], spec.val_fraction, spec.split_seed)
    if not len(held):
        raise request.error(
            f"val_fraction {spec.val_fraction:g} of {len(used)} training images leaves none for validation",
            "Give a larger val_fraction, or 0 for no validation split.",
        )
    return used[kept], used[held]


def _normalisation(
    splits: Mapping[str, Split], spec: DataSpec, request: Request
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    images = splits["test"].images
    pixels = images.dtype == np.uint8
    channels = images.shape[3 if pixels else 1]
    if spec.mean is not None and spec.std is not None:
        for name, values in (("mean", spec.mean), ("std", spec.std)):
            if len(values) != channels:
                raise SpecError(f"[data] {name}", list(values), f"{channels} numbers, one a channel of {spec.source}")
        return spec.mean, spec.std
    if not pixels:
        return (0.0,) * channels, (1.0,) * channels
    if "train" not in splits:
        raise request.error(
            "there are only test images, on which mean and std are not measured; allowed: test images with both given",
            "Give those that the model was trained with, by channel: mean and std under [data], or on the command line "
            f"--set data.mean=… --set data.std=…; mean = {[0.0] * channels} and std = {[1.0] * channels} only scale to "
            "[0, 1].",
        )
    mean, std = measure(splits["train"].images)
    if 0.0 in std:
        raise request.error(
            f"channel {std.index(0.0)} of the training images is {mean[std.index(0.0)] * 255:g} everywhere, so it "
            "cannot be divided by its standard deviation",
            "Give mean and std, or mend the images.",
        )
    return mean, std


def measure(images: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and (population) standard deviation by channel, of pixels scaled to [0, 1].

    They come from counts of the 256 values, in whole numbers: neither the order of the images nor the machine matters.

    Args:
        images: uint8 (N, H, W, C).
    """
    means, stds = [], []
    for channel in range(images.shape[3]):
        counts = np.zeros(256, dtype=np.int64)
        for start in range(0, len(images), 4096):  # bincount works on 8-byte copies
            counts += np.bincount(images[start : start + 4096, :, :, channel].reshape(-1), minlength=256)
        n, total, squares = (sum(int(c) * v**power for v, c in enumerate(counts)) for power in (0, 1, 2))
        means.append(total / (n * 255))
        stds.append(math.sqrt((n * squares - total**2) / (n * 255) ** 2))
    return tuple(means), tuple(stds)
