"""Data sets given as Python objects."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from pruneviz.core.errors import DataError, SpecError
from pruneviz.core.spec import DataSpec
from pruneviz.data import load

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)
Y = np.array([0, 1, 2] * 4)
GIVEN = {"mean": (0.5,) * 3, "std": (0.25,) * 3}


class Items(Dataset):
    """A data set made of a list of items."""

    def __init__(self, items, classes=None):
        self.items = items
        if classes is not None:
            self.classes = classes

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def memory(given, **more):
    return load(DataSpec("memory:mine", **{"val_fraction": 0.25, **more}), {"mine": given})


def pil():
    return Items([(Image.fromarray(x), int(y)) for x, y in zip(PIXELS, Y, strict=True)])


CHANNELS_FIRST = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize(
    "dataset",
    [
        pil(),
        (PIXELS, Y),
        (PIXELS, Y.tolist()),
        (PIXELS, Y[:, None]),
        (CHANNELS_FIRST, torch.from_numpy(Y)),
        TensorDataset(CHANNELS_FIRST, torch.from_numpy(Y)),
        Items([(x, np.int32(y)) for x, y in zip(PIXELS, Y, strict=True)]),
        [(x, y) for x, y in zip(PIXELS, Y, strict=True)],
    ],
    ids=["pillow", "arrays", "list-labels", "column-labels", "tensors", "tensor-dataset", "numpy-items", "list"],
)
def test_pixels_in_any_form_give_the_same_data(dataset):
    data = memory((dataset, dataset))
    assert np.array_equal(data.test.images, PIXELS)
    assert data.test.labels.tolist() == Y.tolist()
    assert data.test.ids[3] == "test:3"
    assert data.digest == memory((pil(), pil())).digest
    assert (len(data.train), len(data.val)) == (9, 3)


def test_float_tensors_are_kept_as_given():
    x = CHANNELS_FIRST.float() / 255 - 0.3
    data = memory((TensorDataset(x, torch.from_numpy(Y)),) * 2)
    assert data.test.images.dtype == np.float32
    assert np.array_equal(data.test.images, x.numpy())
    assert (data.channels, data.height, data.width) == (3, 6, 5)
    assert torch.equal(data.preprocess(data.test.images), x)
    normalised = memory((TensorDataset(x, torch.from_numpy(Y)),) * 2, **GIVEN)
    assert torch.allclose(normalised.preprocess(normalised.test.images), (x - 0.5) / 0.25)


def test_float_items_with_channels_last_are_turned():
    data = memory(Items([(x / 255, y) for x, y in zip(PIXELS, Y, strict=True)]))
    assert np.allclose(data.test.images, PIXELS.transpose(0, 3, 1, 2) / 255)


@pytest.mark.parametrize("given", [(PIXELS, Y), pil(), (None, pil()), {"test": pil()}, {"train": None, "test": pil()}])
def test_test_split_alone(given):
    data = memory(given, **GIVEN)
    assert data.train is None
    assert len(data.test) == 12


def test_dictionary_with_validation_and_classes():
    data = memory({"train": pil(), "val": (PIXELS[:3], Y[:3]), "test": pil(), "classes": ["a", "b", "c"]})
    assert data.classes == ("a", "b", "c")
    assert data.val.ids.tolist() == ["val:0", "val:1", "val:2"]


def test_class_names_of_the_data_set_itself():
    assert memory((Items(pil().items, ["x", "y", "z"]), pil())).classes == ("x", "y", "z")
    assert memory((Items(pil().items, [0, 1, 2]), pil())).classes == ("0", "1", "2")


def test_sizes_need_a_size():
    mixed = Items([(Image.fromarray(PIXELS[0]), 0), (Image.fromarray(PIXELS[1, :4]), 1)])
    with pytest.raises(DataError, match=r"sample 0 is uint8 6×5×3, sample 1 is uint8 4×5×3; .*`size"):
        memory(mixed, **GIVEN)
    assert memory(mixed, size=(8, 8), **GIVEN).test.images.shape == (2, 8, 8, 3)


class Failing(Items):
    def __getitem__(self, i):
        if i == 5:
            raise RuntimeError("disk on fire")
        return super().__getitem__(i)


class Augmenting(Items):
    calls = 0

    def __getitem__(self, i):
        self.calls += 1
        return PIXELS[i] ^ np.uint8(self.calls), Y[i]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Items([]), r"test split has no samples"),
        ((PIXELS[:0], Y[:0]), r"test split has no samples"),
        (Items([PIXELS[0]]), r"sample 0 is a ndarray; allowed: a pair \(image, label\)"),
        (Items([(PIXELS[0], 0), (PIXELS[1], "dog")]), r"labels are <U21|labels are <U3"),
        (Items([(PIXELS[0], 0), (PIXELS[1], 1.5)]), r"labels are float64"),
        (Items([(PIXELS[0], [0, 1])]), r"label of sample 0 has shape \(2,\)"),
        (Items([(PIXELS[0], -1)]), r"sample 0 has label -1"),
        (Items([(PIXELS[0] * np.nan, 0)]), r"image of sample 0 hold 90 values that are NaN"),
        (Items([(torch.full((3, 4, 4), float("inf")), 0)]), r"NaN or infinite"),
        (Items([(PIXELS[0], 0), (PIXELS[1] / 255, 1)]), r"sample 0 is uint8 6×5×3, sample 1 is float32 3×6×5"),
        (Items([(np.zeros((4, 4, 2), np.uint8), 0)]), r"allowed: 1 or 3 channels.*float32 with channels first"),
        (Items([("text", 0)]), r"hold <U4; allowed: uint8"),
        (Failing(pil().items), r"sample 5 cannot be read: RuntimeError: disk on fire"),
        (Augmenting(pil().items), r"differs when it is read twice.*augment"),
        (7, r"the test data set is a int; allowed: a data set with a length"),
        ((pil(), pil(), pil()), r"the test data set is a tuple"),
        ({"train": pil()}, r"there is no test data set"),
        ({"tset": pil()}, r"has the key 'tset'; allowed: train, val, test, classes. Did you mean 'test'"),
    ],
)
def test_errors_name_the_sample(given, message):
    with pytest.raises(DataError, match=message) as e:
        memory(given, **GIVEN)
    assert "memory:mine" in str(e.value)


def test_name_that_was_not_given():
    with pytest.raises(DataError, match=r"no object of this name was given; given: 'mien'.*Did you mean 'mien'"):
        load(DataSpec("memory:mine"), {"mien": pil()})
    with pytest.raises(DataError, match=r"given: none.*given again in each session"):
        load(DataSpec("memory:mine"))


@pytest.fixture
def module(monkeypatch):
    made = types.ModuleType("my_test_data")
    monkeypatch.setitem(sys.modules, "my_test_data", made)
    made.__spec__ = types.SimpleNamespace(name="my_test_data")
    return made


def test_function(module):
    module.load = lambda: (pil(), pil())
    data = load(DataSpec("my_test_data:load", val_fraction=0.25))
    assert np.array_equal(data.test.images, PIXELS)


def test_function_errors(module):
    module.load = lambda: 1 / 0
    with pytest.raises(DataError, match=r"'my_test_data:load': the function failed: ZeroDivisionError"):
        load(DataSpec("my_test_data:load"))
    module.load = lambda: sys.exit("usage")
    with pytest.raises(DataError, match=r"the function failed: SystemExit: usage"):
        load(DataSpec("my_test_data:load"))
    with pytest.raises(DataError, match=r"has no function 'lod'.*Did you mean 'load'"):
        load(DataSpec("my_test_data:lod"))
    with pytest.raises(DataError, match=r"there is no module 'no_such_package_here'.*PYTHONPATH"):
        load(DataSpec("no_such_package_here.data:load"))


def test_module_that_fails_or_lacks_something(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_broken_data.py").write_text("raise RuntimeError('not today')")
    with pytest.raises(DataError, match=r"importing 'my_broken_data' failed: RuntimeError: not today"):
        load(DataSpec("my_broken_data:load"))
    (tmp_path / "my_needy_data.py").write_text("import no_such_package_here")
    with pytest.raises(DataError, match=r"no module 'no_such_package_here'. Importing my_needy_data needs it"):
        load(DataSpec("my_needy_data:load"))


class Feature:
    """Stands for datasets.Image, whose name it gets below."""


class ClassLabel:
    names = ("a", "b", "c")


Feature.__name__ = "Image"


class Table:
    """Stands for datasets.Dataset."""

    def __init__(self, features):
        self.features = features

    def __len__(self):
        return 12

    def __getitem__(self, i):
        return {"img": Image.fromarray(PIXELS[i]), "label": int(Y[i]), "other": "x"}


@pytest.fixture
def hub(monkeypatch):
    fake = types.ModuleType("datasets")
    fake.features = {"other": object(), "img": Feature(), "label": ClassLabel()}
    fake.load_dataset = lambda name: {s: Table(fake.features) for s in ("train", "validation", "test", "unlabelled")}
    monkeypatch.setitem(sys.modules, "datasets", fake)
    return fake


def test_hugging_face_columns_and_splits(hub):
    data = load(DataSpec("hf:someone/things"))
    assert data.classes == ("a", "b", "c")
    assert np.array_equal(data.test.images, PIXELS)
    assert data.val.ids[0] == "val:0"
    del hub.features["label"]
    with pytest.raises(DataError, match=r"one of type Image and one of type ClassLabel"):
        load(DataSpec("hf:someone/things"))


def test_hugging_face_that_cannot_be_loaded(hub):
    def fail(name):
        raise ConnectionError(f"no way to {name}")

    hub.load_dataset = fail
    with pytest.raises(DataError, match=r"cannot be loaded: ConnectionError: no way to someone/things"):
        load(DataSpec("hf:someone/things"))


def test_hugging_face_without_the_extra(monkeypatch):
    from pruneviz.data.readers import objects

    monkeypatch.delitem(sys.modules, "datasets", raising=False)
    monkeypatch.setattr(objects.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"'datasets' is not installed.*pip install 'pruneviz\[hf\]'"):
        objects.read_hf(objects.Request("hf:x", "x", None, {}))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("foldr:photos", r"got 'foldr'; allowed: cifar, folder, .*package.module.*Did you mean 'folder'"),
        ("s3://bucket/x", r"got 's3'"),
        ("fashion", r'Write "sample:fashion"'),
        ("some/data.npz", r'Write "npz:some/data.npz"'),
        ("/", r'Write "folder:/"'),
        ("", r"allowed: sample:NAME, cifar:DIR"),
    ],
)
def test_unknown_sources(source, message):
    with pytest.raises(SpecError, match=message):
        load(DataSpec(source))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("folder:no/such/place", r"there is no folder .*no/such/place. Nor is there a folder"),
        ("cifar:", r"names no folder; allowed: a path after the colon"),
        ("npz:no_such.npz", r"there is no file .*no_such.npz"),
        (f"idx:{__file__}", r"test_objects.py is a file; allowed: a folder"),
        ("npz:/", r"/ is a folder; allowed: a file"),
    ],
)
def test_missing_places(source, message):
    with pytest.raises(DataError, match=message):
        load(DataSpec(source))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("size", (0, 8), r"\[data\] size: got 0; allowed: list of whole number.* ≥ 1"),
        ("size", (8,), r"\[data\] size: got \[8\]; allowed: two whole numbers, height and width"),
        ("mean", (0.5,), r"mean, std: .*both, or neither"),
        ("val_fraction", 1.0, r"val_fraction: got 1.0; allowed: number ≥ 0 and < 1"),
        ("train_limit", 0, r"train_limit: got 0"),
    ],
)
def test_specs_made_in_python_are_checked_too(field, value, message):
    with pytest.raises(SpecError, match=message):
        load(DataSpec("sample:digits", **{field: value}))
