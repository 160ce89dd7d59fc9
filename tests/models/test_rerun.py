from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz.models.rerun import Rerun
from pruneviz_samples import nets


class Branches(nn.Module):
    """Goes another way for other values, which cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.a(x.flatten(1))
        return self.b(x if x.mean() > 0 else -x)


class InPlace(nn.Module):
    """Adds into what was computed before the changing layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.a(x.flatten(1))
        x += self.b(x)
        return self.c(x)


CASES = {
    "lenet5-mini, first": (nets.LeNet5Mini(), (1, 32, 32), "conv2.weight", 1),
    "lenet5-mini, last": (nets.LeNet5Mini(), (1, 32, 32), "fc1.weight", 3),
    "residual": (nets.ResNet8(width=4), (1, 12, 12), "block2.conv2.weight", 3),
    "not traceable": (Branches(), (1, 2, 2), "b.weight", 0),
    "in place": (InPlace(), (1, 2, 2), "b.weight", 0),
    "attention": (nets.TinyViT(size=8, dim=8, depth=2, heads=2, hidden=8), (1, 8, 8), "blocks.1.fc1.weight", 4),
}


@pytest.mark.parametrize("case", CASES)
def test_running_again_gives_what_the_network_gives(case):
    net, shape, tensor, least_saved = CASES[case]
    net.eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((5, *shape), generator=generator)
    weight = dict(net.named_parameters())[tensor]
    original = weight.detach().clone()
    calls: list[str] = []
    hooks = [m.register_forward_hook(lambda *_, n=n: calls.append(n)) for n, m in net.named_modules() if n]
    with torch.inference_mode():
        again = Rerun(net, {tensor})
        kept = again.keep(images)
        for _ in range(3):
            weight.copy_(torch.randn(weight.shape, generator=generator))
            expected = net(images)
            whole = len(calls)
            calls.clear()
            assert torch.allclose(again(kept), expected, atol=1e-5)
            saved = whole - len(calls)
            calls.clear()
        weight.copy_(original)
        assert torch.allclose(again(kept), net(images), atol=1e-5)
    for hook in hooks:
        hook.remove()
    assert saved >= least_saved


def test_what_is_not_read_again_is_not_held():
    net = nets.LeNet5Mini().eval()
    with torch.inference_mode():
        kept = Rerun(net, {"fc1.weight"}).keep(torch.randn(2, 1, 32, 32))
    held = [v for v in kept.values.values() if isinstance(v, torch.Tensor)]
    assert [tuple(v.shape) for v in held] == [(2, 10)]
