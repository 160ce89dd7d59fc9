"""The one renderer for screens: pictures to Bokeh figures, and pictures to the figures that are there already.

It decides nothing that carries meaning. Updating keeps zoom and selection: ranges are touched only where the picture
asks for another range, and selected keys stay selected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.selection import Polygon
from pruneviz.views import bokeh_style as style
from pruneviz.views import marks as m
from pruneviz.views.bokeh_marks import columns, glyphs, make_glyph
from pruneviz.views.words_html import CSS, footing, heading

if TYPE_CHECKING:
    from bokeh.models import CDSView, Column, ColumnDataSource
    from bokeh.models.renderers import GlyphRenderer
    from bokeh.models.widgets import Div
    from bokeh.plotting import figure as Figure

OnSelect = Callable[[str, tuple[str, ...]], None]
OnOutline = Callable[[m.Picture, Polygon, tuple[str, ...]], None]


@dataclass(eq=False)
class Sources:
    """The data sources that pictures share, by the names of their frames; one for each session.

    Attributes:
        on_select: called with a frame's name and the selected keys when a person has changed the selection.
        on_outline: called with a picture that has a plane, the corners of what a person has drawn there (none for a
            click), and the keys that are selected since.
    """

    on_select: OnSelect | None = None
    on_outline: OnOutline | None = None
    by_name: dict[str, ColumnDataSource] = field(default_factory=dict)
    _keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _own: bool = False  # whether the selection is being changed from here, and not by a person

    def of(self, frame: m.Frame) -> ColumnDataSource:
        """The frame's source, holding its columns; what is there already is not sent again."""
        from bokeh.models import ColumnDataSource

        data = {name: _small(values) for name, values in frame.columns.items()}
        source = self.by_name.get(frame.name)
        if source is None:
            source = self.by_name[frame.name] = ColumnDataSource(data=data)
            if self.on_select is not None:
                source.selected.on_change("indices", partial(self._heard, frame.name))
        elif self._keys[frame.name] != frame.keys:
            source.data = data
        else:
            for name, values in data.items():
                if name not in source.data or not np.array_equal(source.data[name], values):
                    source.data[name] = values
        self._keys[frame.name] = frame.keys
        self.select(frame.name, frame.selected)
        return source

    def select(self, name: str, selected: tuple[str, ...]) -> None:
        """Select rows of a frame by their keys, where the frame is drawn already."""
        if name in self.by_name:
            self._own = True
            try:
                _select(self.by_name[name], self._keys[name], selected)
            finally:
                self._own = False

    def selected(self, name: str) -> tuple[str, ...]:
        """The keys of the rows of a frame that are selected on the screen."""
        return tuple(self._keys[name][i] for i in self.by_name[name].selected.indices)

    def _heard(self, name: str, attr: str, old: object, indices: list[int]) -> None:
        if self.on_select is not None and not self._own:
            self.on_select(name, self.selected(name))


@dataclass(eq=False)
class _Part:
    """One mark as drawn: its source, its renderers, and what it shows of a shared source."""

    source: ColumnDataSource
    renderers: list[GlyphRenderer[Any]]
    where: tuple[str, int] | None


@dataclass(eq=False)
class Drawn:
    """A picture on the screen.

    Attributes:
        layout: words and figure, what surfaces show.
        figure: the drawing; ``None`` where the picture is empty.
        picture: what is drawn.
    """

    layout: Column
    figure: Figure | None
    picture: m.Picture
    theme: str
    sources: Sources
    _head: Div
    _foot: Div
    _parts: list[_Part] = field(default_factory=list)


def draw(picture: m.Picture, *, theme: str = "light", sources: Sources | None = None) -> Drawn:
    """Draw a picture.

    Args:
        picture: any picture.
        theme: ``light`` or ``dark``.
        sources: shared by the pictures of a session, so that one selection is seen in all; a fresh one when absent.
    """
    from bokeh.layouts import column
    from bokeh.models.widgets import Div

    head = Div(text=heading(picture, theme), stylesheets=[CSS], margin=0, sizing_mode="stretch_width")
    below = footing(picture, theme)
    foot = Div(text=below, visible=bool(below), stylesheets=[CSS], margin=0, sizing_mode="stretch_width")
    figure = None if picture.empty else style.new_figure(picture, theme)
    layout = column([c for c in (head, figure, foot) if c is not None], sizing_mode="stretch_width", spacing=4)
    if picture.width:
        layout.styles = {"overflow-x": "auto"}
    drawn = Drawn(layout, figure, picture, theme, sources or Sources(), head, foot)
    if figure is not None:
        _build(drawn)
        if picture.plane is not None and drawn.sources.on_outline is not None:
            figure.on_event("selectiongeometry", partial(_outlined, drawn))
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
    drawn._head.text, drawn._foot.text = heading(picture, theme), footing(picture, theme)
    drawn._foot.visible = bool(drawn._foot.text)
    style.restyle(drawn.figure, picture, theme)
    if [type(k) for k in before.marks] == [type(k) for k in picture.marks]:
        _refresh(drawn)
    else:
        _build(drawn)
    style.set_ranges(drawn.figure, picture, before)
    return drawn


