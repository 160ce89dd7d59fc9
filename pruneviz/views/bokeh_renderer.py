"""The one renderer for screens: pictures to Bokeh figures, and pictures to the figures that are there already.

It decides nothing that carries meaning. Updating keeps zoom and selection: ranges are touched only where the picture
asks for another range, and selected keys stay selected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pruneviz.core.selection import Polygon
from pruneviz.views import bokeh_style as style
from pruneviz.views import marks as m
from pruneviz.views.bokeh_marks import columns, counted_columns, glyphs, make_glyph
from pruneviz.views.bokeh_sources import OnOutline, OnSelect, Sources, select_rows
from pruneviz.views.counting import FADED, Window, window_of
from pruneviz.views.fitting import on_screen
from pruneviz.views.words_html import CSS, footing, heading

__all__ = ["Drawn", "OnOutline", "OnSelect", "Sources", "draw", "outline", "update"]

if TYPE_CHECKING:
    from bokeh.models import CDSView, Column, ColumnDataSource
    from bokeh.models.renderers import GlyphRenderer
    from bokeh.models.widgets import Div
    from bokeh.plotting import figure as Figure


@dataclass(eq=False)
class _Part:
    """One mark as drawn: its source, its renderers, and what it shows of a shared source or counts."""

    source: ColumnDataSource
    renderers: list[GlyphRenderer[Any]]
    where: tuple[str, int] | None = None
    counts: m.Counted | None = None


@dataclass(eq=False)
class Drawn:
    """A picture on the screen.

    Attributes:
        layout: words and figure, what surfaces show.
        figure: the drawing; ``None`` where the picture is empty.
        picture: what is drawn.
        window: the part of the plane that is shown, where a person has moved it and marks depend on it.
        way: what a line drawn now does to the selection, where rows are counted.
    """

    layout: Column
    figure: Figure | None
    picture: m.Picture
    theme: str
    sources: Sources
    _head: Div
    _foot: Div
    window: Window | None = None
    way: str = "replace"
    _parts: list[_Part] = field(default_factory=list)

    def recount(self) -> None:
        """Send what cells hold that count rows: of the part that is shown, and of the rows that are selected now."""
        for part in self._parts:
            if part.counts is not None:
                frame, chosen = self.sources.counted[part.counts.frame], self.sources.chosen(part.counts.frame)
                part.source.data = counted_columns(part.counts, frame, self.window or window_of(self.picture), chosen)
                every, some = part.renderers
                every.glyph.update(global_alpha=1.0 if chosen is None else FADED)
                some.visible = chosen is not None


def draw(picture: m.Picture, *, theme: str = "light", sources: Sources | None = None) -> Drawn:
    """Draw a picture.

    Args:
        picture: any picture.
        theme: ``light`` or ``dark``.
        sources: shared by the pictures of a session, so that one selection is seen in all; a fresh one when absent.
    """
    from bokeh.layouts import column
    from bokeh.models.widgets import Div

    sources = sources or Sources()
    head = Div(text=heading(picture, theme, sources.heard), stylesheets=[CSS], margin=0, sizing_mode="stretch_width")
    below = footing(picture, theme)
    foot = Div(text=below, visible=bool(below), stylesheets=[CSS], margin=0, sizing_mode="stretch_width")
    figure = None if picture.empty else style.new_figure(picture, theme)
    layout = column([c for c in (head, figure, foot) if c is not None], sizing_mode="stretch_width", spacing=4)
    if picture.width:
        layout.styles = {"overflow-x": "auto"}
    drawn = Drawn(layout, figure, picture, theme, sources, head, foot)
    if figure is not None:
        _build(drawn)
        if drawn.sources.hear_lines(picture):
            figure.on_event("selectiongeometry", partial(_outlined, drawn))
        if sources.heard and any(f.counted for f in picture.frames):
            figure.on_event("rangesupdate", partial(_moved, drawn))
            figure.on_event("panstart", partial(_begun, drawn))
    return drawn


def update(drawn: Drawn, picture: m.Picture, *, theme: str | None = None) -> Drawn:
    """Bring what is drawn to another state of its picture, keeping zoom and selection.

    Returns:
        The same object, or a new one where the kind of its axes has changed or it was or becomes empty.
    """
    theme = theme or drawn.theme
    if drawn.figure is None or picture.empty or style.needs_new_figure(drawn.picture, picture):
        return draw(picture, theme=theme, sources=drawn.sources)
    before, drawn.picture, drawn.theme = drawn.picture, picture, theme
    drawn._head.text = heading(picture, theme, drawn.sources.heard)
    drawn._foot.text = footing(picture, theme)
    drawn._foot.visible = bool(drawn._foot.text)
    style.restyle(drawn.figure, picture, theme)
    if style.other_ranges(before, picture):
        drawn.window = None
    if _shapes(before) == _shapes(picture):
        _refresh(drawn)
    else:
        _build(drawn)
    style.set_ranges(drawn.figure, picture, before)
    return drawn


def _shapes(picture: m.Picture) -> list[tuple[type, int]]:
    """What has to be the same for marks to be updated where they are: their kinds, and how many words they have.

    Bokeh counts words anew only after it has awaited their new texts. Where anything on the page makes it lay out and
    paint before that, it asks for the looks of words that are no more, and fails ('undefined 11px …' is no font).
    """
    return [(type(k), len(k.x) if isinstance(k, m.Cells | m.Text) else 0) for k in picture.marks]


def _build(drawn: Drawn) -> None:
    """Draw all marks of the picture anew into its figure."""
    figure, picture = drawn.figure, drawn.picture
    assert figure is not None
    frames = _sources(drawn)
    drawn._parts = [_part(drawn, mark, frames) for mark in picture.marks]
    drawn.recount()
    figure.renderers = [r for part in drawn._parts for r in part.renderers]
    pairs = [(k, part.renderers[0]) for k, part in zip(picture.marks, drawn._parts, strict=True)]
    style.set_tools(figure, pairs, drawn.theme)
    style.colour_bar(figure, picture, drawn.theme)


def _sources(drawn: Drawn) -> dict[str, ColumnDataSource]:
    """The sources of the picture's frames, but for those whose rows are counted."""
    for frame in drawn.picture.frames:
        if frame.counted:
            drawn.sources.count(frame, drawn)
    return {f.name: drawn.sources.of(f) for f in drawn.picture.frames if not f.counted}


