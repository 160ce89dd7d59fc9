"""Each kind of mark on paper: what matplotlib draws for it, in the order of the picture.

Sizes of marks are in the pixels of a screen; a pen knows how many points of paper that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.views import marks as m
from pruneviz.views.bokeh_marks import DASHES
from pruneviz.views.counting import FADED, colours, counts, looks
from pruneviz.views.palette import ink, ramp, text_on
from pruneviz.views.samples import held

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

THEME = "light"  # paper is white
MARKERS = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "d",
    "inverted_triangle": "v",
    "star": "*",
    "cross": "+",
    "x": "x",
}
_STROKES = ("cross", "x")  # markers without an inside
_UNDER, _OVER = 1.0, 2.0  # layers; the grid lies below both


@dataclass(frozen=True)
class Pen:
    """How large things are drawn, and with which letters.

    Attributes:
        scale: points of paper for a pixel of the picture.
        known: makes a text one that the font has all letters of.
    """

    scale: float
    known: Callable[[str], str]


@dataclass(frozen=True)
class Fitted:
    """Words that have to fit into a place, all of one size.

    Attributes:
        texts: as drawn.
        wide, high: the place, in units of the axes; 0 for as high as they are.
        whole: whether they must stay as they are, however small.
    """

    texts: list[Text]
    wide: float
    high: float = 0.0
    whole: bool = False


def draw_marks(axes: Axes, picture: m.Picture, pen: Pen) -> list[Fitted]:
    """Draw all marks of a picture; returns the words that must be made to fit."""
    frames = {f.name: f for f in picture.frames}
    fitted: list[Fitted] = []
    for i, mark in enumerate(picture.marks):
        layer = (_UNDER if isinstance(mark, m.Rule | m.Band) else _OVER) + i / 1000
        if isinstance(mark, m.LinkedPoints):
            _linked(axes, mark, frames[mark.frame], pen, layer)
        elif isinstance(mark, m.Counted):
            _counted(axes, mark, frames[mark.frame], layer)
        else:
            fitted += _DRAW[type(mark)](axes, mark, pen, layer) or ()
    return fitted


def dashes(dash: str, width: float) -> Any:
    """Matplotlib's line style of a dash, whose lengths it multiplies by the line's width."""
    return (0, tuple(d / width for d in DASHES[dash])) if DASHES[dash] else "solid"


def _each(inks: str | Sequence[str], n: int) -> list[str]:
    return [ink(i, THEME) for i in ([inks] * n if isinstance(inks, str) else inks)]


def _rgba(colours: Sequence[str], alphas: Iterable[float]) -> list[Any]:
    from matplotlib.colors import to_rgba

    return [to_rgba(c, float(a)) for c, a in zip(colours, alphas, strict=True)]


def _points(axes: Axes, p: m.Points, pen: Pen, layer: float) -> None:
    n = len(p.x)
    lines = _each(p.ink, n)
    filled = [p.filled] * n if isinstance(p.filled, bool) else list(p.filled)
    fills = [c if f else ink("surface", THEME) for c, f in zip(lines, filled, strict=True)]
    markers = np.array([p.marker] * n if isinstance(p.marker, str) else list(p.marker), dtype=object)
    faded = np.zeros(n, bool) if not p.selected else ~np.isin(np.array(p.keys), list(p.selected))
    inside = np.where(faded, 0.25, p.alpha)
    around = np.where(faded, 0.3, min(1.0, p.alpha + 0.2))
    for marker in dict.fromkeys(markers):
        at = np.flatnonzero(markers == marker)
        outline = _rgba([lines[i] for i in at], around[at])
        inner = outline if marker in _STROKES else _rgba([fills[i] for i in at], inside[at])
        colours: dict[str, Any] = {"c": inner} if marker in _STROKES else {"facecolors": inner, "edgecolors": outline}
        axes.scatter(
            p.x[at],
            p.y[at],
            s=(p.size * pen.scale) ** 2,
            marker=MARKERS[str(marker)],
            linewidths=1.4 * pen.scale,
            zorder=layer,
            **colours,
        )


def _linked(axes: Axes, p: m.LinkedPoints, frame: m.Frame, pen: Pen, layer: float) -> None:
    if p.ring:
        return  # there is no pointer on paper
    column, number = p.where
    here = np.asarray(frame.columns[column]) == number
    x, y = np.asarray(frame.columns[p.x], float), np.asarray(frame.columns[p.y], float)
    chosen = np.isin(np.array(frame.keys), list(frame.selected)) if frame.selected else np.ones(len(x), bool)
    for rows, strength in ((here & ~chosen, 0.12), (here & chosen, 1.0)):
        if rows.any():
            colour = ink(p.ink, THEME)
            axes.plot(
                x[rows],
                y[rows],
                linestyle="none",
                marker=MARKERS[p.marker],
                markersize=p.size * pen.scale,
                markerfacecolor=(colour, p.alpha * strength if p.filled else 0.0),
                markeredgecolor=(colour, p.alpha * strength),
                markeredgewidth=1.2 * pen.scale,
                zorder=layer,
            )


def _counted(axes: Axes, p: m.Counted, frame: m.Frame, layer: float) -> None:
    from matplotlib.colors import to_rgba

    (left, right), (low, high) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    window = left, right, low, high
    every, groups = counts(frame, p, window), len(p.inks)
    palette = np.array([to_rgba(c) for c in colours(p.inks, THEME)])
    layers = [(every, 1.0)]
    if frame.selected:
        layers = [(every, FADED), (counts(frame, p, window, held(frame.keys, frame.selected)), 1.0)]
    for found, strength in layers:
        shown = palette[looks(found, groups, int(every.number.max()))] * (1, 1, 1, strength)
        axes.imshow(shown, extent=window, origin="lower", aspect="auto", interpolation="none", zorder=layer)


def _line(axes: Axes, p: m.Line, pen: Pen, layer: float) -> None:
    look = {"linewidth": p.width * pen.scale, "linestyle": dashes(p.dash, p.width), "alpha": p.alpha}
    axes.plot(p.x, p.y, color=ink(p.ink, THEME), solid_joinstyle="round", zorder=layer, **look)


def _band(axes: Axes, p: m.Band, pen: Pen, layer: float) -> None:
    axes.fill_between(p.x, p.low, p.high, color=ink(p.ink, THEME), alpha=p.alpha, linewidth=0, zorder=layer)


def _rule(axes: Axes, p: m.Rule, pen: Pen, layer: float) -> None:
    look: dict[str, Any] = {"linewidth": 1.2 * pen.scale, "linestyle": dashes(p.dash, 1.2), "zorder": layer}
    (axes.axhline if p.axis == "y" else axes.axvline)(p.at, color=ink(p.ink, THEME), **look)


def _cells(axes: Axes, p: m.Cells, pen: Pen, layer: float) -> list[Fitted]:
    colours = ramp(p.ramp, p.value, THEME)
    right, up = p.size[0] / 2, p.size[1] / 2
    _rectangles(
        axes, p.x - right, p.x + right, p.y - up, p.y + up, colours, layer, ink("surface", THEME), 1.5 * pen.scale
    )
    strong = list(p.strong) if len(p.strong) else [False] * len(p.x)
    texts = [
        axes.text(
            x,
            y,
            pen.known(text),
            color=on,
            size=11 * pen.scale,
            weight="bold" if bold else "normal",
            ha="center",
            va="center_baseline",
            zorder=layer,
        )
        for x, y, text, on, bold in zip(p.x, p.y, p.text, text_on(colours), strong, strict=True)
        if text
    ]
    return [Fitted([text], *p.size, whole=True) for text in texts]


def _rectangles(
    axes: Axes,
    left: m.Floats,
    right: m.Floats,
    low: m.Floats,
    high: m.Floats,
    colours: Sequence[Any],
    layer: float,
    edge: str = "none",
    width: float = 0.0,
) -> None:
    from matplotlib.collections import PolyCollection

    corners = np.stack([np.stack(c, axis=-1) for c in ((left, low), (left, high), (right, high), (right, low))], axis=1)
    made = PolyCollection(list(corners), facecolors=list(colours), edgecolors=edge, linewidths=width, zorder=layer)
    axes.add_collection(made, autolim=True)


def _bars(axes: Axes, p: m.Bars, pen: Pen, layer: float) -> None:
    axes.barh(
        p.y,
        p.right - p.left,
        p.height,
        p.left,
        color=_rgba(_each(p.ink, len(p.y)), [p.alpha] * len(p.y)),
        edgecolor=ink("surface", THEME),
        linewidth=pen.scale,
        hatch={"/": "////", ".": "....", "x": "xxxx"}.get(p.hatch),
        zorder=layer,
    )


def _intervals(axes: Axes, p: m.Intervals, pen: Pen, layer: float) -> None:
    axes.hlines(p.y, p.low, p.high, _each(p.ink, len(p.y)), linewidth=p.width * pen.scale, zorder=layer)


def _boxes(axes: Axes, p: m.Boxes, pen: Pen, layer: float) -> None:
    colours = _rgba(_each(p.ink, len(p.left)), [p.alpha] * len(p.left))
    _rectangles(axes, p.left, p.right, p.bottom, p.top, colours, layer)


def _images(axes: Axes, p: m.Images, pen: Pen, layer: float) -> None:
    for pixels, left, top in zip(p.pixels, p.left, p.top, strict=True):
        shown = pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)
        edges = (left, left + p.width, top + p.height, top)
        axes.imshow(shown, extent=edges, aspect="auto", interpolation="none", zorder=layer)


def _maps(axes: Axes, p: m.Maps, pen: Pen, layer: float) -> None:
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(c) for c in ramp(p.ramp, np.linspace(0, 1, 256), THEME)])
    for places, left, top in zip(p.places, p.left, p.top, strict=True):
        edges = (left, left + p.width, top + p.height, top)
        axes.imshow(colours[places], extent=edges, aspect="auto", interpolation="none", zorder=layer)


def _text(axes: Axes, p: m.Text, pen: Pen, layer: float) -> list[Fitted]:
    texts = [
        axes.text(
            x,
            y,
            pen.known(text),
            color=colour,
            size=p.size * pen.scale,
            weight="bold" if p.bold else "normal",
            ha=p.align,
            va="center_baseline",
            rotation=np.degrees(p.slant),
            zorder=layer,
        )
        for x, y, text, colour in zip(p.x, p.y, p.text, _each(p.ink, len(p.x)), strict=True)
    ]
    return [Fitted(texts, p.room)] if p.room is not None and texts else []


_DRAW: Mapping[type, Callable[[Axes, Any, Pen, float], list[Fitted] | None]] = {
    m.Points: _points,
    m.Line: _line,
    m.Band: _band,
    m.Rule: _rule,
    m.Cells: _cells,
    m.Bars: _bars,
    m.Intervals: _intervals,
    m.Boxes: _boxes,
    m.Images: _images,
    m.Maps: _maps,
    m.Text: _text,
}
