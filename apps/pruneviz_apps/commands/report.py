"""``pruneviz report``: a study's story as a file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from pruneviz.study import Study

QUIET = 2.0  # seconds after which a person is told what is being done


def report(arguments: argparse.Namespace) -> int:
    """Write it."""
    from pruneviz.report import Layout, read_layout, report_file
    from pruneviz.study import open_study

    path = report_file(arguments.output)
    layout = read_layout(arguments.layout) if arguments.layout else Layout()
    study = open_study(Path(arguments.store), arguments.study)
    write(study, path, models=arguments.models, layout=layout, layout_file=Path(arguments.layout or "").name)
    return 0


def write(study: Study, path: Path, **wanted: Any) -> None:
    """Write the report, and say where it is, how large, and what it leaves out."""
    from pruneviz.progress import size
    from pruneviz.report import Wanted, write_report
    from pruneviz_analyses import ANALYSES

    started = time.monotonic()

    def progress(what: str) -> None:
        if time.monotonic() - started >= QUIET:
            print(f"report: {what} ...", file=sys.stderr, flush=True)

    references = {name: analysis.reference for name, analysis in ANALYSES.items()}
    written = write_report(study, path, Wanted(**wanted, analyses=references, progress=progress))
    beside = f", with {len(written.beside)} files beside it" if written.beside else ""
    print(f"Report: {written.path} ({size(written.bytes)}{beside}, {len(written.compared)} models compared)")
    for sentence in written.left_out:
        print(f"  {sentence}")
