"""Each kind of mark as Bokeh glyphs: which columns it sends, and which glyphs draw them.

Everything that can change between two states of a picture stands in columns or in glyph properties, so that a mark
can be updated where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.views import marks as m
from pruneviz.views.counting import CODES, Window, colours, counts, looks
from pruneviz.views.palette import ink, ramp, text_on

if TYPE_CHECKING:
    from bokeh.models.glyph import Glyph

FONT = "Roboto, system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
DASHES: dict[str, list[int]] = {
    "solid": [],
    "dashed": [7, 4],
    "dotted": [2, 3],
    "dotdash": [8, 3, 2, 3],
    "dashdot": [12, 4],
}
HATCHES = {"/": "right_diagonal_line", ".": "dot", "x": "diagonal_cross", "": ""}
FEW = 100

Columns = dict[str, Any]
GlyphSpec = tuple[str, dict[str, Any]]


def columns(mark: m.Mark, theme: str) -> Columns:
    """The columns of a mark's data source; texts for the pointer are ``h0``, ``h1``, …"""
    made = _COLUMNS[type(mark)](mark, theme)
    hover = getattr(mark, "hover", {})
    if not isinstance(mark, m.LinkedPoints | m.Counted):
        made.update({f"h{i}": list(texts) for i, texts in enumerate(hover.values())})
    return {name: _brief(values) for name, values in made.items()}


def _brief(values: Any) -> Any:
    """A few numbers as a list: an array takes two messages of its own, which a page of many marks is slow to read."""
    few = isinstance(values, np.ndarray) and values.ndim == 1 and len(values) <= FEW
    return values.tolist() if few else values


def glyphs(mark: m.Mark, theme: str) -> list[GlyphSpec]:
    """The glyph classes of a mark with their properties; the first is the one that the pointer feels for."""
    return _GLYPHS[type(mark)](mark, theme)


def make_glyph(spec: GlyphSpec) -> Glyph:
    """The Bokeh glyph of a specification."""
    import bokeh.models as bm

    name, properties = spec
    glyph: Glyph = getattr(bm, name)(**properties)
    return glyph


def _each(inks: str | Sequence[str], n: int, theme: str) -> list[str]:
    if isinstance(inks, str):
        return [ink(inks, theme)] * n
    known = {name: ink(name, theme) for name in set(inks)}
    return [known[name] for name in inks]


def _points(p: m.Points, theme: str) -> Columns:
    n = len(p.x)
    line = _each(p.ink, n, theme)
    surface = ink("surface", theme)
    filled = [p.filled] * n if isinstance(p.filled, bool) else list(p.filled)
    return {
        "x": p.x,
        "y": p.y,
        "line": line,
        "fill": [c if f else surface for c, f in zip(line, filled, strict=True)],
        "marker": [p.marker] * n if isinstance(p.marker, str) else list(p.marker),
        **({"key": list(p.keys)} if p.keys else {}),
    }


def _point_glyph(p: m.Points, theme: str) -> list[GlyphSpec]:
    look = {"size": p.size, "fill_alpha": p.alpha, "line_alpha": min(1.0, p.alpha + 0.2), "line_width": 1.4}
    return [("Scatter", {"x": "x", "y": "y", "marker": "marker", "line_color": "line", "fill_color": "fill", **look})]


def _linked_glyph(p: m.LinkedPoints, theme: str) -> list[GlyphSpec]:
    """Of thousands, a filled one has no outline: it would take as long to paint as the rest of it."""
    colour, alpha, inside = ink(p.ink, theme), 0.0 if p.ring else p.alpha, p.filled and not p.ring
    fill = {"fill_color": colour if inside else None, "fill_alpha": alpha}
    line = {"line_color": None if inside else colour, "line_alpha": alpha, "line_width": 1.2}
    return [("Scatter", {"x": p.x, "y": p.y, "marker": p.marker, "size": p.size + inside, **fill, **line})]


