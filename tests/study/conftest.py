"""A user's own little model, as a file that studies name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NETS = '''
import torch
from torch import nn


def mlp(width=24):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


class Fails(nn.Module):
    """Works in evaluation, raises in training after so many batches."""

    def __init__(self, after=0):
        super().__init__()
        self.fc, self.left = nn.Linear(64, 10), after

    def forward(self, x):
        self.left -= self.training
        if self.left < 0:
            raise RuntimeError("the user's own mistake")
        return self.fc(x.flatten(1))
'''


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of an importable module with ``mlp`` and ``Fails``."""
    name = f"user_nets_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / f"{name}.py").write_text(NETS)
    monkeypatch.syspath_prepend(str(folder))
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def table(nets: str) -> dict[str, Any]:
    """A small study of that model on the digits, as plain data."""
    return {
        "name": "small",
        "model": {"source": f"{nets}:mlp", "name": "mlp"},
        "data": {"source": "sample:digits", "train_limit": 400, "test_limit": 100},
        "train": {"epochs": 2, "lr": 0.1, "batch_size": 64, "keep_steps": [0]},
        "prune": {"methods": ["magnitude"], "sparsities": [0.5, "90%"]},
        "recover": {"recoveries": ["none", {"name": "finetune", "epochs": 1}]},
        "measure": {"latency": False},
    }
