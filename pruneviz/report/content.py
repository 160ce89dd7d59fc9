"""What a report is made of: sections of a few kinds of blocks, with plain texts and numbers and no format.

The story is told here once; what writes it (HTML, PDF, Markdown, LaTeX) decides only how it looks. Texts are plain:
whoever writes them into a format escapes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pruneviz.views.marks import Picture


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what is shown.
        value: the number behind it, unrounded; what tables are sorted by.
        below: a second, smaller line, such as an interval.
        mark: a sign after the text that the table's notes explain.
    """

    text: str
    value: float | None = None
    below: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Column:
    """A table's column: what stands above it, what that means, and whether it holds numbers."""

    title: str
    meaning: str = ""
    number: bool = True


@dataclass(frozen=True)
class Row:
    """A table's row.

    Attributes:
        key: the run's id, where the row is a run.
        strong: whether it is what the others are compared with.
    """

    cells: tuple[Cell, ...]
    key: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Numbers in rows and columns.

    Attributes:
        name: stable, unique in the report.
        folded: a title under which it is hidden until somebody opens it; empty: always shown.
        notes: what the numbers are, what varied, what was left out.
    """

    kind: ClassVar[str] = "table"
    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    folded: str = ""


@dataclass(frozen=True)
class Sentences:
    """Statements, each complete by itself; those beyond ``shown`` are folded away under a title."""

    kind: ClassVar[str] = "sentences"
    texts: tuple[str, ...]
    heading: str = ""
    shown: int = 100


@dataclass(frozen=True)
class Note:
    """A paragraph; ``urgent`` where it says that something is missing or not as it should be."""

    kind: ClassVar[str] = "note"
    text: str
    urgent: bool = False


@dataclass(frozen=True)
class Facts:
    """Terms with what they are."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]
    heading: str = ""


@dataclass(frozen=True)
class Code:
    """Text to be copied as it is; folded away under ``folded`` where that is given."""

    kind: ClassVar[str] = "code"
    text: str
    heading: str = ""
    folded: str = ""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures.

    Attributes:
        columns: so many stand beside each other where there is room.
        common: a picture without marks, whose words and legend stand above all of them.
        linked: what selecting in one of them selects: ``runs``, ``samples`` or nothing.
        hint: how to use them on a screen.
    """

    kind: ClassVar[str] = "pictures"
    pictures: tuple[Picture, ...]
    columns: int = 1
    common: Picture | None = None
    linked: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Images:
    """The place of the images themselves, of the comparison's samples."""

    kind: ClassVar[str] = "images"
    title: str


@dataclass(frozen=True)
class Source:
    """Where something was published.

    Attributes:
        key: by which texts cite it, of letters and digits.
        label: one line for people, the same that tables of methods show.
        bibtex: its BibTeX entry.
    """

    key: str
    label: str
    bibtex: str


@dataclass(frozen=True)
class References:
    """What a reader has to cite."""

    kind: ClassVar[str] = "references"
    sources: tuple[Source, ...]

    @property
    def bibtex(self) -> str:
        """All entries as one BibTeX file."""
        return "\n".join(s.bibtex for s in self.sources)


Block = Table | Sentences | Note | Facts | Code | Pictures | Images | References


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the story.

    Attributes:
        name: stable, so that sections can be chosen and ordered by it.
        short: its title in a table of contents.
    """

    name: str
    short: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, eq=False)
class Report:
    """The whole story.

    Attributes:
        title: the study's name.
        question: what was asked, in a sentence or two.
        facts: short figures with what they count.
        compared: ids of the runs compared, the reference first; empty where nothing can be compared.
        left_out: what is not in the report, and by what rule.
    """

    title: str
    question: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    compared: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, in their order."""
        blocks = (b for s in self.sections for b in s.blocks)
        return tuple(p for b in blocks if isinstance(b, Pictures) for p in b.pictures)
