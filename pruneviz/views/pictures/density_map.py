"""Where a method removes: layer by layer, what each pruned model keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.marks import Axis, Cells, Floats, Picture
from pruneviz.views.metrics import measured
from pruneviz.views.text import count, elide, percent, plain, several, short_percent

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

MOST_ROWS = 40
MOST_TEXTS = 16  # layers beside each other with the number in the cell
FEW_LAYERS = 8  # whose names fit side by side
_LEAST = 0.01  # density at the ramp's lower end
TICKS = ((0.0, "≤ 1 %"), (0.25, "3 %"), (0.5, "10 %"), (0.75, "32 %"), (1.0, "100 %"))


@dataclass(frozen=True)
class Row:
    """What pictures of layers show together: a model compared, a control beside it, or all runs of a method.

    Attributes:
        label: its name.
        run_ids: one, or those over which numbers are means.
        ink: of its method.
        control: whether it is random pruning.
    """

    label: str
    run_ids: tuple[str, ...]
    ink: str
    control: bool


def targets(tables: Tables, state: ViewState) -> tuple[tuple[str, str], ...]:
    """The targets among the measured runs, as stored and as shown, from least to most removed."""
    done = measured(tables)
    pruned = (
        on.filtered(done[~on.is_dense(done)], state).drop_duplicates("target").sort_values("density", ascending=False)
    )
    return tuple(
        (str(t), on.target_text(t, s) or AS_GIVEN)
        for t, s in zip(pruned["target"], pruned["sparsity_target"], strict=True)
    )


def density_map_info(tables: Tables, state: ViewState) -> Picture:
    """Kept fraction of each layer: of the models compared, else of each method at one target.

    Colours are on a logarithmic scale from 1 % to 100 %, since a layer that keeps 1 % and one that keeps 5 % differ
    more than one with 91 % and one with 95 %. A layer of which nothing is kept is marked.
    """
    title = "What each layer keeps"
    rows, subtitle = rows_of(tables, state)
    if not rows:
        return Picture("density_map", title, empty="Nothing pruned has been measured yet.")
    layers = tables.table("layers", [r for row in rows for r in row.run_ids])
    if layers.empty:
        return Picture("density_map", title, empty="These runs recorded no layers.")
    shown = rows[:MOST_ROWS]
    names = list(layers.sort_values("index", kind="stable").drop_duplicates("layer")["layer"].astype(str))
    return Picture(
        "density_map",
        title,
        subtitle=subtitle,
        notes=(f"{MOST_ROWS} of {len(rows)} rows shown.",) if len(rows) > MOST_ROWS else (),
        x=Axis(kind="categories", categories=layer_labels(names), upright=len(names) > FEW_LAYERS),
        y=Axis(kind="categories", categories=tuple(elide(r.label, 30) for r in shown), reverse=True),
        marks=(_cells(shown, names, layers),),
        selects="layer",
        height=(70 if len(names) <= FEW_LAYERS else 200) + 34 * len(shown),
    )


def rows_of(tables: Tables, state: ViewState) -> tuple[list[Row], str]:
    """The models compared with their random controls, else each method at one target; and which they are, in words."""
    done = measured(tables)
    return _compared(tables, done, state) or _by_method(tables, done, state)


def _compared(tables: Tables, done: pd.DataFrame, state: ViewState) -> tuple[list[Row], str] | None:
    chosen = on.compared(done, state)
    if not chosen:
        return None
    controls = on.beside(on.controls_of(done, chosen), chosen)
    labels = on.labels(done, [*chosen, *controls])
    inks, random = on.inks(tables.runs), on.controls(tables.runs)
    methods = dict(zip(done["run_id"], done["method"], strict=True))
    rows = [Row(labels[r], (r,), inks[methods[r]], methods[r] in random) for r in chosen]
    rows += [Row(on.as_control(labels[r]), (r,), inks[methods[r]], True) for r in controls]
    after = f" After {'it' if len(chosen) == 1 else 'them'}, the random pruning of as much." if controls else ""
    return rows, f"The {several(len(chosen), 'model')} compared.{after}"


def _by_method(tables: Tables, done: pd.DataFrame, state: ViewState) -> tuple[list[Row], str]:
    pruned = done[~on.is_dense(done)]
    known = [t for t, _ in targets(tables, state)]
    if not known:
        return [], ""
    target = state.target if state.target in known else known[len(known) // 2]
    at = on.filtered(pruned[(pruned["target"] == target).fillna(False).astype(bool)], state)
    recoveries = on.unique(at["recovery"])
    recovery = "none" if "none" in recoveries else recoveries[0] if recoveries else "none"
    at = at[(at["recovery"].fillna("none") == recovery).astype(bool)]
    several_models = at["model"].nunique() > 1
    methods, shown_recoveries = on.short(done["method"]), on.short(done["recovery"])
    inks, random = on.inks(tables.runs), on.controls(tables.runs)
    rows = []
    for (model, method), group in at.groupby(["model", "method"], sort=False):
        label = f"{plain(model)} · {methods[str(method)]}" if several_models else methods[str(method)]
        rows.append(Row(label, tuple(str(r) for r in group["run_id"]), inks[str(method)], str(method) in random))
    shown = on.at_target(target, at["sparsity_target"].iloc[0] if len(at) else None)
    most = max((len(r.run_ids) for r in rows), default=0)
    how = "before recovery" if recovery == "none" else f"after {shown_recoveries[recovery]}"
    mean = f"; means over up to {several(most, 'run')}" if most > 1 else ""
    what = f"Each method {shown}, {how}" if shown else f"Each model {AS_GIVEN}"
    return rows, f"{what}{mean}. Choose models to compare to see them instead."


def _cells(rows: list[Row], names: list[str], layers: pd.DataFrame) -> Cells:
    place = {name: j for j, name in enumerate(names)}
    x, y, value, text, strong = [], [], [], [], []
    hover: dict[str, list[str]] = {k: [] for k in ("layer", "model", "kept", "density", "shape", "channels")}
    for i, row in enumerate(rows):
        for layer, found in layers[layers["run_id"].isin(row.run_ids)].groupby("layer", sort=False):
            first: Mapping[Any, Any] = found.iloc[0].to_dict()
            mean: Mapping[Any, float] = found[["density", "kept", "channels_kept"]].astype("float64").mean().to_dict()
            dead = bool((found["kept"] == 0).any())
            x.append(float(place[str(layer)]))
            y.append(float(i))
            value.append(mean["density"])
            strong.append(dead)
            text.append(_cell_text(mean["density"], dead) if len(names) <= MOST_TEXTS else "✕" if dead else "")
            hover["layer"].append(f"{plain(layer)} ({first['kind']})")
            hover["model"].append(row.label + (f", mean of {several(len(found), 'run')}" if len(found) > 1 else ""))
            hover["kept"].append(f"{count(mean['kept'])} of {count(float(first['parameters']))} parameters")
            hover["density"].append(percent(mean["density"], 2))
            hover["shape"].append(plain(first["shape"]))
            channels = f"{count(mean['channels_kept'])} of {count(float(first['channels']))}"
            hover["channels"].append(f"{channels} with anything kept")
    ramp = on_ramp(np.array(value))
    behind = [(names[int(i)],) for i in x]
    return Cells(np.array(x), np.array(y), ramp, "density", text, TICKS, "kept", strong, keys=behind, hover=hover)


def on_ramp(density: Floats) -> Floats:
    """Places of densities on the ramp: logarithmic, 1 % and less at 0."""
    return np.asarray(np.log10(np.maximum(density, _LEAST) / _LEAST) / np.log10(1 / _LEAST))


def _cell_text(density: float, dead: bool) -> str:
    if dead and density == 0:
        return "none ✕"
    shown = short_percent(round(density, 2 if density >= 0.1 else 3))
    return f"{shown} ✕" if dead else shown


def layer_labels(names: list[str]) -> tuple[str, ...]:
    """The layers' names as shown: without what all share at the end, and every so many where there are very many."""
    short = [n.removesuffix(".weight") for n in names] if all(n.endswith(".weight") for n in names) else names
    every = -(-len(names) // 60)
    return tuple(elide(plain(n), 22) if i % every == 0 else "" for i, n in enumerate(short))
