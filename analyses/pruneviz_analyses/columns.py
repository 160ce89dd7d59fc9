"""Columns that tables of several analyses have."""

from __future__ import annotations

from pruneviz.core.tables import Column

RUN = Column("run_id", "str", "the run")
SAMPLE = Column("sample_id", "str", "the image's path, or split:index")
ARM = Column("arm", "str", "the model, method, recovery and target that the run shares with its repeats")
KIND = Column("kind", "str", "dense, pruned, or retrained (a dense model trained on)")
# What an arm's runs share: the fields of :class:`pruneviz_analyses.pairs.Arm` besides its kind.
OF_ARM = (
    Column("model", "str", "the model's name"),
    Column("method", "str", "the pruning method, or dense"),
    Column("recovery", "str", "what happened after pruning"),
    Column("target", "str", "the target as a short text"),
    Column("level", "int", "iteration of an iterative schedule; 0 for dense models"),
)
