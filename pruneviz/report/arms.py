"""The comparison table: configurations with their means over dense models, what varied, and which may be marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.measures.statistics import POINTS_BELOW, Interval, hierarchical_bootstrap
from pruneviz.report.content import Cell, Column, Row, Table
from pruneviz.report.ranking import LEVEL, Marks, marks
from pruneviz.views import runs as on
from pruneviz.views.metrics import METRICS, measured
from pruneviz.views.text import NBSP, count, number, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

KEYS = ["model", "method", "recovery", "target", "level"]
MOST_ROWS = 400  # configurations in the folded table
DIFFERS = "*"

TARGET = Column("Target", "what was asked to be removed", number=False)
COLUMNS = (
    Column("Configuration", "model, method and recovery", number=False),
    TARGET,
    Column("Removed", "fraction of the method's own units that was removed"),
    Column("Kept", "kept fraction of prunable parameters; the compression is its inverse"),
    Column("Multiply-adds", "for one image, with removed weights skipped"),
    Column("Accuracy", "on the test split"),
    Column("Against dense", "accuracy minus that of the dense model each run descends from, in percentage points"),
    Column("Worst class", "lowest of the classes' accuracies, test split"),
    Column("Validation", "accuracy on the validation split, the one that chooses"),
    Column("Steps", "training steps of pruning and recovery; below: with the dense model's own"),
    Column("n", "dense models; runs, where there are more"),
)


@dataclass(frozen=True, eq=False)
class Arm:
    """The runs that differ in dense model and seed alone.

    Attributes:
        key: model, method, recovery, target and level.
        runs: their rows, with every metric.
        dense: whether nothing was pruned.
    """

    key: tuple[str, ...]
    runs: pd.DataFrame
    dense: bool

    @property
    def run_ids(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(str(r) for r in self.runs["run_id"])

    @property
    def dense_models(self) -> int:
        """How many dense models they descend from."""
        return int(self.runs["dense_run_id"].nunique())

    def mean(self, column: str) -> float:
        """Mean over dense models, seeds averaged within each first; NaN where nothing is known."""
        means = self.runs.groupby("dense_run_id", sort=False)[column].mean().dropna()
        return float(means.mean()) if len(means) else float("nan")

    def interval(self, column: str, bounds: tuple[float, float]) -> Interval | None:
        """The mean with its interval over dense models; None where nothing is known."""
        known = self.runs[np.isfinite(self.runs[column].to_numpy(float))]
        if known.empty:
            return None
        return hierarchical_bootstrap(known[column].to_numpy(float), known["dense_run_id"].to_numpy(str), bounds=bounds)

    def ends(self, column: str) -> tuple[float, float]:
        """The lowest and the highest of the dense models' means."""
        means = self.runs.groupby("dense_run_id", sort=False)[column].mean().dropna()
        return float(means.min()), float(means.max())


def arms(tables: Tables) -> tuple[Arm, ...]:
    """All configurations that have been measured: each model's dense models first, then as the study names them."""
    done = measured(tables)
    done["recovery"] = done["recovery"].fillna("none")
    dense = on.is_dense(done)
    found = []
    for model in on.unique(done["model"]):
        own = done[(done["model"] == model).fillna(False).astype(bool)]
        for part, is_dense in ((own[dense[own.index]], True), (own[~dense[own.index]], False)):
            for _, group in part.groupby(KEYS, sort=False, dropna=False):
                first = group.iloc[0]
                key = tuple("" if on.missing(first[k]) else str(first[k]) for k in KEYS)
                found.append(Arm(key, group, is_dense))
    return tuple(found)


