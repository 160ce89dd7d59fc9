"""The renderer for paper: the same pictures as on screens, as vectors, in the sizes of columns.

Like the one for screens it decides nothing that carries meaning. What it has to do beside is fit: letters keep a size
that can be read, whatever the width, and where they cannot, the figure says so.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz.core.errors import UsageError
from pruneviz.views import marks as m
from pruneviz.views import matplotlib_style as style
from pruneviz.views.fitting import shortened
from pruneviz.views.matplotlib_letters import Letters
from pruneviz.views.matplotlib_marks import THEME, Fitted, Pen, draw_marks
from pruneviz.views.palette import ink
from pruneviz.views.text import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")
ONE_COLUMN, TWO_COLUMNS = 85.0, 175.0  # mm: what most journals and conferences have, to a few mm
INCH = 25.4  # mm
_POINT = 72.0  # of an inch
SCALE = 7 / 12  # points of paper for a pixel: letters of 12 pixels become 7 pt
SMALLEST = 4.5  # pt: smaller letters cannot be read in print
_SINGLE = 480  # pixels up to which a picture is one drawing, which need not be as high on paper as on a screen
_FLATTEST = 0.75  # of the width
_LEADING = 1.35  # of the words above
_DPI = 300  # of PNG files


@dataclass(frozen=True, eq=False)
class PaperFigure:
    """A picture drawn for paper.

    Attributes:
        picture: what is drawn.
        figure: matplotlib's figure.
        remarks: what cannot be read or shown at this size and in this font.
    """

    picture: m.Picture
    figure: Figure
    remarks: tuple[str, ...]

    @property
    def caption(self) -> str:
        """What stands around the picture on a screen, for a caption: title, findings, what varied, what is missing."""
        p = self.picture
        texts = (p.title, *p.sentences, p.subtitle, *p.notes)
        return " ".join(t if t.endswith((".", "?")) else f"{t}." for t in texts if t)

    @property
    def points(self) -> tuple[float, float]:
        """Width and height, in points of 1/72 inch."""
        wide, high = self.figure.get_size_inches()
        return float(wide) * _POINT, float(high) * _POINT

    def content(self, kind: str) -> bytes:
        """The file's content, the same for the same picture.

        Args:
            kind: ``pdf`` or ``svg``, as vectors, or ``png``.
        """
        absent = {"pdf": ("CreationDate", "Producer"), "svg": ("Date",), "png": ("Software",)}[kind]
        creator = {} if kind == "png" else {"Creator": "pruneviz"}
        out = io.BytesIO()
        with _settings():
            self.figure.savefig(out, format=kind, dpi=_DPI, metadata={**dict.fromkeys(absent), **creator})
        return out.getvalue()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it, as the path's ending says: ``.pdf``, ``.svg`` or ``.png``; its folder is made where there is none.

        Raises:
            UsageError: another ending.
        """
        target = Path(path)
        kind = target.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            allowed = ", ".join(f".{k}" for k in FORMATS)
            raise UsageError(f"figure: got {str(path)!r}; allowed endings: {allowed}.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.content(kind))

    def _repr_png_(self) -> bytes:
        return self.content("png")


def draw(
    picture: m.Picture,
    *,
    width: float = ONE_COLUMN,
    height: float | None = None,
    font: str = "",
    title: bool = False,
) -> PaperFigure:
    """Draw a picture for paper.

    Args:
        picture: any picture.
        width: of the figure, in mm; a picture of fixed width that is narrower keeps its own.
        height: of the figure, in mm; what suits the picture when absent. A picture of fixed width keeps its shape.
        font: a family that is installed; the one that comes with matplotlib when empty.
        title: whether title and subtitle stand above it; else they are for the caption.

    Raises:
        UsageError: the font is not installed.
    """
    from matplotlib.figure import Figure

    letters = Letters(font)
    wide = width * _POINT / INCH
    fixed = picture.width > 0 and not picture.empty
    scale = min(SCALE, wide / picture.width) if fixed else SCALE
    wide = min(wide, picture.width * scale) if fixed else wide
    pen = Pen(scale, letters.known)
    outer = replace(pen, scale=SCALE)
    head = _heading(picture, outer, letters, wide) if title or picture.empty else ""
    placed, rows = style.legend_rows(picture.legend, outer, letters, wide - 4)
    words = _lines(head) * 12 * SCALE * _LEADING + 4 if head else 0.0
    above = words + rows * style.row_height(outer) + (2 if rows else 0)
    inner = _inner_height(picture, wide, scale)
    if height is not None and not fixed:
        inner = max(height * _POINT / INCH - above, 36.0)
    with _settings(letters):
        figure = Figure(figsize=(wide / _POINT, (inner + above) / _POINT), facecolor=ink("surface", THEME))
        over = figure.add_axes((0, 0, 1, 1), label="words")
        over.set_axis_off()
        over.set_in_layout(False)
        over.set(xlim=(-2, wide - 2), ylim=(inner + above - (2 if rows else 0), -(2 if rows else 0)))
        smallest = SMALLEST
        if not picture.empty:
            style.draw_legend(over, placed, outer, words)
            axes, fitted = _drawing(figure, picture, pen, letters, wide, inner / (inner + above))
            smallest = _fit(axes, picture, fitted, letters, scale)
        if head:
            over.text(0, 2, head, va="top", size=12 * SCALE, linespacing=_LEADING)
    return PaperFigure(picture, figure, tuple(_remarks(smallest, letters)))


def _heading(picture: m.Picture, pen: Pen, letters: Letters, width: float) -> str:
    texts = (picture.title, picture.empty or picture.subtitle)
    return "\n".join(letters.wrapped(letters.known(t), 12 * pen.scale, width - 8) for t in texts if t)


def _lines(text: str) -> int:
    return text.count("\n") + 1


def _inner_height(picture: m.Picture, width: float, scale: float) -> float:
    """Points of the drawing itself, without legend and words."""
    if picture.empty:
        return 24.0
    high = picture.height * scale
    single = not picture.width and picture.height <= _SINGLE and picture.y.kind != "categories"
    return min(high, _FLATTEST * width) if single else high


def _drawing(
    figure: Figure, picture: m.Picture, pen: Pen, letters: Letters, width: float, share: float
) -> tuple[Axes, list[Fitted]]:
    """The marks on their axes, in the lower part of the figure, and the words that must be made to fit."""
    if picture.width:
        axes = figure.add_axes((0, 0, 1, share), label="drawing")
        axes.set_axis_off()
        fitted = draw_marks(axes, picture, pen)
        axes.set(xlim=(0, picture.width), ylim=(picture.height, 0))
        return axes, fitted
    figure.set_layout_engine("constrained", rect=(0, 0, 1, share), w_pad=0.02, h_pad=0.02)
    axes = figure.add_subplot(label="drawing")
    style.scales(axes, picture)
    fitted = draw_marks(axes, picture, pen)
    for text in (t for words in fitted for t in words.texts):
        text.set_in_layout(False)  # they are made to fit the axes, not the axes them
    style.axes_look(axes, picture, pen, letters, width)
    style.colour_bar(figure, axes, picture, pen, letters)
    return axes, fitted


def _fit(axes: Axes, picture: m.Picture, fitted: list[Fitted], letters: Letters, scale: float) -> float:
    """Lay the figure out, fit titles to axes and words to their places, and tell the smallest letters."""
    sizes = [mark.size * scale for mark in picture.marks if isinstance(mark, m.Text) and len(mark.x)]
    figure = axes.get_figure(root=True)
    assert figure is not None
    for _ in range(0 if picture.width else 3):  # a title in two lines leaves less room for the other
        figure.draw_without_rendering()
        if not style.wrap_titles(axes, picture, letters):
            break
    if fitted and not picture.width:
        figure.draw_without_rendering()
    return min([*sizes, *(_made_to_fit(axes, words, letters) for words in fitted)], default=SMALLEST)


def _made_to_fit(axes: Axes, words: Fitted, letters: Letters) -> float:
    """Make words smaller where they are too wide, and where they would become too small shorter; tell their size."""
    dots = axes.get_figure(root=True).dpi / _POINT  # type: ignore[union-attr]  # it stands in one
    (left, low), (right, high) = axes.transData.transform([(0, 0), (words.wide, words.high)]) / dots
    wide, high = abs(right - left), abs(high - low) or math.inf
    size, bold = float(words.texts[0].get_fontsize()), words.texts[0].get_fontweight() == "bold"
    least = 0.0 if words.whole else min(size, SMALLEST)
    long = [letters.width(t.get_text(), size, bold) for t in words.texts]
    # A text that has to be shortened anyhow does not make the others small.
    longest = max((n for n in long if 0.92 * wide >= n * least / size), default=0.0)
    small: float = max(size * min(1.0, 0.92 * wide / max(longest, 1e-9), 0.78 * high / size), least)
    for text in words.texts:
        text.set_fontsize(small)
        if not words.whole:
            text.set_text(shortened(text.get_text(), 0.95 * wide, lambda t: letters.width(t, small, bold)))
    return small


def _remarks(smallest: float, letters: Letters) -> Iterator[str]:
    if smallest < SMALLEST - 1e-9:
        yield (
            f"Its smallest letters are {number(smallest, 2)} pt high, which few can read: make it wider, or show fewer "
            "models."
        )
    if letters.lacking:
        some = " ".join(sorted(letters.lacking)[:8])
        yield f"The font lacks {len(letters.lacking)} of its characters ({some}): name one that has them."


@contextmanager
def _settings(letters: Letters | None = None) -> Iterator[None]:
    """Matplotlib as it comes, with our own settings, whatever the user's are."""
    from matplotlib import style as mpl

    families = {"font.family": letters.families} if letters else {}
    with mpl.context(["default", {**style.SETTINGS, **families}]):
        yield
