"""NumPy archives and IDX files."""

from __future__ import annotations

import gzip
from dataclasses import replace

import numpy as np
import pytest

from pruneviz.core.errors import DataError
from pruneviz.core.spec import DataSpec
from pruneviz.data import load

MEAN, STD = (0.5,), (0.25,)
Y = np.array([0, 1, 2] * 4)


def pixels(seed=0, shape=(12, 5, 4)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def archive(tmp_path):
    def write(**arrays):
        whole = {"x_train": pixels(1), "y_train": Y, "x_test": pixels(2), "y_test": Y, **arrays}
        np.savez(tmp_path / "my.npz", **{k: v for k, v in whole.items() if v is not None})
        return DataSpec(f"npz:{tmp_path / 'my.npz'}", val_fraction=0.25)

    return write


def test_npz_grey_and_colour(archive):
    data = load(archive())
    assert np.array_equal(data.test.images[..., 0], pixels(2))
    assert (len(data.train), len(data.val)) == (9, 3)
    assert data.classes == ("0", "1", "2")
    colour = {"x_train": pixels(1, (12, 5, 4, 3)), "x_test": pixels(2, (12, 5, 4, 3))}
    assert np.array_equal(load(archive(**colour)).test.images, colour["x_test"])


def test_npz_channels_first_are_recognised_by_the_shape(archive):
    first = {"x_train": pixels(1, (12, 3, 5, 4)), "x_test": pixels(2, (12, 3, 5, 4))}
    assert np.array_equal(load(archive(**first)).test.images, first["x_test"].transpose(0, 2, 3, 1))


def test_npz_whole_numbers_become_bytes(archive):
    data = load(archive(x_train=pixels(1).astype(np.int64), x_test=pixels(2).astype(np.int16)))
    assert data.train.images.dtype == data.test.images.dtype == np.uint8


def test_npz_floats_are_used_as_given(archive):
    x = np.random.default_rng(0).normal(size=(12, 2, 5, 4))
    data = load(archive(x_train=x, x_test=x))
    assert data.test.images.dtype == np.float32
    assert np.array_equal(data.test.images, x.astype(np.float32))
    assert (data.mean, data.std, data.pixels) == ((0.0, 0.0), (1.0, 1.0), False)


def test_npz_own_validation_and_class_names(archive):
    data = load(archive(x_val=pixels(3), y_val=Y, classes=np.array(["a", "b", "c"])))
    assert np.array_equal(data.val.images[..., 0], pixels(3))
    assert data.val.ids[0] == "val:0"
    assert data.classes == ("a", "b", "c")
    assert len(data.train) == 12


def test_npz_images_and_labels_alone_are_a_test_split(tmp_path):
    np.savez_compressed(tmp_path / "t.npz", images=pixels(), labels=Y)
    data = load(DataSpec(f"npz:{tmp_path / 't.npz'}", mean=MEAN, std=STD))
    assert data.train is None
    assert len(data.test) == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_test": None}, r"has no y_test; allowed: x_train, y_train.*It holds: x_train, y_train, x_test"),
        ({"x_test": None, "y_test": None}, r"has no test split"),
        ({"x_test": pixels(2, (12, 5, 4, 2))}, r"'x_test' have shape \(12, 5, 4, 2\); allowed: 1 or 3 channels"),
        ({"x_test": pixels(2, (12, 20))}, r"'x_test' have shape \(12, 20\); allowed: height × width"),
        ({"x_test": pixels(2, (12, 6, 6))}, r"splits differ: test uint8 6×6×1, train uint8 5×4×1.*size"),
        ({"x_test": pixels(2).astype(float)}, r"splits differ: .*float32 1×5×4"),
        ({"x_test": pixels(2) * 1.0 + np.nan}, r"hold 240 values that are NaN or infinite, first in sample 0"),
        ({"x_test": pixels(2).astype(int) + 1000}, r"hold int64 numbers 1\d\d\d to 1\d\d\d; allowed: 0..255"),
        ({"x_test": pixels(2) > 3}, r"hold bool; allowed: uint8"),
        ({"y_test": Y - 1}, r"'y_test': sample 0 has label -1; allowed: 0 and above"),
        ({"y_test": Y + 0.5}, r"'y_test' are float64 .*allowed: whole numbers from 0"),
        ({"y_test": Y[:-1]}, r"'y_test' have shape \(11,\), but there are 12 images"),
        ({"y_test": np.eye(3)[Y]}, r"argmax"),
        ({"y_test": Y + 1}, r"test split has class '3', of which training has no image"),
        ({"y_test": Y + 1, "y_train": Y + 1}, r"labels go up to 3, but no image has label 0.*Number the classes"),
        ({"classes": np.array(["a", "b"])}, r"sample 'train:2' has label 2; allowed: 0 to 1, as there are 2 classes"),
        ({"classes": np.array([1, 2, 3])}, r"'classes' is int64 \(3,\); allowed: text"),
        ({"x_test": pixels(2)[:0], "y_test": Y[:0]}, r"the test split has no samples"),
        ({"x_train": pixels(1) * 0 + 7}, r"channel 0 of the training images is 7 everywhere"),
        ({"x_test": np.array([object()] * 12)}, r"pickled Python objects, which can run code and are never loaded"),
    ],
)
def test_npz_errors(archive, change, message):
    with pytest.raises(DataError, match=message) as e:
        load(archive(**change))
    assert "my.npz" in str(e.value)


