"""The metrics of runs as charts show them: title with unit and direction, in the unit that people read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pruneviz.core.errors import unknown
from pruneviz.core.tables import RUNS, TIMINGS, Column, Tables
from pruneviz.views.text import count, duration, number, percent, points

if TYPE_CHECKING:
    import pandas as pd

_DIRECTION = {"high": "higher is better", "low": "lower is better"}


@dataclass(frozen=True)
class Metric:
    """A number that every run has, or may have.

    Attributes:
        name: the column of :func:`measured`.
        title: in words, without unit.
        kind: ``fraction`` (shown in percent), ``points`` (a difference of fractions), ``count``, ``seconds``, ``ratio``
            or ``plain``.
        unit: as in the schema.
        better: ``high``, ``low`` or empty.
        log: whether it reads best on a logarithmic axis.
    """

    name: str
    title: str
    kind: str
    unit: str = ""
    better: str = ""
    log: bool = False

    @property
    def direction(self) -> str:
        """``lower is better``, ``higher is better`` or nothing."""
        return _DIRECTION.get(self.better, "")

    def factor(self, largest: float) -> tuple[float, str]:
        """By what to multiply values for an axis that reaches ``largest``, and the unit to name on it."""
        if self.kind == "fraction":
            return 100.0, "%"
        if self.kind == "points":
            return 100.0, "percentage points"
        if self.kind == "seconds":
            return (1e3, "ms") if largest < 1 else (1.0, "s")
        if self.kind == "count":
            for size, word in ((1e9, "billions"), (1e6, "millions"), (1e3, "thousands")):
                if largest >= 10 * size:
                    bytes_word = {"billions": "GB", "millions": "MB", "thousands": "kB"}[word]
                    return 1 / size, bytes_word if self.unit == "bytes" else word
            return 1.0, "bytes" if self.unit == "bytes" else ""
        return 1.0, {"ratio": "×"}.get(self.kind, self.unit)

    def axis_title(self, unit: str) -> str:
        """The axis's title, with unit and direction: ``loss, test split (nats) · lower is better``."""
        text = f"{self.title} ({unit})" if unit else self.title
        return f"{text} · {self.direction}" if self.direction else text

    def text(self, value: float) -> str:
        """One value as it stands in sentences and tooltips."""
        if value is None or value != value:
            return "–"
        if self.kind == "fraction":
            return percent(value)
        if self.kind == "points":
            return f"{points(value)} points"
        if self.kind == "seconds":
            return duration(value)
        if self.kind == "count":
            return count(value, "B" if self.unit == "bytes" else "")
        return f"{number(value)}×" if self.kind == "ratio" else f"{number(value)} {self.unit}".rstrip()


# What the schema's names and units do not say.
_TITLES = {
    "accuracy": "accuracy, test split",
    "loss": "loss, test split",
    "balanced_accuracy": "balanced accuracy, test split",
    "worst_class_accuracy": "accuracy of the worst class, test split",
    "val_accuracy": "accuracy, validation split",
    "val_loss": "loss, validation split",
    "sparsity_achieved": "sparsity: units removed",
    "density": "density: prunable parameters kept",
    "parameters_nonzero": "non-zero parameters",
    "parameters_cut": "parameters after cutting",
    "macs": "multiply-adds, one image, removed weights skipped",
    "macs_cut": "multiply-adds, one image, after cutting",
    "bytes": "size on disk",
    "bytes_compressed": "size on disk, removed weights left out",
    "train_steps": "training steps of pruning and recovery",
    "train_steps_total": "training steps in all",
}
_LOG = ("density", "parameters_nonzero", "parameters_cut", "macs", "macs_cut", "bytes", "bytes_compressed")


def _from_column(column: Column) -> Metric:
    kind = "fraction" if column.unit == "fraction" or column.name == "sparsity_achieved" else "plain"
    kind = "count" if column.type == "int" else kind
    return Metric(column.name, _TITLES[column.name], kind, column.unit, column.better, column.name in _LOG)


METRICS: dict[str, Metric] = {c.name: _from_column(c) for c in RUNS.columns if c.name in _TITLES}
METRICS["accuracy_change"] = Metric(
    "accuracy_change", "accuracy against its own dense model, test split", "points", "fraction", "high"
)
METRICS["compression"] = Metric(
    "compression", "compression: prunable parameters over kept", "ratio", "", "high", log=True
)
METRICS["latency"] = Metric("latency", "latency of one batch, cut where it can be", "seconds", "s", "low")


def metric(name: str, where: str = "metric") -> Metric:
    """A metric by its name.

    Raises:
        SpecError: there is none of that name; the nearest are named.
    """
    if name not in METRICS:
        raise unknown(where, name, METRICS)
    return METRICS[name]


# What was last made of each study's runs, as long as the study gives the very same table.
_RECENT: WeakKeyDictionary[Tables, tuple[pd.DataFrame, dict[bool, pd.DataFrame]]] = WeakKeyDictionary()


def measured(tables: Tables, names: tuple[str, ...] = ()) -> pd.DataFrame:
    """The runs that are done, with a column for every metric; all floats, nulls as NaN. Not to be changed.

    Args:
        tables: the study.
        names: the metrics needed; latency is looked up only where it is among them.
    """
    runs, timed = tables.runs, "latency" in names
    if tables not in _RECENT or _RECENT[tables][0] is not runs:
        _RECENT[tables] = runs, {}
    made = _RECENT[tables][1]
    if timed not in made:
        made[timed] = _measured(tables, runs, timed)
    return made[timed]


def _measured(tables: Tables, runs: pd.DataFrame, timed: bool) -> pd.DataFrame:
    done = runs[(runs["status"] == "done").fillna(False).astype(bool)].reset_index(drop=True)
    for name in METRICS:
        if name in done:
            done[name] = done[name].astype("float64")
    own_dense = done.drop_duplicates("run_id").set_index("run_id")["accuracy"]
    done["accuracy_change"] = done["accuracy"] - done["dense_run_id"].map(own_dense).astype("float64")
    done["compression"] = 1 / done["density"].where(done["density"] > 0)
    if timed:
        done["latency"] = done["run_id"].map(_latency(tables)).astype("float64")
    return done


def _latency(tables: Tables) -> pd.Series[float]:
    """Median seconds of a batch by run: cut where there is a cut model, else masked, else dense."""
    timings = tables.table(TIMINGS.name)
    latency = timings[timings["kind"] == "latency"].copy()
    latency["rank"] = latency["variant"].map({"cut": 0, "masked": 1, "dense": 2}).astype("float64")
    best: pd.Series[float] = latency.sort_values("rank").drop_duplicates("run_id").set_index("run_id")["median_s"]
    return best
