"""How figures look around their marks: axes, grids, ranges, tools, what the pointer shows, and the colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pruneviz.views import marks as m
from pruneviz.views.bokeh_marks import FONT
from pruneviz.views.described import described
from pruneviz.views.fitting import names_on_screen, title_on_screen
from pruneviz.views.palette import ink, ramp

if TYPE_CHECKING:
    from bokeh.models.renderers import GlyphRenderer
    from bokeh.plotting import figure as Figure

HOVER = "pointer"
RING: dict[str, Any] = {"size": 16, "fill_alpha": 0.0, "line_alpha": 1.0, "line_width": 2.5}
_BAR = "colour bar"
_NOMINAL = 0.5  # how far a category axis reaches beyond its first and last category


def new_figure(picture: m.Picture, theme: str) -> Figure:
    """An empty figure with the picture's axes and tools."""
    from bokeh.models import (
        BoxSelectTool,
        BoxZoomTool,
        LassoSelectTool,
        PanTool,
        ResetTool,
        SaveTool,
        TapTool,
        WheelZoomTool,
    )
    from bokeh.plotting import figure

    fixed = picture.width > 0
    sizing: dict[str, Any] = (
        {"width": picture.width, "min_width": picture.width}
        if fixed
        else {"sizing_mode": "stretch_width", "min_width": 320}
    )
    made = figure(
        height=picture.height,
        x_axis_type="log" if picture.x.kind == "log" else "linear",
        y_axis_type="log" if picture.y.kind == "log" else "linear",
        x_range=_new_range(picture.x, picture.width),
        y_range=_new_range(picture.y, -picture.height if fixed else 0),
        tools=[],
        toolbar_location=None if fixed or _still(picture) else "right",
        name=picture.name,
        margin=0,
        **sizing,
    )
    made.toolbar.logo = None
    if not fixed and not _still(picture):
        pan, select = PanTool(), BoxSelectTool(persistent=False)
        made.add_tools(pan, WheelZoomTool(), BoxZoomTool())
        if picture.selects:
            made.add_tools(select, LassoSelectTool(persistent=False), TapTool())
        made.add_tools(ResetTool(), SaveTool())
        made.toolbar.active_drag = select if picture.selects else pan
        made.toolbar.active_scroll = None
    elif picture.selects:
        made.add_tools(TapTool())
    if fixed:
        made.axis.visible = False
        made.grid.visible = False
        made.min_border = 0
    restyle(made, picture, theme)
    return made


def restyle(figure: Figure, picture: m.Picture, theme: str) -> None:
    """Colours, fonts, titles and ticks of the axes."""
    surface, soft, text, faint = (ink(name, theme) for name in ("surface", "soft", "ink", "faint"))
    # Nothing is painted behind the marks: a canvas keeps its outermost pixels when its colour changes.
    figure.background_fill_color = figure.border_fill_color = None
    figure.outline_line_color = None
    figure.styles = {"--background-color": surface, "--color": text, "--divider-color": faint}
    figure.html_attributes = {"role": "figure", "aria-label": described(picture)}
    if figure.height != picture.height:
        figure.height = picture.height
    for name, spec, axis, grid in (
        ("x", picture.x, figure.xaxis[0], figure.xgrid[0]),
        ("y", picture.y, figure.yaxis[0], figure.ygrid[0]),
    ):
        axis.axis_label = title_on_screen(picture, name) or None
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size, axis.major_label_text_font_size = "13px", "12px"
        axis.axis_label_text_color, axis.major_label_text_color = text, text if spec.categories else soft
        axis.axis_line_color = None if spec.categories else faint
        axis.major_tick_line_color = axis.minor_tick_line_color = None
        axis.axis_label_standoff = 10
        grid.grid_line_color = None if spec.categories else faint
        _ticks(axis, spec, names_on_screen(picture) if name == "x" else spec.categories)
        grid.ticker = axis.ticker  # type: ignore[assignment]  # a ticker, though typed as what may become one


