"""Identity: it changes with every byte and every field, and with nothing else."""

from __future__ import annotations

import os
import shutil
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from pruneviz.core.errors import DataError
from pruneviz.core.spec import DataSpec
from pruneviz.data import identity, load
from pruneviz.data.readers import files

OTHER = {
    "mean": (0.1,),
    "std": (0.9,),
    "val_fraction": 0.2,
    "split_seed": 1,
    "size": (9, 9),
    "train_limit": 100,
    "test_limit": 100,
}


def test_every_field_of_the_spec_matters():
    assert OTHER.keys() == {f.name for f in fields(DataSpec)} - {"source"}
    base = {"source": "sample:digits", "mean": (0.5,), "std": (0.5,)}
    found = {identity(DataSpec(**{**base, name: value})) for name, value in OTHER.items()}
    assert len(found | {identity(DataSpec(**base))}) == len(OTHER) + 1


def test_digest_follows_content_not_spec():
    base = load(DataSpec("sample:digits", val_fraction=0))
    same = load(DataSpec("sample:digits", val_fraction=0, split_seed=5, mean=base.mean, std=base.std, size=(8, 8)))
    assert same.digest == base.digest
    for name in ("val_fraction", "size", "train_limit", "test_limit"):
        assert load(DataSpec("sample:digits", **{"val_fraction": 0, name: OTHER[name]})).digest != base.digest
    assert load(DataSpec("sample:digits", val_fraction=0, mean=(0.1,), std=(0.9,))).digest != base.digest


def make(kind, base):
    """A small data set of a kind; its source, and the files whose every byte counts."""
    base.mkdir()
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (6, 4, 4), dtype=np.uint8), np.array([0, 1] * 3)
    if kind == "npz":
        np.savez(base / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
        return f"npz:{base / 'a.npz'}", [base / "a.npz"]
    if kind == "idx":
        images = bytes((0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 4, 0, 0, 0, 4)) + x.tobytes()
        labels = bytes((0, 0, 8, 1, 0, 0, 0, 6)) + y.astype(np.uint8).tobytes()
        for p in ("train", "t10k"):
            (base / f"{p}-images-idx3-ubyte").write_bytes(images)
            (base / f"{p}-labels-idx1-ubyte").write_bytes(labels)
        (base / "classes.txt").write_text("a\nb\n")
        return f"idx:{base}", sorted(base.iterdir())
    if kind == "cifar":
        for name in ("data_batch_1", "test_batch"):
            (base / f"{name}.bin").write_bytes(b"".join(bytes([k % 10]) + rng.bytes(3072) for k in range(20)))
        (base / "batches.meta.txt").write_text("\n".join("abcdefghij"))
        return f"cifar:{base}", sorted(base.iterdir())
    for split in ("train", "test"):
        for k, name in enumerate("ab"):
            (base / split / name).mkdir(parents=True)
            for i in range(3):
                Image.fromarray(x[2 * i + k]).save(base / split / name / f"{i}.png")
    return f"folder:{base}", sorted(base.rglob("*.png"))


@pytest.mark.parametrize("kind", ["npz", "idx", "cifar", "folder"])
def test_every_byte_of_every_file_matters_and_the_place_does_not(kind, tmp_path):
    source, paths = make(kind, tmp_path / "here")
    first = identity(DataSpec(source))
    assert identity(DataSpec(source)) == first
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert identity(DataSpec(source.replace("here", "there"))) == first
    for path in paths:
        whole = path.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert identity(DataSpec(source)) != first, (path, at)
        path.write_bytes(whole)
    assert identity(DataSpec(source)) == first


def test_names_of_files_matter_where_they_are_ids(tmp_path):
    source, paths = make("folder", tmp_path / "here")
    first = identity(DataSpec(source))
    paths[0].rename(paths[0].with_name("renamed.png"))
    assert identity(DataSpec(source)) != first


def test_a_file_is_hashed_once_while_it_does_not_change(tmp_path, monkeypatch):
    source, paths = make("npz", tmp_path / "here")
    hashed = []
    monkeypatch.setattr(files, "file_digest", lambda p: hashed.append(p) or "x")
    identity(DataSpec(source))
    identity(DataSpec(source, split_seed=1))
    assert len(hashed) == 1
    os.utime(paths[0], ns=(1, 1))
    identity(DataSpec(source))
    assert len(hashed) == 2


def test_identity_needs_no_decoding(tmp_path):
    source, paths = make("folder", tmp_path / "here")
    paths[0].write_bytes(b"no image at all")
    assert identity(DataSpec(source))
    with pytest.raises(DataError, match="cannot be read as an image"):
        load(DataSpec(source, val_fraction=0))


def test_identity_of_objects_is_their_content():
    x, y = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8), np.array([0, 1] * 3)
    spec = DataSpec("memory:mine")

    def of(train, test, **more):
        return identity(spec, {"mine": {"train": train, "test": test, **more}})

    first = of((x, y), (x, y))
    assert of((x.copy(), y.tolist()), (x, y)) == first
    assert identity(DataSpec("memory:other"), {"other": ((x, y), (x, y))}) == first
    changed = x.copy()
    changed[5, 3, 3] ^= 1
    variants = {of((changed, y), (x, y)), of((x, y), (changed, y)), of((x, 1 - y), (x, y)), of(None, (x, y))}
    variants |= {of((x, y), (x, y), val=(x, y)), of((x, y), (x, y), classes=["a", "b"]), of((x, y), (x[::-1], y[::-1]))}
    assert len(variants | {first}) == 8
    with pytest.raises(DataError, match="no samples"):
        of((x, y), (x[:0], y[:0]))


def test_version_of_the_code_is_part_of_it(monkeypatch):
    from pruneviz.data import loading

    before = identity(DataSpec("sample:digits"))
    monkeypatch.setattr(loading, "VERSION", loading.VERSION + 1)
    assert identity(DataSpec("sample:digits")) != before
