"""What no analysis can make sense of is named: before anything starts where that can be, in its findings where not."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

import pruneviz as pv
from pruneviz.api import analyses_of
from pruneviz.core.errors import PrunevizError, Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz_analyses import ANALYSES, Subject
from pruneviz_analyses.three_regime import ThreeRegime

SMALL = {
    "attributions": {"samples": 4, "steps": 4, "patch": 0.5, "stride": 0.5, "flips": 0},
    "calibration": {"bins": 3},
    "corruption_robustness": {"corruptions": ["fog", "gaussian_noise"], "severities": [1], "bins": 3},
    "embeddings": {"neighbours": 3},
    "feature_geometry": {"corruptions": ["fog"], "severities": [3], "attributed": 1},
    "layer_sensitivity": {"sparsities": [0.5]},
    "mask_checks": {"epochs": 1, "checks": ["shuffled"], "repeats": 1},
    "retrain_correlation": {"layers": ["body.0"], "ratios": [0.5], "retrain": 3, "epochs": 1, "last": 1, "images": 20},
    "similarity": {"images": 20},
}
# A diagram of temperatures takes networks that are trained in the study; it has a test of its own.
NAMES = sorted(ANALYSES.keys() - {"three_regime"})


class Net(nn.Module):
    def __init__(self, classes=4, features=0.0):
        super().__init__()
        torch.manual_seed(0)
        layers = (nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(100, 6), nn.ReLU())
        self.body, self.fc = nn.Sequential(*layers), nn.Linear(6, classes)
        nn.init.constant_(self.body[3].bias, features)
        nn.init.constant_(self.fc.bias[:1], 1.0)  # where features are dead, all is taken for the first class

    def forward(self, x):
        return self.fc(self.body(x))


class Squared(Net):
    """Its logits are no linear function of its features."""

    def forward(self, x):
        return self.fc(self.body(x)) ** 2


def images(count, classes, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, (count, 12, 12, 1), dtype=np.uint8), np.arange(count) % classes


def asked(names, net=None, train=4, test=4, **options):
    given = {n: {**SMALL.get(n, {}), **options} for n in names}
    data = images(40, train, 0), images(24, test, 1)
    how = {
        "methods": ["magnitude", "random"],
        "sparsities": [0.5],
        "recoveries": ["none", {"name": "finetune", "epochs": 1}],
    }
    more = {"data_options": {"val_fraction": 0.2}, "measure": {"latency": False}, "analyses": given}
    return pv.new_study([net or Net()] * 2, data, **how, **more)


@pytest.mark.parametrize(
    ("name", "study", "words"),
    [
        *((n, {"net": Net(1), "train": 1, "test": 1}, r"has 1 class; with fewer than 2") for n in NAMES),
        ("feature_geometry", {"net": Squared()}, r"'model': feature_geometry: .* does not feed a linear classifier"),
        ("embeddings", {"net": Squared()}, r"'model': embeddings: .* does not feed a linear classifier"),
        ("retrain_correlation", {"ratios": [0.01]}, r"ratio that removes some filters"),
        ("retrain_correlation", {"layers": ["body.3"], "ratios": [0.999]}, r"ratio that removes some filters"),
        ("calibration", {"bins": 25}, r"24 test samples cannot fill 25 bins"),
        ("embeddings", {"neighbours": 24}, r"24 test samples do not have 24 neighbours"),
        *((n, {"net": Net(features=float("nan"))}, r"outputs on an image are NaN or infinite") for n in NAMES),
    ],
)  # fmt: skip
def test_what_a_study_cannot_support_is_said_before_it_starts(name, study, words):
    with pytest.raises(PrunevizError, match=words):
        asked([name], **study).dry_run()


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What all analyses say of two networks with dead features, of which a class has no test images."""
    study = asked(NAMES, Net(features=-100.0), test=3)
    return study.run(tmp_path_factory.mktemp("odd") / "store", listener=lambda *at: None).findings()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("attributions", "GradCAM: .* maps have one value everywhere and explain nothing"),
        ("calibration", "With 24 images, bins hold 8 each"),
        ("corruption_robustness", "no relative corruption error, since the dense models lose too little to divide by"),
        ("corruption_robustness", "With 24 images, shares are known to a few points only"),
        ("embeddings", "runs left out: all images have the same features"),
        ("feature_geometry", "a metric has one value on all samples"),
        ("feature_geometry", "6 of 6 features have one value on all clean images"),
        ("feature_geometry", "Without images, so without angles, spread or distance: '3'"),
        ("layer_sensitivity", "so it has next to nothing to lose"),
        ("mask_checks", "neither learns, chance being 25.0 %"),
        ("pq_index", "has no course"),
        ("prediction_changes", "Without test samples, so without any figure: '3'"),
        ("retrain_correlation", "end equally accurate: nothing to rank"),
        ("similarity", "fc: no CKA in .*, since its outputs are the same for all images"),
        ("tournament", "2 methods at 0 training steps after the dense model.s, which are unknown"),
    ],
)
def test_constant_features_and_empty_classes_are_named(said, name, words):
    assert any(re.search(words, s) for s in said[name]), said[name]


def test_nothing_is_averaged_over_them(said):
    assert said.keys() == set(NAMES)
    for sentences in said.values():
        assert not [s for s in sentences if re.search(r"\bnan\b|\binf\b|None|<NA>|0 dense models|: +\(", s)]


METHODS = ["magnitude", "lamp", "taylor"]
ALSO = [{"methods": METHODS, "sparsities": [0.5, 0.9], "seeds": 2, "recoveries": ["none", "finetune"]}]
MODEL = {"source": "sample:lenet5-fashion"}
BARE = {"name": "x", "model": MODEL, "data": {"source": "sample:fashion", "test_limit": 50, "train_limit": 50}}


@pytest.mark.parametrize("name", ["tournament", "pq_index", "similarity", "mask_checks", "retrain_correlation"])
def test_what_stands_under_also_counts_as_much_as_what_stands_under_prune(name):
    (analysis,) = analyses_of(study_from_plain({**BARE, "analyses": {name: {}}}, "study"))
    seen = {}  # what it says of the study, not of the models
    with pytest.raises(Unsupported):
        analysis.check(Subject(study_from_plain(BARE, "study"), ("a", "b"), 50, seen))
    analysis.check(Subject(study_from_plain({**BARE, "also": ALSO}, "study"), ("a", "b"), 50, seen))


def test_a_diagram_may_stand_under_also():
    train = {"train": {"epochs": 1, "batch_size": [8, 16]}, "model": {"source": "pruneviz_samples.nets:LeNet5Mini"}}
    spec = study_from_plain({**BARE, **train, "also": ALSO}, "study")
    ThreeRegime().check(Subject(spec, ("a", "b"), 50))
    assert [c.name for c in spec.methods] == METHODS
    once = [{**ALSO[0], "seeds": 1}]
    with pytest.raises(Unsupported, match="two retrainings or more are compared"):
        ThreeRegime().check(Subject(study_from_plain({**BARE, **train, "also": once}, "study"), ("a", "b"), 50))