def _ticks(axis: Any, spec: m.Axis, names: Sequence[str]) -> None:
    from bokeh.models import BasicTickFormatter, FixedTicker

    if spec.kind == "categories":
        axis.ticker = FixedTicker(ticks=list(range(len(spec.categories))))
        axis.major_label_overrides = dict(enumerate(names))
        axis.major_label_orientation = np.pi / 2 if spec.upright else "horizontal"
        return
    if spec.kind == "log":
        axis.ticker = FixedTicker(ticks=list(spec.ticks))
    axis.formatter = BasicTickFormatter(use_scientific=True, power_limit_low=-4, power_limit_high=7, precision="auto")


def _new_range(spec: m.Axis, pixels: int) -> Any:
    from bokeh.models import DataRange1d, Range1d

    if pixels:
        return Range1d(start=max(-pixels, 0), end=max(pixels, 0))
    ends = _ends(spec)
    return Range1d(start=ends[0], end=ends[1]) if ends else DataRange1d(range_padding=0.06, only_visible=True)


def _ends(spec: m.Axis) -> tuple[float, float] | None:
    if spec.kind == "categories":
        low, high = -_NOMINAL, len(spec.categories) - 1 + _NOMINAL
        return (high, low) if spec.reverse else (low, high)
    return None if spec.low is None or spec.high is None else (spec.low, spec.high)


def needs_new_figure(before: m.Picture, after: m.Picture) -> bool:
    """Whether the axes are of another kind, which a figure cannot change, or show something else altogether."""

    def kind(axis: m.Axis) -> tuple[object, ...]:
        free = _ends(axis) is None
        return axis.kind, free, axis.title if free else ""  # another quantity on a free axis is another figure

    def shape(p: m.Picture) -> tuple[object, ...]:
        counted = any(f.counted for f in p.frames)
        return kind(p.x), kind(p.y), p.width, p.height if p.width else 0, p.selects, p.plane is None, counted

    return shape(before) != shape(after)


def other_ranges(before: m.Picture, after: m.Picture) -> bool:
    """Whether a picture asks for another range than before."""
    return any(_ends(a) != _ends(b) for a, b in ((before.x, after.x), (before.y, after.y)))


def set_ranges(figure: Figure, after: m.Picture, before: m.Picture) -> None:
    """Move ranges only where the picture asks for another one than before."""
    for spec, old, range_ in ((after.x, before.x, figure.x_range), (after.y, before.y, figure.y_range)):
        ends = _ends(spec)
        if ends is not None and ends != _ends(old):
            range_.update(start=ends[0], end=ends[1], reset_start=ends[0], reset_end=ends[1])


def set_tools(figure: Figure, drawn: Sequence[tuple[m.Mark, GlyphRenderer[Any]]], theme: str) -> None:
    """What the pointer shows over each mark that has something to show, and which marks can be selected."""
    from bokeh.models import BoxSelectTool, HoverTool, LassoSelectTool, TapTool

    kept = [t for t in figure.tools if t.name != HOVER]
    for tool in kept:
        if isinstance(tool, BoxSelectTool | LassoSelectTool | TapTool):
            tool.renderers = [r for mark, r in drawn if selectable(mark)]
    pointers = [
        HoverTool(
            name=HOVER,
            renderers=[renderer],
            tooltips=_tooltip(mark, theme),
            visible=False,
            point_policy="follow_mouse"
            if isinstance(mark, m.Cells | m.Bars | m.Boxes | m.Images | m.Maps | m.Counted)
            else "snap_to_data",
            attachment="horizontal" if isinstance(mark, m.Points | m.LinkedPoints | m.Line) else "vertical",
            show_arrow=False,
            limit=3,
        )
        for mark, renderer in drawn
        if getattr(mark, "hover", None)
    ]
    figure.tools = [*kept, *pointers]


