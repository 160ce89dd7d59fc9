"""The linear classifier behind a layer, in networks of many shapes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from featured import SIDE, data, net, seen
from torch import nn

from pruneviz.core.errors import Unsupported
from pruneviz.models.heads import find_head
from pruneviz_samples.nets import ResNet8, TinyViT

ON = data()


class Pooled(nn.Module):
    """Convolution, activation, then pooling, dropout and batch norm between it and the classifier."""

    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv2d(1, 6, 3), nn.ReLU()
        self.pool, self.drop, self.norm = nn.AdaptiveAvgPool2d(1), nn.Dropout(), nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.norm(self.drop(self.pool(self.act(self.conv(x))).flatten(1))))


class OneByOne(nn.Module):
    """A classifier of 1 × 1 convolutions, averaged over positions; ``bent`` by an activation in between."""

    def __init__(self, bent=False):
        super().__init__()
        self.conv, self.head, self.bent = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 4, 1), bent

    def forward(self, x):
        x = self.head(F.relu(self.conv(x)))
        return (F.relu(x) if self.bent else x).mean((2, 3))


class Passed(nn.Module):
    """Pixels go to the logits past the layer."""

    def __init__(self):
        super().__init__()
        self.side, self.head = nn.Linear(SIDE * SIDE, 4), nn.Linear(SIDE * SIDE, 4)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(x) + torch.tanh(self.side(x))


class Twice(nn.Module):
    """A module that is called twice."""

    def __init__(self):
        super().__init__()
        self.flat, self.same, self.head = nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 4)

    def forward(self, x):
        return self.head(self.same(self.same(self.flat(x))))


@pytest.mark.parametrize(
    ("given", "layer", "name", "size"),
    [
        (net(), "", "input of 3", 12),
        (net(), "2", "output of 2", 12),
        (Pooled(), "", "input of head", 6),
        (Pooled(), "pool", "output of pool", 6),
        (Pooled(), "act", "mean over positions of the output of act", 6),
        (OneByOne(), "", "mean over positions of the input of head", 6),
        (ResNet8(width=4, classes=4), "", "input of fc", 16),
        (ResNet8(width=4, classes=4), "block3", "mean over positions of the output of block3", 16),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 4, bias=False)), "", "input of 1", 64),
    ],
)
def test_features_and_their_classifier_are_found_and_make_the_logits(given, layer, name, size):
    torch.manual_seed(0)
    head = find_head(seen(given, ON), layer)
    assert (head.name, head.weight.shape) == (name, (4, size))
    x, logits = head.read(ON.preprocess(ON.test.images))
    assert x.detach().double().numpy() @ head.weight.T + head.bias == pytest.approx(logits.detach().numpy(), abs=1e-4)


def test_a_plain_classifier_is_found_to_the_last_digit():
    given = net()
    head = find_head(seen(given, ON))
    assert (head.weight == given[3].weight.detach().double().numpy()).all()
    assert (head.bias == given[3].bias.detach().double().numpy()).all()


def test_a_transformers_token_feeds_its_classifier():
    assert find_head(seen(TinyViT(size=8, patch=4, classes=4), ON)).weight.shape[0] == 4


@pytest.mark.parametrize(
    ("given", "layer", "why"),
    [
        (net(), "1", r"the output of '1' does not feed a linear classifier.*Leave `layer` out, or choose 2"),
        (net(), "conv9", r"has no layer 'conv9'.*Name one of 0, 1, 2, 3"),
        (Pooled(), "conv", r"not linear. Leave `layer` out, or choose norm, drop, pool, act"),
        (OneByOne(bent=True), "", "the input of 'head', its last layer, does not feed a linear classifier.*Nothing"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Softmax(1)), "", "not linear"),
        (Passed(), "", "something passes it by"),
        (Twice(), "same", "comes to be 2 times an image"),
    ],
)
def test_what_is_no_linear_classifier_is_named_with_what_would_do(given, layer, why):
    torch.manual_seed(0)
    with pytest.raises(Unsupported, match=f"(?s){why}"):
        find_head(seen(given, ON), layer)
