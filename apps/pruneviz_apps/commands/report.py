"""``pruneviz report``: a study's story as a file."""

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
    from pruneviz.report import read_layout, report_file
    from pruneviz.study import open_study

    path = report_file(arguments.output)
    if arguments.layout:
        read_layout(arguments.layout)  # what is wrong with it is told before anything takes time
    write(open_study(Path(arguments.store), arguments.study), path, models=arguments.models, layout=arguments.layout)
    return 0


def write(study: Study, path: Path, models: Sequence[str] | None = None, layout: str | None = None) -> None:
    """Write the report, and say where it is, how large, and what it leaves out."""
    from pruneviz.api import write_report
    from pruneviz.progress import size

    started = time.monotonic()

    def progress(what: str) -> None:
        if time.monotonic() - started >= QUIET:
            print(f"report: {what} ...", file=sys.stderr, flush=True)

    written = write_report(study, path, models=models, layout=layout, progress=progress)
    beside = f", with {len(written.beside)} files beside it" if written.beside else ""
    print(f"Report: {written.path} ({size(written.bytes)}{beside}, {len(written.compared)} models compared)")
    for sentence in written.left_out:
        print(f"  {sentence}")