def comparison(
    tables: Tables,
    found: Sequence[Arm],
    reference: str,
    compared: Sequence[str],
    pairs: Mapping[str, Mapping[str, Any]] | None = None,
) -> Table:
    """The configurations of the runs compared: the reference's first, then dense models trained on, then the others.

    Args:
        tables: the study.
        found: all configurations.
        reference: the run that others are compared with.
        compared: the runs compared.
        pairs: of models given, each run's row of :func:`pruneviz.views.paired.paired`; none in studies that prune.
    """
    pairs = pairs or {}
    own = [a for a in found if reference in a.run_ids]
    retrained = [a for a in found if a.dense and _trained_on(a) and a.key[0] in {o.key[0] for o in own}]
    chosen = list(dict.fromkeys([*own, *retrained, *(a for r in compared for a in found if r in a.run_ids)]))
    marked = marks(found, on.controls(tables.runs))
    several_models = len({a.key[0] for a in chosen}) > 1
    rows = [_row(a, marked, several_models, reference in a.run_ids, pairs) for a in chosen]
    return _table("comparison", rows, (*_varied(chosen), *marked.words, *_paired_words(pairs)))


def everything(tables: Tables, found: Sequence[Arm]) -> Table:
    """All configurations, folded away; of very many, the first, and how many there are."""
    marked = marks(found, on.controls(tables.runs))
    several_models = len({a.key[0] for a in found}) > 1
    rows = [_row(a, marked, several_models, False, {}) for a in found[:MOST_ROWS]]
    title = f"All {len(found)} configurations"
    notes = [*_varied(found), *marked.words]
    if len(found) > MOST_ROWS:
        title = f"{MOST_ROWS} of {len(found)} configurations"
        notes.insert(0, "The first in the study's order; `pruneviz export STORE runs -o FILE.csv` writes all runs.")
    return _table("configurations", rows, tuple(notes), title)


def _table(name: str, rows: Sequence[Row], notes: tuple[str, ...], folded: str = "") -> Table:
    """The table, without targets where nobody knows what was asked for: of models given as they are."""
    place = COLUMNS.index(TARGET)
    if all(r.cells[place].text == "–" for r in rows):
        rows = [replace(r, cells=(*r.cells[:place], *r.cells[place + 1 :])) for r in rows]
        return Table(name, tuple(c for c in COLUMNS if c is not TARGET), tuple(rows), notes, folded=folded)
    return Table(name, COLUMNS, tuple(rows), notes, folded=folded)


def _row(arm: Arm, marked: Marks, several_models: bool, strong: bool, pairs: Mapping[str, Mapping[str, Any]]) -> Row:
    first = arm.runs.iloc[0]
    name, recovery = _name(arm, several_models)
    target = "" if arm.dense else on.target_text(first["target"], first["sparsity_target"])
    removed, kept = arm.mean("sparsity_achieved"), arm.mean("density")
    macs, worst = arm.mean("macs"), arm.mean("worst_class_accuracy")
    size = number(1 / kept) if kept > 0 else "∞"
    cells = (
        Cell(f"★ {name}" if strong else name, below=recovery),
        Cell(target or "–"),
        Cell("–" if arm.dense else percent(removed), removed),
        Cell(f"{number(100 * kept)}{NBSP}%" if np.isfinite(kept) else "–", kept, "" if arm.dense else f"{size}×"),
        Cell(count(macs), macs),
        _accuracy(arm, marked.signs.get(arm.key, "")),
        Cell("–") if arm.dense and not _trained_on(arm) else _change(arm, pairs),
        Cell(percent(worst), worst, _worst(arm)),
        Cell(percent(arm.mean("val_accuracy")), arm.mean("val_accuracy")),
        _steps(arm),
        _n(arm),
    )
    return Row(cells, strong=strong)


def _name(arm: Arm, several_models: bool) -> tuple[str, str]:
    """The configuration's name, and what followed pruning."""
    model, method, recovery, target, level = arm.key
    parts = [plain(model)] if several_models else []
    parts.append("dense" if arm.dense else plain(method))
    if level not in ("", "0", "1"):
        parts.append(f"level {level}")
    without = "" if arm.dense or target == AS_GIVEN else "no recovery"
    return " · ".join(parts), plain(recovery) if recovery != "none" else without


