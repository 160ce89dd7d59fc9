"""The Bokeh renderer: draws every picture, updates in place, shares sources."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bokeh.core.validation import check_integrity
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models.widgets import Div
from synthetic import SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views import PICTURES
from pruneviz.views.bokeh_renderer import Drawn, Sources, draw, update
from pruneviz.views.marks import Picture
from pruneviz.views.palette import THEMES, ink
from pruneviz.views.pictures.sample_scatter import sample_scatters


@pytest.fixture(scope="module")
def tables() -> SyntheticTables:
    return SyntheticTables(samples=120)


def state_of(tables: SyntheticTables, count: int) -> ViewState:
    runs = tables.runs
    return ViewState(models=tuple(str(r) for r in runs.loc[runs["method"] != "dense", "run_id"][:count]))


def in_document(drawn: Drawn, caplog: pytest.LogCaptureFixture) -> Document:
    """Put it into a document as a server does; Bokeh checks it, and it can be sent."""
    doc = Document()
    doc.add_root(drawn.layout)
    with caplog.at_level(logging.WARNING, "bokeh"):
        doc.validate()
        json.dumps(doc.to_json(deferred=False))
    assert not caplog.records
    return doc


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("count", [0, 2, 16])
def test_every_picture_is_drawn(
    tables: SyntheticTables, name: str, theme: str, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    picture = PICTURES[name](tables, state_of(tables, count))
    drawn = draw(picture, theme=theme)
    in_document(drawn, caplog)
    assert (drawn.figure is None) == bool(picture.empty)
    assert not check_integrity(list(drawn.layout.references())).error


@pytest.mark.parametrize("name", PICTURES)
def test_updating_draws_what_drawing_draws(tables: SyntheticTables, name: str) -> None:
    before, after = (PICTURES[name](tables, state_of(tables, n)) for n in (2, 3))
    if before.empty or after.empty:
        pytest.skip(f"synthetic tables have nothing for {name}")
    updated, fresh = update(draw(before), after, theme="dark"), draw(after, theme="dark")
    assert signature(updated) == signature(fresh)


def told(value: Any) -> str:
    """A property's value, without the number that Bokeh gives to each model."""
    if isinstance(value, Model):
        own = {k: str(v) for k, v in value.properties_with_values().items() if k != "id"}
        return f"{type(value).__name__} {own}"
    return str(value)


def signature(drawn: Drawn) -> list[Any]:
    """All that is seen of a figure: glyphs with their properties, columns, axes, ranges, words."""
    f = drawn.figure
    assert f is not None
    found: list[Any] = [c.text for c in drawn.layout.children if isinstance(c, Div)]
    for r in f.renderers:
        for glyph in filter(None, (r.glyph, r.nonselection_glyph)):
            found.append((type(glyph).__name__, {k: told(v) for k, v in glyph.properties_with_values().items()}))
        shared = drawn.sources.by_name.values()
        if r.data_source not in shared:
            found.append({k: np.asarray(v).tolist() for k, v in sorted(r.data_source.data.items()) if k != "image"})
        else:
            found.append((r.view.filter.column_name, r.view.filter.group))
    found += [(a.axis_label, a.axis_label_text_color, str(a.major_label_overrides)) for a in f.axis]
    found += [(getattr(r, "start", None), getattr(r, "end", None)) for r in (f.x_range, f.y_range)]
    found += [t.tooltips for t in f.tools if t.name == "pointer"]
    found += [f.height, [b.tags for b in f.right if b.name]]
    return found


def test_updating_keeps_zoom_and_figure(tables: SyntheticTables) -> None:
    tradeoff = PICTURES["tradeoff"]
    drawn = draw(tradeoff(tables, ViewState()))
    drawn.figure.x_range.update(start=2.0, end=5.0)  # as the browser reports a zoom
    again = update(drawn, tradeoff(tables, state_of(tables, 2)))
    assert again is drawn
    assert (drawn.figure.x_range.start, drawn.figure.x_range.end) == (2.0, 5.0)
    other = update(drawn, tradeoff(tables, ViewState(x="density")))
    assert other is not drawn  # another quantity: what was zoomed into is not there


