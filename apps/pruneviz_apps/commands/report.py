"""``pruneviz report``: one self-contained HTML file about a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz.core.errors import UsageError, nearest
from pruneviz_apps.commands.export import output_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pruneviz.study import Study


def report(arguments: argparse.Namespace) -> int:
    """Write it."""
    from pruneviz.study import open_study

    path = output_file(arguments.output, (".html",))
    study = open_study(Path(arguments.store), arguments.study)
    write_report(study, path, run_ids(study, arguments.models) if arguments.models else None)
    return 0


def run_ids(study: Study, wanted: Sequence[str]) -> list[str]:
    """The runs of these names or ids; an id may be shortened to a beginning that fits one run alone.

    Raises:
        UsageError: no run fits, or several do.
    """
    runs = study.runs
    by_name = dict(zip(runs["name"], runs["run_id"], strict=True))
    found = []
    for text in wanted:
        fitting = [by_name[text]] if text in by_name else [r for r in runs["run_id"] if r.startswith(text)]
        if len(fitting) != 1 or not text:
            problem = "fits no run" if not fitting else f"fits {len(fitting)} runs"
            where = f"`pruneviz export {study.store.root} runs -o runs.csv` lists them. {nearest(text, by_name)}"
            raise UsageError(f"--models: {text!r} {problem}; allowed: a run's name or run_id. {where}".strip())
        found += fitting
    return found


def write_report(study: Study, path: Path, models: Sequence[str] | None) -> None:
    """Write the report and say where it is."""
    from pruneviz.report import write

    write(study, path, models=models)
    print(f"Report: {path}")
