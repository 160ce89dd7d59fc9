"""The smallest model that is still within a point of its dense model, chosen on the validation split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.smallest import smallest_within
from pruneviz.views import runs as on
from pruneviz.views.looks import recovery_looks
from pruneviz.views.marks import Axis, Key, Mark, Picture, Points, Rule, Text, log_axis
from pruneviz.views.metrics import Metric, measured, metric
from pruneviz.views.text import elide, listed, number, percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

WITHIN = 0.01  # one point
MOST_ROWS = 24
_LABEL = 34
_KEYS = ["model", "method", "recovery", "target", "level", "method_shown", "recovery_shown"]


@dataclass(frozen=True)
class Chosen:
    """The smallest good enough configuration, or why there is none.

    Attributes:
        who: the model, or one dense model of it.
        label: the configuration's name; empty where none qualifies.
        size: its mean size, in the metric's unit.
        dense_size: the dense model's.
        change: its mean validation accuracy minus the dense one's.
        test, dense_test: mean accuracies on the test split, which had no part in the choice.
        n: dense models averaged over.
        alike: other configurations that are as small and good enough, less accurate on validation.
        reason: why there is none.
    """

    who: str
    label: str = ""
    size: float = np.nan
    dense_size: float = np.nan
    change: float = np.nan
    test: float = np.nan
    dense_test: float = np.nan
    n: int = 0
    alike: int = 0
    reason: str = ""


def smallest_info(tables: Tables, state: ViewState) -> Picture:
    """For each method and recovery, the smallest model within one point of dense; the smallest of all in words.

    Seeds are averaged within their dense model, then dense models; a configuration counts for the whole only where
    every dense model has it. Small hollow points are the dense models' own choices.

    Raises:
        SpecError: the size is no metric.
    """
    size = metric(state.size, "view: size")
    title = "Smallest model within 1 point of dense"
    done = measured(tables, (state.size,))
    cells = _per_dense(on.filtered(done, state), size.name)
    if cells.empty:
        return Picture("smallest", title, empty="Nothing pruned has been measured yet.", height=220)
    sentences = tuple(_sentences(cells, size))
    rows = [r for _, g in cells.groupby(["model", "method", "recovery"], sort=False) for r in [_row(g)]]
    rows.sort(key=lambda r: (not np.isfinite(r.overall), r.overall))
    several_models = cells["model"].nunique() > 1
    shown = rows[:MOST_ROWS]
    if not any(np.isfinite(r.overall) or len(r.own) for r in shown):
        return Picture("smallest", title, empty=" ".join(sentences), height=220)
    planned = tables.runs
    scale, unit = size.factor(float(cells["dense_size"].max()))
    names = tuple(elide(r.label(several_models), _LABEL) for r in shown)
    sizes = np.array([v * scale for r in shown for v in (r.overall, *r.own) if np.isfinite(v)])
    return Picture(
        "smallest",
        title,
        subtitle="Chosen by accuracy on the validation split; accuracy on the test split is only reported.",
        sentences=sentences,
        notes=(f"{len(shown)} of {len(rows)} methods and recoveries shown, the smallest first.",)
        if len(shown) < len(rows)
        else (),
        x=log_axis(size.axis_title(unit), np.append(sizes, cells["dense_size"].max() * scale)),
        y=Axis(kind="categories", categories=names, reverse=True),
        marks=tuple(_marks(shown, planned, size, scale, float(cells["dense_size"].max()) * scale)),
        legend=(
            Key("mean over dense models", "point", "soft", "circle"),
            Key("each dense model's own", "point", "soft", "circle", filled=False),
            Key("dense", "line", "soft", "", dash="dotted"),
        ),
        height=110 + 30 * len(shown),
    )


def choices(tables: Tables, state: ViewState) -> list[Chosen]:
    """The smallest good enough configuration of each model, by the mean over its dense models.

    Raises:
        SpecError: the size is no metric.
    """
    cells = _per_dense(on.filtered(measured(tables, (state.size,)), state), metric(state.size, "view: size").name)
    return [_overall(str(model), group) for model, group in cells.groupby("model", sort=False)]


def _per_dense(shown: pd.DataFrame, size: str) -> pd.DataFrame:
    """One row for each configuration of each dense model, seeds averaged, with the dense model's own values."""
    pruned = shown[~on.is_dense(shown)].copy()
    pruned["recovery"] = pruned["recovery"].fillna("none")
    for column in ("method", "recovery"):
        pruned[f"{column}_shown"] = pruned[column].astype(str).map(on.short(pruned[column]))
    values = ["val_accuracy", "accuracy", "size", "sparsity_target"]
    mean = pruned.assign(size=pruned[size]).groupby([*_KEYS, "dense_run_id"], sort=False, dropna=False)[values].mean()
    cells = mean.reset_index()
    dense = shown[on.is_original(shown)].drop_duplicates("run_id").set_index("run_id")
    for name, column in (("dense_val", "val_accuracy"), ("dense_test", "accuracy"), ("dense_size", size)):
        cells[name] = cells["dense_run_id"].map(dense[column]).astype("float64")
    cells["replicate"] = cells["dense_run_id"].map(dense["replicate"])
    return cells


