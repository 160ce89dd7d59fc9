"""Tables in the page, and the same tables whole as files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from pruneviz.core.errors import PrunevizError
from pruneviz.core.tables import Column, Schema
from pruneviz.views.text import several
from pruneviz_apps.commands.export import write
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui.served import reading

if TYPE_CHECKING:
    import pandas as pd

MOST = 1000  # rows that the page shows; files have all
ENDINGS = ("csv", "parquet")
_HEAD, _ROW, _HIGHEST = 40, 35, 460  # pixels


def table(frame: pd.DataFrame, columns: Mapping[str, Any] | None = None, **options: Any) -> None:
    """A table that can be sorted, searched and scrolled; of a long one the first rows, which is said."""
    if len(frame) > MOST:
        st.html(fragments.note(f"The first {MOST:,} of {several(len(frame), 'row')} are shown; the files have all."))
    height = min(_HIGHEST, _HEAD + _ROW * max(min(len(frame), MOST), 1))
    st.dataframe(
        frame.head(MOST), hide_index=True, column_config=columns or {}, height=height, placeholder="–", **options
    )


def meanings(schema: Schema) -> dict[str, Any]:
    """How a table's columns are headed, and what the pointer shows over the heads; fractions read as percentages."""
    return {c.name: _column(c) for c in schema.columns}


def _column(column: Column) -> Any:
    title = column.name.replace("_", " ") if column.unit in ("fraction", "images") else column.title
    if column.unit == "fraction":
        return st.column_config.NumberColumn(title, help=column.meaning, format="percent")
    if column.type == "float":
        return st.column_config.NumberColumn(title, help=column.meaning, format="%.4g")
    return st.column_config.Column(title, help=column.meaning)


def downloads(session: Session, name: str, make: Callable[[], pd.DataFrame]) -> None:
    """Buttons for the whole table as CSV and Parquet, as ``pruneviz export`` writes it; made on the click.

    Args:
        session: what goes wrong is told to it.
        name: of the files, and of the buttons.
        make: gives the table.
    """
    with st.container(horizontal=True, gap="small"):
        for ending in ENDINGS:
            download(session, f"{name}.{ending}", partial(_made, make, ending), f"table-{name}-{ending}")


def download(
    session: Session, file: str, make: Callable[[], bytes], key: str, disabled: bool = False, label: str = ""
) -> None:
    """A button that makes a file and downloads it; ``make`` is called in another thread than the page's."""

    def made() -> bytes:
        try:
            return make()
        except Exception as e:
            why = str(e) if isinstance(e, PrunevizError) else f"{type(e).__name__}: {e}"
            session.say(f"{file} could not be made: {why}")
            raise

    st.download_button(label or file, made, file_name=file, key=key, on_click="ignore", disabled=disabled)


def _made(make: Callable[[], pd.DataFrame], ending: str) -> bytes:
    with reading:
        return contents(make(), ending)


def contents(frame: pd.DataFrame, ending: str) -> bytes:
    """A table as a file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{ending}"
        write(frame, path)
        return path.read_bytes()
