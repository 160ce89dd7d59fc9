from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from pruning_cases import build
from references import methods_slow

from pruneviz import pruning
from pruneviz.core.quantities import Target
from pruneviz.pruning.methods.lamp import Lamp
from pruneviz.pruning.parts import Given


def lamp(c: object) -> dict[str, torch.Tensor]:
    return dict(Lamp()(Given(c.net, c.info, "weight", ())).values)  # type: ignore[attr-defined]


def test_equals_a_loop_over_all_weights_that_are_no_smaller() -> None:
    c = build("cnn")
    name = "conv1.weight"
    torch.testing.assert_close(lamp(c)[name], methods_slow.lamp(dict(c.net.named_parameters())[name].detach()))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_equals_weights_are_told_apart_by_their_place(values: list[int]) -> None:
    c = build("mlp")
    w = torch.zeros(50, 10)
    w.reshape(-1)[: len(values)] = torch.tensor(values).float()
    c.net.fc2.weight = torch.nn.Parameter(w.reshape(50, 10).repeat(1, 10))
    found = lamp(c)["fc2.weight"].reshape(-1)
    order = torch.argsort(c.net.fc2.weight.detach().reshape(-1).square(), stable=True)
    ranked = found[order][found[order] > 0]
    assert (ranked.diff() >= 0).all()
    assert float(found.max()) == (1.0 if any(values) else 0.0)


def test_no_layer_is_emptied_before_all_others_are_down_to_one_weight() -> None:
    c = build("lenet5")
    total = sum(x.parameters for x in c.info.layers)
    mask = c.select(pruning.RECIPES["lamp"], Target("sparsity", 1 - 5 / total)).mask
    assert [int(np.count_nonzero(mask[x.parameter])) for x in c.info.layers] == [1] * 5
