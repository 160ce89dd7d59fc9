"""Letters on paper: which fonts, how wide a text is, and which of its characters no font has."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pruneviz.core.errors import UsageError, nearest
from pruneviz.views.fitting import lines

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

FONT = "DejaVu Sans"  # comes with matplotlib, so that a figure is the same on every machine


@dataclass(eq=False)
class Letters:
    """A font, with another for what it lacks.

    Attributes:
        font: a family that is installed; the one that comes with matplotlib when empty.
        lacking: characters that were asked for and that no font has; a replacement sign stands for them.
    """

    font: str = ""
    lacking: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Look the font up.

        Raises:
            UsageError: it is not installed.
        """
        from matplotlib.font_manager import fontManager

        names = fontManager.get_font_names()
        if self.font and self.font not in names:
            hint = nearest(self.font, names) or f"Leave it out for {FONT}."
            raise UsageError(f"font: got {self.font!r}; allowed: a font that is installed here. {hint}")

    @property
    def families(self) -> list[str]:
        """The fonts, in the order in which a letter is looked for."""
        return [self.font, FONT] if self.font and self.font != FONT else [FONT]

    def known(self, text: str) -> str:
        """The text, with a sign in place of letters that the fonts lack."""
        lacking = {c for c in set(text) if not c.isspace() and not _has(tuple(self.families), c)}
        self.lacking |= lacking
        return "".join("\ufffd" if c in lacking else c for c in text)

    def width(self, text: str, size: float, bold: bool = False) -> float:
        """How wide a text is, in points: its widest line."""
        return max(_width(tuple(self.families), line, bold) for line in text.split("\n")) * size

    def wrapped(self, text: str, size: float, width: float) -> str:
        """The text in lines of at most so many points, broken at spaces."""
        return lines(text, width, lambda t: self.width(t, size))


@lru_cache(4096)
def _has(families: tuple[str, ...], letter: str) -> bool:
    from matplotlib.font_manager import findfont, get_font

    return any(get_font(findfont(_face(f))).get_char_index(ord(letter)) for f in families)


@lru_cache(4096)
def _width(families: tuple[str, ...], text: str, bold: bool) -> float:
    from matplotlib.textpath import text_to_path

    if not text:
        return 0.0
    size = 100.0
    wide, _, _ = text_to_path.get_text_width_height_descent(text, _face(*families, bold=bold, size=size), ismath=False)
    return float(wide) / size


def _face(*families: str, bold: bool = False, size: float = 10.0) -> FontProperties:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=list(families), weight="bold" if bold else "normal", size=size)
