"""``pruneviz figure``: one picture of a study for a paper."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz_apps.commands.export import output_file

if TYPE_CHECKING:
    import argparse

ENDINGS = (".pdf", ".svg", ".png")


def figure(arguments: argparse.Namespace) -> int:
    """Draw it, write it, and print words for its caption."""
    from pruneviz.report.figure import figure as drawn_of
    from pruneviz.report.writing import write_file
    from pruneviz.study import open_study

    given = arguments
    path = output_file(given.output, ENDINGS)
    drawn = drawn_of(
        open_study(Path(given.store), given.study),
        given.picture,
        models=given.models,
        view=given.view or "",
        columns=given.columns,
        width=given.width,
        height=given.height,
        font=given.font or "",
        title=given.title,
    )
    write_file(path, drawn.content(path.suffix.lower().removeprefix(".")))
    wide, high = (v / 72 * 25.4 for v in drawn.points)
    print(f"Figure: {path} ({wide:.0f} × {high:.0f} mm)")
    print(f"  {drawn.caption}")
    for remark in drawn.remarks:
        print(f"{given.picture}: {remark}", file=sys.stderr)
    return 0