def _part(drawn: Drawn, mark: m.Mark, frames: dict[str, ColumnDataSource]) -> _Part:
    from bokeh.models import CDSView, ColumnDataSource, GroupFilter
    from bokeh.models.renderers import GlyphRenderer

    view: CDSView
    if isinstance(mark, m.LinkedPoints):
        source = frames[mark.frame]
        view = CDSView(filter=GroupFilter(column_name=mark.where[0], group=mark.where[1]))
    else:
        source, view = ColumnDataSource(data=_columns(drawn, mark)), CDSView()
    renderers: list[GlyphRenderer[Any]] = []
    selectable = style.selectable(mark)  # else its glyph would be sent three times
    for spec in glyphs(mark, drawn.theme):
        made: GlyphRenderer[Any] = GlyphRenderer(
            data_source=source,
            view=view,
            glyph=make_glyph(spec),
            selection_glyph=make_glyph(spec) if selectable else None,
            nonselection_glyph=make_glyph((spec[0], {**spec[1], **style.unselected(mark)})) if selectable else None,
            hover_glyph=make_glyph((spec[0], {**spec[1], **style.RING})) if getattr(mark, "ring", False) else None,
            level=style.level(mark),
        )
        renderers.append(made)
    if isinstance(mark, m.Points) and mark.keys:
        select_rows(source, mark.keys, mark.selected)
    if isinstance(mark, m.Points | m.Cells) and mark.keys and drawn.sources.on_select is not None:
        source.selected.on_change("indices", partial(_heard, drawn, source))
    return _Part(
        source,
        renderers,
        mark.where if isinstance(mark, m.LinkedPoints) else None,
        mark if isinstance(mark, m.Counted) else None,
    )


def _columns(drawn: Drawn, mark: m.Mark) -> dict[str, Any]:
    """What is sent of a mark: words as they fit."""
    return columns(on_screen(mark, drawn.picture) if isinstance(mark, m.Text) else mark, drawn.theme)