def _build(drawn: Drawn) -> None:
    """Draw all marks of the picture anew into its figure."""
    figure, picture = drawn.figure, drawn.picture
    assert figure is not None
    frames = {f.name: drawn.sources.of(f) for f in picture.frames}
    drawn._parts = [_part(drawn, mark, frames) for mark in picture.marks]
    figure.renderers = [r for part in drawn._parts for r in part.renderers]
    pairs = [(k, part.renderers[0]) for k, part in zip(picture.marks, drawn._parts, strict=True)]
    style.set_tools(figure, pairs, drawn.theme)
    style.colour_bar(figure, picture, drawn.theme)


def _part(drawn: Drawn, mark: m.Mark, frames: dict[str, ColumnDataSource]) -> _Part:
    from bokeh.models import CDSView, ColumnDataSource, GroupFilter
    from bokeh.models.renderers import GlyphRenderer

    view: CDSView
    if isinstance(mark, m.LinkedPoints):
        source = frames[mark.frame]
        view = CDSView(filter=GroupFilter(column_name=mark.where[0], group=mark.where[1]))
    else:
        source, view = ColumnDataSource(data=columns(mark, drawn.theme)), CDSView()
    renderers: list[GlyphRenderer[Any]] = []
    for spec in glyphs(mark, drawn.theme):
        made: GlyphRenderer[Any] = GlyphRenderer(
            data_source=source,
            view=view,
            glyph=make_glyph(spec),
            selection_glyph=make_glyph(spec),
            nonselection_glyph=make_glyph((spec[0], {**spec[1], **style.unselected(mark)})),
            hover_glyph=make_glyph((spec[0], {**spec[1], **style.RING})) if getattr(mark, "ring", False) else None,
            level=style.level(mark),
        )
        renderers.append(made)
    if isinstance(mark, m.Points) and mark.keys:
        _select(source, mark.keys, mark.selected)
    if isinstance(mark, m.Points | m.Cells) and mark.keys and drawn.sources.on_select is not None:
        source.selected.on_change("indices", partial(_heard, drawn, source))
    return _Part(source, renderers, mark.where if isinstance(mark, m.LinkedPoints) else None)


def _refresh(drawn: Drawn) -> None:
    """Send what has changed of marks that are drawn already."""
    from bokeh.models import GroupFilter

    assert drawn.figure is not None
    frames = {f.name: drawn.sources.of(f) for f in drawn.picture.frames}
    for part, mark in zip(drawn._parts, drawn.picture.marks, strict=True):
        if isinstance(mark, m.LinkedPoints):
            part.source = frames[mark.frame]
            for r in part.renderers:
                r.data_source = part.source
                if part.where != mark.where:
                    r.view.filter = GroupFilter(column_name=mark.where[0], group=mark.where[1])
            part.where = mark.where
        else:
            part.source.data = columns(mark, drawn.theme)
        for r, spec in zip(part.renderers, glyphs(mark, drawn.theme), strict=True):
            looks: list[tuple[Any, dict[str, float]]] = [(r.glyph, {}), (r.selection_glyph, {})]
            for glyph, look in [*looks, (r.nonselection_glyph, style.unselected(mark))]:
                glyph.update(**{**spec[1], **look})
        if isinstance(mark, m.Points) and mark.keys:
            _select(part.source, mark.keys, mark.selected)
    style.set_tooltips(drawn.figure, drawn.picture, drawn.theme)
    style.colour_bar(drawn.figure, drawn.picture, drawn.theme)


def _outlined(drawn: Drawn, event: Any) -> None:
    """A box, a lasso or a click, in the picture's own numbers."""
    assert drawn.sources.on_outline is not None
    if event.final and drawn.picture.plane is not None:
        corners = outline(event.geometry or {})
        drawn.sources.on_outline(drawn.picture, corners, drawn.sources.selected(drawn.picture.frames[0].name))


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
    if not isinstance(mark, m.Cells):
        drawn.sources.on_select(drawn.picture.selects, tuple(str(source.data["key"][i]) for i in indices))
    elif indices:
        source.selected.indices = []  # what is behind the cell is selected: nothing stays so in the map itself
        found = dict.fromkeys(key for i in indices for key in mark.keys[i])
        drawn.sources.on_select(drawn.picture.selects, tuple(found))


def _select(source: ColumnDataSource, keys: tuple[str, ...], selected: tuple[str, ...]) -> None:
    """Select the rows of the given keys, where they are not selected already."""
    wanted = set(selected)
    indices = [i for i, k in enumerate(keys) if k in wanted] if wanted else []
    if sorted(source.selected.indices) != indices:
        source.selected.indices = indices


def _small(values: Any) -> Any:
    """Numbers as 4 bytes each: screens show no more."""
    if isinstance(values, np.ndarray) and values.dtype == np.float64:
        return values.astype(np.float32)
    return values
