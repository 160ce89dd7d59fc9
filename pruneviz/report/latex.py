r"""A report as LaTeX for papers: tables with booktabs, pictures as PDF, references as BibTeX.

Every text from a study is escaped, so that nothing in it is a command. The document compiles with pdfLaTeX, XeLaTeX and
LuaLaTeX, and asks for no package that is not in every usual distribution.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping

from pruneviz.report import content as c
from pruneviz.report.markdown import files_folder
from pruneviz.report.paper import Paper
from pruneviz.report.tex import tex
from pruneviz.views.matplotlib_renderer import PaperFigure

_CODE = re.compile(r"`([^`]+)`")
_LONGEST = 92  # characters of a line of code that fit between the margins
_SHORT = 24  # characters of a cell that need no breaking
_WIDEST = 490.0  # points between the margins
_PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage{iftex}
\ifpdftex
  \usepackage[T1]{fontenc}
  \usepackage[utf8]{inputenc}
  \DeclareRobustCommand{\pvchar}[1]{[U+#1]}
\else
  \usepackage{fontspec}
  \DeclareRobustCommand{\pvchar}[1]{\char"#1\relax}
\fi
\usepackage[a4paper,margin=18mm]{geometry}
\usepackage{booktabs,longtable,array,float,graphicx,textcomp}
\usepackage[hidelinks]{hyperref}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.5em}
\setlength{\emergencystretch}{3em}
\newcommand{\pvbelow}[1]{{\tiny #1}}
"""


def latex(paper: Paper, name: str) -> dict[str, bytes]:
    """The document, its pictures and its BibTeX file.

    Args:
        paper: the story, its pictures drawn.
        name: of the document's file.

    Returns:
        Contents by path, relative to the document's folder.
    """
    folder = files_folder(name)
    writer = _Writer(paper, folder)
    text = "\n".join(writer.lines()) + "\n"
    files = {name: text.encode("utf-8")}
    files |= {f"{folder}/{n}.pdf": f.content("pdf") for n, f in paper.figures.items() if not f.picture.empty}
    if writer.references is not None:
        files[f"{folder}/references.bib"] = writer.references.bibtex.encode("utf-8")
    return files