def test_npz_damaged_or_of_another_kind(archive, tmp_path):
    spec = archive()
    whole = (tmp_path / "my.npz").read_bytes()
    (tmp_path / "my.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"my.npz cannot be read .*cut short"):
        load(spec)
    (tmp_path / "my.npz").write_bytes(b"PK" + bytes(100))
    with pytest.raises(DataError, match=r"my.npz cannot be read \(its end is missing\)"):
        load(spec)
    (tmp_path / "my.npz").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(DataError, match=r"my.npz is no NumPy archive"):
        load(spec)


def test_resizing_to_more_than_the_memory_is_refused_before_it_is_done(archive):
    with pytest.raises(DataError, match=r"images of 1000000×1000000×\d need .* GB; .*smaller `size`"):
        load(replace(archive(), size=(1000000, 1000000)))


def idx_bytes(array):
    head = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path):
    for prefix, seed in (("train", 1), ("t10k", 2)):
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(pixels(seed)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(Y))
    return tmp_path


def test_idx_plain_compressed_and_with_a_dot(mnist):
    spec = DataSpec(f"idx:{mnist}", val_fraction=0.25)
    plain = load(spec)
    assert np.array_equal(plain.test.images[..., 0], pixels(2))
    assert plain.test.labels.tolist() == Y.tolist()
    file = mnist / "t10k-images-idx3-ubyte"
    (mnist / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    (mnist / "train-images-idx3-ubyte").rename(mnist / "train-images.idx3-ubyte")
    assert load(spec).digest == plain.digest


def test_idx_class_names_and_test_alone(mnist):
    (mnist / "classes.txt").write_text("shirt\nshoe\nbag\n")
    for what in ("images-idx3", "labels-idx1"):
        (mnist / f"train-{what}-ubyte").unlink()
    data = load(DataSpec(f"idx:{mnist}", mean=MEAN, std=STD))
    assert data.train is None
    assert data.classes == ("shirt", "shoe", "bag")


def test_idx_errors(mnist):
    spec = DataSpec(f"idx:{mnist}")
    images, labels = mnist / "t10k-images-idx3-ubyte", mnist / "t10k-labels-idx1-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-3])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte has 237 values; allowed: 12×5×4"):
        load(spec)
    images.write_bytes(labels.read_bytes())
    with pytest.raises(DataError, match=r"starts with bytes \[0, 0, 8, 1\]; allowed: \[0, 0, 8, 3\]"):
        load(spec)
    images.unlink()
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte \(or .*gz\) is missing.*pruneviz fetch"):
        load(spec)
    (mnist / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(whole)[:-9])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz cannot be decompressed"):
        load(spec)
