"""Words that have to fit into a place: how wide they are on a screen, and what is left of them where it is narrow."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace

from pruneviz.views.marks import Cells, Picture, Text
from pruneviz.views.text import elide

NARROW = 690  # pixels that a picture has in a window of 1024
_BAR = 110  # of them, those that a colour bar and its words take
# Widths of letters in heights of the font: of DejaVu Sans, the widest of the fonts that screens are likely to have.
_WIDTHS = {
    **dict.fromkeys("ijlI'|", 0.30),
    **dict.fromkeys('frt.,:;!/\\[]()-\u2010 \u00a0`"*', 0.41),
    **dict.fromkeys("cksvxyzJL", 0.60),
    **dict.fromkeys("ABCDEGHKNOPQRSTUVXYZ&~$#", 0.75),
    **dict.fromkeys("mwMW%@+<>=×·−…✓✗★✕→", 1.0),
}
_LETTER, _BOLD = 0.65, 1.12


def width(text: str, size: float, bold: bool = False) -> float:
    """About how many pixels a line of text takes on a screen, rather too many than too few.

    Args:
        text: a line.
        size: of the letters, in pixels.
        bold: whether they are set in bold.
    """
    return sum(_wide(c) for c in text) * size * (_BOLD if bold else 1.0)


def _wide(letter: str) -> float:
    if letter in _WIDTHS:
        return _WIDTHS[letter]
    if unicodedata.category(letter) in ("Mn", "Me"):
        return 0.0  # stands on the letter before it
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.25  # pictographs are wider than they are high
    return _LETTER if letter.isascii() else 0.72


def shortened(text: str, most: float, wide: Callable[[str], float]) -> str:
    """A text that is no wider than ``most``, shortened in its middle where it has to be.

    Args:
        text: a line.
        most: how wide it may be.
        wide: how wide a text is, in the same unit.
    """
    if wide(text) <= most:
        return text
    few, many = 1, max(len(text) - 1, 1)
    while few < many:  # longer texts are wider, or nearly so
        middle = (few + many + 1) // 2
        few, many = (middle, many) if wide(elide(text, middle)) <= most else (few, middle - 1)
    return elide(text, few)


def on_screen(mark: Text, picture: Picture) -> Text:
    """The mark with words that fit into their room, also where the window is narrow: nobody knows how wide it is."""
    if mark.room is None:
        return mark
    most = mark.room if picture.width else mark.room * _drawing(picture) / _span(picture)
    return replace(mark, text=[shortened(t, most, lambda w: width(w, mark.size, mark.bold)) for t in mark.text])


def _drawing(picture: Picture) -> float:
    """Pixels between the axes of a narrow picture."""
    names = max((width(c, 12) for c in picture.y.categories), default=40.0)
    bar = any(isinstance(k, Cells) and k.ticks for k in picture.marks)
    return NARROW - names - (_BAR if bar else 0)


def _span(picture: Picture) -> float:
    low, high = picture.x.low, picture.x.high
    return float(len(picture.x.categories)) if low is None or high is None else high - low
