"""Maps of temperature and load: cells on a grid of fixed size, parted where the regime changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruneviz.measures.regimes import LOWER, NEITHER, RAISE
from pruneviz.views.marks import Cells, Floats, Line, Maps, Mark, Text
from pruneviz.views.text import MINUS, elide, number, percent, plain, several, short_percent

_SETTINGS = {"sam_rho": "ρ of SAM", "lr": "learning rate", "batch_size": "batch size", "stop_epochs": "epochs"}
_ADVICE = {RAISE: "hotter", LOWER: "colder", "stay": "stay", "": "none"}
_UNKNOWN = "not measured"
_LEFT, _GAP, _RIGHT = 66.0, 138.0, 74.0  # before the first panel, between two, and after the second
_HEAD, _ROW, _FOOT = 62.0, 36.0, 58.0  # above a panel's cells, each row, and below them
_WIDE = 372.0  # of a panel's cells
_STRIP = 10.0  # of the scale beside a panel
_SHADES = 64
WIDTH = round(_LEFT + 2 * _WIDE + _GAP + _RIGHT)


@dataclass(frozen=True, eq=False)
class Diagram:
    """One diagram on its grid: temperatures from hot to cold, densities from dense to sparse.

    Attributes:
        rows: the table's row of each place, by (temperature, load).
    """

    title: str
    setting: str
    temperatures: tuple[float, ...]
    densities: tuple[float, ...]
    rows: Mapping[tuple[int, int], Mapping[Any, Any]]

    def column(self, name: str) -> Floats:
        """A column of the table on the grid; NaN where there is nothing."""
        out = np.full((len(self.temperatures), len(self.densities)), np.nan)
        for at, row in self.rows.items():
            out[at] = row[name]
        return out

    @property
    def regimes(self) -> dict[tuple[int, int], str]:
        """The regime of each place where one is known."""
        return {at: str(r["regime"]) for at, r in self.rows.items() if r["regime"]}


@dataclass(frozen=True)
class _Panel:
    """What one of the four maps shows.

    Attributes:
        place: where a value lies on the ramp, of all that are shown.
        ends: what the two ends of the ramp mean, low then high.
    """

    column: str
    title: str
    ramp: str
    text: Callable[[float], str]
    scale: Callable[[Floats, Mapping[Any, Any]], tuple[float, float]]


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}".replace("-", MINUS)


def _around_level(values: Floats, row: Mapping[Any, Any]) -> tuple[float, float]:
    """Both ways as far as the farthest, and at least twice the threshold: small departures look small."""
    far = max(float(np.nanmax(np.abs(values))), 2 * float(row["barrier"]))
    return -far, far


def _up_to_one(values: Floats, row: Mapping[Any, Any]) -> tuple[float, float]:
    return min(float(np.nanmin(values)), float(row["similar"]), 0.99), 1.0


def _as_they_are(values: Floats, row: Mapping[Any, Any]) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return low, high if high > low else low + 1.0


_PANELS = (
    _Panel("lmc", "Connectivity (LMC, share of images; below 0: barrier)", "change", _signed, _around_level),
    _Panel("cka", "Similarity of outputs (CKA)", "density", lambda v: f"{v:.3f}", _up_to_one),
    _Panel("error", "Error after retraining (%, {judged})", "density", lambda v: f"{100 * v:.1f}", _as_they_are),
    _Panel(
        "normalised_error", "The same at each density: 0 best, 1 worst", "density", lambda v: f"{v:.2f}", _as_they_are
    ),
)


def tall(d: Diagram) -> float:
    """The height of a diagram's maps, in pixels."""
    return (30.0 if d.title else 0.0) + 2 * (_HEAD + _ROW * len(d.temperatures) + _FOOT)


