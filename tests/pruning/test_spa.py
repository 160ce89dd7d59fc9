from __future__ import annotations

import torch
from pruning_cases import build

from pruneviz.pruning.methods.spa import GroupNorm
from pruneviz.pruning.parts import Given
from pruneviz.pruning.spaces import Channels


def ranks(name: str, order: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    c = build(name)
    units = Channels()(c.net, c.info, (), c.example)
    ranked = units.rank(GroupNorm(order)(Given(c.net, c.info, "channel", units.blocks)))
    return {n: r.scores for n, r in ranked.items()}, {n: p.detach() for n, p in c.net.named_parameters()}


def test_filters_and_what_reads_them_are_added_up() -> None:
    found, w = ranks("lenet5", 1)
    makes = w["conv2.weight"].abs().flatten(1).sum(1)
    reads = w["fc1.weight"].abs().sum(0).reshape(16, 25).sum(1)
    torch.testing.assert_close(found["conv2"], makes + reads)
    found, w = ranks("lenet5", 2)
    everything = torch.cat([w["fc1.weight"], w["fc2.weight"].T], 1)
    torch.testing.assert_close(found["fc1"], everything.norm(dim=1))


def test_residual_groups_have_several_makers_and_readers() -> None:
    found, w = ranks("resnet8", 1)
    makes = sum(w[f"{n}.weight"].abs().flatten(1).sum(1) for n in ("conv", "block1.conv2"))
    readers = ("block1.conv1", "block2.conv1", "block2.shortcut.0")
    reads = sum(w[f"{n}.weight"].abs().sum((0, 2, 3)) for n in readers)
    torch.testing.assert_close(found["conv"], makes + reads)
