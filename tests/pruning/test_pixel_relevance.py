"""Relevance of pixels: against the rules written out by loops, against captum, and the law that it adds up."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule
from references import methods_slow
from torch import Tensor, nn

from pruneviz.pruning.linearity import fold_batch_norm
from pruneviz.pruning.relevance import pixel_relevance


class Plain(nn.Module):
    """What captum's LRP knows, each module used once."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=bias)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 5, 3, bias=bias)
        self.fc1 = nn.Linear(20, 8, bias=bias)
        self.fc2 = nn.Linear(8, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.conv1(x)))
        x = self.relu2(self.conv2(x)).flatten(1)
        return self.fc2(self.relu3(self.fc1(x)))


class Residual(nn.Module):
    """A residual sum and batch norm, which captum's LRP does not get right."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.fc = nn.Linear(3, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.conv2(x) + x)
        return self.fc(x.mean((2, 3)))


@pytest.fixture
def images() -> Tensor:
    return torch.randn((5, 2, 8, 8), generator=torch.Generator().manual_seed(1))


def made(net: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator) * 0.4
    return net.eval()


CLASSES = torch.tensor([0, 1, 2, 1, 0])


def test_captum_agrees_where_it_supports_the_network(images: Tensor) -> None:
    net, positive = made(Plain()), images.abs()  # captum's z⁺ rule takes inputs for positive, and biases as they are
    for conv in (net.conv1, net.conv2):
        conv.bias.data.abs_()
    ours = pixel_relevance(net, positive, CLASSES)
    for name, module in net.named_children():
        module.rule = Alpha1_Beta0_Rule() if name.startswith("conv") else EpsilonRule(1e-6)
    theirs = captum.attr.LRP(net).attribute(positive.requires_grad_(True), target=CLASSES)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-3, atol=1e-4)


def test_pixels_of_either_sign_are_given_what_their_products_are_worth(images: Tensor) -> None:
    """By loops: a convolution, whose outputs are averaged, and a linear layer."""

    class Short(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(2, 3, 3, padding=1), nn.Linear(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(F.relu(self.conv(x)).mean((2, 3)))

    net = made(Short())
    found = pixel_relevance(net, images[:1], torch.tensor([2]))[0].numpy()
    with torch.no_grad():
        hidden = F.relu(net.conv(images[:1]))[0].double().numpy()
        logits = net(images[:1])[0]
    start = np.zeros(4)
    start[2] = float(logits[2])
    weight, bias = (p.detach().double().numpy() for p in (net.fc.weight, net.fc.bias))
    pooled, _ = methods_slow.epsilon_rule(hidden.mean((1, 2)), weight, bias, start)
    share = hidden / hidden.sum((1, 2), keepdims=True) * pooled[:, None, None]
    weight, bias = (p.detach().double().numpy() for p in (net.conv.weight, net.conv.bias))
    expected, _ = methods_slow.z_plus(images[0].double().numpy(), weight, bias, share)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("net", [Plain(bias=False), Residual()], ids=["plain", "residual"])
def test_without_biases_the_pixels_have_all_of_the_logit(net: nn.Module, images: Tensor) -> None:
    made(net)
    if isinstance(net, Residual):
        net.bn1.bias.data.zero_()
        net.bn1.weight.data.abs_()
    found = pixel_relevance(net, images, CLASSES).sum((1, 2, 3))
    with torch.no_grad():
        logits = net(images).gather(1, CLASSES[:, None])[:, 0]
    torch.testing.assert_close(found, logits, rtol=2e-3, atol=1e-4)


def test_sums_and_activations_in_place_change_nothing(images: Tensor) -> None:
    class InPlace(Residual):
        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.bn1(self.conv1(x)), inplace=True)
            out = self.conv2(x)
            out += x
            return self.fc(F.relu(out, inplace=True).mean((2, 3)))

    net, other = made(Residual()), made(InPlace())
    torch.testing.assert_close(pixel_relevance(other, images, CLASSES), pixel_relevance(net, images, CLASSES))


def test_folding_batch_norm_and_the_rest_of_the_batch_change_nothing(images: Tensor) -> None:
    net = made(Residual())
    net.bn1.running_mean.normal_(generator=torch.Generator().manual_seed(5))
    whole = pixel_relevance(net, images, CLASSES)
    torch.testing.assert_close(whole, pixel_relevance(fold_batch_norm(net, images[:1]), images, CLASSES))
    torch.testing.assert_close(whole[3:4], pixel_relevance(net, images[3:4], CLASSES[3:4]))
    assert isinstance(net.bn1, nn.BatchNorm2d)  # the network is left as it was
    assert not hasattr(net.conv1, "rule")
