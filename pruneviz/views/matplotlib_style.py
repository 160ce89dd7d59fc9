"""How figures look on paper around their marks: axes, legend, colour bar."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.views import marks as m
from pruneviz.views.fitting import shortened, titled
from pruneviz.views.matplotlib_letters import Letters
from pruneviz.views.matplotlib_marks import MARKERS, THEME, Pen, dashes
from pruneviz.views.palette import ink, ramp
from pruneviz.views.text import elide, number
from pruneviz.views.words_html import LONGEST_KEY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Whatever a person's own matplotlibrc says: fonts embedded as TrueType, no randomness, names as text.
SETTINGS: dict[str, Any] = {
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "pruneviz",
    "text.parse_math": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.5,
}
_NOMINAL = 0.5  # how far a category axis reaches beyond its first and last category
_PADDING = 0.06
_NAMES, _SMALLER = 0.38, 0.78  # of the width that names beside an axis take; how much smaller they are set for it
_BAR = 0.14  # of the width, for a colour bar and its words
_MOST_LINES = 4  # of a name below an axis
_ROW = 1.7  # height of the legend's rows, in letters


def axes_look(axes: Axes, picture: m.Picture, pen: Pen, letters: Letters, width: float) -> None:
    """Titles, ticks and grid of both axes.

    Args:
        axes: after everything is drawn.
        picture: whose axes they are.
        pen: how large.
        letters: in which font.
        width: of the figure, in points.
    """
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=12 * pen.scale, colors=ink("soft", THEME), pad=4 * pen.scale)
    axes.minorticks_off()
    for name, spec, axis in (("x", picture.x, axes.xaxis), ("y", picture.y, axes.yaxis)):
        axis.set_label_text(letters.known(spec.title), size=13 * pen.scale, color=ink("ink", THEME))
        axis.labelpad = 5 * pen.scale
        if spec.kind == "categories":
            _categories(axes, name, picture, pen, letters, width)
        else:
            _numbers(axes, name, spec)


def wrap_titles(axes: Axes, picture: m.Picture, letters: Letters) -> bool:
    """Break the axes' titles into lines no longer than the axes, as they are laid out; whether any line changed."""
    box, changed = axes.get_window_extent(), False
    for spec, axis, room in ((picture.x, axes.xaxis, box.width), (picture.y, axes.yaxis, box.height)):
        points = room * 72 / axes.get_figure(root=True).dpi  # type: ignore[union-attr]  # it stands in one
        size = float(axis.label.get_fontsize())
        wide = partial(letters.width, size=size)
        text = titled(letters.known(spec.title), 0.95 * points, wide)  # screens' letters are a little wider
        changed |= text != axis.label.get_text()
        axis.label.set_text(text)
    return changed


def _categories(axes: Axes, name: str, picture: m.Picture, pen: Pen, letters: Letters, width: float) -> None:
    size, spec = 12 * pen.scale, picture.x if name == "x" else picture.y
    texts = [letters.known(c) for c in spec.categories]
    each = 0.96 * (width - _beside(picture, letters, size, width)) / max(len(texts), 1)
    upright = name == "x" and (spec.upright or any(letters.width(w, size) > each for t in texts for w in t.split(" ")))
    if name == "x" and not upright:
        texts = [letters.wrapped(t, size, each) for t in texts]
        upright = any(t.count("\n") >= _MOST_LINES for t in texts)
    if name == "y" or upright:
        texts = [t.replace("\n", " ") for t in texts]
        longest = max((letters.width(t, size) for t in texts), default=0.0)
        size *= min(1.0, max(_SMALLER, _NAMES * width / max(longest, 1e-9)))
        texts = [shortened(t, _NAMES * width, partial(letters.width, size=size)) for t in texts]
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_ticks(range(len(texts)), labels=texts, rotation=90 if upright else 0)
    axes.tick_params(axis=name, labelcolor=ink("ink", THEME), labelsize=size)  # type: ignore[arg-type]  # x or y


