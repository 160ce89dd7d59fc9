from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerConductance
from pruning_cases import build, case
from torch import nn

from pruneviz import pruning
from pruneviz.pruning.calibration import balanced_choice


def small() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 5), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(5, 10))


def test_equals_the_integral_by_tiny_steps() -> None:
    c = case(small(), 8)
    found = pruning.gather("conductance(steps=50)", c.net, c.data, samples=3, seed=1)
    chosen = balanced_choice(c.data.train.labels, 3, 1)
    images = c.data.preprocess(c.data.train.images[chosen])
    expected = []
    for image, label in zip(images, c.data.train.labels[chosen], strict=True):
        total, before = np.zeros(4), None
        for alpha in torch.linspace(0, 1, 1001):
            y = c.net[:3](alpha * image[None]).detach().requires_grad_(True)
            c.net[3:](y)[0, int(label)].backward()
            if before is not None:
                total += (y.grad * (y.detach() - before)).sum((0, 2, 3)).numpy()
            before = y.detach()
        expected.append(np.abs(total))
    np.testing.assert_allclose(found["conductance|2.weight"], np.mean(expected, 0), rtol=1e-2, atol=1e-4)


def test_what_runs_through_a_layer_is_all_that_the_logit_changes() -> None:
    c = case(small(), 8)
    image = c.data.preprocess(c.data.train.images[balanced_choice(c.data.train.labels, 1, 0)])
    label = int(c.data.train.labels[balanced_choice(c.data.train.labels, 1, 0)][0])
    with torch.no_grad():
        change = float(c.net(image)[0, label] - c.net(0 * image)[0, label])
    found = pruning.gather("conductance(steps=100)", c.net, c.data, samples=1, seed=0)
    last = found["conductance|7.weight"]  # only the class's own output counts
    assert float(last[label]) == pytest.approx(abs(change), rel=1e-3)
    assert float(last.sum()) == pytest.approx(abs(change), rel=1e-3)


@pytest.mark.parametrize("architecture", ["lenet5", "resnet8"])
def test_agrees_with_captum(architecture: str) -> None:
    """Captum sums with the gradient at one end of each step, this project with the mean of both: close, not equal."""
    c = build(architecture)
    found = pruning.gather("conductance(steps=400)", c.net, c.data, samples=1, seed=1)
    chosen = balanced_choice(c.data.train.labels, 1, 1)
    images = c.data.preprocess(c.data.train.images[chosen])
    labels = torch.as_tensor(c.data.train.labels[chosen])
    assert len(found) >= 5
    for name, values in found.items():
        layer = c.net.get_submodule(name.removeprefix("conductance|").removesuffix(".weight"))
        each = LayerConductance(c.net, layer).attribute(images, torch.zeros_like(images), target=labels, n_steps=400)
        expected = each.reshape(*each.shape[:2], -1).sum(2).abs().mean(0).detach()
        assert float((values - expected).abs().max()) < 0.01 * float(expected.max())
