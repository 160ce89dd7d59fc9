"""Cut networks put back into their old shapes: the outputs stay, and what is said to be gone is what went."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch_pruning
from torch import nn

from pruneviz import pruning, testing
from pruneviz.core.errors import CheckpointError
from pruneviz.core.masks import Mask
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.pruning.restoring import restore_history, restore_units, zeroed_units

CUTTABLE = ("mlp", "cnn", "lenet5", "resnet8", "vit")


def cut_by_torch_pruning(net: nn.Module, example: torch.Tensor, names: dict[str, list[int]]) -> tuple[nn.Module, Any]:
    small = copy.deepcopy(net)
    graph = torch_pruning.DependencyGraph().build_dependency(small, example)
    for name, channels in names.items():
        module = small.get_submodule(name)
        graph.get_pruning_group(module, graph.get_pruner_of_module(module).prune_out_channels, channels).prune()
    return small.eval(), graph.pruning_history()


CHANNELS = {
    "mlp": {"fc1": [0, 3, 99], "fc2": [1]},
    "cnn": {"conv1": [2, 4], "conv2": [0], "fc1": [5, 6]},
    "lenet5": {"conv2": [0, 15], "fc1": [7], "conv1": [3]},  # in another order than they run
    "resnet8": {"conv": [1, 2], "block2.conv1": [0], "block3.conv2": [5]},  # a residual group among them
    "vit": {"blocks.0.fc1": [0, 9], "blocks.1.fc1": [3]},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("architecture", CUTTABLE)
def test_a_history_leads_back_to_the_whole_shapes(architecture: str) -> None:
    on = testing.build(architecture)
    small, history = cut_by_torch_pruning(on.net, on.example, CHANNELS[architecture])
    before = testing.snapshot(on.net)
    restored = restore_history(on.net, on.info, on.example, history, small.state_dict(), "w.pt")
    assert testing.same(before, testing.snapshot(on.net))

    expected = on.logits(small)
    gap = float((on.logits(restored.net) - expected).abs().max() / expected.abs().max())
    assert gap < 1e-5
    kept = sum(
        int(restored.mask.get(n, torch.ones(p.shape).bool().numpy()).sum()) for n, p in on.net.named_parameters()
    )
    assert kept == sum(p.numel() for p in small.parameters())
    again = pruning.cut(restored.net, restored.mask, on.example)
    assert {n: t.shape for n, t in again.state_dict().items()} == {n: t.shape for n, t in small.state_dict().items()}
    assert all(
        torch.equal(t, small.state_dict()[n])
        for n, t in again.state_dict().items()
        if n in dict(small.named_parameters())
    )


def test_channels_removed_twice_count_from_what_was_left() -> None:
    on = testing.build("mlp")
    small, history = cut_by_torch_pruning(on.net, on.example, {"fc1": [0, 1, 2]})
    graph = torch_pruning.DependencyGraph().build_dependency(small, on.example)
    graph.get_pruning_group(small.fc1, torch_pruning.prune_linear_out_channels, [0]).prune()  # which was number 3
    both = [*history, *graph.pruning_history()]
    restored = restore_history(on.net, on.info, on.example, both, small.state_dict(), "w.pt")
    assert restored.mask.units["fc1"].tolist() == [False] * 4 + [True] * 96


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ("fc1", ["holds 'fc1'", "pruning_history()"]),
        ([["fc1", True]], ["pruning_history()"]),
        ([["fc1", True, ["0"]]], ["no numbers from 0"]),
        ([["fc9", True, [0]]], ["cannot be played again", "fc9", "before it was cut"]),
        ([["fc1", True, [1000]]], ["w.pt"]),
        ([["fc1", True, [0, 1]]], ["fc1.weight (file (99, 64), model (98, 64))"]),
        ([["__class__", True, [0]]], ["cannot be played again"]),
    ],
)
def test_a_history_that_is_none_or_of_another_model(history: Any, words: list[str]) -> None:
    on = testing.build("mlp")
    small, _ = cut_by_torch_pruning(on.net, on.example, {"fc1": [0]})
    with pytest.raises(CheckpointError) as e:
        restore_history(on.net, on.info, on.example, history, small.state_dict(), "w.pt")
    for word in ["w.pt", *words]:
        assert word in str(e.value)


def test_channels_whose_zeros_would_not_stay_zeros_are_refused() -> None:

    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(64, 20), nn.Linear(20, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = torch.sigmoid(self.fc1(x.flatten(1)))
            return self.fc2(h / h.sum(1, keepdim=True))  # a removed channel, at one half, would count here

    on = testing.case(Shifted(), 8)
    small, history = cut_by_torch_pruning(on.net, on.example, {"fc1": [0, 1, 2, 3, 4, 5]})
    with pytest.raises(CheckpointError, match=r"other outputs than as it was cut.*factory of its own"):
        restore_history(on.net, on.info, on.example, history, small.state_dict(), "w.pt")


@pytest.mark.parametrize("architecture", CUTTABLE)
def test_what_we_cut_ourselves_leads_back_too(architecture: str) -> None:
    on = testing.build(architecture)
    selected = on.select(pruning.resolve(Choice("l1-filter", {}), "test"), Target("sparsity", 0.5))
    masked = copy.deepcopy(on.net)
    pruning.commit(masked, selected)
    small = pruning.cut(masked, selected.mask, on.example)
    restored = restore_units(on.net, on.info, on.example, selected.mask.units, small.state_dict(), "w")
    assert restored.mask.same_as(selected.mask)
    assert float((on.logits(restored.net) - on.logits(small)).abs().max()) < 1e-5
    units = {**selected.mask.units, "nothing": next(iter(selected.mask.units.values()))}
    with pytest.raises(CheckpointError, match="'nothing', this one has none of that name"):
        restore_units(on.net, on.info, on.example, units, small.state_dict(), "w")


@pytest.mark.parametrize("architecture", CUTTABLE)
def test_whole_channels_of_zeros_can_be_cut(architecture: str) -> None:
    on = testing.build(architecture)
    selected = on.select(pruning.resolve(Choice("l1-filter", {}), "test"), Target("sparsity", 0.5))
    net = copy.deepcopy(on.net)
    pruning.commit(net, selected)
    weights = {x.parameter for x in on.info.layers}
    zeros = {n: (p.detach() != 0).numpy() for n, p in net.named_parameters() if n in weights}
    found = zeroed_units(net, on.info, on.example, Mask.of(zeros))
    assert {n: k.tolist() for n, k in found.units.items()} == {
        n: k.tolist() for n, k in selected.mask.units.items() if not k.all()
    }
    gap = (on.logits(pruning.cut(net, found, on.example)) - on.logits(net)).abs().max()
    assert gap.item() < 1e-5


def test_channels_that_something_is_left_of_stay() -> None:
    on = testing.build("lenet5")
    net = copy.deepcopy(on.net)
    with torch.no_grad():
        net.conv1.weight[0] = 0  # its bias stays: the channel is constant, and not nothing
        net.conv2.weight[1] = 0
        net.conv2.bias[1] = 0
        net.fc1.weight[0, 0] = 0  # a weight of its own, which no channel explains
    mask = Mask.of({n: (p.detach() != 0).numpy() for n, p in net.named_parameters() if n.endswith("weight")})
    assert not zeroed_units(net, on.info, on.example, mask).units
    with torch.no_grad():
        net.conv1.weight[0] = net.fc1.weight[0, 0] = 0.5
    mask = Mask.of({n: (p.detach() != 0).numpy() for n, p in net.named_parameters() if n.endswith("weight")})
    found = zeroed_units(net, on.info, on.example, mask)
    assert {n: int((~k).sum()) for n, k in found.units.items()} == {"conv2": 1}
    assert not found["fc1.weight"][:, 25:50].any()  # what channel 1 of conv2 fed