def _beside(picture: m.Picture, letters: Letters, size: float, width: float) -> float:
    """About how many points stand to the left and to the right of the drawing."""
    names = max((letters.width(letters.known(c), size) for c in picture.y.categories), default=3.5 * size)
    title = 1.5 * size if picture.y.title else 0.0
    bar = any(isinstance(k, m.Cells) and k.ticks for k in picture.marks)
    return min(names, _NAMES * width) + title + size + (_BAR * width if bar else 0.0)


def _numbers(axes: Axes, name: str, spec: m.Axis) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    axis, ends = (axes.xaxis, axes.get_xlim()) if name == "x" else (axes.yaxis, axes.get_ylim())
    if spec.kind == "log":
        axis.set_major_locator(FixedLocator([t for t in spec.ticks if min(ends) <= t <= max(ends)]))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(nbins=7 if name == "x" else 6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 6)))
    axes.grid(True, axis=name, color=ink("faint", THEME), linewidth=0.6)  # type: ignore[arg-type]  # x or y


def spread(picture: m.Picture, name: str) -> tuple[float, float]:
    """The least and the largest place of anything that a picture shows, on its axis ``x`` or ``y``."""
    frames = {f.name: f for f in picture.frames}
    places = [np.asarray(v, float).reshape(-1) for k in picture.marks for v in _places(k, name, frames)]
    known = np.concatenate([*places, np.zeros(0)])
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if len(known) else (1.0, 1.0)


def _places(k: m.Mark, name: str, frames: Mapping[str, m.Frame]) -> tuple[Any, ...]:
    across = name == "x"
    if isinstance(k, m.LinkedPoints | m.Counted):
        return (frames[k.frame].columns[k.x if across else k.y],)
    if isinstance(k, m.Rule):
        return (k.at,) if k.axis == name else ()
    if isinstance(k, m.Band):
        return (k.x,) if across else (k.low, k.high)
    if isinstance(k, m.Bars):
        return (k.left, k.right) if across else (k.y - k.height / 2, k.y + k.height / 2)
    if isinstance(k, m.Intervals):
        return (k.low, k.high) if across else (k.y,)
    if isinstance(k, m.Boxes):
        return (k.left, k.right) if across else (k.top, k.bottom)
    if isinstance(k, m.Images | m.Maps):
        return (k.left, k.left + k.width) if across else (k.top, k.top + k.height)
    at = k.x if across else k.y
    half = k.size[0 if across else 1] / 2 if isinstance(k, m.Cells) else 0.0
    return (at - half, at + half)


def _around(low: float, high: float, log: bool) -> tuple[float, float]:
    """A range with some room on either side, also where all values are the same."""
    if log:
        room = _PADDING * math.log10(high / low) or 0.1
        return low / 10**room, high * 10**room
    room = _PADDING * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def scales(axes: Axes, picture: m.Picture) -> None:
    """The ranges and kinds of both axes, before anything is drawn."""
    axes.autoscale(False)
    axes.set(xlim=_range(picture, "x", picture.x), ylim=_range(picture, "y", picture.y))
    if picture.x.kind == "log":
        axes.set_xscale("log")
    if picture.y.kind == "log":
        axes.set_yscale("log")


def _range(picture: m.Picture, name: str, spec: m.Axis) -> tuple[float, float]:
    if spec.kind == "categories":
        ends = (-_NOMINAL, len(spec.categories) - 1 + _NOMINAL)
        return ends[::-1] if spec.reverse else ends
    if spec.low is not None and spec.high is not None:
        return spec.low, spec.high
    least, most = spread(picture, name)
    low, high = _around(least, most, spec.kind == "log")
    return (0.0 if least == 0 and any(isinstance(k, m.Bars) for k in picture.marks) else low), high