class _Writer:
    def __init__(self, paper: Paper, folder: str) -> None:
        self.report, self.folder = paper.report, folder
        self.figures: Iterator[tuple[str, PaperFigure]] = iter(paper.figures.items())
        blocks = [b for s in self.report.sections for b in s.blocks]
        self.references = next((b for b in blocks if isinstance(b, c.References)), None)
        sources = self.references.sources if self.references is not None else ()
        self.keys: Mapping[str, str] = {s.label: s.key for s in sources}

    def lines(self) -> Iterator[str]:
        report = self.report
        yield _PREAMBLE
        yield from (rf"\title{{{tex(report.title)}}}", r"\author{}", r"\date{}", r"\begin{document}", r"\maketitle")
        yield rf"\begin{{abstract}}{tex(report.question)}\end{{abstract}}"
        if report.facts:
            facts = r" \quad ".join(rf"\textbf{{{tex(n)}}} {tex(what)}" for n, what in report.facts)
            yield rf"\begin{{center}}{facts}\end{{center}}"
        for section in report.sections:
            yield rf"\section{{{tex(section.title)}}}"
            for block in section.blocks:
                yield from self.block(block)
        if report.left_out:
            yield r"\section{What this report leaves out}"
            yield from _list([prose(t) for t in report.left_out])
        if self.references is not None and self.references.sources:
            yield from (r"\nocite{*}", r"\bibliographystyle{plain}", rf"\bibliography{{{self.folder}/references}}")
        yield r"\end{document}"

    def block(self, block: c.Block) -> Iterator[str]:
        if isinstance(block, c.Table):
            yield from self.table(block)
        elif isinstance(block, c.Sentences):
            yield from (*_heading(block.heading), *_list([tex(t) for t in block.texts]))
        elif isinstance(block, c.Note):
            yield (rf"\textbf{{{prose(block.text)}}}" if block.urgent else prose(block.text)) + "\n"
        elif isinstance(block, c.Facts):
            yield from (*_heading(block.heading), *_list([rf"\textbf{{{tex(k)}}}: {tex(v)}" for k, v in block.pairs]))
        elif isinstance(block, c.Code):
            yield from (*_heading(block.heading), *_code(block.text))
        elif isinstance(block, c.Pictures):
            yield from self.pictures(block)

    def table(self, table: c.Table) -> Iterator[str]:
        last = len(table.columns) - 1
        kinds = "".join(_column(table, i) for i in range(last + 1))
        yield r"{\scriptsize\setlength{\tabcolsep}{2.5pt}\renewcommand{\arraystretch}{1.1}"
        yield rf"\begin{{longtable}}{{@{{}}{kinds}@{{}}}}"
        heads = " & ".join(rf"\textbf{{{tex(k.title)}}}" for k in table.columns)
        yield from (r"\toprule", rf"{heads} \\", r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot")
        for row in table.rows:
            yield " & ".join(self.cell(k, row.strong) for k in row.cells) + r" \\"
            if any(k.below for k in row.cells):
                yield " & ".join(rf"\pvbelow{{{tex(k.below)}}}" if k.below else "" for k in row.cells) + r" \\[2pt]"
        yield from (r"\end{longtable}}", "")
        yield from (prose(note) + "\n" for note in table.notes)

    def cell(self, cell: c.Cell, strong: bool) -> str:
        if cell.text in self.keys:
            return rf"\cite{{{self.keys[cell.text]}}}"
        text = rf"\textbf{{{tex(cell.text)}}}" if strong and cell.text else tex(cell.text)
        return f"{text}$^{{{tex(cell.mark).replace('$', '')}}}$" if cell.mark else text

    def pictures(self, block: c.Pictures) -> Iterator[str]:
        if block.common is not None:
            yield from (*_heading(block.common.title), tex(block.common.subtitle) + "\n")
        for picture in block.pictures:
            name, drawn = next(self.figures)
            if picture.empty:
                yield rf"\textbf{{{tex(picture.title)}}}: {tex(picture.empty)}" + "\n"
                continue
            yield from (r"\begin{figure}[H]", r"\centering")
            size = rf"width={min(drawn.points[0], _WIDEST):.1f}bp,height=0.8\textheight,keepaspectratio"
            yield rf"\includegraphics[{size}]{{{self.folder}/{name}.pdf}}"
            yield from (rf"\caption{{{tex(drawn.caption)}}}", rf"\label{{fig:{name}}}", r"\end{figure}", "")


def _column(table: c.Table, i: int) -> str:
    """Numbers to the right; long words in columns that break them and share what the others leave of the page."""
    if table.columns[i].number:
        return "r"
    longest = [max((len(r.cells[j].text) for r in table.rows), default=0) for j in range(len(table.columns))]
    long = [j for j, k in enumerate(table.columns) if not k.number and longest[j] > _SHORT]
    if i not in long:
        return "l"
    left = 0.95 - 0.073 * (len(table.columns) - len(long))
    return rf">{{\raggedright\arraybackslash}}p{{{max(left / len(long), 0.12):.2f}\linewidth}}"


def _heading(text: str) -> Iterator[str]:
    if text:
        yield rf"\subsection*{{{tex(text)}}}"


def _list(items: list[str]) -> Iterator[str]:
    if items:
        yield from (r"\begin{itemize}", *(rf"\item {t}" for t in items), r"\end{itemize}")


def _code(text: str) -> Iterator[str]:
    """Lines as they are; those that are too long are broken, which a sign at their beginning tells."""
    yield r"{\footnotesize\ttfamily\raggedright"
    for line in text.rstrip("\n").split("\n"):
        parts = textwrap.wrap(line, _LONGEST, drop_whitespace=False, subsequent_indent="    ") or [""]
        yield from (rf"\mbox{{{_typed(p)}}}\\" for p in parts)
    yield from ("}", "")


def _typed(text: str) -> str:
    """A piece of code whose spaces and quotes stay what they are when they are copied."""
    return tex(text).replace("'", r"\textquotesingle{}").replace(" ", "~")


def prose(text: str) -> str:
    """A sentence, escaped, with what stands between backticks set as code."""
    parts = _CODE.split(text)
    return "".join(rf"\texttt{{{_typed(p).replace('~', ' ')}}}" if i % 2 else tex(p) for i, p in enumerate(parts))
