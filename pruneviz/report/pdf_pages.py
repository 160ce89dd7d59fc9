"""What ReportLab is asked for: fonts, styles, pages, tables, and room for pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pruneviz.views.palette import ink

if TYPE_CHECKING:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Flowable

    from pruneviz.views.matplotlib_renderer import PaperFigure

SANS, BOLD, SLANTED, MONO = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono"
MARGIN = 48.0  # points, 17 mm
PAGE = (595.28, 841.89)  # A4
WIDTH = PAGE[0] - 2 * MARGIN
HEIGHT = PAGE[1] - 2 * MARGIN - 12
CELL, BELOW = 6.4, 5.2  # pt, letters of tables
PADDING = 2.5
SOFT, FAINT, TEXT = ink("soft", "light"), ink("faint", "light"), ink("ink", "light")
_GAP = 14.0  # between pictures beside each other


@dataclass(frozen=True, eq=False)
class Slot:
    """Where a picture goes: page from 0, points from the page's lower left."""

    drawn: PaperFigure
    page: int
    left: float
    bottom: float
    scale: float


@lru_cache(1)
def _fonts() -> None:
    """The letters that come with matplotlib: the same on every machine, with the signs that reports use."""
    from pathlib import Path

    import matplotlib as mpl
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    for name in (SANS, BOLD, SLANTED, MONO):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(SANS, normal=SANS, bold=BOLD, italic=SLANTED, boldItalic=BOLD)
    pdfmetrics.registerFontFamily(MONO, normal=MONO, bold=MONO, italic=MONO, boldItalic=MONO)


def styles() -> dict[str, ParagraphStyle]:
    """The styles of texts, by name."""
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle

    _fonts()
    body = ParagraphStyle(
        "body", fontName=SANS, fontSize=8.5, leading=12.2, spaceAfter=4, textColor=TEXT, splitLongWords=1
    )

    def made(name: str, parent: ParagraphStyle = body, **more: Any) -> ParagraphStyle:
        return ParagraphStyle(name, parent=parent, **more)

    cell = made("cell", fontSize=CELL, leading=8, spaceAfter=0)
    head = made("head", cell, fontName=BOLD, textColor=SOFT)
    found = (
        body,
        cell,
        head,
        made("cell-right", cell, alignment=TA_RIGHT),
        made("head-right", head, alignment=TA_RIGHT),
        made("title", fontName=BOLD, fontSize=19, leading=24, spaceAfter=6),
        made("question", fontSize=10, leading=14.5, textColor=SOFT, spaceAfter=8),
        made("facts", spaceAfter=10),
        made("h2", fontName=BOLD, fontSize=13, leading=17, spaceBefore=14, spaceAfter=5, keepWithNext=1),
        made("h3", fontName=BOLD, fontSize=9.5, leading=13, spaceBefore=8, spaceAfter=2, keepWithNext=1),
        made("lead", keepWithNext=1),  # said of what follows it
        made("item", leftIndent=9, firstLineIndent=-9, spaceAfter=2.5),
        made("found", fontSize=8.5),
        made("note", fontSize=7.4, leading=10.4, textColor=SOFT),
        made(
            "urgent", fontName=BOLD, borderColor=ink("lost", "light"), borderWidth=0.8, borderPadding=4, spaceBefore=6
        ),
        made("code", fontName=MONO, fontSize=6.6, leading=8.8, spaceAfter=0, leftIndent=12, firstLineIndent=-12),
    )
    return {s.name: s for s in found}


def markup(text: str, style: ParagraphStyle) -> Flowable:
    """A paragraph of ReportLab's markup, whose texts are escaped already."""
    from reportlab.platypus import Paragraph

    return Paragraph(text, style)


def gap(points: float) -> Flowable:
    """room_for between blocks."""
    from reportlab.platypus import Spacer

    return Spacer(1, points)


def heading(text: str, title: str, key: str, style: ParagraphStyle) -> Flowable:
    """A section's title, which the reader's outline names and leads to."""
    made = markup(text, style)
    made._outlined = (title, key)
    return made


