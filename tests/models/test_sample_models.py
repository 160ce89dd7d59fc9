"""The models that ship are what their cards say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pruneviz import data, models
from pruneviz.core.errors import CheckpointError
from pruneviz.core.keys import file_digest
from pruneviz.core.options import build
from pruneviz.core.spec import DataSpec, ModelSpec, TrainSpec
from pruneviz.models import samples
from pruneviz.training import predict, total_steps

NAMES = ("cnn-digits", "lenet5-fashion", "mlp-digits", "resnet8-fashion", "vit-fashion")


def test_these_ship() -> None:
    assert samples.names() == NAMES
    assert len(samples.card("lenet5-fashion").replicates) == 6


@pytest.mark.parametrize("name", NAMES)
def test_a_card_tells_the_truth(name: str) -> None:
    card = samples.card(name)
    images = data.load(DataSpec(card.data["source"]))
    assert images.digest == card.data["digest"]
    assert images.train is not None
    train = build(TrainSpec, card.train, "card")
    assert card.steps == total_steps(train, len(images.train))
    for number, replicate in enumerate(card.replicates):
        net = models.build(ModelSpec(f"sample:{name}"), number)
        info = models.examine(net, images.preprocess(images.test.images[:1]), images.num_classes)
        assert (info.parameters, info.macs) == (card.parameters, card.macs)
        for split, stated in ((images.test, replicate.test_accuracy), (images.val, replicate.val_accuracy)):
            assert split is not None
            right = predict(net, split.images, images.preprocess).argmax(1) == split.labels
            # Another machine rounds otherwise, so an image or two on the border may change sides.
            assert np.mean(right) == pytest.approx(stated, abs=2.5 / len(split))


def test_the_models_are_worth_pruning() -> None:
    worst = {name: min(r.test_accuracy for r in samples.card(name).replicates) for name in NAMES}
    assert worst["lenet5-fashion"] > 0.87
    assert worst["resnet8-fashion"] > 0.88
    assert worst["vit-fashion"] > 0.83
    assert min(worst["mlp-digits"], worst["cnn-digits"]) > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_named_by_its_card_with_its_digest(name: str) -> None:
    found = {p.name for p in samples.folder().glob(f"{name}-*.safetensors")}
    named = {}
    for r in samples.card(name).replicates:
        named[r.weights] = r.weights_digest
        named |= dict(r.kept.values())
    assert {file: file_digest(samples.folder() / file) for file in found} == named


def test_initial_weights_are_those_of_the_seed() -> None:
    """So that rewinding to step 0 is rewinding to where the training began."""
    for number in range(2):
        fresh = models.build_fresh(ModelSpec("pruneviz_samples.nets:LeNet5"), number).state_dict()
        kept = models.kept_weights(ModelSpec("sample:lenet5-fashion"), number, 0)
        assert all(torch.equal(t, fresh[k]) for k, t in kept.items())


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "file_digest", lambda path: "0")
    with pytest.raises(CheckpointError, match=r"mlp-digits-0\.safetensors: is absent or not the file"):
        models.build(ModelSpec("sample:mlp-digits"), 0)


def test_a_sample_models_identity_follows_its_architectures_file(monkeypatch: pytest.MonkeyPatch) -> None:
    before = models.identity(ModelSpec("sample:mlp-digits"), 0)
    monkeypatch.setattr(samples, "file_digest", lambda path: "0")
    assert models.identity(ModelSpec("sample:mlp-digits"), 0)["source_digest"] != before["source_digest"]