def set_tooltips(figure: Figure, picture: m.Picture, theme: str) -> None:
    """Bring the words under the pointer up to date, for the same marks as before."""
    marks = [k for k in picture.marks if getattr(k, "hover", None)]
    for mark, tool in zip(marks, (t for t in figure.tools if t.name == HOVER), strict=True):
        tool.update(tooltips=_tooltip(mark, theme))


def selectable(mark: m.Mark) -> bool:
    """Whether the parts of a mark can be selected."""
    return isinstance(mark, m.LinkedPoints) or (isinstance(mark, m.Points | m.Cells) and bool(mark.keys))


def _tooltip(mark: m.Mark, theme: str) -> str:
    """Rows of title and value. Bokeh escapes what it puts in for ``@{…}``; titles are words of this project's own."""
    hover = getattr(mark, "hover", {})
    named = isinstance(mark, m.LinkedPoints | m.Counted)
    fields = hover.values() if named else [f"h{i}" for i in range(len(hover))]
    form = "{0,0}" if isinstance(mark, m.Counted) else ""
    soft, text, surface = (ink(name, theme) for name in ("soft", "ink", "surface"))
    rows = "".join(
        f'<div style="color:{soft};white-space:nowrap">{title}</div>'
        f'<div style="color:{text};overflow-wrap:anywhere">@{{{name}}}{form}</div>'
        for title, name in zip(hover, fields, strict=True)
    )
    grid = "display:grid;grid-template-columns:auto minmax(0,1fr);gap:2px 12px;max-width:380px"
    over = f"background:{surface};box-shadow:0 0 0 6px {surface}"  # over the padding of Bokeh's own white box
    return f'<div style="{grid};{over};font:12px/1.4 {FONT.replace(chr(39), "")}">{rows}</div>'


def colour_bar(figure: Figure, picture: m.Picture, theme: str) -> None:
    """A bar that explains the colours of cells, where there are any."""
    from bokeh.models import FixedTicker, LinearColorMapper
    from bokeh.models.annotations import ColorBar

    others = [b for b in figure.right if b.name != _BAR]
    cells = next((k for k in picture.marks if isinstance(k, m.Cells) and k.ticks), None)
    if cells is None:
        if len(others) != len(figure.right):
            figure.right = others
        return
    says = [cells.ramp, cells.title, str(cells.ticks), theme]
    if any(b.tags == says for b in figure.right):
        return
    bar = ColorBar(
        name=_BAR,
        tags=says,
        color_mapper=LinearColorMapper(palette=ramp(cells.ramp, np.linspace(0, 1, 128), theme), low=0, high=1),
        ticker=FixedTicker(ticks=[at for at, _ in cells.ticks]),
        major_label_overrides=dict(cells.ticks),
        title=cells.title,
        width=10,
        padding=8,
        label_standoff=6,
        major_tick_line_color=None,
        bar_line_color=None,
        background_fill_color=ink("surface", theme),
        title_text_color=ink("soft", theme),
        title_text_font=FONT,
        title_text_font_size="12px",
        title_text_font_style="normal",
        title_standoff=10,
        major_label_text_color=ink("soft", theme),
        major_label_text_font=FONT,
        major_label_text_font_size="11px",
    )
    figure.right = [*others, bar]


def unselected(mark: m.Mark) -> dict[str, float]:
    """How marks look that are not selected while others are: points fade, everything else stays."""
    if isinstance(mark, m.LinkedPoints) and mark.ring:
        return {}
    if isinstance(mark, m.LinkedPoints):
        return {"fill_alpha": 0.07, "line_alpha": 0.09}
    return {"fill_alpha": 0.25, "line_alpha": 0.3} if isinstance(mark, m.Points) and mark.keys else {}


def level(mark: m.Mark) -> Literal["underlay", "glyph"]:
    """Rules and bands lie under everything else."""
    return "underlay" if isinstance(mark, m.Rule | m.Band) else "glyph"


def _still(picture: m.Picture) -> bool:
    """Whether both axes are categories, so that there is nothing to pan or zoom."""
    return picture.x.kind == picture.y.kind == "categories"