def _refresh(drawn: Drawn) -> None:
    """Send what has changed of marks that are drawn already."""
    from bokeh.models import GroupFilter

    assert drawn.figure is not None
    frames = _sources(drawn)
    for part, mark in zip(drawn._parts, drawn.picture.marks, strict=True):
        if isinstance(mark, m.LinkedPoints):
            part.source = frames[mark.frame]
            for r in part.renderers:
                r.data_source = part.source
                if part.where != mark.where:
                    r.view.filter = GroupFilter(column_name=mark.where[0], group=mark.where[1])
            part.where = mark.where
        elif isinstance(mark, m.Counted):
            part.counts = mark
        else:
            part.source.data = _columns(drawn, mark)
        for r, spec in zip(part.renderers, glyphs(mark, drawn.theme), strict=True):
            looks: list[tuple[Any, dict[str, float]]] = [(r.glyph, {}), (r.selection_glyph, {})]
            for glyph, look in [*looks, (r.nonselection_glyph, style.unselected(mark))]:
                if glyph is not None:
                    glyph.update(**{**spec[1], **look})
        if isinstance(mark, m.Points) and mark.keys:
            select_rows(part.source, mark.keys, mark.selected)
    drawn.recount()
    style.set_tooltips(drawn.figure, drawn.picture, drawn.theme)
    style.colour_bar(drawn.figure, drawn.picture, drawn.theme)


def _outlined(drawn: Drawn, event: Any) -> None:
    """A box, a lasso or a click, in the picture's own numbers."""
    assert drawn.sources.on_outline is not None
    if event.final and drawn.picture.plane is not None:
        corners = outline(event.geometry or {})
        counted = next((k for k in drawn.picture.marks if isinstance(k, m.Counted)), None)
        keys = (
            drawn.sources.selected(drawn.picture.frames[0].name)
            if counted is None
            else drawn.sources.outlined(counted, corners, drawn.way)
        )
        drawn.sources.on_outline(drawn.picture, corners, keys)


def _begun(drawn: Drawn, event: Any) -> None:
    """A box or a line is begun: the keys that are held say what it does, else the mode of the tool."""
    from bokeh.models.tools import RegionSelectTool

    assert drawn.figure is not None
    held = event.modifiers or {}
    shift, ctrl = bool(held.get("shift")), bool(held.get("ctrl"))
    tools = [t.mode for t in drawn.figure.tools if isinstance(t, RegionSelectTool) and t.mode != "replace"]
    by_keys = {(True, False): "append", (False, True): "intersect", (True, True): "subtract"}
    drawn.way = by_keys.get((shift, ctrl), tools[0] if tools else "replace")


def _moved(drawn: Drawn, event: Any) -> None:
    """Another part of the plane is shown: its cells are counted anew."""
    (left, right), (low, high) = sorted((event.x0, event.x1)), sorted((event.y0, event.y1))
    drawn.window = left, right, low, high
    drawn.recount()


def outline(geometry: Mapping[str, Any]) -> Polygon:
    """The corners of Bokeh's geometry of a selection; none for a click."""
    if geometry.get("type") == "rect":
        (left, right), (low, high) = (sorted(float(geometry[f"{a}{i}"]) for i in (0, 1)) for a in "xy")
        return ((left, low), (right, low), (right, high), (left, high))
    if geometry.get("type") == "poly":
        return tuple((float(x), float(y)) for x, y in zip(geometry["x"], geometry["y"], strict=True))
    return ()


def _heard(drawn: Drawn, source: ColumnDataSource, attr: str, old: object, indices: list[int]) -> None:
    if drawn.sources.on_select is None:
        return
    mark = next(mark for part, mark in zip(drawn._parts, drawn.picture.marks, strict=True) if part.source is source)
    behind: Sequence[tuple[str, ...]]
    if isinstance(mark, m.Points):
        behind = mark.stands_for or [(key,) for key in mark.keys]
    else:
        assert isinstance(mark, m.Cells)
        if not indices:
            return
        behind = mark.keys
        source.selected.indices = []  # what is behind the cell is selected: nothing stays so in the map itself
    found = dict.fromkeys(key for i in indices for key in behind[i])
    drawn.sources.on_select(drawn.picture.selects, tuple(found))
