from __future__ import annotations

import pytest
import torch
from pruning_cases import build, case
from references import methods_slow
from torch import nn

from pruneviz import pruning
from pruneviz.core.quantities import Target, count_removed
from pruneviz.core.spec import Choice


@pytest.mark.parametrize("temperature", [200.0, 1.0])
def test_the_largest_go_of_minus_the_weight_times_the_hessian_times_the_gradient(temperature: float) -> None:
    torch.manual_seed(0)
    c = case(nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 10)), 2)
    images, labels = c.data.preprocess(c.data.train.images), torch.from_numpy(c.data.train.labels)
    hessian, gradient = methods_slow.hessian_and_gradient(c.net, images, labels, temperature)
    flat = torch.cat([p.detach().reshape(-1) for p in c.net.parameters()]).double()
    parts = (-flat * (hessian @ gradient)).split([p.numel() for p in c.net.parameters()])
    scores = {n: s for (n, _), s in zip(c.net.named_parameters(), parts, strict=True) if n.endswith("weight")}
    total = sum(s.numel() for s in scores.values())
    largest = torch.cat(list(scores.values())).topk(count_removed(0.4, total)).values.min()

    recipe = pruning.resolve(Choice("grasp", {"temperature": temperature}), "here")
    (need,) = recipe.needs
    statistics = {need: pruning.gather(need, c.net, c.data, samples=30, seed=0)}
    mask = pruning.select(c.net, c.info, recipe, Target("sparsity", 0.4), statistics=statistics, example=c.example).mask
    for name, s in scores.items():
        assert torch.equal(torch.from_numpy(~mask[name]).reshape(-1), s >= largest)


def test_attention_has_a_second_derivative_too() -> None:
    vit = build("vit")
    found = pruning.gather("gradient-flow(temperature=200)", vit.net, vit.data, samples=3, seed=0)
    assert found["product|blocks.0.attention.q.weight"].abs().max() > 0