def _configurations(cells: pd.DataFrame) -> pd.DataFrame:
    """Means over dense models; only configurations that every dense model has."""
    values = ["val_accuracy", "accuracy", "size", "dense_val", "dense_test", "dense_size", "sparsity_target"]
    grouped = cells.groupby(_KEYS, sort=False, dropna=False)
    means = grouped[values].mean()
    means["n"] = grouped["dense_run_id"].nunique()
    whole = means[means["n"] == cells["dense_run_id"].nunique()]
    return whole.reset_index()


def _overall(who: str, cells: pd.DataFrame) -> Chosen:
    found = _configurations(cells)
    if found.empty:
        return Chosen(who, reason="no method has been measured on every dense model yet")
    return _choose(who, found)


def _choose(who: str, found: pd.DataFrame) -> Chosen:
    best = smallest_within(found["val_accuracy"], found["size"], found["dense_val"], WITHIN)
    if best.index is None:
        known = np.isfinite(found["val_accuracy"] - found["dense_val"]).any()
        return Chosen(who, reason=f"no model is within 1 point of dense{_closest(found)}" if known else best.reason)
    r = found.iloc[best.index]
    alike = int((found["size"] == r["size"])[best.enough].sum()) - 1
    return Chosen(
        who,
        _label(r),
        float(r["size"]),
        float(r["dense_size"]),
        float(r["val_accuracy"] - r["dense_val"]),
        float(r["accuracy"]),
        float(r["dense_test"]),
        int(r["n"]) if "n" in r else 1,
        alike,
    )


def _closest(found: pd.DataFrame) -> str:
    change = (found["val_accuracy"] - found["dense_val"]).to_numpy(float)
    at = int(np.nanargmax(change))
    below = f"{number(-100 * change[at], 2)} points below on the validation split"
    return f"; the closest is {_label(found.iloc[at])}, {below}"


def _label(r: pd.Series) -> str:
    target = on.at_target(r["target"], r["sparsity_target"])
    recovery = "" if r["recovery"] == "none" else f"with {r['recovery_shown']}"
    return " ".join(p for p in (r["method_shown"], target, recovery) if p)


def _sentences(cells: pd.DataFrame, size: Metric) -> Iterator[str]:
    several_models = cells["model"].nunique() > 1
    for model, group in cells.groupby("model", sort=False):
        who = f"{plain(model)}: " if several_models else ""
        chosen = _overall(plain(model), group)
        if not chosen.label:
            yield f"{who}{chosen.reason[:1].upper()}{chosen.reason[1:]}."
            continue
        yield who + sentence(chosen, size)
        own = [(int(g["replicate"].iloc[0]), _choose("", g)) for _, g in group.groupby("dense_run_id", sort=False)]
        if len(own) > 1:
            yield f"{who}Each dense model by itself would choose: {listed(_own(own, size))}."