def table(head: list[Flowable], rows: list[list[Flowable]], widths: Sequence[float]) -> Flowable:
    """A table whose head stands on every page that it reaches."""
    from reportlab.platypus import LongTable

    made = LongTable([head, *rows], colWidths=list(widths), repeatRows=1, hAlign="LEFT", spaceBefore=4, spaceAfter=4)
    made.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
            ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
            ("TOPPADDING", (0, 0), (-1, -1), 1.8),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.2),
            ("LINEABOVE", (0, 0), (-1, 0), 0.8, TEXT),
            ("LINEBELOW", (0, 0), (-1, 0), 0.5, TEXT),
            ("LINEBELOW", (0, 1), (-1, -2), 0.25, FAINT),
            ("LINEBELOW", (0, -1), (-1, -1), 0.8, TEXT),
        ]
    )
    return made


def together(parts: Sequence[list[Flowable]]) -> Flowable:
    """Pictures with their words that stand beside each other, on one page."""
    from reportlab.platypus import KeepTogether, Table

    if len(parts) == 1:
        return KeepTogether([*parts[0], gap(8)])
    each = (WIDTH + _GAP) / len(parts)
    made = Table([list(parts)], colWidths=[each] * len(parts), hAlign="LEFT", spaceAfter=8)
    flush = [
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), _GAP),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    made.setStyle(flush)
    return KeepTogether([made])


def room_for(drawn: PaperFigure) -> Flowable:
    """The room of a picture, which is made smaller where it would not fit on a page."""
    from reportlab.platypus import Flowable

    class Left(Flowable):  # type: ignore[misc]  # ReportLab has no types
        def wrap(self, width: float, height: float) -> tuple[float, float]:
            self.scale = min(1.0, width / drawn.points[0], 0.86 * HEIGHT / drawn.points[1])
            self.width, self.height = (v * self.scale for v in drawn.points)
            return self.width, self.height + 4

        def draw(self) -> None:
            left, bottom = self.canv.absolutePosition(0, 2)
            self.canv._slots.append(Slot(drawn, self.canv.getPageNumber() - 1, left, bottom, self.scale))

    return Left()


def with_headings(flow: Sequence[Flowable]) -> list[Flowable]:
    """The same, with headings on the page of what they stand above."""
    from reportlab.platypus import KeepTogether

    kept: list[Flowable] = []
    above: list[Flowable] = []
    for each in flow:
        if getattr(getattr(each, "style", None), "keepWithNext", 0):
            above.append(each)
        elif isinstance(each, KeepTogether) and above:
            kept.append(KeepTogether([*above, *each._content]))
            above = []
        else:
            kept += [*above, each]
            above = []
    return [*kept, *above]


def set_pages(flow: list[Flowable], title: str) -> tuple[bytes, list[Slot]]:
    """The pages with their texts, and the places of the pictures in them."""
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    slots: list[Slot] = []

    class Sheets(Canvas):  # type: ignore[misc]
        _slots = slots

    class Document(BaseDocTemplate):  # type: ignore[misc]
        def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802  # ReportLab's name
            outlined = getattr(flowable, "_outlined", None)
            if outlined is not None:
                self.canv.bookmarkPage(outlined[1])
                self.canv.addOutlineEntry(*outlined, level=0)

    def foot(canvas: Any, document: Any) -> None:
        canvas.setFont(SANS, 7)
        canvas.setFillColor(SOFT)
        canvas.drawString(MARGIN, MARGIN - 16, shown)
        canvas.drawRightString(PAGE[0] - MARGIN, MARGIN - 16, f"{canvas.getPageNumber()}")

    shown = title if len(title) < 90 else f"{title[:89]}…"
    out = io.BytesIO()
    about = {"title": title, "author": "", "creator": "pruneviz", "producer": "pruneviz", "invariant": 1, "lang": "en"}
    document = Document(out, pagesize=PAGE, pageCompression=1, initialFontName=SANS, **about)
    frame = Frame(
        MARGIN, MARGIN, WIDTH, PAGE[1] - 2 * MARGIN, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
    )
    document.addPageTemplates([PageTemplate("page", [frame], onPage=foot)])
    document.build(with_headings(flow), canvasmaker=Sheets)
    return out.getvalue(), slots
