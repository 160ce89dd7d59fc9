"""The PQ index along the levels of iterative pruning, beside Gini's index, accuracy and density."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW
from pruneviz.views import runs as on
from pruneviz.views.analysed import level_of, nothing_of, table_of
from pruneviz.views.looks import Look, method_keys, recovery_keys, recovery_looks
from pruneviz.views.marks import Axis, Band, Boxes, Floats, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.text import elide, how_many, number, percent, plain, several, short_percent

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "pq_index"
_TITLE = "PQ index, level by level"
_ROOM = 0.4  # of a strip's height of 1, above and below its middle
_PHASE_ROWS = 4  # courses whose phases find room
_KNOWN = {"first fall": "falls", "rise": "rises", "last fall": "falls"}
_SUMMITS = {"first fall": "▼", "rise": "▲", "last fall": "▼"}


@dataclass(frozen=True)
class _Strip:
    """One quantity: what it is called, its column, its scale, and how many rows it is high."""

    title: str
    column: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    rows: int = 1
    log: bool = False

    @property
    def titles(self) -> tuple[str, ...]:
        """A name for each of its rows."""
        return (self.title, *[""] * (self.rows - 1))

    def at(self, values: Floats, row: int) -> Floats:
        """Places on the picture's axis, which grows downwards, from its first row on."""
        v = np.log10(np.maximum(values, 10**self.low)) if self.log else values
        bottom, height = row + self.rows - 1 + _ROOM, self.rows - 1 + 2 * _ROOM
        return bottom - height * (v - self.low) / (self.high - self.low)


@dataclass(frozen=True, eq=False)
class _Course:
    """One method and recovery: its means, level by level, and the phases of its PQ index."""

    arm: str
    ink: str
    look: Look
    control: bool
    frame: pd.DataFrame
    phases: pd.DataFrame


def pq_index_info(tables: Tables, state: ViewState) -> Picture:
    """Means over dense models for each method that goes through levels, in strips that share the levels.

    Bands are intervals over dense models, where there are enough. The first strip says where the index falls, rises
    and falls again, and fades where that is not told from noise.
    """
    levels = table_of(tables, _NAME, "pq_index_levels")
    if levels is None:
        return Picture(_NAME, _TITLE, empty=_why_empty(tables), height=240)
    courses = _courses(tables, state, levels)
    if not courses:
        return Picture(_NAME, _TITLE, empty="No iterative method is left by the filters. Show more.", height=240)
    shown = levels[levels["arm"].isin([c.arm for c in courses])]
    strips = tuple(_strips(shown))
    titles = [name for s in strips for name in s.titles]
    last, n = int(shown["level"].max()), sorted(set(shown["dense_models"]))
    enough = n[-1] >= POINTS_BELOW
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"Means over dense models ({how_many(n)}); level 0: themselves, trained again alike where the study has "
            "that"
            + (
                f"; bands are {level_of(tables, _NAME)} intervals over them."
                if enough
                else f"; bands need {POINTS_BELOW} of them."
            )
        ),
        sentences=tuple(_sentence(c) for c in courses if not c.control),
        notes=_notes(shown),
        x=Axis("level of pruning", low=-0.1 * last - 0.3, high=last * 1.02 + 0.3),
        y=Axis(kind="categories", categories=("phases of PQI", *titles), reverse=True),
        marks=tuple(_marks(courses, strips, last)),
        legend=_legend(tables, courses),
        height=80 + 112 * (len(titles) + 1),
    )


def _why_empty(tables: Tables) -> str:
    if table_of(tables, _NAME) is None:
        return nothing_of(_NAME, "the PQ index")
    return (
        "No method here is done at two or more levels of its own, so the PQ index has no course. "
        'Give a method schedule = {name = "rounds", rounds = 20}.'
    )


def _courses(tables: Tables, state: ViewState, levels: pd.DataFrame) -> list[_Course]:
    runs = tables.runs
    inks, looks = on.inks(runs), recovery_looks(on.unique(runs["recovery"]))
    phases = table_of(tables, _NAME, "pq_index_phases")
    found = []
    for arm, frame in on.filtered(levels, state).groupby("arm", sort=False, observed=True):
        first = frame.iloc[0]
        own = phases[(phases["arm"] == arm) & (phases["quantity"] == "pqi")] if phases is not None else frame.iloc[:0]
        look, ink = looks[str(first["recovery"])], inks[str(first["method"])]
        found.append(_Course(str(arm), ink, look, bool(first["control"]), frame.sort_values("level"), own))
    return found


