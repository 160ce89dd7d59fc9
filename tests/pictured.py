"""What every mark of every picture has to be."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np

from pruneviz.views import marks as m
from pruneviz.views.palette import RAMPS, THEMES, ink


def check_mark(mark: m.Mark, picture: m.Picture) -> None:
    arrays = [v for f in fields(mark) if isinstance(v := getattr(mark, f.name), np.ndarray) and f.name != "pixels"]
    assert len({len(a) for a in arrays}) <= 1
    n = len(arrays[0]) if arrays else 0
    hover = getattr(mark, "hover", {})
    if isinstance(mark, m.LinkedPoints):
        frame = next(f for f in picture.frames if f.name == mark.frame)
        assert {mark.x, mark.y, mark.where[0], *hover.values()} <= frame.columns.keys()
        assert {len(v) for v in frame.columns.values()} == {len(frame.keys)}
        return
    if isinstance(mark, m.Counted):
        frame = next(f for f in picture.frames if f.name == mark.frame)
        assert frame.counted
        assert {len(frame.columns[c]) for c in (mark.x, mark.y, mark.group)} == {len(frame.keys)}
        assert int(np.max(frame.columns[mark.group])) < len(mark.inks)
        assert picture.x.low < picture.x.high
        assert picture.y.low < picture.y.high
        return
    assert all(len(texts) == n for texts in hover.values())
    inks = getattr(mark, "ink", "ink")
    for name in {inks} if isinstance(inks, str) else set(inks):
        assert all(re.fullmatch("#[0-9a-f]{6}", ink(name, theme)) for theme in THEMES)
    if isinstance(mark, m.Maps):
        assert mark.ramp in RAMPS
        assert mark.places.dtype == np.uint8
    if isinstance(mark, m.Cells):
        assert mark.ramp in RAMPS
        assert ((mark.value >= 0) & (mark.value <= 1) | np.isnan(mark.value)).all()
        assert len(mark.keys) in (0, n)
