"""Reports as files: the ending decides the format, and the same store gives the same bytes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.report.compose import Composed, Wanted, compose

if TYPE_CHECKING:
    from pruneviz.report.reported import Reported

ENDINGS = (".html", ".pdf", ".md", ".tex")


@dataclass(frozen=True)
class ReportSummary:
    """What was written.

    Attributes:
        path: the file.
        bytes: its size, with that of the files beside it.
        compared: ids of the runs compared, the reference first.
        left_out: what the file does not hold, and by what rule.
        beside: the files that belong to it: pictures, BibTeX.
    """

    path: Path
    bytes: int
    compared: tuple[str, ...]
    left_out: tuple[str, ...]
    beside: tuple[Path, ...] = ()


def write_report(study: Reported, path: str | os.PathLike[str], wanted: Wanted | None = None) -> ReportSummary:
    """Write the report of a study, the same bytes for the same store.

    Args:
        study: a study of a store, as :func:`pruneviz.open` gives it; nothing that it names is imported.
        path: the file; its ending decides the format: ``.html`` (one file that needs nothing else), ``.pdf``, ``.md``
            and ``.tex`` (with their pictures in a folder beside). Its folder is made where there is none; files that
            are there are replaced.
        wanted: what is compared, and the author's layout; a story by rule when absent.

    Raises:
        UsageError: a run that does not exist or is not done, too many, or a path with another ending.
        PrunevizError: a file cannot be written.
    """
    target = report_file(path)
    wanted = wanted or Wanted()
    composed = compose(study, wanted, target.suffix.lower())
    files, left_out = _written(composed, wanted, target)
    for name, data in files.items():
        write_file(target.parent / name, data)
    beside = tuple(target.parent / name for name in files if name != target.name)
    size = sum(len(data) for data in files.values())
    return ReportSummary(target, size, composed.report.compared, left_out, beside)


def report_file(path: str | os.PathLike[str]) -> Path:
    """The path of a report to write.

    Raises:
        UsageError: it has another ending, or is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{target}: is a folder. Write {target / f'report{ENDINGS[0]}'}, for instance.")
    if target.suffix.lower() not in ENDINGS:
        name = f"{target.stem or 'report'}{ENDINGS[0]}"
        allowed = ", ".join(ENDINGS)
        raise UsageError(f"report: got {str(path)!r}; allowed endings: {allowed}. Write {name}, for instance.")
    return target


def _written(composed: Composed, wanted: Wanted, target: Path) -> tuple[Mapping[str, bytes], tuple[str, ...]]:
    """The files by their names beside the report, and what they leave out."""
    if target.suffix.lower() == ".html":
        from pruneviz.report.html import render

        page = render(composed, wanted.progress)
        return {target.name: page.html.encode("utf-8")}, page.left_out
    from pruneviz.report.paper import on_paper

    wanted.progress("drawing the pictures")
    paper = on_paper(composed)
    wanted.progress("writing the pages")
    if target.suffix.lower() == ".pdf":
        from pruneviz.report.pdf import pdf

        return {target.name: pdf(paper)}, paper.report.left_out
    if target.suffix.lower() == ".md":
        from pruneviz.report.markdown import markdown

        return markdown(paper, target.name), paper.report.left_out
    from pruneviz.report.latex import latex

    return latex(paper, target.name), paper.report.left_out


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole; what was there stays until it is replaced.

    Raises:
        PrunevizError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as e:
        raise PrunevizError(f"{path}: cannot be written ({e.strerror or e}). Name another file.") from e
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
