"""The one trainer, its hooks, and recoveries. Importing it imports no torch; asking it for what needs torch does."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from pruneviz.training.recoveries import (
    RECOVERIES,
    Recovery,
    check,
    label,
    recovery_from,
    require_function,
    require_steps,
)
from pruneviz.training.schedule import check_training, lr_at, steps_per_epoch, total_steps

if TYPE_CHECKING:
    from pruneviz.training.batch_norm import remeasure
    from pruneviz.training.keeper import MaskKeeper
    from pruneviz.training.predicting import predict
    from pruneviz.training.recovering import Budget, recover
    from pruneviz.training.trainer import Hook, TrainResult, TrainState, require_logits, train

__all__ = [
    "RECOVERIES",
    "Budget",
    "Hook",
    "MaskKeeper",
    "Recovery",
    "TrainResult",
    "TrainState",
    "check",
    "check_training",
    "label",
    "lr_at",
    "predict",
    "recover",
    "recovery_from",
    "remeasure",
    "require_function",
    "require_logits",
    "require_steps",
    "steps_per_epoch",
    "total_steps",
    "train",
]

_LATE = {
    "Budget": "recovering",
    "Hook": "trainer",
    "MaskKeeper": "keeper",
    "TrainResult": "trainer",
    "TrainState": "trainer",
    "predict": "predicting",
    "recover": "recovering",
    "remeasure": "batch_norm",
    "require_logits": "trainer",
    "train": "trainer",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
    return found
