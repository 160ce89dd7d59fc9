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
    """Draw it, write it, and print words for its caption; of one for each model, each in a file of its own."""
    from pruneviz.report.figure import figures
    from pruneviz.report.writing import write_file
    from pruneviz.study import open_study

    given = arguments
    path = output_file(given.output, ENDINGS)
    drawn = figures(
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
    numbered = [path.with_stem(f"{path.stem}_{i}") for i in range(1, len(drawn) + 1)]
    for file, one in zip(numbered if len(drawn) > 1 else [path], drawn, strict=True):
        write_file(file, one.content(file.suffix.lower().removeprefix(".")))
        wide, high = (v / 72 * 25.4 for v in one.points)
        print(f"Figure: {file} ({wide:.0f} × {high:.0f} mm)")
        print(f"  {one.caption}")
        for remark in one.remarks:
            print(f"{given.picture}: {remark}", file=sys.stderr)
    return 0