def _own(own: list[tuple[int, Chosen]], size: Metric) -> Iterator[str]:
    by_choice: dict[str, list[str]] = {}
    for replicate, chosen in own:
        text = f"{chosen.label} ({size.text(chosen.size)})" if chosen.label else "none"
        by_choice.setdefault(text, []).append(f"#{replicate}")
    for text, replicates in by_choice.items():
        yield f"{text} for {listed(replicates[:6])}" + (
            f" and {len(replicates) - 6} more" if len(replicates) > 6 else ""
        )


def sentence(chosen: Chosen, size: Metric) -> str:
    """The choice in words, with its numbers."""
    times = f", {number(chosen.dense_size / chosen.size, 2)}× smaller than dense" if chosen.size > 0 else ""
    alike = f" {several(chosen.alike, 'other').capitalize()} just as small within 1 point, too." if chosen.alike else ""
    mean = f"mean of {several(chosen.n, 'dense model')}" if chosen.n > 1 else "one dense model"
    test = f"{percent(chosen.test)} against {percent(chosen.dense_test)}"
    return (
        f"{chosen.label} has {size.text(chosen.size)} {size.title}{times}, at {points(chosen.change)} points on the "
        f"validation split; on the test split {test} ({mean}).{alike}"
    )


@dataclass(frozen=True)
class _Row:
    """One method and recovery of one model: its smallest by the mean, and each dense model's own."""

    model: str
    method: str
    recovery: str
    overall: float
    own: tuple[float, ...]
    details: Chosen
    shown: tuple[str, str]

    def label(self, with_model: bool) -> str:
        parts = [plain(self.model)] if with_model else []
        parts += [self.shown[0]] + ([self.shown[1]] if self.recovery != "none" else [])
        return " · ".join(parts)


def _row(group: pd.DataFrame) -> _Row:
    first = group.iloc[0]
    chosen = _overall("", group)
    own = (_choose("", g) for _, g in group.groupby("dense_run_id", sort=False))
    sizes = tuple(c.size for c in own if c.label)
    shown = str(first["method_shown"]), str(first["recovery_shown"])
    return _Row(str(first["model"]), str(first["method"]), str(first["recovery"]), chosen.size, sizes, chosen, shown)


def _marks(rows: list[_Row], planned: pd.DataFrame, size: Metric, scale: float, dense: float) -> Iterator[Mark]:
    inks, looks = on.inks(planned), recovery_looks(on.unique(planned["recovery"]))
    yield Rule("x", dense, "soft", "dotted")
    own = [(v * scale, float(i), inks[r.method]) for i, r in enumerate(rows) for v in r.own]
    yield Points(
        np.array([o[0] for o in own]), np.array([o[1] for o in own]), [o[2] for o in own], "circle", False, 6, 0.9
    )
    there = [(i, r) for i, r in enumerate(rows) if np.isfinite(r.overall)]
    yield Points(
        np.array([r.overall * scale for _, r in there]),
        np.array([float(i) for i, _ in there]),
        [inks[r.method] for _, r in there],
        [looks[r.recovery].marker for _, r in there],
        size=12,
        hover={
            "smallest": [r.details.label for _, r in there],
            size.title: [size.text(r.overall) for _, r in there],
            "validation": [f"{points(r.details.change)} points" for _, r in there],
            "test": [f"{percent(r.details.test)}, dense {percent(r.details.dense_test)}" for _, r in there],
            "dense models": [str(r.details.n) for _, r in there],
        },
    )
    none = [i for i, r in enumerate(rows) if not np.isfinite(r.overall)]
    yield Text(
        np.full(len(none), dense * 0.93),
        np.array(none, dtype=float),
        ["none by the mean over dense models" if rows[i].own else "none within 1 point" for i in none],
        "soft",
        "right",
    )