def maps(d: Diagram, top: float) -> Iterator[Mark]:
    """The four maps of a diagram, two beside each other, from a height in pixels on."""
    if d.title:
        yield Text(np.array([16.0]), np.array([top + 16.0]), [elide(plain(d.title), 110)], bold=True, size=13.5)
        top += 30.0
    for i, panel in enumerate(_PANELS):
        left = _LEFT + (i % 2) * (_WIDE + _GAP)
        yield from _panel(d, panel, left, top + (i // 2) * (_HEAD + _ROW * len(d.temperatures) + _FOOT))


def _panel(d: Diagram, panel: _Panel, left: float, top: float) -> Iterator[Mark]:
    """One map with its titles, numbers, boundaries and scale."""
    n, m = len(d.temperatures), len(d.densities)
    wide = _WIDE / m
    up = top + _HEAD
    x = np.array([left + wide * (j + 0.5) for j in range(m)])
    y = np.array([up + _ROW * (i + 0.5) for i in range(n)])
    title = panel.title.format(judged=judged_words(d.rows.values()))
    yield Text(np.array([left - 50.0]), np.array([top + 18.0]), [title], bold=True, size=13)
    yield Text(np.array([left - 50.0]), np.array([top + 44.0]), [f"{_setting(d)}, hotter ↑"], "soft", size=12)
    yield Text(np.full(n, left - 10.0), y, [number(v, 4) for v in d.temperatures], align="right", size=12)
    names = [density_words(v) for v in d.densities]
    yield Text(x, np.full(m, up + n * _ROW + 14.0), names, align="center", size=12)
    middle = np.array([left + _WIDE / 2])
    yield Text(middle, np.array([up + n * _ROW + 34.0]), ["density, fewer weights kept →"], "soft", "center", size=12)
    yield from _cells(d, panel, x, y, (wide, _ROW))
    yield from _boundaries(d, left, up, wide)


def _cells(d: Diagram, panel: _Panel, x: Floats, y: Floats, size: tuple[float, float]) -> Iterator[Mark]:
    values = d.column(panel.column)
    at = list(d.rows)
    chosen = [d.rows[place] for place in at]
    known = values[np.isfinite(values)]
    low, high = panel.scale(known, chosen[0]) if len(known) else (0.0, 1.0)
    found = np.array([values[place] for place in at])
    texts = [panel.text(v) if math.isfinite(v) else "✕" for v in found]
    if panel.column == "lmc":
        texts = [f"{t}\n{_short(str(r['regime']))}" if r["regime"] else t for t, r in zip(texts, chosen, strict=True)]
    yield Cells(
        np.array([x[j] for _, j in at]),
        np.array([y[i] for i, _ in at]),
        (found - low) / (high - low),
        panel.ramp,
        texts,
        (),
        panel.title,
        size=size,
        keys=[tuple(str(r["run_ids"]).split()) for r in chosen],
        hover=_hover(d, chosen),
    )
    if len(known):
        yield from _scale(panel, float(x[-1]) + size[0] / 2 + 14.0, y, low, high)


def _scale(panel: _Panel, left: float, y: Floats, low: float, high: float) -> Iterator[Mark]:
    """The ramp beside a map, its high end at the top."""
    top, bottom = float(y[0]) - _ROW / 2, float(y[-1]) + _ROW / 2
    shades = np.linspace(255, 0, _SHADES).round().astype(np.uint8).reshape(1, _SHADES, 1)
    yield Maps(shades, panel.ramp, np.array([left]), np.array([top]), _STRIP, bottom - top)
    ends = [panel.text(high), panel.text(low)]
    yield Text(np.full(2, left + _STRIP + 6.0), np.array([top + 6.0, bottom - 6.0]), ends, "soft", size=11)


def _boundaries(d: Diagram, left: float, top: float, wide: float) -> Iterator[Line]:
    """Along the edges between neighbours of different regimes, as one line with gaps."""
    x: list[float] = []
    y: list[float] = []
    known = d.regimes
    for (i, j), name in known.items():
        corner = left + wide * (j + 1), top + _ROW * (i + 1)
        if known.get((i, j + 1), name) != name:
            x += [corner[0], corner[0], math.nan]
            y += [corner[1] - _ROW, corner[1], math.nan]
        if known.get((i + 1, j), name) != name:
            x += [corner[0] - wide, corner[0], math.nan]
            y += [corner[1], corner[1], math.nan]
    if x:
        yield Line(np.array(x), np.array(y), "surface", width=6.0)
        yield Line(np.array(x), np.array(y), "ink", width=3.0)


def _hover(d: Diagram, rows: list[Mapping[Any, Any]]) -> dict[str, list[str]]:
    def shown(name: str, text: Callable[[float], str]) -> list[str]:
        return [text(float(r[name])) if math.isfinite(float(r[name])) else _UNKNOWN for r in rows]

    return {
        _setting(d): [number(float(r["temperature"]), 4) for r in rows],
        "density": [density_words(float(r["density"])) for r in rows],
        "regime": [_regime(r) for r in rows],
        "advice": [_ADVICE[str(r["advice"] or "")] for r in rows],
        "LMC": [_with_ends(r, "lmc") for r in rows],
        "CKA": [_with_ends(r, "cka") for r in rows],
        "error": [f"{e}{_by_images(r)} ({r['judged']})" for e, r in zip(shown("error", percent), rows, strict=True)],
        "normalised": shown("normalised_error", lambda v: f"{v:.2f}"),
        "test error": shown("test_error", percent),
        "runs": [
            f"{several(int(r['retrainings']), 'retraining')} of {several(int(r['dense_models']), 'dense model')}"
            + (f", {int(r['collapsed'])} collapsed" if r["collapsed"] else "")
            for r in rows
        ],
        "their ids": [elide(str(r["run_ids"]), 90) for r in rows],
    }


def _regime(row: Mapping[Any, Any]) -> str:
    if not row["regime"]:
        return "not known"
    return (
        f"{row['regime']} ({int(row['agreeing'])} of {several(int(row['dense_models']), 'dense model')} by themselves)"
    )


def _with_ends(row: Mapping[Any, Any], name: str) -> str:
    if not math.isfinite(row[name]):
        return _UNKNOWN
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return _signed(row[name]) + (f" ({_signed(low)} … {_signed(high)})" if math.isfinite(low) else "")


def _by_images(row: Mapping[Any, Any]) -> str:
    """The standard error of the error compared, where it is known."""
    return f" ± {number(100 * row['error_se'], 2)} points" if math.isfinite(row["error_se"]) else ""


def judged_words(rows: Iterable[Mapping[Any, Any]]) -> str:
    """The images that errors are compared on, and how many where that is known: ``250 validation images``."""
    every = list(rows)
    split = "training" if every[0]["judged"] == "train" else str(every[0]["judged"])
    counts = [int(r["judged_images"]) for r in every if math.isfinite(r["error_se"])]
    return several(counts[0], f"{split} image") if counts else f"{split} images"


def _short(regime: str) -> str:
    return "–" if regime == NEITHER else regime


def _setting(d: Diagram) -> str:
    return setting_words(d.setting)


def setting_words(name: str) -> str:
    """How people call a setting of the training."""
    return _SETTINGS.get(name, plain(name))


def density_words(density: float) -> str:
    """A density as a percentage that is no finer than weights can be counted: ``10 %`` for 0.0999."""
    return short_percent(round(density, 3 if density >= 0.01 else 5))
