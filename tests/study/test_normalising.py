"""Weights that were trained on images normalised otherwise are told before anything is measured with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pruneviz.core.errors import DataError
from pruneviz.core.spec import DataSpec, study_from_plain
from pruneviz.data import Preprocess, load
from pruneviz.study import dry_run, run_study
from pruneviz.study.normalising import require_own_normalisation

DATA = DataSpec("sample:fashion", train_limit=1500, test_limit=100)
PLAIN = ((0.0,), (1.0,))


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))


@pytest.fixture(scope="module")
def data():
    return load(DATA)


def trained(data, preprocess):
    net = mlp()
    x, y = preprocess(data.train.images), torch.as_tensor(data.train.labels)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    return net.eval()


@pytest.fixture(scope="module")
def plain(data):
    """A network trained on pixels scaled to [0, 1], and not normalised."""
    return trained(data, Preprocess(*PLAIN))


class Unit(nn.Module):
    """A network that makes nothing of pixels above 1."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(torch.where(x > 1, 0.0, x))


def test_weights_of_other_images_are_refused_with_both_numbers_and_the_remedy(data, plain):
    with pytest.raises(DataError) as e:
        require_own_normalisation(plain, data, DATA)
    said = str(e.value)
    images, labels = data.val.images, data.val.labels
    assert len(labels) <= 200  # all are looked at
    for preprocess in (data.preprocess, Preprocess(*PLAIN)):
        right = int((plain(preprocess(images)).argmax(1).numpy() == labels).sum())
        assert f" {right} " in said
    for word in ("[data] mean and std are not given", "mean = [0.0] and std = [1.0]", "--set data.mean="):
        assert word in said
    require_own_normalisation(plain, data, replace(DATA, mean=(0.3,), std=(0.2,)))  # whoever gives them means them


def test_floats_up_to_255_are_no_images_for_a_model_of_the_unit_interval(data, plain):
    images = data.val.images.transpose(0, 3, 1, 2).astype(np.float32)
    loaded = replace(data, val=replace(data.val, images=images), mean=(0.0,), std=(1.0,))
    with pytest.raises(DataError, match=r"used for images that are no bytes.*std = \[255\.0\]"):
        require_own_normalisation(Unit(plain), loaded, DATA)
    small = replace(data, val=replace(data.val, images=images / 255), mean=(0.0,), std=(1.0,))
    require_own_normalisation(Unit(plain), small, DATA)


def test_weights_that_fit_or_that_nothing_fits_are_let_pass(data):
    require_own_normalisation(trained(data, data.preprocess), data, DATA)
    require_own_normalisation(mlp(), data, DATA)
    require_own_normalisation(mlp(), replace(data, val=None, train=None), DATA)


def test_a_study_of_such_weights_is_refused_before_anything_is_written(
    data, plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "plain_nets.py").write_text(
        "from torch import nn\ndef mlp():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    save_file(plain.state_dict(), tmp_path / "w.safetensors")
    table = {
        "name": "plain",
        "model": {"source": "plain_nets:mlp", "checkpoint": str(tmp_path / "w.safetensors")},
        "data": {"source": "sample:fashion", "train_limit": 1500, "test_limit": 100},
        "prune": {"methods": ["magnitude"], "sparsities": [0.5]},
        "measure": {"latency": False},
    }
    with pytest.raises(DataError, match="not what the model was trained with"):
        dry_run(study_from_plain(table, "test"), tmp_path / "s")
    with pytest.raises(DataError, match="not what the model was trained with"):
        run_study(study_from_plain(table, "test"), tmp_path / "s")
    assert not (tmp_path / "s").exists()
    table["data"] |= {"mean": [0.0], "std": [1.0]}
    assert dry_run(study_from_plain(table, "test"), tmp_path / "s").runs
