"""``pruneviz report``: one self-contained HTML file about a study."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pruneviz.study import Study

QUIET = 2.0  # seconds after which a person is told what is being done


def report(arguments: argparse.Namespace) -> int:
    """Write it."""
    from pruneviz.report import html_file
    from pruneviz.study import open_study

    path = html_file(arguments.output)
    write_report(open_study(Path(arguments.store), arguments.study), path, arguments.models)
    return 0


def write_report(study: Study, path: Path, models: Sequence[str] | None) -> None:
    """Write the report, and say where it is, how large, and what it leaves out."""
    from pruneviz.progress import size
    from pruneviz.report import write_html

    started = time.monotonic()

    def progress(what: str) -> None:
        if time.monotonic() - started >= QUIET:
            print(f"report: {what} ...", file=sys.stderr, flush=True)

    written = write_html(study, path, models=models, progress=progress)
    print(f"Report: {written.path} ({size(written.bytes)}, {len(written.compared)} models compared)")
    for sentence in written.left_out:
        print(f"  {sentence}")