def test_another_kind_of_axis_is_another_figure(tables: SyntheticTables) -> None:
    tradeoff = PICTURES["tradeoff"]
    drawn = draw(tradeoff(tables, ViewState()))
    linear = update(drawn, tradeoff(tables, ViewState(log_x=False)))
    assert linear is not drawn
    assert linear.sources is drawn.sources


def test_an_empty_picture_becomes_one_when_there_is_something() -> None:
    tables = SyntheticTables(samples=60, landed=0)
    tradeoff = PICTURES["tradeoff"]
    drawn = draw(tradeoff(tables, ViewState()))
    assert drawn.figure is None
    tables.land(40)
    drawn = update(drawn, tradeoff(tables, ViewState()))
    assert drawn.figure is not None
    count = len(drawn.figure.renderers)
    tables.land(20)
    assert update(drawn, tradeoff(tables, ViewState())) is drawn
    assert len(drawn.figure.renderers) < count


def test_scatters_share_one_source_and_one_selection(tables: SyntheticTables) -> None:
    heard: list[tuple[str, tuple[str, ...]]] = []
    sources = Sources(on_select=lambda name, keys: heard.append((name, keys)))
    drawn = [draw(p, sources=sources) for p in sample_scatters(tables, state_of(tables, 4))]
    used = {r.data_source for d in drawn for r in d.figure.renderers if r.data_source in sources.by_name.values()}
    assert len(used) == 1
    (source,) = used
    assert source.data[next(k for k in source.data if k.startswith("value"))].dtype == np.float32
    source.selected.indices = [3, 5]  # as the browser reports a brush
    assert heard == [("samples", ("test:3", "test:5"))]


def test_a_selection_in_the_state_is_seen_and_not_echoed(tables: SyntheticTables) -> None:
    heard: list[Any] = []
    sources = Sources(on_select=lambda name, keys: heard.append(keys))
    state = replace(state_of(tables, 1), samples=("test:9",))
    drawn = draw(sample_scatters(tables, state)[0], sources=sources)
    source = sources.by_name["samples"]
    assert source.selected.indices == [9]
    update(drawn, sample_scatters(tables, replace(state, samples=()))[0])
    assert source.selected.indices == []


def test_columns_that_are_there_already_are_not_sent_again(tables: SyntheticTables) -> None:
    sources = Sources()
    state = state_of(tables, 2)
    drawn = draw(sample_scatters(tables, state)[0], sources=sources)
    sent: list[str] = []
    source = sources.by_name["samples"]
    source.on_change("data", lambda attr, old, new: sent.append(attr))
    update(drawn, sample_scatters(tables, state)[0])
    assert not sent
    update(drawn, sample_scatters(tables, replace(state, sample_metric="loss"))[0])
    assert sent


def test_colours_are_the_themes(tables: SyntheticTables) -> None:
    drawn = draw(PICTURES["tradeoff"](tables, ViewState()))
    assert drawn.figure.xaxis[0].axis_label_text_color == ink("ink", "light")
    update(drawn, drawn.picture, theme="dark")
    assert drawn.figure.xaxis[0].axis_label_text_color == ink("ink", "dark")


def test_a_picture_says_why_it_is_empty() -> None:
    drawn = draw(Picture("x", "A <b>title</b>", empty="Nothing & nobody."))
    assert "A &lt;b&gt;title&lt;/b&gt;" in drawn.layout.children[0].text
    assert "Nothing &amp; nobody." in drawn.layout.children[0].text


def test_what_a_click_does_is_said_only_where_clicks_are_heard() -> None:
    picture = Picture("p", "title", "subtitle.", hint="Click one.")
    said = [draw(picture, sources=s)._head.text for s in (Sources(), Sources(on_select=lambda what, keys: None))]
    assert ["Click one." in text for text in said] == [False, True]
