"""``pruneviz report``: one self-contained HTML file about a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz_apps.commands.export import output_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pruneviz.study import Study


def report(arguments: argparse.Namespace) -> int:
    """Write it."""
    from pruneviz.study import open_study

    path = output_file(arguments.output, (".html",))
    write_report(open_study(Path(arguments.store), arguments.study), path, arguments.models)
    return 0


def write_report(study: Study, path: Path, models: Sequence[str] | None) -> None:
    """Write the report, and say where it is and what it leaves out."""
    from pruneviz.progress import size
    from pruneviz.report import write_html

    def progress(what: str) -> None:
        print(f"report: {what}", file=sys.stderr, flush=True)

    written = write_html(study, path, models=models, progress=progress)
    for sentence in written.left_out:
        print(f"report: {sentence}", file=sys.stderr)
    print(f"Report: {written.path} ({size(written.bytes)}, {len(written.compared)} models compared)")
