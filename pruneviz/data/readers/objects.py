"""Data sets given as Python objects: ``memory:NAME``, ``package.module:function``, ``hf:NAME``.

A data set is anything with a length and items ``(image, label)``, such as a torch ``Dataset``, or a pair of arrays
``(images, labels)``. Given are ``(train, test)`` (``train`` may be None), a single test data set, or a dictionary
``{"train": …, "val": …, "test": …, "classes": […]}``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from pruneviz.core.errors import nearest
from pruneviz.data.dataset import Array
from pruneviz.data.images import from_array, pixels_of
from pruneviz.data.raw import Part, Raw, Request, integer_labels
from pruneviz.data.resize import resize

FORM = '(train, test), a test data set alone, or {"train": …, "val": …, "test": …, "classes": […]}'
KEYS = ("train", "val", "test", "classes")


def read_memory(request: Request) -> Raw:
    """Read ``live[NAME]``.

    Raises:
        DataError: there is none of this name, or it is no data set as described above.
    """
    if request.rest not in request.live:
        have = ", ".join(map(repr, request.live)) or "none"
        remedy = nearest(request.rest, request.live) or "Data in memory has to be given again in each session."
        raise request.error(f"no object of this name was given; given: {have}", remedy)
    return from_objects(request.live[request.rest], request)


def read_function(request: Request) -> Raw:
    """Import a module, call its function without arguments, and read what it returns.

    Raises:
        DataError: the module or function is not there, raises an error, or returns no data set.
    """
    module_name, name = request.source.partition(":")[0], request.rest
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as e:
        own = e.name is not None and (module_name == e.name or module_name.startswith(f"{e.name}."))
        remedy = "Install it, or put its folder on PYTHONPATH." if own else f"Importing {module_name} needs it."
        raise request.error(f"there is no module {e.name!r}", remedy) from None
    except (Exception, SystemExit) as e:
        raise request.error(f"importing {module_name!r} failed: {type(e).__name__}: {e}") from e
    function = getattr(module, name, None)
    if not callable(function):
        problem = f"the module {module_name!r} has no function {name!r}"
        raise request.error(problem, nearest(name, [n for n in vars(module) if not n.startswith("_")]))
    try:
        given = function()
    except (Exception, SystemExit) as e:
        raise request.error(f"the function failed: {type(e).__name__}: {e}; allowed: one without arguments") from e
    return from_objects(given, request)


def read_hf(request: Request) -> Raw:
    """Read a Hugging Face data set by its name or folder: the splits train, validation and test.

    Raises:
        DataError: the package ``datasets`` is not installed, there is no such data set, or it has no image and label.
    """
    if "datasets" not in sys.modules and importlib.util.find_spec("datasets") is None:
        raise request.error("the package 'datasets' is not installed", "Install it: pip install 'pruneviz[hf]'.")
    import datasets

    try:
        found = datasets.load_dataset(request.rest)
    except Exception as e:
        raise request.error(f"cannot be loaded: {type(e).__name__}: {e}") from None
    splits = {("val" if name == "validation" else name): table for name, table in found.items()}
    table = next(iter(splits.values()))
    kinds = {name: type(feature).__name__ for name, feature in table.features.items()}
    columns = [next((n for n, k in kinds.items() if k == kind), None) for kind in ("Image", "ClassLabel")]
    if None in columns:
        raise request.error(f"has the columns {kinds}; allowed: one of type Image and one of type ClassLabel")
    image, label = columns
    views: dict[str, Any] = {s: _Columns(t, image, label) for s, t in splits.items() if s in KEYS}
    return from_objects({**views, "classes": list(table.features[label].names)}, request)


class _Columns:
    """Two columns of a table as a data set."""

    def __init__(self, table: Any, image: Any, label: Any) -> None:
        self.table, self.image, self.label = table, image, label

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        row = self.table[i]
        return row[self.image], row[self.label]


def from_objects(given: Any, request: Request) -> Raw:
    """Read a data set, a pair of them, or a dictionary.

    Raises:
        DataError: it is none of these, or its images and labels cannot be used.
    """
    if isinstance(given, Mapping):
        if unknown := [k for k in given if k not in KEYS]:
            hint = nearest(str(unknown[0]), KEYS)
            raise request.error(f"the dictionary has the key {unknown[0]!r}; allowed: {', '.join(KEYS)}", hint)
        splits, classes = {k: v for k, v in given.items() if k != "classes"}, given.get("classes")
    elif isinstance(given, tuple) and len(given) == 2 and not _is_arrays(given):
        splits, classes = {"train": given[0], "test": given[1]}, None
    else:
        splits, classes = {"test": given}, None
    splits = {k: v for k, v in splits.items() if v is not None}
    if "test" not in splits:
        raise request.error(f"there is no test data set; allowed: {FORM}")
    if classes is None:
        named = (getattr(v, "classes", None) for v in (splits.get("train"), splits["test"]))
        classes = next((c for c in named if isinstance(c, (list, tuple)) and all(isinstance(n, str) for n in c)), ())
    parts = {split: _part(dataset, split, request) for split, dataset in splits.items()}
    return Raw(parts.get("train"), parts.get("val"), parts["test"], tuple(str(c) for c in classes))


def _is_arrays(pair: tuple[Any, ...]) -> bool:
    """Whether a pair is (images, labels), rather than two data sets."""
    return getattr(pair[0], "ndim", 0) >= 3


def _part(dataset: Any, split: str, request: Request) -> Part:
    what = f"the {split} data set"
    if isinstance(dataset, tuple) and len(dataset) == 2 and _is_arrays(dataset):
        torch_like, array = _numpy(dataset[0])
        array = from_array(array, f"{what}: images", request, channels_first=torch_like, batch=True)
        return Part.of(array, integer_labels(_numpy(dataset[1])[1], request, f"{what}: labels", len(array)), split)
    has_items = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if isinstance(dataset, (str, bytes, tuple)) or not has_items:
        raise request.error(
            f"{what} is a {type(dataset).__name__}; allowed: a data set with a length and items (image, label), or a "
            f"pair of arrays (images, labels); in all: {FORM}"
        )
    if len(dataset) == 0:
        raise request.error(f"the {split} split has no samples; allowed: at least one")
    images: list[Array] = []
    labels: list[Any] = []
    for i in range(len(dataset)):
        image, label = _item(dataset, i, what, request)
        images.append(image)
        labels.append(label)
        if image.dtype != images[0].dtype or image.shape != images[0].shape:
            first, this = (f"{a.dtype} {'×'.join(map(str, a.shape))}" for a in (images[0], image))
            remedy = "Give a size to resize to, such as `size = [32, 32]`." if image.dtype == images[0].dtype else ""
            raise request.error(f"{what}: sample 0 is {first}, sample {i} is {this}; allowed: one shape", remedy)
    _check_repeats(dataset, images, what, request)
    return Part.of(np.stack(images), integer_labels(labels, request, f"{what}: labels", len(images)), split)


def _item(dataset: Any, i: int, what: str, request: Request) -> tuple[Array, Any]:
    try:
        item = dataset[i]
    except Exception as e:
        raise request.error(f"{what}: sample {i} cannot be read: {type(e).__name__}: {e}") from e
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        raise request.error(f"{what}: sample {i} is a {type(item).__name__}; allowed: a pair (image, label)")
    image, label = item
    where = f"{what}: the image of sample {i}"
    if hasattr(image, "has_transparency_data"):  # a Pillow image
        array = pixels_of(image, where, request)
    else:
        torch_like, array = _numpy(image)
        array = from_array(array, where, request, channels_first=torch_like, batch=False)
    if request.size is not None:
        array = resize(array[None], request.size)[0]
    number = _numpy(label)[1]
    if number.size != 1:
        raise request.error(f"{what}: the label of sample {i} has shape {number.shape}; allowed: one whole number")
    return array, number.reshape(-1)[0]


def _numpy(value: Any) -> tuple[bool, Array]:
    """Whether a value is a torch tensor, and the value as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return True, (value.float() if value.is_floating_point() else value).numpy()
    return False, np.asarray(value)


def _check_repeats(dataset: Any, images: list[Array], what: str, request: Request) -> None:
    """Refuse data that differs when it is read again: what is measured could not be repeated."""
    for i in {0, len(images) // 2, len(images) - 1}:
        if not np.array_equal(_item(dataset, i, what, request)[0], images[i]):
            raise request.error(
                f"{what}: sample {i} differs when it is read twice; allowed: fixed images",
                "Take random augmentation out of it; training augments with `augment`.",
            )
