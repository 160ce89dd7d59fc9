"""ONNX and torch.export: the shipped architectures, masked and cut, give the same outputs in another runtime."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz import pruning, testing
from pruneviz.core.errors import ModelError, UsageError
from pruneviz.core.quantities import Target
from pruneviz.core.spec import Choice
from pruneviz.study.exported import export_model

SHAPES = {"mlp": (1, 8, 8), "lenet5": (1, 28, 28), "resnet8": (1, 28, 28), "vit": (1, 28, 28)}


def pruned(architecture: str, method: str) -> nn.Module:
    """Masked by magnitude, or cut."""
    on = testing.build(architecture)
    selected = on.select(pruning.resolve(Choice(method, {}), "test"), Target("sparsity", 0.5))
    net = copy.deepcopy(on.net)
    pruning.commit(net, selected)
    return pruning.cut(net, selected.mask, on.example) if selected.mask.units else net


@pytest.mark.parametrize("architecture", SHAPES)
@pytest.mark.parametrize(("method", "ending"), [("l1-filter", ".onnx"), ("magnitude", ".pt2")])
def test_every_shipped_architecture(architecture: str, method: str, ending: str, tmp_path: Path) -> None:
    net, path = pruned(architecture, method), tmp_path / f"net{ending}"
    done = export_model(net, SHAPES[architecture], path, {"classes": ["a", "b"], "nan": float("nan")})
    assert done.bytes == path.stat().st_size
    assert done.gap <= 1e-4 * done.largest

    images = torch.randn((7, *SHAPES[architecture]), generator=torch.Generator().manual_seed(5))  # a new batch size
    with torch.no_grad():
        expected = net(images).numpy()
    if ending == ".onnx":
        import onnx
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (found,) = session.run(["logits"], {"images": images.numpy()})
        about = {p.key: p.value for p in onnx.load(path).metadata_props}["pruneviz"]
    else:
        extra = {"pruneviz": ""}
        found = torch.export.load(path, extra_files=extra).module()(images).detach().numpy()
        about = extra["pruneviz"]
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert json.loads(about) == {"classes": ["a", "b"]}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


class ByValue(nn.Module):
    """Computes what its input's values say."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc(x.flatten(1))
        return y if y.sum() > 0 else -y


class OneSize(ByValue):
    """Works for one number of images alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.reshape(2, 64)) if len(x) == 2 else self.fc(x.flatten(1)) + 1


@pytest.mark.parametrize(
    ("net", "ending"), [(ByValue(), ".onnx"), (OneSize(), ".pt2")], ids=["values decide", "one number of images"]
)
def test_a_model_that_cannot_be_followed_is_refused_and_leaves_nothing(
    net: nn.Module, ending: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"net.*cannot be exported: .*Exporters cannot follow code"):
        export_model(net, (1, 8, 8), tmp_path / f"net{ending}")
    assert not list(tmp_path.iterdir())


def test_a_file_that_gives_other_outputs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pruneviz.study import exported

    def read(path: Path) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    monkeypatch.setattr(exported, "_read_pt2", read)
    with pytest.raises(ModelError, match=r"logits differ from the model's by up to .* It was not kept"):
        export_model(ByValueFree(), (1, 8, 8), tmp_path / "net.pt2")
    assert not list(tmp_path.iterdir())


class ByValueFree(ByValue):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.flatten(1))


def test_other_endings_and_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got the ending '\.pt'; allowed: \.onnx"):
        export_model(ByValueFree(), (1, 8, 8), tmp_path / "net.pt")
    with pytest.raises(UsageError, match="cannot be written"):
        export_model(ByValueFree(), (1, 8, 8), tmp_path / "no" / "net.pt2")