def colour_bar(figure: Figure, axes: Axes, picture: m.Picture, pen: Pen, letters: Letters) -> None:
    """A bar that explains the colours of cells, where there are any."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap

    cells = next((k for k in picture.marks if isinstance(k, m.Cells) and k.ticks), None)
    if cells is None:
        return
    colours = ListedColormap(ramp(cells.ramp, np.linspace(0, 1, 128), THEME))
    bar = figure.colorbar(ScalarMappable(cmap=colours), ax=axes, fraction=0.05, aspect=28, pad=0.02)
    bar.outline.set_visible(False)
    bar.solids.set_rasterized(False)  # type: ignore[union-attr]
    bar.solids.set_edgecolor("face")  # type: ignore[union-attr]  # else hairlines show between its colours
    bar.set_ticks([at for at, _ in cells.ticks], labels=[letters.known(t) for _, t in cells.ticks])
    bar.ax.tick_params(length=0, labelsize=11 * pen.scale, colors=ink("soft", THEME), pad=4 * pen.scale)
    axes.set_title(letters.known(cells.title), size=12 * pen.scale, color=ink("soft", THEME), loc="right")


@dataclass(frozen=True)
class _Placed:
    key: m.Key
    label: str
    x: float
    row: int


def legend_rows(legend: Sequence[m.Key], pen: Pen, letters: Letters, width: float) -> tuple[list[_Placed], int]:
    """Where the keys stand that fit beside each other, and how many rows that takes.

    A group that does not fit beside the one before begins a row.
    """
    size, gap = 12 * pen.scale, 14 * pen.scale
    placed: list[_Placed] = []
    x, row = 0.0, 0
    for group in _groups(legend):
        labels = [letters.known(k.label if k.kind == "note" else elide(k.label, LONGEST_KEY)) for k in group]
        wide = [
            _swatch(k) * pen.scale + letters.width(label, size, k.kind == "heading")
            for k, label in zip(group, labels, strict=True)
        ]
        x += size if x > 0 else 0.0
        if x > 0 and x + sum(wide) + gap * (len(wide) - 1) > width:
            x, row = 0.0, row + 1
        for key, label, each in zip(group, labels, wide, strict=True):
            if x > 0 and x + each > width:
                x, row = 0.0, row + 1
            placed.append(_Placed(key, label, x, row))
            x += each + gap
    return placed, row + 1 if placed else 0


def _groups(legend: Sequence[m.Key]) -> list[list[m.Key]]:
    groups: list[list[m.Key]] = [[]]
    for key in legend:
        if key.kind in ("heading", "note") and groups[-1]:
            groups.append([])
        groups[-1].append(key)
    return groups if groups[0] else []


def _swatch(key: m.Key) -> float:
    """Pixels that a key's sign takes, with the gap after it."""
    return {"line": 36.0, "heading": 0.0, "note": 0.0}.get(key.kind, 20.0)


def row_height(pen: Pen) -> float:
    """Of the legend, in points."""
    return _ROW * 12 * pen.scale


def draw_legend(axes: Axes, placed: Sequence[_Placed], pen: Pen, top: float) -> None:
    """The keys, on axes in points from the top left, below ``top``."""
    size = 12 * pen.scale
    for p in placed:
        y = top + (p.row + 0.5) * row_height(pen)
        for artist in _signs(p, y, pen):
            axes.add_artist(artist)
        heading = p.key.kind in ("heading", "note")
        axes.text(
            p.x + _swatch(p.key) * pen.scale,
            y,
            p.label,
            size=size,
            va="center_baseline",
            weight="bold" if p.key.kind == "heading" else "normal",
            color=ink("soft" if heading else "ink", THEME),
        )


def _signs(p: _Placed, y: float, pen: Pen) -> Iterator[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    key, k = p.key, pen.scale
    colour = ink(key.ink, THEME)
    if key.kind == "area":
        hatch = {"/": "////", ".": "....", "x": "xxxx"}.get(key.hatch)
        look: dict[str, Any] = {"facecolor": (colour, key.alpha), "edgecolor": ink("surface", THEME), "linewidth": 0.0}
        yield Rectangle((p.x + k, y - 6 * k), 12 * k, 12 * k, hatch=hatch, **look)
    if key.kind == "line":
        style = dashes(key.dash, 2.0)
        yield Line2D([p.x, p.x + 30 * k], [y, y], color=colour, linewidth=2 * k, linestyle=style)
    if key.kind == "point" or (key.kind == "line" and key.marker):
        fill = colour if key.filled else ink("surface", THEME)
        middle = p.x + (15 if key.kind == "line" else 7) * k
        yield Line2D(
            [middle],
            [y],
            linestyle="none",
            marker=MARKERS[key.marker],
            markersize=8 * k,
            markerfacecolor=fill,
            markeredgecolor=colour,
            markeredgewidth=1.4 * k,
        )
