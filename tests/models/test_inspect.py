"""What examine counts, against counts made by hand, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable

import own_models
import pytest
import torch
from torch import nn

from pruneviz.core.errors import ModelError
from pruneviz.models import ModelInfo, examine, has_batch_norm
from pruneviz_samples import nets

SMALL = torch.zeros(1, 1, 4, 4)
FASHION = torch.zeros(1, 1, 28, 28)


def counts(info: ModelInfo) -> dict[str, tuple[tuple[int, ...], int]]:
    return {layer.parameter: (layer.shape, layer.positions) for layer in info.layers}


def test_lenet5_by_hand() -> None:
    info = examine(nets.LeNet5(), FASHION, 10)
    assert counts(info) == {
        "conv1.weight": ((6, 1, 5, 5), 28 * 28),
        "conv2.weight": ((16, 6, 5, 5), 10 * 10),
        "fc1.weight": ((120, 400), 1),
        "fc2.weight": ((84, 120), 1),
        "fc3.weight": ((10, 84), 1),
    }
    assert info.parameters == 61_706
    assert info.macs == 150 * 784 + 2400 * 100 + 48_000 + 10_080 + 840 == 416_520
    assert info.classifier == "fc3"
    assert info.unused == ()
    assert [layer.kind for layer in info.layers] == ["conv", "conv", "linear", "linear", "linear"]


def test_resnet8_by_hand() -> None:
    info = examine(nets.ResNet8(), FASHION, 10)
    big, middle, small = 28 * 28, 14 * 14, 7 * 7
    assert info.macs == (
        9 * 16 * big
        + 2 * 9 * 16 * 16 * big
        + (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32) * middle
        + (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64) * small
        + 640
    )
    convolutions = 144 + 2 * 2304 + 4608 + 9216 + 512 + 18432 + 36864 + 2048
    norms = 2 * (16 + 16 + 16 + 32 + 32 + 32 + 64 + 64 + 64)
    assert info.parameters == convolutions + norms + 650
    assert len(info.layers) == 10
    assert info["block2.shortcut.0.weight"].positions == middle


def test_a_linear_layer_is_used_once_per_token() -> None:
    info = examine(nets.TinyViT(patch=7), FASHION, 10)
    positions = {layer.module: layer.positions for layer in info.layers}
    assert positions.pop("fc") == 1
    assert set(positions.values()) == {16}
    assert info.classifier == "fc"


@pytest.mark.parametrize(
    ("conv", "positions"),
    [
        (nn.Conv2d(4, 8, 3, groups=4, padding=1), 16),  # depthwise with two filters a channel
        (nn.Conv2d(4, 8, 3, groups=2, stride=2, padding=1), 4),
        (nn.Conv2d(4, 8, 1, dilation=2), 16),
        (nn.ConvTranspose2d(4, 8, 2, stride=2), 16),  # each input position is spread, whatever the output's size
    ],
)
def test_convolutions_of_every_sort(conv: nn.Module, positions: int) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 1), conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    info = examine(net, SMALL, 3)
    assert info["1.weight"].positions == positions
    assert info["1.weight"].macs == positions * math.prod(conv.weight.shape)


def test_grouped_convolutions_agree_with_counting_each_product() -> None:
    """The number of multiply-adds of a convolution without padding is what a sum of ones over all products gives."""
    conv = nn.Conv2d(4, 6, 3, groups=2, bias=False)
    nn.init.ones_(conv.weight)
    net = nn.Sequential(nn.Conv2d(1, 4, 1), conv, nn.Flatten(), nn.Linear(6 * 4, 3))
    assert examine(net, SMALL, 3)["1.weight"].macs == int(conv(torch.ones(1, 4, 4, 4)).sum())


def test_a_layer_that_is_called_twice_counts_twice_and_one_never_called_is_left_out() -> None:
    info = examine(own_models.shared(), SMALL, 3)
    assert counts(info) == {"fc.weight": ((16, 16), 2), "head.weight": ((3, 16), 1)}
    assert info.unused == ("spare.weight",)
    assert info.parameters == 272 + 51 + 51


def test_attention_packed_and_separate() -> None:
    packed = counts(examine(own_models.attention(True), SMALL, 3))
    assert packed["attention.in_proj_weight"] == ((12, 4), 4)
    assert packed["attention.out_proj.weight"] == ((4, 4), 4)
    separate = counts(examine(own_models.attention(False), SMALL, 3))
    assert separate["attention.q_proj_weight"] == ((4, 4), 4)
    assert separate["attention.k_proj_weight"] == ((4, 4), 8)
    assert separate["attention.v_proj_weight"] == ((4, 2), 8)


def test_torchs_transformer_layer_is_seen_in_spite_of_its_fused_path() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    net = nn.Sequential(nn.Flatten(1, 2), layer, nn.Flatten(), nn.Linear(16, 3))
    assert set(counts(examine(net, SMALL, 3))) == {
        "1.self_attn.in_proj_weight",
        "1.self_attn.out_proj.weight",
        "1.linear1.weight",
        "1.linear2.weight",
        "3.weight",
    }


def test_a_model_that_is_one_layer() -> None:
    class Only(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.flatten(1))

    info = examine(Only(16, 3), SMALL, 3)
    assert (info.layers[0].parameter, info.layers[0].module, info.classifier) == ("weight", "", "")


def test_the_classifier_may_be_a_convolution_before_pooling() -> None:
    net = nn.Sequential(nn.Conv2d(1, 5, 1), nn.Conv2d(5, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert examine(net, SMALL, 3).classifier == "1"


def test_the_model_is_left_as_it_was() -> None:
    net = own_models.tiny(norm=True)
    net.train()
    net[1].eval()
    before = {k: t.clone() for k, t in net.state_dict().items()}
    examine(net, torch.ones(1, 1, 4, 4), 3)
    assert [m.training for m in net][:3] == [True, False, True]
    assert all(torch.equal(t, before[k]) for k, t in net.state_dict().items())
    assert not any(m._forward_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (own_models.tied, r"1\.weight and 2\.weight are tied"),
        (own_models.frozen, r"'0\.weight' is frozen .*requires_grad_"),
        (own_models.half, r"'0\.weight' is half precision.*net\.float\(\)"),
        (lambda: own_models.tiny().double(), r"not in single precision \(torch\.float64\)"),
        (own_models.lazy, r"'1\.weight' is lazy"),
        (own_models.weightless, "no prunable parameters"),
        (own_models.normed, r"'3\.weight' is computed from other parameters"),
        (own_models.nan, "NaN or infinite"),
        (own_models.restless, r"other outputs each time .*training=self\.training"),
        (lambda: own_models.tiny(classes=5), r"\(1, 5\), allowed: \(1, 3\), since the data has 3 classes"),
        (lambda: nn.Sequential(nn.Conv2d(3, 1, 1)), r"fails on an image of shape \(1, 1, 4, 4\).*expected input"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.LSTM(4, 3)), "returns tuple"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(make: Callable[[], nn.Module], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        examine(make(), SMALL, 3)


def test_a_frozen_parameter_that_is_not_prunable_is_fine() -> None:
    net = own_models.tiny()
    net[0].bias.requires_grad_(False)
    assert len(examine(net, SMALL, 3).layers) == 3


def test_has_batch_norm() -> None:
    assert has_batch_norm(own_models.tiny(norm=True))
    assert not has_batch_norm(own_models.tiny())
    assert not has_batch_norm(nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False)))