def _counted_glyphs(p: m.Counted, theme: str) -> list[GlyphSpec]:
    """All rows, and above them those that are selected."""
    from bokeh.models import LinearColorMapper

    # A look of its own for each whole number.
    mapper = LinearColorMapper(palette=colours(p.inks, theme), low=-0.5, high=CODES - 0.5)
    place = {"x": "x", "y": "y", "dw": "dw", "dh": "dh", "color_mapper": mapper}
    return [("Image", {"image": "image", **place}), ("Image", {"image": "selected", **place})]


def counted_columns(mark: m.Counted, frame: m.Frame, window: Window, selected: npt.NDArray[np.bool_] | None) -> Columns:
    """What is sent of rows that are counted: the cells of a window, and how many rows each has.

    Args:
        mark: what is counted.
        frame: the rows.
        window: the part of the plane that is shown.
        selected: (N,) the rows that are selected; None where none are.
    """
    every, groups = counts(frame, mark, window), len(mark.inks)
    most = int(every.number.max())
    some = counts(frame, mark, window, selected) if selected is not None else None
    left, right, low, high = window
    return {
        "image": [looks(every, groups, most)],
        "selected": [looks(some, groups, most) if some is not None else np.zeros((1, 1), np.uint8)],
        "count": [every.number.astype(np.uint16 if most < 2**16 else np.uint32)],
        "x": [left],
        "y": [low],
        "dw": [right - left],
        "dh": [high - low],
    }


def _line_glyph(p: m.Line, theme: str) -> list[GlyphSpec]:
    look = {"line_width": p.width, "line_alpha": p.alpha, "line_dash": DASHES[p.dash]}
    return [("Line", {"x": "x", "y": "y", "line_color": ink(p.ink, theme), "line_join": "round", **look})]


def _band_glyph(p: m.Band, theme: str) -> list[GlyphSpec]:
    return [("VArea", {"x": "x", "y1": "low", "y2": "high", "fill_color": ink(p.ink, theme), "fill_alpha": p.alpha})]


def _rule_glyph(p: m.Rule, theme: str) -> list[GlyphSpec]:
    look = {"line_color": ink(p.ink, theme), "line_width": 1.2, "line_dash": DASHES[p.dash]}
    return [("HSpan", {"y": "at", **look})] if p.axis == "y" else [("VSpan", {"x": "at", **look})]


def _cells(p: m.Cells, theme: str) -> Columns:
    colours = ramp(p.ramp, p.value, theme)
    bold = list(p.strong) if len(p.strong) else [False] * len(p.x)
    return {
        "x": p.x,
        "y": p.y,
        "fill": colours,
        "text": list(p.text),
        "on": text_on(colours),
        "style": ["bold" if b else "normal" for b in bold],
    }


def _cell_glyphs(p: m.Cells, theme: str) -> list[GlyphSpec]:
    edge = {"line_color": ink("surface", theme), "line_width": 1.5}
    words = {"text_font": {"value": FONT}, "text_font_size": "11px", "text_align": "center", "text_baseline": "middle"}
    return [
        ("Rect", {"x": "x", "y": "y", "width": p.size[0], "height": p.size[1], "fill_color": "fill", **edge}),
        ("Text", {"x": "x", "y": "y", "text": "text", "text_color": "on", "text_font_style": "style", **words}),
    ]


def _bars(p: m.Bars, theme: str) -> Columns:
    return {"y": p.y, "left": p.left, "right": p.right, "fill": _each(p.ink, len(p.y), theme)}


def _bar_glyph(p: m.Bars, theme: str) -> list[GlyphSpec]:
    look: dict[str, Any] = {"fill_color": "fill", "line_color": ink("surface", theme), "line_width": 1}
    look |= {"hatch_pattern": HATCHES[p.hatch] or " ", "hatch_color": ink("surface", theme), "hatch_alpha": 0.5}
    place = {"y": "y", "left": "left", "right": "right", "height": p.height}
    return [("HBar", {**place, "fill_alpha": p.alpha, "hatch_scale": 10, "hatch_weight": 1.3, **look})]


def _intervals(p: m.Intervals, theme: str) -> Columns:
    return {"y": p.y, "low": p.low, "high": p.high, "line": _each(p.ink, len(p.y), theme)}


