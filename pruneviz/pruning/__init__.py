"""Pruning: unit spaces, scores, allocations, schedules, and the recipes made of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pruneviz.pruning.channels import cut
    from pruneviz.pruning.during import DuringTraining, Ground, training_hook
    from pruneviz.pruning.extending import register_score
    from pruneviz.pruning.masking import Costs, apply, costs, dead_layers, full_mask
    from pruneviz.pruning.parts import Given, Score, Scores
    from pruneviz.pruning.recipes import RECIPES, Recipe, add, control_of, describe, label, resolve
    from pruneviz.pruning.selection import Selected, check, commit, select
    from pruneviz.pruning.statistics import gather

__all__ = [
    "RECIPES",
    "Costs",
    "DuringTraining",
    "Given",
    "Ground",
    "Recipe",
    "Score",
    "Scores",
    "Selected",
    "add",
    "apply",
    "check",
    "commit",
    "control_of",
    "costs",
    "cut",
    "dead_layers",
    "describe",
    "full_mask",
    "gather",
    "label",
    "register_score",
    "resolve",
    "select",
    "training_hook",
]

# Imported when first used: listing the methods must not import torch.
_HOMES = {
    "channels": ("cut",),
    "during": ("DuringTraining", "Ground", "training_hook"),
    "extending": ("register_score",),
    "masking": ("Costs", "apply", "costs", "dead_layers", "full_mask"),
    "parts": ("Given", "Score", "Scores"),
    "recipes": ("RECIPES", "Recipe", "add", "control_of", "describe", "label", "resolve"),
    "selection": ("Selected", "check", "commit", "select"),
    "statistics": ("gather",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'pruneviz.pruning' has no attribute {name!r}")
    return getattr(import_module(f"pruneviz.pruning.{_HOME_OF[name]}"), name)