def _strips(levels: pd.DataFrame) -> Iterator[_Strip]:
    for title, column, rows in (("PQ index", "pqi", 2), ("Gini index", "gini", 1), ("accuracy", "accuracy", 1)):
        values = levels[[column, f"{column}_low", f"{column}_high"]].to_numpy(float)
        yield _linear(title, column, values[np.isfinite(values)], rows)
    least = math.floor(math.log10(max(float(levels["density"].min()), 1e-6)))
    ticks = tuple((float(e), short_percent(10.0**e)) for e in range(least, 1))
    yield _Strip("weights kept", "density", float(least), 0.0, ticks, log=True)


def _linear(title: str, column: str, values: Floats, rows: int) -> _Strip:
    """A scale that the values fill, with a few round numbers on it; one of indices begins at 0."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    low = low if column == "accuracy" else 0.0
    room = max(high - low, 1e-3)
    step = 10 ** math.floor(math.log10(room))
    step *= next(k for k in (0.2, 0.5, 1, 2, 5) if room / (k * step) <= 3 * rows)
    ticks = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return _Strip(title, column, low, high + 0.02 * room, tuple((v, _tick(v, column)) for v in ticks), rows)


def _tick(value: float, column: str) -> str:
    return short_percent(value) if column == "accuracy" else number(value, 2)


def _placed(strips: Sequence[_Strip]) -> Iterator[tuple[int, _Strip]]:
    """Each strip with its first row; row 0 holds the phases."""
    row = 1
    for strip in strips:
        yield row, strip
        row += strip.rows


def _marks(courses: Sequence[_Course], strips: Sequence[_Strip], last: int) -> Iterator[Mark]:
    for row, strip in _placed(strips):
        y = [float(strip.at(np.array([10**t if strip.log else t]), row)[0]) for t, _ in strip.ticks]
        for at in y:
            yield Line(np.array([0.0, last]), np.array([at, at]), "faint", width=1.0)
        left = np.full(len(y), -0.012 * last - 0.1)
        yield Text(left, np.array(y), [t for _, t in strip.ticks], "soft", "right", size=11)
    yield from _phase_marks([c for c in courses if not c.control][:_PHASE_ROWS])
    for row, strip in _placed(strips):
        for c in courses:
            yield from _curve(c, strip, row)


def _curve(c: _Course, strip: _Strip, row: int) -> Iterator[Mark]:
    f = c.frame[c.frame[strip.column].notna()]
    x, hover = f["level"].to_numpy(float), _hover(c, f)
    if strip.column == "pqi":
        removed = f[f["level"] > 0]
        yield Points(
            removed["level"].to_numpy(float),
            strip.at(np.maximum(removed["pqi_removed"].to_numpy(float), strip.low), row),
            c.ink,
            "x",
            False,
            5,
            0.7,
        )
    if f"{strip.column}_low" in f and f[f"{strip.column}_low"].notna().all() and len(f):
        low, high = (strip.at(f[f"{strip.column}_{e}"].to_numpy(float), row) for e in ("low", "high"))
        yield Band(x, low, high, c.ink)
    y = strip.at(f[strip.column].to_numpy(float), row)
    yield Line(x, y, c.ink, c.look.dash, 1.4 if c.control else 2.0, hover=hover)
    yield Points(x, y, c.ink, c.look.marker, c.look.filled, 5, hover=hover)


def _hover(c: _Course, f: pd.DataFrame) -> dict[str, list[str]]:
    return {
        "method": [plain(c.arm)] * len(f),
        "level": [str(v) for v in f["level"]],
        "PQ index": [_with_range(*v) for v in f[["pqi", "pqi_low", "pqi_high"]].to_numpy(float)],
        "right after removing": [number(v) for v in f["pqi_removed"].to_numpy(float)],
        "against random": [number(v) for v in f["control_difference"].to_numpy(float)],
        "must stay (bound)": [percent(v) for v in f["bound_share"].to_numpy(float)],
        "Gini index": [number(v) for v in f["gini"].to_numpy(float)],
        "accuracy": [percent(v) for v in f["accuracy"].to_numpy(float)],
        "kept": [percent(v, 2) for v in f["density"].to_numpy(float)],
    }


def _with_range(mean: float, low: float, high: float) -> str:
    return number(mean) + (f" ({number(low)} … {number(high)})" if math.isfinite(low) else "")


def _phase_marks(courses: Sequence[_Course]) -> Iterator[Mark]:
    """A bar for each phase, from where to where; faint with a hollow text where it is not told from noise."""
    height = 2 * _ROOM / max(len(courses), 2)
    for i, c in enumerate(courses):
        middle = -_ROOM + height * (i + 0.5) if len(courses) > 1 else 0.0
        for row in c.phases.to_dict("records"):
            start, end, sure = float(row["from_level"]), float(row["to_level"]), str(row["found"]) == "True"
            if end == start:
                continue
            yield Boxes(
                np.array([start + 0.04]),
                np.array([end - 0.04]),
                np.array([middle - height * 0.42]),
                np.array([middle + height * 0.42]),
                c.ink,
                0.34 if sure else 0.09,
                hover={k: [v] for k, v in _phase_hover(c, row, sure).items()},
            )
            words = f"{_SUMMITS[row['phase']]} {_KNOWN[row['phase']]}" if sure else "?"
            yield Text(np.array([(start + end) / 2]), np.array([middle]), [words], "ink" if sure else "soft", "center")


def _phase_hover(c: _Course, row: Mapping[Any, Any], sure: bool) -> dict[str, str]:
    change, low, high = (float(row[k]) for k in ("change", "low", "high"))
    if math.isfinite(low):
        verdict = "found" if sure else "none detected"
    else:
        verdict = f"not judged: needs {POINTS_BELOW} dense models"
    return {
        "method": plain(c.arm),
        "phase": f"{row['phase']}, level {row['from_level']} to {row['to_level']}",
        "change of PQI": _with_range(change, low, high),
        "verdict": verdict,
    }


def _sentence(c: _Course) -> str:
    if c.phases.empty:
        return f"{plain(c.arm)}: PQI has no value at some level."
    rows = c.phases.to_dict("records")
    if c.phases["found"].isna().any():
        return f"{plain(c.arm)}: {several(int(rows[0]['dense_models']), 'dense model')}, too few to judge its course."
    told = [f"{_KNOWN[r['phase']]} from level {r['from_level']} to {r['to_level']}" for r in rows if r["found"]]
    if len(told) == len(rows):
        return f"{plain(c.arm)}: PQI {', '.join(told)}, as the sparsity hypothesis says."
    what = f"PQI {', '.join(told)}; the" if told else "the"
    missing = ", ".join(str(r["phase"]) for r in rows if not r["found"])
    return f"{plain(c.arm)}: {what} hypothesis's fall, rise and fall is not found (none detected: {missing})."


def _notes(levels: pd.DataFrame) -> tuple[str, ...]:
    notes = [
        "PQI falls by arithmetic as small weights go: crosses are its values right after removing, before training"
    ]
    if gone := int(levels["pqi"].isna().sum()):
        notes.append(f"{several(gone, 'level')} without a PQI left out: all weights kept are 0.")
    return tuple(notes)


def _legend(tables: Tables, courses: Sequence[_Course]) -> tuple[Key, ...]:
    runs = tables.runs
    methods = {str(m) for c in courses for m in c.frame["method"]}
    keys = [*method_keys(on.inks(runs), methods)]
    recoveries = [r for c in courses for r in on.unique(c.frame["recovery"])]
    keys += recovery_keys(recovery_looks(on.unique(runs["recovery"])), recoveries)
    keys += [Key("PQI right after removing", "point", "soft", "x", False), Key("?: not told from noise", "note")]
    arms = [c for c in courses if not c.control]
    if len(arms) > 1:
        shown = ", ".join(elide(plain(c.arm), 40) for c in arms[:_PHASE_ROWS])
        keys.append(Key(f"phases from above: {shown}", "note"))
    return tuple(keys)
