"""The binary version of CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import json

import numpy as np
import pytest
from references import data_slow

from pruneviz.core.errors import DataError
from pruneviz.core.spec import DataSpec
from pruneviz.data import load

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def records(count, seed, *, fine=False, classes=10):
    """Random images with their labels, and the bytes of their records."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(count) % classes
    raw = b"".join(data_slow.cifar_record([7, y] if fine else [y], x) for x, y in zip(images, labels, strict=True))
    return images, labels, raw


@pytest.fixture
def cifar(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name, seed in (("data_batch_1", 1), ("data_batch_2", 2), ("test_batch", 3)):
        (folder / f"{name}.bin").write_bytes(records(20, seed)[2])
    return folder


def source(folder, **more):
    return DataSpec(f"cifar:{folder}", **more)


def test_reads_what_was_written(cifar):
    data = load(source(cifar, val_fraction=0))
    train = np.concatenate([records(20, 1)[0], records(20, 2)[0]])
    assert np.array_equal(data.train.images, train)
    assert data.train.ids[[0, 20, 39]].tolist() == ["train:0", "train:20", "train:39"]
    assert np.array_equal(data.test.images, records(20, 3)[0])
    assert data.test.labels.tolist() == [*range(10), *range(10)]
    assert data.test.labels.dtype == np.int64
    assert data.classes[:2] == ("airplane", "automobile")


def test_class_names_are_those_of_the_meta_file(cifar):
    (cifar / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n")
    assert load(source(cifar)).classes == tuple("abcdefghij")
    (cifar / "batches.meta.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"batches.meta.txt names 2 classes; allowed: 10"):
        load(source(cifar))


def test_cifar100_takes_the_fine_label(tmp_path):
    for name, seed in (("train", 1), ("test", 2)):
        (tmp_path / f"{name}.bin").write_bytes(records(200, seed, fine=True, classes=100)[2])
    data = load(source(tmp_path, val_fraction=0))
    assert data.num_classes == 100
    assert np.array_equal(data.train.images, records(200, 1, classes=100)[0])
    assert data.test.labels.tolist() == [*range(100)] * 2


def test_test_split_alone_is_for_comparing_only(cifar):
    for k in (1, 2):
        (cifar / f"data_batch_{k}.bin").unlink()
    data = load(source(cifar, mean=MEAN, std=STD))
    assert (data.train, data.val, len(data.test)) == (None, None, 20)
    with pytest.raises(DataError, match=r"only test images, on which mean and std are not measured.*\[0.0, 0.0, 0.0\]"):
        load(source(cifar))


def test_record_length_and_labels_are_checked(cifar):
    whole = (cifar / "data_batch_2.bin").read_bytes()
    (cifar / "data_batch_2.bin").write_bytes(whole[:-1])
    with pytest.raises(DataError, match=r"data_batch_2.bin has 61459 bytes; .* records of 3073 bytes .* cut short"):
        load(source(cifar))
    (cifar / "data_batch_2.bin").write_bytes(whole[:3073] + b"\x0a" + whole[3074:])
    with pytest.raises(DataError, match=r"data_batch_2.bin: record 1 has label 10; allowed: 0 to 9"):
        load(source(cifar))
    (cifar / "data_batch_2.bin").write_bytes(b"")
    with pytest.raises(DataError, match=r"has 0 bytes"):
        load(source(cifar))


def test_missing_files_are_named(cifar, tmp_path):
    (cifar / "data_batch_3.bin").write_bytes((cifar / "data_batch_2.bin").read_bytes())
    (cifar / "data_batch_2.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_2.bin is missing"):
        load(source(cifar))
    (cifar / "test_batch.bin").unlink()
    with pytest.raises(DataError, match=r"neither test_batch.bin .* nor test.bin .*pruneviz fetch cifar10"):
        load(source(cifar))
    (cifar / "test_batch").write_bytes(b"")
    with pytest.raises(DataError, match=r"pickled Python files, allowed: the binary version"):
        load(source(cifar))


def test_the_folder_above_is_told_from_the_right_one(cifar):
    with pytest.raises(DataError, match=rf"Did you mean 'cifar:{cifar}'"):
        load(source(cifar.parent))


def test_the_real_test_images_survive_the_round_trip(shared_data, tmp_path):
    from PIL import Image

    folder = shared_data / "cifar10_test"
    with Image.open(folder / "test_batch.png") as picture:
        images = np.asarray(picture).reshape(10000, 32, 32, 3)
    labels = np.asarray(json.loads((folder / "test_lables.json").read_text()))
    planes = images.transpose(0, 3, 1, 2).reshape(10000, -1)
    table = np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1)
    assert table[17].tobytes() == data_slow.cifar_record([labels[17]], images[17])
    (tmp_path / "test_batch.bin").write_bytes(table.tobytes())
    data = load(source(tmp_path, mean=MEAN, std=STD))
    assert np.array_equal(data.test.images, images)
    assert np.array_equal(data.test.labels, labels)
    assert data.test.ids[4711] == "test:4711"
