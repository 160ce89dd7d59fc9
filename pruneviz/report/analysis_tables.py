"""The tables of analyses that bring no picture, as they are: other people's analyses are shown by these."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.report.content import Cell, Column, Row, Table
from pruneviz.views import runs as on
from pruneviz.views.text import number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

MOST_ROWS = 200  # of each; more are for `pruneviz export`


def analysis_tables(tables: Tables, names: Sequence[str]) -> Iterator[Table]:
    """The tables of these names, folded away; of long ones the first rows, which the title says.

    What a column means is not told: a store is shown without asking the package that made it.
    """
    for name in names:
        frame = tables.table(name)
        title = f"Table {plain(name)}: {several(len(frame), 'row')}"
        notes = []
        if len(frame) > MOST_ROWS:
            title += f", the first {MOST_ROWS} of them"
            notes.append(f"`pruneviz export STORE {plain(name)} -o FILE.csv` writes all of them.")
        columns = tuple(Column(plain(c), number=_is_number(frame[c])) for c in frame.columns)
        rows = tuple(Row(tuple(_cell(v) for v in row)) for row in frame.head(MOST_ROWS).itertuples(index=False))
        yield Table(plain(name), columns, rows, tuple(notes), folded=title)


def _is_number(column: pd.Series[Any]) -> bool:
    return column.dtype.kind in "biuf"


def _cell(value: Any) -> Cell:
    if isinstance(value, np.ndarray):
        return Cell(several(value.size, "number"))
    if on.missing(value):
        return Cell("–")
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return Cell(plain(value))
    whole = isinstance(value, (int, np.integer))
    text = f"{int(value):,}" if whole else number(float(value), 4)
    return Cell(text, float(value) if math.isfinite(value) else None)
