"""Maps of numbers in the report: one byte a place, and only their colours differ between the themes."""

from __future__ import annotations

import base64
import gzip
import json
import re

import numpy as np
from attributed import SIDE, reported

from pruneviz.core.viewstate import ViewState
from pruneviz.report.figures import figures
from pruneviz.views import marks as m
from pruneviz.views.once import Once
from pruneviz.views.palette import ramp
from pruneviz.views.pictures.attribution_maps import attribution_maps_info

from .conftest import rendered


def test_maps_are_written_once_with_a_palette_for_each_theme() -> None:
    tables = Once(reported())
    runs = tables.runs
    pruned = str(runs.loc[runs["method"] != "dense", "run_id"].iloc[0])
    picture = attribution_maps_info(tables, ViewState(models=(pruned,)))
    drawn = figures([picture])
    (maps,) = [k for k in picture.marks if isinstance(k, m.Maps)]
    assert len(maps.places) == 2 * 3  # images; the two maps and their difference
    written = re.findall(r'"type": "bytes", "data": "([^"]+)"', json.dumps(drawn.document))
    arrays = [gzip.decompress(base64.b64decode(data)) for data in written]
    for places in maps.places:
        assert places.shape == (SIDE, SIDE)
        assert arrays.count(places.tobytes()) == 1
    palettes = [(light, dark) for _, name, _, light, dark in drawn.dark if name == "palette"]
    assert palettes == [tuple(ramp("change", np.linspace(0, 1, 256), theme) for theme in ("light", "dark"))]
    assert not [1 for _, _, column, _, _ in drawn.dark if column == "image"]
    assert json.dumps(figures([picture]).plain) == json.dumps(drawn.plain)


def test_a_report_shows_them_under_their_analysis() -> None:
    text = rendered(reported(hostile=True)).html
    part = text[text.index('id="analyses"') : text.index('id="comparison"')]
    assert "Maps differ." in part
    assert 'data-picture="attribution_maps"' in part
    assert "attribution_similarity" not in part  # its table is not there
    assert "<img" not in part
