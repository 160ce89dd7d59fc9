"""A report as PDF: pages whose text can be searched and whose pictures are vectors, made without a browser.

ReportLab sets the pages and leaves room for the pictures; they are laid into it as they were drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from pruneviz.report import content as c
from pruneviz.report import pdf_pages as pages
from pruneviz.report.paper import Paper
from pruneviz.views.matplotlib_letters import Letters
from pruneviz.views.matplotlib_renderer import PaperFigure

if TYPE_CHECKING:
    from pypdf import PageObject, PdfWriter
    from reportlab.platypus import Flowable

_LONGEST_WORD, _WIDEST = 110.0, 260.0  # points of a column, however long its words and texts are
_CODE = re.compile(r"`([^`]+)`")


def pdf(paper: Paper) -> bytes:
    """The file's content, the same for the same story."""
    writer = _Writer(paper)
    text, slots = pages.set_pages(list(writer.flow()), paper.report.title)
    return _with_pictures(text, slots)


def _with_pictures(text: bytes, slots: list[pages.Slot]) -> bytes:
    """The pages with each picture in the room that was left for it."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import DictionaryObject, NameObject

    writer = PdfWriter(clone_from=io.BytesIO(text))
    placed: dict[int, list[str]] = {}
    for i, slot in enumerate(slots):
        drawn = PdfReader(io.BytesIO(slot.drawn.content("pdf"))).pages[0]
        page = writer.pages[slot.page]
        resources: Any = page[NameObject("/Resources")].get_object()
        forms = resources.setdefault(NameObject("/XObject"), DictionaryObject()).get_object()
        forms[NameObject(f"/Picture{i}")] = writer._add_object(_form(drawn, writer))
        place = f"{slot.scale:.6f} 0 0 {slot.scale:.6f} {slot.left:.3f} {slot.bottom:.3f} cm"
        placed.setdefault(slot.page, []).append(f"q {place} /Picture{i} Do Q")
    for number, commands in placed.items():
        page = writer.pages[number]
        contents = page.get_contents()
        assert contents is not None
        contents.set_data(b"q\n" + contents.get_data() + b"\nQ\n" + "\n".join(commands).encode("ascii"))
        page[NameObject("/Contents")] = writer._add_object(contents.flate_encode())
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _form(drawn: PageObject, writer: PdfWriter) -> Any:
    """A page as a picture that other pages show, as it is: nothing in it is read or written anew."""
    from pypdf.generic import NameObject, StreamObject

    contents, resources = drawn.get_contents(), drawn[NameObject("/Resources")].get_object()
    assert contents is not None
    assert resources is not None
    form = StreamObject()
    form.set_data(contents.get_data())
    made = form.flate_encode()
    made[NameObject("/Type")] = NameObject("/XObject")
    made[NameObject("/Subtype")] = NameObject("/Form")
    made[NameObject("/BBox")] = drawn.mediabox.clone(writer)
    made[NameObject("/Resources")] = resources.clone(writer)
    return made


class _Writer:
    def __init__(self, paper: Paper) -> None:
        self.report = paper.report
        self.figures: Iterator[PaperFigure] = iter(paper.figures.values())
        self.letters = Letters()
        self.styles = pages.styles()

    def text(self, text: str, style: str = "body") -> Flowable:
        from reportlab.platypus import Paragraph

        return Paragraph(self.safe(text), self.styles[style])

    def safe(self, text: str) -> str:
        """A text as ReportLab's markup that shows just it; code is set between backticks."""
        parts = _CODE.split(self.letters.known(text))
        return "".join(
            f'<font face="{pages.MONO}" size="-0.5">{escape(p)}</font>' if i % 2 else escape(p)
            for i, p in enumerate(parts)
        )

    def flow(self) -> Iterator[Flowable]:
        report = self.report
        yield self.text(report.title, "title")
        yield self.text(report.question, "question")
        if report.facts:
            facts = (f"<b>{escape(n)}</b> {escape(what)}" for n, what in report.facts)
            yield pages.markup("&nbsp;&nbsp;·&nbsp;&nbsp;".join(facts), self.styles["facts"])
        for section in report.sections:
            yield pages.heading(self.safe(section.title), section.title, section.name, self.styles["h2"])
            for i, block in enumerate(section.blocks):
                if i == 0 and len(section.blocks) > 1 and isinstance(block, c.Note) and not block.urgent:
                    yield self.text(block.text, "lead")
                else:
                    yield from self.block(block)
        if report.left_out:
            yield pages.heading(
                "What this report leaves out", "What this report leaves out", "left-out", self.styles["h2"]
            )
            yield from (self.text(f"• {t}", "item") for t in report.left_out)

    def block(self, block: c.Block) -> Iterator[Flowable]:
        if isinstance(block, c.Table):
            yield from self.table(block)
        elif isinstance(block, c.Sentences):
            yield from self.headed(block.heading)
            yield from (self.text(f"• {t}", "item") for t in block.texts)
        elif isinstance(block, c.Note):
            yield self.text(block.text, "urgent" if block.urgent else "body")
        elif isinstance(block, c.Facts):
            yield from self.headed(block.heading)
            for term, words in block.pairs:
                yield pages.markup(f"<b>{self.safe(term)}</b>: {self.safe(words)}", self.styles["item"])
        elif isinstance(block, c.Code):
            yield from self.headed(block.heading)
            yield from self.code(block.text)
        elif isinstance(block, c.References):
            yield from self.headed("References")
            yield from (self.text(f"• {s.label}", "item") for s in block.sources)
            yield from self.headed("The same as BibTeX")
            yield from self.code(block.bibtex)
        elif isinstance(block, c.Pictures):
            yield from self.pictures(block)

    def headed(self, heading: str) -> Iterator[Flowable]:
        if heading:
            yield self.text(heading, "h3")

    def code(self, text: str) -> Iterator[Flowable]:
        for line in text.rstrip("\n").split("\n"):
            indent = len(line) - len(line.lstrip(" "))
            yield pages.markup(
                "&nbsp;" * indent + escape(self.letters.known(line.lstrip(" "))) or "&nbsp;", self.styles["code"]
            )
        yield pages.gap(6)

    def table(self, table: c.Table) -> Iterator[Flowable]:
        head = [self.text(k.title, "head-right" if k.number else "head") for k in table.columns]
        rows = [
            [self.cell(k, row.strong, col.number) for k, col in zip(row.cells, table.columns, strict=True)]
            for row in table.rows
        ]
        yield pages.table(head, rows, _widths(table, self.letters))
        yield from (self.text(note, "note") for note in table.notes)
        yield pages.gap(6)

    def cell(self, cell: c.Cell, strong: bool, number: bool) -> Flowable:
        text = escape(self.letters.known(cell.text))
        text = f"<b>{text}</b>" if strong else text
        text += f"<super>{escape(cell.mark)}</super>" if cell.mark else ""
        if cell.below:
            text += (
                f'<br/><font size="{pages.BELOW}" color="{pages.SOFT}">{escape(self.letters.known(cell.below))}</font>'
            )
        return pages.markup(text, self.styles["cell-right" if number else "cell"])

    def pictures(self, block: c.Pictures) -> Iterator[Flowable]:
        if block.common is not None:
            yield self.text(block.common.title, "h3")
            yield self.text(block.common.subtitle, "lead")
        parts = [self.picture(p, next(self.figures)) for p in block.pictures]
        across = block.columns
        for i in range(0, len(parts), across):
            yield pages.together(parts[i : i + across])

    def picture(self, picture: Any, drawn: PaperFigure) -> list[Flowable]:
        if picture.empty:
            return [self.text(picture.title, "h3"), self.text(picture.empty, "note")]
        words = [self.text(t, "found") for t in picture.sentences]
        words += [self.text(picture.subtitle, "note")] if picture.subtitle else []
        notes = [self.text(t, "note") for t in picture.notes]
        return [self.text(picture.title, "h3"), *words, pages.room_for(drawn), *notes]


def _widths(table: c.Table, letters: Letters) -> list[float]:
    """Points for each column: what its longest word needs, then shares of what is left by how much it has to say."""
    least, most = [], []
    for i, column in enumerate(table.columns):
        lines = [(column.title, pages.CELL, True)]
        for row in table.rows:
            cell = row.cells[i]
            lines += [(cell.text + cell.mark, pages.CELL, row.strong), (cell.below, pages.BELOW, False)]
        words = [(word, size, bold) for text, size, bold in lines for word in letters.known(text).split(" ")]
        padding = 2 * pages.PADDING + 1
        longest = max(letters.width(*w) for w in words)
        least.append((longest if column.number else min(longest, _LONGEST_WORD)) + padding)
        most.append(min(max(letters.width(letters.known(t), size, bold) for t, size, bold in lines), _WIDEST) + padding)
    room = pages.WIDTH - sum(least)
    if room <= 0:
        return [w * pages.WIDTH / sum(least) for w in least]
    wanted = [max(m - n, 0.0) for m, n in zip(most, least, strict=True)]
    share = min(1.0, room / sum(wanted)) if sum(wanted) else 0.0
    return [n + w * share for n, w in zip(least, wanted, strict=True)]
