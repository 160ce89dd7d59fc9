"""A report as Markdown with SVG pictures beside it, for repositories and issues.

Names are text there, too: what Markdown, HTML or a forge would act on is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from pruneviz.report import content as c
from pruneviz.report.paper import Paper
from pruneviz.views.matplotlib_renderer import PaperFigure

_ACTS = re.compile(r"([\\`*_\[\]#|~$])")
_BEGINS = re.compile(r"^([-+](?= )|=+$|-+$|\d+(?=[.)] ))")  # what would begin a list or underline a heading
_CODE = re.compile(r"`([^`]+)`")


def markdown(paper: Paper, name: str) -> dict[str, bytes]:
    """The file and its pictures.

    Args:
        paper: the story, its pictures drawn.
        name: of the file.

    Returns:
        Contents by path, relative to the file's folder.
    """
    folder = files_folder(name)
    figures = iter(paper.figures.items())
    text = "\n".join(_lines(paper.report, folder, figures)).rstrip() + "\n"
    pictures = {f"{folder}/{n}.svg": f.content("svg") for n, f in paper.figures.items() if not f.picture.empty}
    return {name: text.encode("utf-8"), **pictures}


def files_folder(name: str) -> str:
    """The folder beside a report that holds its pictures; a name that any format can refer to."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", PurePath(name).stem) + "_files"


def _lines(report: c.Report, folder: str, figures: Iterator[tuple[str, PaperFigure]]) -> Iterator[str]:
    yield from (f"# {escaped(report.title)}", "", escaped(report.question), "")
    if report.facts:
        yield from (" · ".join(f"**{escaped(n)}** {escaped(what)}" for n, what in report.facts), "")
    for section in report.sections:
        yield from (f"## {escaped(section.title)}", "")
        for block in section.blocks:
            yield from _block(block, folder, figures)
    if report.left_out:
        yield from ("## What this report leaves out", "")
        yield from (f"- {prose(t)}" for t in report.left_out)
        yield ""


def _block(block: c.Block, folder: str, figures: Iterator[tuple[str, PaperFigure]]) -> Iterator[str]:
    if isinstance(block, c.Table):
        yield from _table(block)
    elif isinstance(block, c.Sentences):
        yield from _headed(block.heading, [f"- {escaped(t)}" for t in block.texts])
    elif isinstance(block, c.Note):
        yield from (f"> **{prose(block.text)}**" if block.urgent else prose(block.text), "")
    elif isinstance(block, c.Facts):
        yield from _headed(block.heading, [f"- **{escaped(k)}**: {escaped(v)}" for k, v in block.pairs])
    elif isinstance(block, c.Code):
        yield from _headed(block.heading, _fenced(block.text))
    elif isinstance(block, c.References):
        yield from _headed("References", [f"- {escaped(s.label)}" for s in block.sources])
        yield from ("<details><summary>The same as BibTeX</summary>", "", *_fenced(block.bibtex, "bibtex"), "")
        yield from ("</details>", "")
    elif isinstance(block, c.Pictures):
        yield from _pictures(block, folder, figures)


def _headed(heading: str, lines: list[str]) -> Iterator[str]:
    if heading:
        yield from (f"### {escaped(heading)}", "")
    yield from (*lines, "")


def _fenced(text: str, language: str = "") -> list[str]:
    """A block of code, whose fence is longer than any that stands in it."""
    longest = max((len(m) for m in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *text.rstrip("\n").split("\n"), fence]


def _table(table: c.Table) -> Iterator[str]:
    yield f"| {' | '.join(escaped(k.title) for k in table.columns)} |"
    yield f"|{'|'.join('---:' if k.number else ':---' for k in table.columns)}|"
    for row in table.rows:
        yield f"| {' | '.join(_cell(k, row.strong) for k in row.cells)} |"
    yield ""
    for note in table.notes:
        yield from (prose(note), "")


def _cell(cell: c.Cell, strong: bool) -> str:
    text = f"**{escaped(cell.text)}**" if strong and cell.text else escaped(cell.text)
    return f"{text}{escaped(cell.mark)}" + (f"<br><sub>{escaped(cell.below)}</sub>" if cell.below else "")


def _pictures(block: c.Pictures, folder: str, figures: Iterator[tuple[str, PaperFigure]]) -> Iterator[str]:
    if block.common is not None:
        yield from (f"### {escaped(block.common.title)}", "", escaped(block.common.subtitle), "")
    for picture in block.pictures:
        name, _ = next(figures)
        yield from (f"### {escaped(picture.title)}", "")
        if picture.empty:
            yield from (escaped(picture.empty), "")
            continue
        for text in (*picture.sentences, picture.subtitle):
            if text:
                yield from (escaped(text), "")
        yield from (f"![{escaped(picture.title)}]({folder}/{name}.svg)", "")
        for note in picture.notes:
            yield from (escaped(note), "")


def escaped(text: str) -> str:
    """A text that Markdown shows as it is: one line, no markup, no HTML, no mention of anybody."""
    safe = " ".join(text.split("\n")).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = _ACTS.sub(r"\\\1", safe)
    safe = re.sub(r"@(?=\w)", "@\u2060", safe)  # a forge would write to whoever has that name
    safe = re.sub(r"(?<=\w)://", ":\u2060//", safe)  # nor follow an address
    return _BEGINS.sub("\u2060\\1", safe)


def prose(text: str) -> str:
    """A sentence, escaped, with what stands between backticks set as code."""
    parts = _CODE.split(text)
    return "".join(f"`{p}`" if i % 2 else escaped(p) for i, p in enumerate(parts))
