"""A finished study as signature experiments measure it: by dense model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.spec import StudySpec
    from pruneviz.study import Study
    from pruneviz.study.execute import Loaded
    from pruneviz.study.plan import Plan


@dataclass(frozen=True, eq=False)
class Finished:
    """A study whose runs are all done, with what was asked."""

    study: Study
    spec: StudySpec

    def runs(self, **where: Any) -> pd.DataFrame:
        """The rows of the table of runs whose columns have these values.

        Raises:
            LookupError: there are none.
        """
        table = self.study.runs
        found = table
        for name, value in where.items():
            found = found[found[name].astype(str) == str(value)]
        if found.empty:
            there = table[["method", "recovery", "target"]].drop_duplicates().to_string(index=False)
            raise LookupError(f"{self.study.name}: no run has {where}. There are:\n{there}")
        return found

    def values(self, column: str, **where: Any) -> dict[int, float]:
        """A column of those runs by dense model, seeds averaged."""
        means = self.runs(**where).groupby("replicate")[column].mean()
        return {int(k): float(v) for k, v in means.items()}

    def beside(self, column: str, **where: Any) -> dict[int, float]:
        """The same of their random controls."""
        runs = self.runs(**where)
        controls = self.study.table("runs", [str(r) for r in runs["control_run_id"]])
        means = controls.groupby("replicate")[column].mean()
        return {int(k): float(v) for k, v in means.items()}

    def emptied(self, **where: Any) -> dict[int, float]:
        """How many layers of those runs have nothing left, by dense model."""
        runs = self.runs(**where)
        layers = self.study.table("layers", list(runs["run_id"]))
        count = layers[layers["kept"] == 0].groupby("run_id", observed=True).size()
        return {int(r["replicate"]): float(count.get(r["run_id"], 0)) for r in runs.to_dict("records")}

    def models(self, **where: Any) -> dict[int, Loaded]:
        """The networks of those runs, one for each dense model, with their masks and the study's images."""
        return {int(r["replicate"]): self.model(str(r["run_id"])) for r in self.runs(**where).to_dict("records")}

    def model(self, run_id: str) -> Loaded:
        """The network of a run."""
        from pruneviz.study.execute import Bench, load_state

        return load_state(self._plan.steps[self._plan.runs[run_id].measure], Bench(self.study.store))

    @cached_property
    def _plan(self) -> Plan:
        from pruneviz.study.plan import plan

        return plan(self.spec)


Measure = Callable[[Finished], list[float]]


def paired(one: Mapping[int, float], other: Mapping[int, float], scale: float = 1.0) -> list[float]:
    """Differences by dense model.

    Raises:
        ValueError: they are not of the same dense models.
    """
    if one.keys() != other.keys():
        raise ValueError(f"dense models {sorted(one)} are compared with {sorted(other)}")
    return [scale * (one[k] - other[k]) for k in sorted(one)]


def runs_of(which: Any) -> dict[str, Any]:
    """Columns that tell runs from others, for :meth:`Finished.runs`.

    Args:
        which: a method as a study file writes it (a name, or a table with ``name``), or columns of the table of runs
            with their values, ``method`` among them again as a study file writes it, and a ``recovery`` with options
            likewise.
    """
    from pruneviz.core.spec import Choice
    from pruneviz.pruning import label, resolve
    from pruneviz.training.recoveries import label as label_of_recovery
    from pruneviz.training.recoveries import recovery_from

    columns = dict(which) if isinstance(which, Mapping) and "name" not in which else {"method": which}
    if columns.get("method", "dense") != "dense":
        columns["method"] = label(resolve(Choice.parse(columns["method"], "measure"), "measure"))
    if isinstance(columns.get("recovery"), Mapping):
        recovery = recovery_from(Choice.parse(columns["recovery"], "measure"), "measure")
        columns["recovery"] = label_of_recovery(recovery)
    return columns


def gain(this: Any, over: Any, column: str = "accuracy") -> Measure:
    """A measure: a column of some runs minus that of others; fractions become points.

    Args:
        this, over: which runs; see :func:`runs_of`.
        column: of the table of runs.
    """
    return lambda done: paired(
        done.values(column, **runs_of(this)), done.values(column, **runs_of(over)), _scale(column)
    )


def beyond_random(this: Any, column: str = "accuracy") -> Measure:
    """A measure: a column of some runs minus that of their random controls; fractions become points."""
    return lambda done: paired(
        done.values(column, **runs_of(this)), done.beside(column, **runs_of(this)), _scale(column)
    )


def fewer_emptied(this: Any, than: Any) -> Measure:
    """A measure: layers that other runs leave empty, minus those that these leave empty."""
    return lambda done: paired(done.emptied(**runs_of(than)), done.emptied(**runs_of(this)))


def _scale(column: str) -> float:
    return 100.0 if "accuracy" in column else 1.0
