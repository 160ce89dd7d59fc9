"""Image files in folders."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pruneviz.core.errors import DataError
from pruneviz.core.spec import DataSpec
from pruneviz.data import load

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def picture(seed, shape=(6, 5, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path, array, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **more)


@pytest.fixture
def photos(tmp_path):
    base = tmp_path / "photos"
    for s, split in enumerate(("train", "test")):
        for c, name in enumerate(("cat", "dog")):
            for i in range(3):
                save(base / split / name / f"{i}.png", picture(100 * s + 10 * c + i))
    return base


def image_of(split, name):
    return split.images[split.ids.tolist().index(name)]


def source(folder, **more):
    return DataSpec(f"folder:{folder}", **{"val_fraction": 0.34, **more})


def test_reads_the_files_in_order(photos):
    data = load(source(photos, val_fraction=0))
    assert data.classes == ("cat", "dog")
    assert data.train.ids.tolist() == [f"train/{c}/{i}.png" for c in ("cat", "dog") for i in range(3)]
    assert data.test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(data.test.images[4], picture(111))
    assert (data.height, data.width, data.channels) == (6, 5, 3)


def test_own_validation_split_is_kept(photos):
    save(photos / "val" / "dog" / "v.png", picture(7))
    data = load(source(photos))
    assert data.val.ids.tolist() == ["val/dog/v.png"]
    assert len(data.train) == 6


def test_class_folders_alone_are_a_test_split(photos):
    data = load(source(photos / "test", mean=MEAN, std=STD))
    assert data.train is None
    assert data.test.ids[0] == "cat/0.png"


def test_test_folder_alone(photos):
    for file in (photos / "train").rglob("*.png"):
        file.unlink()
    (photos / "train" / "cat").rmdir()
    (photos / "train" / "dog").rmdir()
    (photos / "train").rmdir()
    assert load(source(photos, mean=MEAN, std=STD)).test.ids[0] == "test/cat/0.png"


def test_classes_file_orders_the_classes(photos):
    (photos / "classes.txt").write_text("dog\nbird\ncat\n")
    data = load(source(photos))
    assert data.classes == ("dog", "bird", "cat")
    assert data.test.labels.tolist() == [2, 2, 2, 0, 0, 0]


def test_sizes_need_a_size(photos):
    save(photos / "test" / "dog" / "wide.png", picture(5, (6, 9, 3)))
    with pytest.raises(DataError, match=r"train/cat/0.png is 6×5 .* test/dog/wide.png is 6×9; .*`size = \[6, 5\]`"):
        load(source(photos))
    data = load(source(photos, size=(4, 4)))
    assert data.test.images.shape == (7, 4, 4, 3)


def test_grey_stays_grey_and_becomes_three_channels_beside_colour(photos, tmp_path):
    grey = tmp_path / "grey"
    for split in ("train", "test"):
        for name in "ab":
            for i in range(3):
                save(grey / split / name / f"{i}.png", picture(i, (6, 5)))
    assert load(source(grey)).channels == 1
    save(photos / "test" / "cat" / "grey.png", picture(9, (6, 5)))
    shown = image_of(load(source(photos)).test, "test/cat/grey.png")
    assert np.array_equal(shown, np.stack([picture(9, (6, 5))] * 3, axis=2))


def test_opaque_alpha_is_dropped_and_transparency_refused(photos):
    colour = picture(3)
    opaque = np.concatenate([colour, np.full((6, 5, 1), 255, np.uint8)], axis=2)
    save(photos / "test" / "cat" / "opaque.png", opaque)
    assert np.array_equal(image_of(load(source(photos)).test, "test/cat/opaque.png"), colour)
    opaque[2, 2, 3] = 254
    save(photos / "test" / "cat" / "opaque.png", opaque)
    with pytest.raises(DataError, match=r"test/cat/opaque.png is transparent in places.*Flatten it"):
        load(source(photos))


def test_palette_images_become_colour(photos):
    Image.fromarray(picture(3)).convert("P").save(photos / "test" / "cat" / "palette.gif")
    assert load(source(photos)).channels == 3


def test_sixteen_bits_are_refused(photos):
    save(photos / "test" / "cat" / "deep.png", picture(3, (6, 5)).astype(np.uint16))
    with pytest.raises(DataError, match=r"test/cat/deep.png is of mode 'I;16'; allowed: 8-bit"):
        load(source(photos))


def test_unreadable_and_truncated_images_are_named(photos):
    file = photos / "train" / "dog" / "1.png"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train/dog/1.png cannot be read as an image .*take it out"):
        load(source(photos))
    file.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"train/dog/1.png cannot be read as an image"):
        load(source(photos))


def test_class_that_training_lacks_is_named_with_the_nearest(photos):
    save(photos / "test" / "dogs" / "0.png", picture(1))
    with pytest.raises(DataError, match=r"test split has the class 'dogs'; .*'cat', 'dog'.*Did you mean 'dog'"):
        load(source(photos))


def test_class_that_only_the_classes_file_and_test_know_is_refused(photos):
    (photos / "classes.txt").write_text("dog\nbird\ncat\n")
    save(photos / "test" / "bird" / "0.png", picture(1))
    with pytest.raises(DataError, match=r"test split has class 'bird', of which training has no image"):
        load(source(photos))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: (p / "train" / "fish").mkdir(), r"train/fish has no images; allowed: at least one"),
        (lambda p: (p / "test").rename(p / "val"), r"has train/ but no test/ \(there are: val\).*rename"),
        (lambda p: (p / "train" / "cat").rename(p / "validation"), r"validation is not read; .* Rename it to val"),
        (lambda p: (p / "classes.txt").write_text("cat\ncat\ndog"), r"classes.txt names 'cat' more than once"),
        (lambda p: (p / "classes.txt").write_bytes(b"\xff\xfe"), r"classes.txt is no UTF-8 text"),
        (lambda p: [f.unlink() for f in (p / "test").rglob("*.png")], r"test has no images in class folders"),
    ],
)
def test_layouts_that_are_not_understood(photos, change, message):
    change(photos)
    with pytest.raises(DataError, match=message):
        load(source(photos))


def test_loose_images_need_class_folders(photos):
    with pytest.raises(DataError, match=r"has images but no class folders"):
        load(source(photos / "test" / "cat"))
    (photos.parent / "empty").mkdir()
    with pytest.raises(DataError, match=r"has no class folders"):
        load(source(photos.parent / "empty"))


def test_hidden_and_other_files_are_passed_over(photos):
    (photos / "train" / "cat" / "notes.txt").write_text("x")
    (photos / "train" / "cat" / "._0.png").write_bytes(b"x")
    (photos / "train" / ".cache").mkdir()
    assert len(load(source(photos, val_fraction=0)).train) == 6


def test_limits_read_only_what_is_used(photos):
    (photos / "test" / "dog" / "1.png").write_bytes((photos / "test" / "dog" / "1.png").read_bytes()[:-30])
    data = load(source(photos, test_limit=2))
    assert data.test.ids.tolist() == ["test/cat/0.png", "test/dog/0.png"]


def test_more_than_the_memory_is_refused_before_it_is_read(photos):
    with pytest.raises(DataError, match=r"6 images of 1000000×1000000×3 need .* GB; .*smaller `size`"):
        load(source(photos, size=(1000000, 1000000), val_fraction=0))