def _trained_on(arm: Arm) -> bool:
    return bool((arm.runs["run_id"] != arm.runs["dense_run_id"]).fillna(True).any())


def _accuracy(arm: Arm, sign: str) -> Cell:
    found = arm.interval("accuracy", (0.0, 1.0))
    if found is None:
        return Cell("–")
    return Cell(percent(found.mean, 2), found.mean, _span(arm, "accuracy", found, lambda v: f"{100 * v:.2f}"), sign)


def _change(arm: Arm, pairs: Mapping[str, Mapping[str, Any]]) -> Cell:
    if len(arm.run_ids) == 1 and (pair := pairs.get(next(iter(arm.run_ids)))):
        change, low, high = (pair[f"accuracy_difference{end}"] for end in ("", "_low", "_high"))
        sign = DIFFERS if pair["p_holm"] < LEVEL else ""
        return Cell(points(change, 2), change, f"[{points(low, 2)}, {points(high, 2)}]", sign)
    found = arm.interval("accuracy_change", (-1.0, 1.0))
    if found is None:
        return Cell("–")
    return Cell(points(found.mean, 2), found.mean, _span(arm, "accuracy_change", found, lambda v: points(v, 2)))


def _paired_words(pairs: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    if not pairs:
        return ()
    images = int(next(iter(pairs.values()))["samples"])
    test = f"McNemar's exact test, Holm over {several(len(pairs), 'model')}, level {LEVEL:g}"
    return (
        f"Against dense: paired on the same {images:,} test images, 95 % intervals, these models fixed. "
        f"{DIFFERS} differs from the reference ({test}).",
    )


def _span(arm: Arm, column: str, found: Interval, text: Any) -> str:
    """The interval in brackets where there is one; else the least and the most of the dense models."""
    if found.shown:
        return f"[{text(found.low)}, {text(found.high)}]"
    low, high = arm.ends(column)
    return "" if found.n < 2 else f"{text(low)} … {text(high)}"


def _worst(arm: Arm) -> str:
    names = on.unique(arm.runs["worst_class"])
    shown = [plain(n) for n in names[:2]]
    return ", ".join(shown) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _steps(arm: Arm) -> Cell:
    own, total = arm.mean("train_steps"), arm.mean("train_steps_total")
    if arm.dense and not _trained_on(arm):
        return Cell(_whole(total), total)
    return Cell(_whole(own), own, f"{_whole(total)} in all" if np.isfinite(total) else "")


def _whole(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "–"


def _n(arm: Arm) -> Cell:
    runs = len(arm.runs)
    return Cell(str(arm.dense_models), float(arm.dense_models), several(runs, "run") if runs > arm.dense_models else "")


def _varied(shown: Sequence[Arm]) -> Iterator[str]:
    sizes = [a.dense_models for a in shown]
    if not sizes:
        return
    seeds = any(len(a.runs) > a.dense_models for a in shown)
    text = "Means over dense models" + (", seeds averaged within each first" if seeds else "")
    if max(sizes) < 2:
        yield "One dense model: nothing here says how much would differ with another training."
    elif max(sizes) < POINTS_BELOW:
        yield f"{text}; below them the lowest and highest dense model's. Intervals need {POINTS_BELOW} dense models."
    else:
        few = f" (lowest … highest where n is below {POINTS_BELOW})" if min(sizes) < POINTS_BELOW else ""
        yield f"{text}; in brackets 95{NBSP}% intervals of the mean over dense models{few}. Test images are fixed."
    models = {a.key[0] for a in shown}
    for model in sorted(models):
        total = max((float(a.runs["parameters_prunable"].max()) for a in shown if a.key[0] == model), default=np.nan)
        if np.isfinite(total):
            yield f"{plain(model)}: {METRICS['parameters_nonzero'].text(total)} prunable parameters."
