"""All numbers: every run of the study as a table, what failed, what warned, and which tables the store holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import GIVEN, RUNS
from pruneviz.report.content import Cell, Column, Row, Table
from pruneviz.views import runs as on
from pruneviz.views.metrics import METRICS, Metric, measured
from pruneviz.views.text import duration, number, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

MOST_RUNS = 1000  # rows of the folded table; more are for `pruneviz export`
MOST_TROUBLE = 200
MOST_GIVEN = 200
_GIVEN = (
    ("Model", "run_id"),
    ("Layer", "layer"),
    ("Removed", "removed"),
    ("Pattern", "pattern"),
    ("Told from", "found"),
    ("Shape", "shape"),
    ("In the reference", "reference_shape"),
)

# Columns of numbers: the metric, its short title, and how it reads.
_NUMBERS = (
    ("sparsity_target", "Target sparsity"),
    ("sparsity_achieved", "Removed"),
    ("density", "Kept"),
    ("accuracy", "Accuracy"),
    ("accuracy_change", "Against dense"),
    ("loss", "Loss"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("worst_class_accuracy", "Worst class"),
    ("val_accuracy", "Validation accuracy"),
    ("val_loss", "Validation loss"),
    ("parameters_nonzero", "Non-zero parameters"),
    ("parameters_cut", "Parameters, cut"),
    ("macs", "Multiply-adds"),
    ("macs_cut", "Multiply-adds, cut"),
    ("bytes", "Bytes on disk"),
    ("bytes_compressed", "Bytes, compressed"),
    ("latency", "Latency"),
    ("train_steps", "Own steps"),
    ("train_steps_total", "Steps in all"),
)


def run_table(tables: Tables, compared: Sequence[str]) -> Table:
    """Every run, those that failed or wait included, in the study's order; of very many the first, said in its title.

    Args:
        tables: the study.
        compared: run ids, the reference first, which are marked.
    """
    runs = tables.runs
    numbers = _numbers(tables)
    shown = runs.head(MOST_RUNS)
    reference, others = (compared[0], set(compared[1:])) if compared else ("", set())
    rows = []
    for run in shown.to_dict("records"):
        run_id = str(run["run_id"])
        sign = "★ " if run_id == reference else "◆ " if run_id in others else ""
        texts = [sign + plain(run["name"]), run_id, run["status"], "" if on.missing(run["seed"]) else run["seed"]]
        values = numbers.get(run_id)
        cells = [Cell(str(t)) for t in texts]
        cells += [_cell(name, None if values is None else values[name]) for name, _ in _NUMBERS]
        rows.append(Row(tuple(cells), key=run_id, strong=run_id == reference))
    title = f"All {several(len(runs), 'run')}"
    notes = ["★ reference, ◆ compared with it. Select a row to find its point in the charts."]
    if len(shown) < len(runs):
        title = f"{len(shown):,} of {len(runs):,} runs"
        notes.append("The first in the study's order; `pruneviz export STORE runs -o FILE.csv` writes all of them.")
    return Table("runs", _columns(), tuple(rows), tuple(notes), folded=title)


def _columns() -> tuple[Column, ...]:
    about = {c.name: c.meaning for c in RUNS.columns}
    texts = (("Run", "name"), ("run_id", "run_id"), ("Status", "status"), ("Seed", "seed"))
    named = [Column(title, about[name], number=False) for title, name in texts]
    return (*named, *(Column(title, about.get(name) or METRICS[name].title) for name, title in _NUMBERS))


def _numbers(tables: Tables) -> dict[str, Mapping[str, Any]]:
    done = measured(tables, ("latency",))
    columns = ["run_id", *(name for name, _ in _NUMBERS)]
    return {str(r["run_id"]): {str(k): v for k, v in r.items()} for r in done[columns].to_dict("records")}


def _cell(name: str, value: Any) -> Cell:
    """A run's number, shown with more digits than in pictures: this is where people look numbers up."""
    if value is None or on.missing(value) or not np.isfinite(value):
        return Cell("–")
    metric = METRICS.get(name, Metric(name, name, "fraction"))  # the target is no metric, and a fraction
    return Cell(_text(metric, float(value)), float(value))


def _text(metric: Metric, value: float) -> str:
    if metric.kind == "fraction":
        return percent(value, 2)
    if metric.kind == "points":
        return points(value, 2)
    if metric.kind == "seconds":
        return duration(value)
    return f"{value:,.0f}" if metric.kind == "count" else number(value, 4)


def given_table(tables: Tables) -> Table:
    """What was found removed in models that were given, layer by layer; of very many layers the first."""
    names = {str(i): plain(n) for i, n in zip(tables.runs["run_id"], tables.runs["name"], strict=True)}
    given = tables.table(GIVEN.name)
    gone = given[given["removed"] > 0]
    rows = [Row(tuple(_given_cells(names, r))) for r in gone.head(MOST_GIVEN).to_dict("records")]
    about = {c.name: c.meaning for c in GIVEN.columns}
    columns = tuple(Column(title, about[name], number=name == "removed") for title, name in _GIVEN)
    notes = ["Layers of which nothing is gone are not listed."]
    if len(gone) > MOST_GIVEN:
        notes.append(f"The first {MOST_GIVEN} of {len(gone):,}; `pruneviz export STORE given -o FILE.csv` writes all.")
    return Table("given", columns, tuple(rows), tuple(notes), folded="What was found removed, layer by layer")


def _given_cells(names: Mapping[str, str], row: Mapping[Any, Any]) -> Iterator[Cell]:
    for _, name in _GIVEN:
        value = row[name]
        if name == "run_id":
            yield Cell(names.get(str(value), str(value)))
        elif name == "removed":
            share = value / row["entries"]
            yield Cell(percent(share), share)
        else:
            yield Cell("" if on.missing(value) else plain(value))


def failed_table(runs: pd.DataFrame) -> Table | None:
    """The runs that failed, with their reasons; None where none did."""
    failed = runs[(runs["status"] == "failed").fillna(False).astype(bool)]
    if failed.empty:
        return None
    rows = [
        Row((Cell(plain(n)), Cell("no reason was recorded" if on.missing(r) else plain(r))), key=str(i))
        for n, r, i in zip(failed["name"], failed["reason"], failed["run_id"], strict=True)
    ]
    notes = (f"The first {MOST_TROUBLE} of {len(rows)}.",) if len(rows) > MOST_TROUBLE else ()
    columns = (Column("Failed run", number=False), Column("Why", number=False))
    return Table("failed", columns, tuple(rows[:MOST_TROUBLE]), notes)


def warning_table(runs: pd.DataFrame, warnings: Mapping[str, Sequence[str]]) -> Table | None:
    """What runs warned of, each text once with the runs that it is about; None where there is nothing."""
    names = {str(i): plain(n) for i, n in zip(runs["run_id"], runs["name"], strict=True)}
    by_text: dict[str, list[str]] = {}
    for run_id, texts in warnings.items():
        for text in dict.fromkeys(texts):
            by_text.setdefault(plain(text), []).append(names.get(run_id, run_id))
    if not by_text:
        return None
    rows = [
        Row((Cell(text), Cell(str(len(of)), float(len(of))), Cell("; ".join(of[:5]) + (" …" if len(of) > 5 else ""))))
        for text, of in by_text.items()
    ]
    notes = (f"The first {MOST_TROUBLE} of {len(rows)}.",) if len(rows) > MOST_TROUBLE else ()
    columns = (Column("Warning", number=False), Column("Runs"), Column("Which", number=False))
    return Table("warnings", columns, tuple(rows[:MOST_TROUBLE]), notes)
