"""Where models come from, how their weights are read, and what they consist of. Imports no torch by itself."""

from pruneviz.models.inspect import LayerInfo, ModelInfo, examine, has_batch_norm
from pruneviz.models.making import architecture, build, build_fresh, kept_weights, refresh
from pruneviz.models.sources import SourceInfo, catalogue, has_weights, identity, kept_steps, known_steps, trained_on

__all__ = [
    "LayerInfo",
    "ModelInfo",
    "SourceInfo",
    "architecture",
    "build",
    "build_fresh",
    "catalogue",
    "examine",
    "has_batch_norm",
    "has_weights",
    "identity",
    "kept_steps",
    "kept_weights",
    "known_steps",
    "refresh",
    "trained_on",
]
