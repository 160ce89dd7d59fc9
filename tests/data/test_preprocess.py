"""From bytes to a model's input, and the normalisation that is measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from references import data_slow

from pruneviz.core.errors import SpecError
from pruneviz.core.spec import DataSpec
from pruneviz.data import Preprocess, load, pictures
from pruneviz.data.loading import measure
from pruneviz.data.resize import resize

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 5, 7, 3), dtype=np.uint8)


def test_equals_the_definition_to_float_precision(images):
    out = Preprocess(MEAN, STD)(images)
    assert out.dtype == torch.float32
    assert out.shape == (4, 3, 5, 7)
    assert out.is_contiguous()
    assert np.allclose(out.numpy(), data_slow.preprocess(images, MEAN, STD), rtol=0, atol=5e-7)


def test_is_bit_for_bit_what_the_usual_pipeline_computes(images):
    usual = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float().div(255)
    usual = (usual - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)
    assert torch.equal(Preprocess(MEAN, STD)(images), usual)


def test_takes_tensors_and_read_only_arrays_and_leaves_them_alone(images):
    before = images.copy()
    frozen = images.copy()
    frozen.flags.writeable = False
    a, b, c = (Preprocess(MEAN, STD)(x) for x in (images, frozen, torch.from_numpy(images)))
    assert torch.equal(a, b)
    assert torch.equal(a, c)
    assert np.array_equal(images, before)


def test_float_images_are_used_as_given_and_not_shared():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
    out = Preprocess((0.0,) * 3, (1.0,) * 3)(x)
    assert np.array_equal(out.numpy(), x)
    out.zero_()
    assert x.any()


@pytest.mark.parametrize("channels", [1, 3])
def test_measured_mean_and_std_equal_the_definition(channels):
    x = np.random.default_rng(1).integers(0, 256, (3, 6, 5, channels), dtype=np.uint8)
    mean, std = measure(x)
    slow_mean, slow_std = data_slow.mean_and_std(x)
    assert mean == pytest.approx(slow_mean, rel=1e-15)
    assert std == pytest.approx(slow_std, rel=1e-14)


def test_mean_is_of_the_training_split_after_validation_is_taken_out():
    data = load(DataSpec("sample:digits", val_fraction=0.3))
    assert (data.mean, data.std) == measure(data.train.images)
    assert data.mean != measure(data.test.images)[0]


def test_given_mean_and_std_are_used():
    data = load(DataSpec("sample:digits", mean=(0.5,), std=(0.25,)))
    assert data.preprocess == Preprocess((0.5,), (0.25,))
    x = data.preprocess(data.test.images[:1])
    assert float(x[0, 0, 0, 0]) == (int(data.test.images[0, 0, 0, 0]) / 255 - 0.5) / 0.25


def test_mean_of_the_wrong_length_is_refused():
    with pytest.raises(SpecError, match=r"mean: got \[0.1, 0.2, 0.3\]; allowed: 1 numbers, one a channel"):
        load(DataSpec("sample:digits", mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0)))


def test_resizing_is_bilinear_with_antialiasing():
    x = np.random.default_rng(2).integers(0, 256, (1, 8, 12, 1), dtype=np.uint8)
    small = resize(x, (4, 6))
    assert np.abs(small[0, :, :, 0] - data_slow.bilinear_halved(x[0, :, :, 0])).max() <= 1
    as_float = resize(x.transpose(0, 3, 1, 2).astype(np.float32), (4, 6))
    assert np.allclose(as_float[0, 0], data_slow.bilinear_halved(x[0, :, :, 0]), atol=1e-3)


def test_resizing_to_the_same_size_changes_nothing():
    x = np.zeros((2, 4, 6, 3), dtype=np.uint8)
    assert resize(x, (4, 6)) is x
    assert resize(x, (6, 4)).shape == (2, 6, 4, 3)


def test_loaded_size():
    data = load(DataSpec("sample:digits", size=(16, 12)))
    assert (data.height, data.width, data.channels) == (16, 12, 1)
    assert data.train.images.shape[1:] == data.test.images.shape[1:] == (16, 12, 1)


def test_pictures_are_the_pixels_and_at_most_64_long():
    small = load(DataSpec("sample:digits"))
    assert np.array_equal(pictures(small), small.test.images)
    large = load(DataSpec("sample:digits", size=(128, 96), test_limit=10))
    assert pictures(large).shape == (10, 64, 48, 1)
    assert pictures(large).dtype == np.uint8


def test_pictures_of_float_images_are_scaled_to_be_seen():
    x = np.zeros((2, 3, 4, 4), dtype=np.float32)
    x[0, 0, 0, 0], x[1, 0, 0, 0] = -2, 6
    shown = pictures(load(DataSpec("memory:x"), {"x": (x, np.array([0, 1]))}))
    assert shown.shape == (2, 4, 4, 3)
    assert shown[0, 0, 0, 0] == 0
    assert shown[1, 0, 0, 0] == 255
    assert shown[0, 1, 1, 0] == 64  # 2 of 8


def test_pictures_of_many_channels_show_their_mean():
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 4)).astype(np.float32)
    data = load(DataSpec("memory:x"), {"x": (x, np.array([0, 1]))})
    assert data.channels == 5
    assert pictures(data).shape == (2, 4, 4, 1)
