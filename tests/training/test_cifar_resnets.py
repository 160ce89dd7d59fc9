"""Models trained elsewhere, loaded as a user loads their own, give exactly the accuracy that they are known for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pruneviz import data, models
from pruneviz.core.spec import DataSpec, ModelSpec
from pruneviz.training import predict


@pytest.fixture(scope="module")
def cifar(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test split in CIFAR's binary form: a label byte, then red, green and blue planes."""
    folder = tmp_path_factory.mktemp("cifar-10-batches-bin")
    pixels = np.asarray(Image.open(shared_data / "cifar10_test" / "test_batch.png")).reshape(10_000, 32, 32, 3)
    labels = np.asarray(json.loads((shared_data / "cifar10_test" / "test_lables.json").read_text()), np.uint8)
    records = np.concatenate([labels[:, None], pixels.transpose(0, 3, 1, 2).reshape(10_000, -1)], axis=1)
    records.tofile(folder / "test_batch.bin")
    return folder


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("factory", "file", "right"),
    [("resnet20", "resnet20-12fca82f.th", 9173), ("resnet32", "resnet32-d509ac18.th", 9263)],
)
def test_cifar_resnets(cifar: Path, shared_data: Path, factory: str, file: str, right: int) -> None:
    spec = ModelSpec(f"own_models:{factory}", checkpoint=str(shared_data / "cifar10_resnets" / file))
    images = data.load(DataSpec(f"cifar:{cifar}", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)))
    net = models.build(spec, 0)
    info = models.examine(net, images.preprocess(images.test.images[:1]), images.num_classes)
    assert info.classifier == "linear"
    predicted = predict(net, images.test.images, images.preprocess).argmax(1)
    assert int(np.sum(predicted == images.test.labels)) == right
