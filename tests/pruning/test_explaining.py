from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pruning_cases import Case, build, case, same, snapshot
from references import methods_slow
from torch import Tensor, nn

from pruneviz import pruning
from pruneviz.core.errors import Unsupported
from pruneviz.core.quantities import Target
from pruneviz.pruning.calibration import balanced_choice
from pruneviz.pruning.linearity import fold_batch_norm


class Small(nn.Module):
    """Everything that relevance passes: batch norm, a residual sum, max and mean pooling, linear layers, biases."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(2)
        self.conv2 = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(2)
        self.fc1 = nn.Linear(2, 6)
        self.fc2 = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)) + x)
        x = F.max_pool2d(x, 2).mean((2, 3))
        return self.fc2(F.relu(self.fc1(x)))


@pytest.fixture(scope="module")
def small() -> Case:
    torch.manual_seed(4)
    return case(Small(), 4)


def slow(c: Case, image: Tensor, label: int, start: str) -> dict[str, np.ndarray]:
    """One image's relevance, layer by layer from the end."""
    net = c.net.double()
    image = image.double()

    def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[np.ndarray, np.ndarray]:
        scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
        bias = torch.zeros(2) if conv.bias is None else conv.bias.detach()
        weight = conv.weight.detach() * scale[:, None, None, None]
        return weight.numpy(), ((bias - norm.running_mean) * scale + norm.bias.detach()).numpy()

    with torch.no_grad():
        a1 = F.relu(net.bn1(net.conv1(image)))
        z2 = net.bn2(net.conv2(a1))
        a2 = F.relu(z2 + a1)
        pooled, indices = F.max_pool2d(a2, 2, return_indices=True)
        x3 = pooled.mean((2, 3))
        x4 = F.relu(net.fc1(x3))
        logits = net.fc2(x4)
    found = {}
    out = np.zeros(10)
    out[label] = 1.0 if start == "one" else float(logits[0, label])
    fc2, fc1 = net.fc2, net.fc1
    r4, found["weight|fc2.weight"] = methods_slow.epsilon_rule(
        x4[0].numpy(), fc2.weight.detach().numpy(), fc2.bias.detach().numpy(), out
    )
    found["filter|fc2.weight"], found["filter|fc1.weight"] = out, r4
    r3, found["weight|fc1.weight"] = methods_slow.epsilon_rule(
        x3[0].numpy(), fc1.weight.detach().numpy(), fc1.bias.detach().numpy(), r4
    )
    r2 = np.zeros((2, 4, 4))
    for channel in range(2):
        values, largest = pooled[0, channel].reshape(-1).tolist(), indices[0, channel].reshape(-1).tolist()
        for value, at in zip(values, largest, strict=True):  # the mean by share, max pooling to the largest
            r2[channel].reshape(-1)[at] += value / sum(values) * r3[channel]
    total = (z2 + a1)[0].numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        back, past = (np.where(total > 0, part[0].numpy() / total * r2, 0.0) for part in (z2, a1))
    found["filter|conv2.weight"] = back.sum((1, 2))
    r1, found["weight|conv2.weight"] = methods_slow.z_plus(a1[0].numpy(), *folded(net.conv2, net.bn2), back)
    r1 = r1 + past
    found["filter|conv1.weight"] = r1.sum((1, 2))
    _, found["weight|conv1.weight"] = methods_slow.z_plus(image[0].numpy(), *folded(net.conv1, net.bn1), r1)
    net.float()
    return found


@pytest.mark.parametrize("start", ["one", "logit"])
def test_equals_a_slow_propagation_through_every_kind_of_part(small: Case, start: str) -> None:
    before = snapshot(small.net)
    found = pruning.gather(
        f"relevance(convolutions=z-plus, references=1, start={start})", small.net, small.data, samples=99, seed=2
    )
    assert same(before, snapshot(small.net))
    chosen = balanced_choice(small.data.train.labels, 10, 2)
    assert sorted(small.data.train.labels[chosen]) == list(range(10))
    images = small.data.preprocess(small.data.train.images[chosen])
    labels = small.data.train.labels[chosen]
    each = [slow(small, images[i : i + 1], int(labels[i]), start) for i in range(10)]
    for key, t in found.items():
        expected = np.mean([np.abs(e[key]) for e in each], axis=0)
        np.testing.assert_allclose(t, expected, rtol=2e-3, atol=2e-5 * expected.max())
    assert set(found) == set(each[0])


