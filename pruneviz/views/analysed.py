"""What analyses found, as far as a study has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables


def table_of(
    tables: Tables, analysis: str, name: str = "", run_ids: Sequence[str] | None = None
) -> pd.DataFrame | None:
    """A table of an analysis; None where it was not asked for, or has nothing to say yet.

    Args:
        tables: the study.
        analysis: its name, as under ``[analyses]``.
        name: the table's; the analysis's own when empty.
        run_ids: the runs whose rows are wanted; None for all.
    """
    try:
        found = tables.table(name or analysis, run_ids)
    except KeyError:
        return None
    return found if len(found) else None


def level_of(tables: Tables, analysis: str) -> str:
    """The level of the intervals in an analysis's tables, as ``95 %``."""
    return f"{100 * float(tables.options_of(analysis).get('level', 0.95)):g} %"


def nothing_of(analysis: str, what: str) -> str:
    """Why there is no picture, and what to do."""
    return (
        f"This study has not measured {what} yet. Add {analysis} = {{}} under [analyses] of its file and run it again."
    )
