"""No picture sends a screen what it does not draw."""

from __future__ import annotations

import re

import pytest
from bokeh.core.property.vectorization import Field
from bokeh.models import GroupFilter
from placed import PlacedTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views.bokeh_renderer import Sources, draw
from pruneviz.views.pictures import PICTURES
from pruneviz.views.pictures.projection import projections
from pruneviz.views.pictures.sample_scatter import sample_scatters

STUDY = PlacedTables(replicates=2, methods=3, sparsities=(0.5, 0.95), samples=200, looked_at=150)
RUNS = STUDY.runs
STATE = ViewState(models=tuple(str(r) for r in RUNS.loc[RUNS["method"] != "dense", "run_id"][:4]))
KEYS = {"key"}  # by which what is selected on the screen is named


def drawn_columns(figure):
    """The columns of each source that glyphs, filters and the pointer of a figure use."""
    used = {}
    for r in figure.renderers:
        own = used.setdefault(r.data_source, set())
        values = r.glyph.properties_with_values().values()
        own |= {v.field if isinstance(v, Field) else v for v in values if isinstance(v, Field | str)}
        own |= {r.view.filter.column_name} if isinstance(r.view.filter, GroupFilter) else set()
    for tool in figure.hover:
        for r in tool.renderers:
            used[r.data_source] |= set(re.findall(r"@{([^}]*)}", str(tool.tooltips)))
    return used


def check(pictures):
    sources, used = Sources(lambda *at: None, lambda *at: None), {}
    for picture in pictures:
        figure = draw(picture, sources=sources).figure
        for source, columns in (drawn_columns(figure) if figure is not None else {}).items():
            used.setdefault(source, set()).update(columns)
    for source, columns in used.items():
        assert set(source.data) - columns - KEYS == set(), pictures[0].name


@pytest.mark.parametrize("name", sorted(PICTURES.keys() - {"projection", "sample_scatter"}))  # several share: below
def test_every_column_is_drawn(name):
    check([PICTURES[name](STUDY, STATE)])


@pytest.mark.parametrize("colour", ["outcome", "margin"])
def test_every_column_that_scatters_share_is_drawn(colour, monkeypatch):
    check(projections(STUDY, ViewState(models=STATE.models, colour=colour)))
    check(sample_scatters(STUDY, STATE))
    monkeypatch.setattr("pruneviz.views.pictures.projection.MOST_POINTS", 100)
    check(projections(STUDY, ViewState(models=STATE.models, colour=colour)))