def test_without_biases_no_relevance_is_lost_on_the_way() -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 6, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2)]
    c = case(nn.Sequential(*layers, nn.Flatten(), nn.Linear(24, 10, bias=False)), 8)
    found = pruning.gather("relevance(convolutions=z-plus, references=1, start=one)", c.net, c.data, samples=1, seed=0)
    # Where all relevance is positive, absolute values change nothing: weights' and filters' add up to the same.
    for layer in ("0", "2"):
        assert float(found[f"weight|{layer}.weight"].sum()) >= float(found[f"filter|{layer}.weight"].sum()) * (1 - 1e-4)
    assert float(found["weight|6.weight"].sum()) >= 1 - 1e-4
    assert float(found["filter|6.weight"].sum()) == pytest.approx(1, rel=1e-4)


def test_with_one_rule_it_is_gradient_times_weight(small: Case) -> None:
    """Where nothing but the ε rule is used, relevance is the share of the logit, as is known of ReLU networks."""
    found = pruning.gather(
        "relevance(convolutions=epsilon, references=1, start=logit)", small.net, small.data, samples=1, seed=2
    )
    chosen = balanced_choice(small.data.train.labels, 10, 2)
    images = small.data.preprocess(small.data.train.images[chosen])
    net = fold_batch_norm(small.net, small.example)
    sums: dict[str, Tensor] = {}
    for image, label in zip(images, small.data.train.labels[chosen], strict=True):
        net.zero_grad()
        net(image[None])[0, int(label)].backward()
        for n, p in net.named_parameters():
            if p.dim() > 1:
                sums[n] = sums.get(n, 0) + (p.detach() * p.grad).abs() / 10
    for n, expected in sums.items():
        torch.testing.assert_close(found[f"weight|{n}"], expected, rtol=1e-2, atol=1e-3 * float(expected.max()))


def test_folded_batch_norm_changes_no_output() -> None:
    c = build("resnet8")
    folded = fold_batch_norm(c.net, c.example)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    torch.testing.assert_close(c.logits(folded), c.logits(c.net), rtol=1e-4, atol=1e-5)


def test_recipes_remove_what_is_least_relevant(small: Case) -> None:
    found = pruning.gather(
        "relevance(convolutions=z-plus, references=10, start=one)", small.net, small.data, samples=1, seed=0
    )
    mask = small.select(pruning.RECIPES["lrp"], Target("sparsity", 0.3)).mask
    values = torch.cat([found[f"weight|{n}"].reshape(-1) for n in mask])
    kept = torch.cat([torch.from_numpy(k).reshape(-1) for k in mask.values()])
    assert values[kept].min() >= values[~kept].max()
    units = small.select(pruning.RECIPES["lrp-filter"], Target("sparsity", 0.5)).mask.units
    coupled = found["filter|conv1.weight"] + found["filter|conv2.weight"]  # one group, by the sum
    assert set(units) == {"conv1", "fc1"}
    scores = torch.cat([coupled, found["filter|fc1.weight"]])
    alive = torch.from_numpy(np.concatenate([units["conv1"], units["fc1"]]))
    best = int(coupled.argmax())
    assert alive[best]  # one of each group stays, whatever its score
    others = torch.arange(len(alive)) != best
    assert scores[alive & others].min() >= scores[~alive].max()


def test_what_relevance_cannot_pass_is_refused_before_anything_starts() -> None:
    torch.manual_seed(0)
    early = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))
    up = nn.Sequential(nn.ConvTranspose2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(300, 10))
    for net, reason in ((early, "batch norms 0 cannot be folded"), (up, "no rule for the transposed convolutions 0")):
        with pytest.raises(Unsupported, match=reason):
            case(net, 8).check(pruning.RECIPES["lrp"], (Target("sparsity", 0.5),))
    with pytest.raises(Unsupported, match="Relevance needs a network whose layers scale"):
        build("vit").check(pruning.RECIPES["lrp-filter"], (Target("sparsity", 0.5),))
