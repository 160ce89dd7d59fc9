"""The data that ships."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import pruneviz_samples
from pruneviz.core.errors import DataError, SpecError
from pruneviz.core.keys import file_digest
from pruneviz.core.spec import DataSpec
from pruneviz.data import identity, load
from pruneviz.data.readers import samples


def test_fashion_is_what_its_card_says():
    data = load(DataSpec("sample:fashion"))
    assert (data.channels, data.height, data.width, data.num_classes) == (1, 28, 28, 10)
    assert (len(data.train), len(data.val), len(data.test)) == (9000, 1000, 2000)
    assert np.bincount(data.test.labels).tolist() == [200] * 10
    assert np.bincount(data.train.labels).tolist() == [900] * 10
    assert data.classes[9] == "Ankle boot"
    # the first test images of Fashion-MNIST are an ankle boot, a pullover, two trousers and a shirt
    assert data.test.labels[:5].tolist() == [9, 2, 1, 1, 6]
    assert data.test.ids[:2].tolist() == ["test:0", "test:1"]
    assert data.mean[0] == pytest.approx(0.286, abs=0.002)  # of the whole of it: 0.2860, 0.3530
    assert data.std[0] == pytest.approx(0.353, abs=0.002)


def test_ids_keep_the_index_in_the_original_split():
    data = load(DataSpec("sample:fashion"))
    numbers = [int(i.split(":")[1]) for i in data.test.ids]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 2000  # later images were passed over once their class was full
    assert all(i.startswith("test:") for i in data.test.ids)


def test_digits_are_scaled_as_stated():
    sklearn = pytest.importorskip("sklearn.datasets")
    original = sklearn.load_digits()
    data = load(DataSpec("sample:digits", val_fraction=0))
    assert (len(data.train), data.val, len(data.test)) == (1437, None, 360)
    for split in (data.train, data.test):
        at = [int(i.split(":")[1]) for i in split.ids]
        assert np.array_equal(split.labels, original.target[at])
        assert np.array_equal(split.images[..., 0], np.floor(original.images[at] * 255 / 16 + 0.5))
    assert np.bincount(data.test.labels).tolist() == [36] * 10


@pytest.mark.parametrize("name", ["fashion", "digits"])
def test_cards_name_provenance_licence_and_digests(name):
    card = samples.cards()[name]
    file = pruneviz_samples.path("data", card["file"])
    assert card["file_blake2b_128"] == file_digest(file)
    assert card["bytes"] == file.stat().st_size < 6e6
    for key in ("home", "reference", "licence", "licence_text", "selection", "obtained", "made_by", "source_sha256"):
        assert card[key], key
    with zipfile.ZipFile(file) as archive:
        assert set(archive.namelist()) == {f"{a}_{s}.npy" for a in "xyi" for s in ("train", "test")}


def test_nothing_heavy_is_imported_for_loading():
    code = (
        "import sys; from pruneviz.core.spec import DataSpec; from pruneviz import data; data.catalogue();"
        "data.load(DataSpec('sample:digits')); data.identity(DataSpec('sample:digits'));"
        "print(sorted({'torch', 'pandas', 'sklearn', 'PIL', 'urllib.request'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_sample_names_the_nearest():
    with pytest.raises(SpecError, match=r"digits, fashion.*Did you mean 'fashion'"):
        load(DataSpec("sample:fasion"))


@pytest.fixture
def own_samples(tmp_path, monkeypatch):
    """A copy of the digits that may be damaged."""
    for suffix in (".npz", ".json"):
        (tmp_path / f"digits{suffix}").write_bytes(pruneviz_samples.path("data", f"digits{suffix}").read_bytes())
    monkeypatch.setattr(pruneviz_samples, "path", lambda *parts: tmp_path.joinpath(*parts[1:]))
    return tmp_path


def test_loading_checks_the_digest_that_identity_trusts(own_samples):
    before = identity(DataSpec("sample:digits"))
    with np.load(own_samples / "digits.npz") as archive:
        arrays = dict(archive)
    arrays["x_train"][0, 0, 0] ^= 1
    np.savez(own_samples / "digits.npz", **arrays)
    assert identity(DataSpec("sample:digits")) == before
    with pytest.raises(DataError, match=r"not what its card describes.*Install pruneviz again"):
        load(DataSpec("sample:digits"))


def test_another_card_is_another_identity(own_samples):
    before = identity(DataSpec("sample:digits"))
    card = json.loads((own_samples / "digits.json").read_text())
    card["content_blake2b_128"] = "0" * 32
    (own_samples / "digits.json").write_text(json.dumps(card))
    assert identity(DataSpec("sample:digits")) != before


@pytest.mark.parametrize("damage", [b"", b"PK broken", None])
def test_damaged_sample_file_is_named(own_samples, damage):
    file = own_samples / "digits.npz"
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    with pytest.raises(DataError, match=r"digits.npz cannot be read"):
        load(DataSpec("sample:digits"))