def _interval_glyph(p: m.Intervals, theme: str) -> list[GlyphSpec]:
    look = {"line_color": "line", "line_width": p.width, "line_cap": "round"}
    return [("Segment", {"x0": "low", "x1": "high", "y0": "y", "y1": "y", **look})]


def _boxes(p: m.Boxes, theme: str) -> Columns:
    edges = {"left": p.left, "right": p.right, "top": p.top, "bottom": p.bottom}
    return {**edges, "fill": _each(p.ink, len(p.left), theme)}


def _box_glyph(p: m.Boxes, theme: str) -> list[GlyphSpec]:
    place = {"left": "left", "right": "right", "top": "top", "bottom": "bottom"}
    return [("Quad", {**place, "fill_color": "fill", "fill_alpha": p.alpha, "line_color": None})]


def rgba(pixels: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint32]]:
    """Pictures (n, h, w, 1 or 3) as Bokeh wants them where y grows downwards: one uint32 a pixel, the top row first."""
    n, h, w, channels = pixels.shape
    full = np.full((n, h, w, 4), 255, np.uint8)
    full[..., :3] = pixels if channels == 3 else np.repeat(pixels, 3, axis=-1)
    return list(full.view(np.uint32).reshape(n, h, w))


def _images(p: m.Images, theme: str) -> Columns:
    return {"image": rgba(p.pixels), "x": p.left, "y": p.top}


def _image_glyph(p: m.Images, theme: str) -> list[GlyphSpec]:
    return [("ImageRGBA", {"image": "image", "x": "x", "y": "y", "dw": p.width, "dh": p.height})]


def _map_glyph(p: m.Maps, theme: str) -> list[GlyphSpec]:
    from bokeh.models import LinearColorMapper

    mapper = LinearColorMapper(palette=ramp(p.ramp, np.linspace(0, 1, 256), theme), low=0, high=255)
    look = {"dw": p.width, "dh": p.height, "color_mapper": mapper}
    return [("Image", {"image": "image", "x": "x", "y": "y", **look})]


def _text(p: m.Text, theme: str) -> Columns:
    return {"x": p.x, "y": p.y, "text": list(p.text), "on": _each(p.ink, len(p.x), theme)}


def _text_glyph(p: m.Text, theme: str) -> list[GlyphSpec]:
    look = {
        "text_font": {"value": FONT},
        "text_font_size": f"{p.size:g}px",
        "text_font_style": "bold" if p.bold else "normal",
    }
    place = {"text_align": p.align, "text_baseline": "middle", "angle": p.slant}
    return [("Text", {"x": "x", "y": "y", "text": "text", "text_color": "on", **look, **place})]


_COLUMNS: dict[type, Callable[[Any, str], Columns]] = {
    m.Points: _points,
    m.LinkedPoints: lambda p, theme: {},
    m.Counted: lambda p, theme: {},
    m.Line: lambda p, theme: {"x": p.x, "y": p.y},
    m.Band: lambda p, theme: {"x": p.x, "low": p.low, "high": p.high},
    m.Rule: lambda p, theme: {"at": [p.at]},
    m.Cells: _cells,
    m.Bars: _bars,
    m.Intervals: _intervals,
    m.Boxes: _boxes,
    m.Images: _images,
    m.Maps: lambda p, theme: {"image": list(p.places), "x": p.left, "y": p.top},
    m.Text: _text,
}
_GLYPHS: dict[type, Callable[[Any, str], list[GlyphSpec]]] = {
    m.Points: _point_glyph,
    m.LinkedPoints: _linked_glyph,
    m.Counted: _counted_glyphs,
    m.Line: _line_glyph,
    m.Band: _band_glyph,
    m.Rule: _rule_glyph,
    m.Cells: _cell_glyphs,
    m.Bars: _bar_glyph,
    m.Intervals: _interval_glyph,
    m.Boxes: _box_glyph,
    m.Images: _image_glyph,
    m.Maps: _map_glyph,
    m.Text: _text_glyph,
}
