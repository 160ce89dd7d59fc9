"""Words that have to fit into a place: how wide they are on a screen, and what is left of them where it is narrow."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

from pruneviz.views.marks import Cells, Picture, Text
from pruneviz.views.text import elide

NARROW = 690  # pixels that a picture has in a window of 1024
_BAR = 110  # of them, those that a colour bar and its words take
_BELOW = 90  # pixels below the drawing, of a picture's height
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


def lines(text: str, most: float, wide: Callable[[str], float]) -> str:
    """A text in lines that are no wider than ``most``, broken at spaces; a word that is wider stays as it is."""
    found = []
    for line in text.split("\n"):
        words, row = line.split(" "), ""
        for word in words:
            longer = f"{row} {word}" if row else word
            if row and wide(longer) > most:
                found.append(row)
                longer = word
            row = longer
        found.append(row)
    return "\n".join(found)


def titled(title: str, most: float, wide: Callable[[str], float]) -> str:
    """An axis's title in lines that fit: broken before what it says last, such as a direction, else not at a unit."""
    title = re.sub(r" (\([^ )]{1,3}\))", "\u00a0\\1", title)
    if any(wide(line) > most for line in title.split("\n")):
        title = "\n".join(title.rsplit(" · ", 1))
    return lines(title, most, wide)


def title_on_screen(picture: Picture, axis: str) -> str:
    """The title of an axis, ``x`` or ``y``, in lines that fit where the window is narrow."""
    spec, most = (picture.x, across(picture)) if axis == "x" else (picture.y, picture.height - _BELOW)
    return titled(spec.title, most, lambda t: width(t, 13))


def names_on_screen(picture: Picture) -> tuple[str, ...]:
    """The names along the x axis, in lines that stand side by side where the window is narrow, unless upright."""
    names = picture.x.categories
    if picture.x.upright or not names:
        return names
    each = 0.96 * across(picture) / len(names)
    return tuple(lines(n, each, lambda t: width(t, 12)) for n in names)


def on_screen(mark: Text, picture: Picture) -> Text:
    """The mark with words that fit into their room, also where the window is narrow: nobody knows how wide it is."""
    if mark.room is None:
        return mark
    most = mark.room if picture.width else mark.room * across(picture) / _span(picture)
    return replace(mark, text=[shortened(t, most, lambda w: width(w, mark.size, mark.bold)) for t in mark.text])


def across(picture: Picture) -> float:
    """Pixels between the ends of the x axis where the window is narrow."""
    names = max((width(c, 12) for c in picture.y.categories), default=40.0)
    bar = any(isinstance(k, Cells) and k.ticks for k in picture.marks)
    return NARROW - names - (_BAR if bar else 0)


def _span(picture: Picture) -> float:
    low, high = picture.x.low, picture.x.high
    return float(len(picture.x.categories)) if low is None or high is None else high - low
