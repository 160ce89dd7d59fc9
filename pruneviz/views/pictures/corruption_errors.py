"""What corruption takes of pruned models beyond what it takes of the dense ones: ratios and points, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.looks import method_keys
from pruneviz.views.marks import Axis, Intervals, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.pictures.robustness import APART, NAME, arm_names, head_of
from pruneviz.views.text import elide, how_many, listed, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_TITLE = "What corruption takes beyond what it takes of the dense model"
_HEADS = ("relative corruption error (1: as the dense model)", "loss under corruption, against dense (points)")
_MOST_ARMS = 8
_ROOM = 0.44  # of a column's width of 1, to either side of its middle
_SPREAD = 0.62  # of a row, which its arms share
_JUDGED = (
    Key("interval leaves dense out", "point", "soft"),
    Key("none detected", "point", "soft", "circle", False),
)

Floats = npt.NDArray[np.float64]
Value = tuple[float, float, float]  # with its interval; NaN for what is unknown


@dataclass(frozen=True, eq=False)
class _Arm:
    """An arm with its values by corruption, in each of the two columns."""

    label: str
    kind: str
    method: str
    about: str
    values: tuple[Mapping[str, Value], Mapping[str, Value]]


def corruption_errors_info(tables: Tables, state: ViewState) -> Picture:
    """A row for each mean, family and corruption; in it a point for each arm at one target.

    The first column is a ratio, and empty where the dense models lose too little to divide by; the second, the
    difference of what corruption takes from the accuracy on clean images, always is there.
    """
    arms = table_of(tables, NAME, f"{NAME}_arms")
    differences = table_of(tables, NAME, f"{NAME}_differences")
    if arms is None or differences is None:
        return Picture("corruption_errors", _TITLE, empty=nothing_of(NAME, "corruption"), height=240)
    kept = on.filtered(arms[arms["kind"] != "dense"], state)
    pruned = [t for t in on.unique(kept.loc[kept["method"] != "dense", "target"]) if t]
    target = state.target if state.target in pruned else pruned[-1] if pruned else ""
    at = kept[(kept["target"] == target) | (kept["kind"] == "retrained")]
    trained = [r for r in on.unique(at["recovery"]) if r != "none"]
    at = at[at["recovery"] == (trained[0] if trained else "none")]
    told, fallen = at[at["collapsed"] == 0], on.unique(at.loc[at["collapsed"] > 0, "arm"])
    if told.empty:
        empty = (
            "No pruned model has been looked at under corruption, or all keep less than half of what their dense "
            "models are right in above chance, and have little left to lose. Filter less, or prune less."
        )
        return Picture("corruption_errors", _TITLE, empty=empty, height=240)
    names = arm_names(tables, arms)
    shown = [_arm(g, differences, names) for _, g in told.groupby("arm", sort=False, observed=True)]
    heads = _heads(told)
    rows = list(heads)
    inks = on.inks(tables.runs)
    few = int(told["dense_models"].max())
    how = (
        f"{level_of(tables, 'corruption_robustness')} intervals, each alone"
        if few >= POINTS_BELOW
        else f"no intervals: these need {POINTS_BELOW}"
    )
    empty_rows = sum(all(not math.isfinite(_of(a, 0, r)[0]) for a in shown) for r in rows)
    planned = tables.runs
    sparsity = dict(zip(planned["target"].astype(str), planned["sparsity_target"], strict=True))
    shown_target = on.at_target(target, sparsity.get(target)) if target else ""
    where = f" {shown_target}" if shown_target else ""
    where += f", after {on.short(planned['recovery'])[trained[0]]}" if trained else ", without recovery"
    return Picture(
        "corruption_errors",
        _TITLE,
        subtitle=(
            f"Arms{where}; means over dense models ({how_many(told['dense_models'])}), {how}. Lower is better in both "
            "columns."
        ),
        notes=tuple(_notes(empty_rows, len(shown), len(pruned) > 1 or len(trained) > 1, [names[a] for a in fallen])),
        x=Axis(kind="categories", categories=_HEADS),
        y=Axis(kind="categories", categories=("", *(elide(plain(heads[r]), 28) for r in rows)), reverse=True),
        marks=tuple(_marks(shown[:_MOST_ARMS], rows, inks)),
        legend=(
            *method_keys(inks, {a.method for a in shown[:_MOST_ARMS]}),
            Key("Points", "heading"),
            *(_JUDGED if few >= POINTS_BELOW else ()),
            Key("dense, retrained", "point", "dense", "diamond", False),
        ),
        height=110 + max(24, 8 * len(shown[:_MOST_ARMS]) + 6) * len(rows),
    )


def _notes(empty_rows: int, arms: int, others: bool, fallen: Sequence[str]) -> Iterator[str]:
    if empty_rows:
        yield (
            f"{several(empty_rows, 'row')} without a ratio: there the dense models lose less than 1 point, or less "
            "than 5 of its standard errors, and dividing by that would make noise."
        )
    if fallen:
        yield (
            f"Not shown: {listed(fallen)}. Of what dense models have right above chance, less than half is left there, "
            "so corruption has little to take."
        )
    if others:
        yield "One target and recovery is shown; filter to see others."
    if arms > _MOST_ARMS:
        yield f"{_MOST_ARMS} of {arms} arms shown; filter to see others."
    yield "Frost and attacks are in no mean."


def _heads(arms: pd.DataFrame) -> dict[str, str]:
    """The rows with their names as shown: means, families, then corruptions, those that stand apart last."""
    order = {"mean": 0, "family": 1, "corruption": 2}
    named = arms.drop_duplicates("corruption").to_dict("records")
    ranked = sorted(named, key=lambda r: (order[str(r["scope"])], str(r["corruption"]) == APART))
    return {str(r["corruption"]): _head(r) for r in ranked}


def _head(row: Mapping[Any, Any]) -> str:
    of = f" of {int(row['corruptions'])}" if row["scope"] != "corruption" else ""
    return f"{head_of(str(row['corruption']))}{of}"


def _arm(own: pd.DataFrame, differences: pd.DataFrame, names: Mapping[str, str]) -> _Arm:
    first: Mapping[Any, Any] = own.iloc[0].to_dict()
    label = str(first["arm"])
    ratios = {
        str(r["corruption"]): (r["relative_error"], r["relative_error_low"], r["relative_error_high"])
        for r in own.to_dict("records")
    }
    drops = differences[
        (differences["arm"] == label) & (differences["metric"] == "drop") & (differences["against"] == "dense")
    ]
    points = {
        str(r["corruption"]): (100 * r["difference"], 100 * r["low"], 100 * r["high"]) for r in drops.to_dict("records")
    }
    about = f"{several(int(first['runs']), 'run')} of {several(int(first['dense_models']), 'dense model')}"
    return _Arm(names[label], str(first["kind"]), str(first["method"]), about, (ratios, points))


def _of(arm: _Arm, column: int, row: str) -> Value:
    return arm.values[column].get(row, (math.nan,) * 3)


def _marks(arms: Sequence[_Arm], rows: Sequence[str], inks: Mapping[str, str]) -> Iterator[Mark]:
    offsets = (np.arange(len(arms)) - (len(arms) - 1) / 2) * _SPREAD / max(len(arms), 1)
    for column, neutral in enumerate((1.0, 0.0)):
        told = np.array([[_of(a, column, r) for r in rows] for a in arms])
        scale = _Scale.of(column, neutral, told[np.isfinite(told)])
        yield from scale.marks(len(rows), neutral)
        for a, (arm, values) in enumerate(zip(arms, told, strict=True)):
            yield from _points(arm, values, rows, offsets[a], scale, neutral, inks[arm.method])


def _points(
    arm: _Arm, values: Floats, rows: Sequence[str], offset: float, scale: _Scale, neutral: float, ink: str
) -> Iterator[Mark]:
    known = np.isfinite(values[:, 0])
    if not known.any():
        return
    y = np.asarray(1.0 + np.flatnonzero(known) + offset, np.float64)
    mean, low, high = values[known].T
    sure = np.isfinite(low)
    if sure.any():
        yield Intervals(y[sure], scale.at(low[sure]), scale.at(high[sure]), ink)
    clear = [bool(b > neutral or t < neutral) if s else not sure.any() for b, t, s in zip(low, high, sure, strict=True)]
    kept = [r for r, k in zip(rows, known, strict=True) if k]
    hover = {
        "arm": [arm.label] * len(kept),
        "of": [arm.about] * len(kept),
        "corruption": [plain(head_of(r)) for r in kept],
        _HEADS[scale.column].partition(" (")[0]: [
            f"{number(m)} ({number(b)} … {number(t)})" if s else f"{number(m)} (no interval)"
            for m, b, t, s in zip(mean, low, high, sure, strict=True)
        ],
    }
    retrained = arm.kind == "retrained"
    marker, size = ("diamond", 7) if retrained else ("circle", 7)
    yield Points(scale.at(mean), y, ink, marker, [c and not retrained for c in clear], size, hover=hover)


@dataclass(frozen=True)
class _Scale:
    """Values of a column as places on the picture's axis."""

    column: int
    low: float
    high: float

    @classmethod
    def of(cls, column: int, neutral: float, values: Floats) -> _Scale:
        low, high = float(min(values.min(initial=neutral), neutral)), float(max(values.max(initial=neutral), neutral))
        room = max(high - low, 0.02)
        return cls(column, low - 0.06 * room, high + 0.06 * room)

    def at(self, values: Any) -> Floats:
        """Places, within the column."""
        share = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        return np.asarray(self.column - _ROOM + 2 * _ROOM * share)

    def marks(self, rows: int, neutral: float) -> Iterator[Mark]:
        """Faint lines at round values, a stronger one at the dense model's, and the values above them."""
        room = self.high - self.low
        step = 10 ** math.floor(math.log10(room))
        step *= next(k for k in (0.5, 1, 2, 5) if room / (k * step) <= 4.5)
        ticks = [i * step for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        for value in sorted({*ticks, neutral}):
            x = np.full(2, float(self.at(value)))
            ends = np.array([0.4, rows + 0.5])
            yield Line(x, ends, "soft" if math.isclose(value, neutral) else "faint", width=1.0)
        yield Text(self.at(ticks), np.zeros(len(ticks)), [number(t, 2) for t in ticks], "soft", "center", size=11)
