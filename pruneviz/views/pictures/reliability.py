"""The reliability diagram: of the images with so much confidence, how many are right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.marks import Axis, Band, Key, Line, Mark, Picture, Points
from pruneviz.views.metrics import measured
from pruneviz.views.text import listed, number, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "reliability"
_TITLE = "Reliability: confidence and accuracy"
_MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "star")
_DASHES = ("solid", "dotdash", "dotted", "dashdot", "dashed")
_BANDS = 2  # models whose range of chance finds room


@dataclass(frozen=True, eq=False)
class _Curve:
    """One model: its bins that hold images, and its line of the table of runs."""

    label: str
    ink: str
    dash: str
    marker: str
    bins: pd.DataFrame
    row: Any

    @property
    def by_chance(self) -> list[bool]:
        """Whether each bin lies where a calibrated model's would."""
        low, at, high = (self.bins[c].to_numpy(float) for c in ("expected_low", "accuracy", "expected_high"))
        return [bool(v) for v in (low <= at) & (at <= high)]


def reliability_info(tables: Tables, state: ViewState) -> Picture:
    """A curve for the reference and for each model compared, over bins of equal width.

    On the diagonal confidence is what it claims. The shaded range is where the bins of a perfectly calibrated model
    of the same confidences lie; filled points are outside their own model's range.
    """
    bins, runs = table_of(tables, "calibration", "calibration_bins"), table_of(tables, "calibration")
    if bins is None or runs is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("calibration", "calibration"), height=240)
    curves = list(_curves(tables, state, bins, runs))
    if not curves:
        empty = "None of the models shown has been looked at for calibration. Run the study again, or choose others."
        return Picture(_NAME, _TITLE, empty=empty, height=240)
    n = int(curves[0].row["samples"])
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"Test split, {n:,} images in bins of equal width; the shaded range is where a calibrated model's bins lie "
            "by chance, and filled points are outside it."
        ),
        sentences=tuple(_sentences(curves)),
        notes=() if on.compared(measured(tables), state) else ("Choose models to compare to see theirs as well.",),
        x=Axis("mean confidence in the bin (%)", low=0, high=102),
        y=Axis("right in the bin (%)", low=-2, high=102),
        marks=tuple(_marks(curves)),
        legend=(
            *(Key(c.label, "line", c.ink, c.marker, True, c.dash) for c in curves),
            Key("calibrated", "line", "soft", "", False, "dashed"),
            Key("by chance", "area", "soft", alpha=0.2),
        ),
        height=480,
    )


def _curves(tables: Tables, state: ViewState, bins: pd.DataFrame, runs: pd.DataFrame) -> Iterator[_Curve]:
    done = measured(tables)
    reference = on.reference(done, state)
    named = [r for r in (reference, *on.compared(done, state)) if r in set(runs["run_id"])]
    labels, inks = on.labels(done, named), on.inks(tables.runs)
    methods, rows = done.set_index("run_id")["method"], runs.set_index("run_id")
    used: dict[str, int] = {}
    for i, run_id in enumerate(named):
        own = bins[(bins["run_id"] == run_id) & (bins["binning"] == "width") & (bins["samples"] > 0)]
        ink = inks[str(methods[run_id])]
        dash = _DASHES[used.get(ink, 0) % len(_DASHES)]
        used[ink] = used.get(ink, 0) + 1
        yield _Curve(labels[run_id], ink, dash, _MARKERS[i % len(_MARKERS)], own.sort_values("bin"), rows.loc[run_id])


def _marks(curves: Sequence[_Curve]) -> Iterator[Mark]:
    for c in curves if len(curves) <= _BANDS else curves[:1]:
        x, low, high = (100 * c.bins[k].to_numpy(float) for k in ("confidence", "expected_low", "expected_high"))
        if len(x) > 1:
            yield Band(x, low, high, c.ink)
    yield Line(np.array([0.0, 100.0]), np.array([0.0, 100.0]), "soft", "dashed", 1.2)
    for c in curves:
        x, y = (100 * c.bins[k].to_numpy(float) for k in ("confidence", "accuracy"))
        yield Line(x, y, c.ink, c.dash)
        yield Points(x, y, c.ink, c.marker, [not b for b in c.by_chance], 8, hover=_hover(c))


def _hover(c: _Curve) -> dict[str, list[str]]:
    b = c.bins
    pairs = zip(b["expected_low"].to_numpy(float), b["expected_high"].to_numpy(float), strict=True)
    edges = zip(b["low"].to_numpy(float), b["high"].to_numpy(float), strict=True)
    return {
        "model": [c.label] * len(b),
        "confidence": [f"{percent(low)} to {percent(high)}" for low, high in edges],
        "images": [several(int(n), "image") for n in b["samples"]],
        "mean confidence": [percent(v) for v in b["confidence"].to_numpy(float)],
        "right": [percent(v) for v in b["accuracy"].to_numpy(float)],
        "by chance": [f"{percent(low)} to {percent(high)}" for low, high in pairs],
    }


def _sentences(curves: Sequence[_Curve]) -> Iterator[str]:
    for c in curves[:3]:
        r = c.row
        above = "beyond" if r["ece_width"] > r["ece_width_chance"] else "within"
        outside = [percent(v) for v, b in zip(c.bins["confidence"].to_numpy(float), c.by_chance, strict=True) if not b]
        where = f"; outside chance at confidence {listed(outside)}" if 0 < len(outside) <= 5 else ""
        sure = f"{percent(abs(float(r['overconfidence'])))} {'over' if r['overconfidence'] > 0 else 'under'}confident"
        yield (
            f"{plain(c.label)}: calibration error in bins of equal width {number(float(r['ece_width']), 2)}, "
            f"{above} chance (floor {number(float(r['ece_width_floor']), 2)}); {sure} on average{where}."
        )
