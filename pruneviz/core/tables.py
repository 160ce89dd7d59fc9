"""The declared schemas of every table: column, type, unit, meaning. Views and analyses meet here.

Missing values are nulls: an integer column that may be null is pandas' ``Int64``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column: its name, type, unit and meaning.

    Types are ``str``, ``int``, ``float``, ``bool`` and ``floats``: a list of numbers, kept with 4 bytes each.

    Attributes:
        better: ``high`` or ``low`` where one direction is better, else empty; axes say so.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    better: str = ""

    @property
    def title(self) -> str:
        """What an axis or a table head shows, with the unit."""
        text = self.name.replace("_", " ")
        return f"{text} ({self.unit})" if self.unit else text


@dataclass(frozen=True)
class Schema:
    """A table's columns, in order."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [c.name for c in self.columns]

    def frame(self, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
        """A DataFrame of exactly these columns and types; absent keys become nulls.

        Raises:
            KeyError: a row has a key that the schema does not declare.
        """
        import pandas as pd

        for row in rows:
            if extra := row.keys() - set(self.names):
                raise KeyError(f"table {self.name!r} declares no column {sorted(extra)}")
        kinds: dict[str, Any] = _PANDAS
        return pd.DataFrame(
            {c.name: pd.Series([r.get(c.name) for r in rows], dtype=kinds[c.type]) for c in self.columns}
        )

    def arrow(self) -> pa.Schema:
        """The Parquet schema; text is dictionary-encoded."""
        import pyarrow as pa

        text = pa.dictionary(pa.int32(), pa.string())
        numbers = pa.list_(pa.float32())
        kinds = {"str": text, "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "floats": numbers}
        return pa.schema([pa.field(c.name, kinds[c.type]) for c in self.columns])


_PANDAS = {"str": "string", "int": "Int64", "float": "float64", "bool": "boolean", "floats": "object"}

RUNS = Schema(
    "runs",
    "one row per model measured; the dense model is one of them",
    (
        Column("run_id", "str", "content key of the run, 12 hex digits"),
        Column("name", "str", "readable name, unique within the study"),
        Column("parent_run_id", "str", "the run this one was made from; null for a dense model"),
        Column("dense_run_id", "str", "the dense model this run descends from; itself for a dense model"),
        Column("control_run_id", "str", "random pruning of the same unit, allocation, target, recovery and seed"),
        Column("model", "str", "the model's name, with the swept training values where there are any"),
        Column("replicate", "int", "number of the dense model: the unit of replication"),
        Column("method", "str", "recipe with its non-default options; 'dense' where nothing is pruned"),
        Column("unit", "str", "what is removed: weight, nm or channel"),
        Column("recovery", "str", "recovery with its non-default options"),
        Column("level", "int", "iteration of an iterative schedule, from 1; 0 for a dense model"),
        Column("seed", "int", "scoring and retraining seed; null where nothing depends on it"),
        Column("target", "str", "the target as a short text"),
        Column("sparsity_target", "float", "fraction of the units asked to be removed; null for other targets"),
        Column("sparsity_achieved", "float", "fraction of the method's own units that was removed"),
        Column("accuracy", "float", "on the test split", "fraction", "high"),
        Column("loss", "float", "mean cross-entropy on the test split", "nats", "low"),
        Column("balanced_accuracy", "float", "mean of the classes' accuracies, test split", "fraction", "high"),
        Column("worst_class_accuracy", "float", "lowest of the classes' accuracies, test split", "fraction", "high"),
        Column("worst_class", "str", "the class with that accuracy"),
        Column("val_accuracy", "float", "on the validation split, the one that chooses", "fraction", "high"),
        Column("val_loss", "float", "mean cross-entropy on the validation split", "nats", "low"),
        Column("parameters", "int", "all parameters of the dense model", "parameters"),
        Column("parameters_prunable", "int", "convolution and linear weights of the dense model", "parameters"),
        Column("parameters_nonzero", "int", "all parameters not masked away", "parameters", "low"),
        Column(
            "parameters_cut",
            "int",
            "all parameters after physical cutting; null where it is not cut",
            "parameters",
            "low",
        ),
        Column("density", "float", "kept fraction of prunable parameters", "fraction", "low"),
        Column("macs_dense", "int", "multiply-adds of the dense model, one image", "multiply-adds"),
        Column("macs", "int", "multiply-adds with removed weights skipped, one image", "multiply-adds", "low"),
        Column("macs_cut", "int", "multiply-adds after physical cutting, one image", "multiply-adds", "low"),
        Column("bytes", "int", "the saved model's size on disk: cut where it can be cut, else dense", "bytes", "low"),
        Column(
            "bytes_compressed",
            "int",
            "the same with masked weights left out: kept values and a bit mask",
            "bytes",
            "low",
        ),
        Column("train_steps", "int", "optimiser steps of this run's own pruning and recovery", "steps", "low"),
        Column(
            "train_steps_total",
            "int",
            "the same with all ancestors' steps; null where the dense model's are unknown",
            "steps",
            "low",
        ),
        Column("status", "str", "done, failed, or waiting"),
        Column("reason", "str", "why it failed"),
    ),
)

LAYERS = Schema(
    "layers",
    "one row per run and prunable layer",
    (
        Column("run_id", "str", "the run"),
        Column("layer", "str", "the parameter's name"),
        Column("index", "int", "position in the model, from 0"),
        Column("kind", "str", "conv or linear"),
        Column("shape", "str", "of the dense parameter, such as 16×6×5×5"),
        Column("parameters", "int", "entries of the dense parameter", "parameters"),
        Column("kept", "int", "entries kept", "parameters"),
        Column("density", "float", "kept fraction", "fraction"),
        Column("channels", "int", "output channels of the dense layer", "channels"),
        Column("channels_kept", "int", "output channels with anything kept", "channels"),
        Column("macs", "int", "multiply-adds with removed weights skipped, one image", "multiply-adds"),
        Column("l2_norm", "float", "Euclidean norm of the kept weights"),
    ),
)

SAMPLES = Schema(
    "samples",
    "one row per run and test sample",
    (
        Column("run_id", "str", "the run"),
        Column("sample_id", "str", "the image's path, or split:index"),
        Column("label", "int", "true class, from 0"),
        Column("prediction", "int", "class with the largest logit, the first of equals"),
        Column("loss", "float", "cross-entropy", "nats", "low"),
        Column("confidence", "float", "largest softmax probability", "probability"),
        Column(
            "margin",
            "float",
            "true class's logit minus the largest other; negative when misclassified",
            "logits",
            "high",
        ),
    ),
)

TIMINGS = Schema(
    "timings",
    "how long things took on this machine; outside the promise of identical results",
    (
        Column("run_id", "str", "the run"),
        Column("kind", "str", "latency, or wall"),
        Column("variant", "str", "latency: dense, masked or cut; wall: the step's kind"),
        Column("batch", "int", "images a batch", "images"),
        Column("threads", "int", "threads used"),
        Column("device", "str", "where it ran"),
        Column("repeats", "int", "how often it was timed"),
        Column("median_s", "float", "median duration of one call", "s", "low"),
        Column("low_s", "float", "25th percentile", "s"),
        Column("high_s", "float", "75th percentile", "s"),
    ),
)

HISTORY = Schema(
    "history",
    "one row per run and epoch of its own training",
    (
        Column("run_id", "str", "the run"),
        Column("epoch", "int", "from 1"),
        Column("step", "int", "optimiser steps so far", "steps"),
        Column("lr", "float", "learning rate at the epoch's end"),
        Column("train_loss", "float", "mean cross-entropy over the epoch's batches", "nats", "low"),
        Column("train_accuracy", "float", "over the epoch's batches", "fraction", "high"),
        Column("val_loss", "float", "mean cross-entropy on the validation split", "nats", "low"),
        Column("val_accuracy", "float", "on the validation split", "fraction", "high"),
    ),
)

GIVEN = Schema(
    "given",
    "what was found removed in models that were pruned elsewhere; one row per run and prunable layer",
    (
        Column("run_id", "str", "the run"),
        Column("layer", "str", "the parameter's name"),
        Column("index", "int", "position in the model, from 0"),
        Column("found", "str", "how the removed weights were told from the kept ones"),
        Column("pattern", "str", "channels, whole filters, whole inputs, N:M or single weights; empty: nothing gone"),
        Column("shape", "str", "of the weight as it was given"),
        Column("reference_shape", "str", "of the reference's weight of this name; null for another architecture"),
        Column("entries", "int", "entries of the reference's weight, or its own where the architecture is another"),
        Column("removed", "int", "how many of them are gone", "parameters"),
    ),
)

# Of every study; GIVEN is there besides where models are compared.
SCHEMAS = {s.name: s for s in (RUNS, LAYERS, SAMPLES, TIMINGS, HISTORY)}


class Tables(Protocol):
    """What views, analyses and reports see of a study."""

    @property
    def name(self) -> str:
        """The study's name."""
        ...

    @property
    def runs(self) -> pd.DataFrame:
        """The table :data:`RUNS`: every planned run, with its status."""
        ...

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        """A table by name, of the given runs or of all; a copy that the caller may change.

        Raises:
            KeyError: there is no such table.
        """
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of their numbers."""
        ...

    def pictures(self, sample_ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Test images as shown to people, (n, height, width, channels), channels 1 or 3.

        Raises:
            KeyError: an id is not in the study's test split.
        """
        ...

    @property
    def spec(self) -> dict[str, Any]:
        """The study as asked, as plain data."""
        ...

    @property
    def data(self) -> Mapping[str, Any]:
        """What is known of the data: name, size, counts per split, content digest; empty until they were read."""
        ...

    def options_of(self, analysis: str) -> Mapping[str, Any]:
        """With which options an analysis made the tables that it has now; empty where it has none."""
        ...

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, hardware and settings recorded while it ran."""
        ...
