"""What authors decide of a report, in a small TOML file: its words, models, selection, sections and their order."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import SpecError, UsageError, located
from pruneviz.core.options import build, option
from pruneviz.core.selection import Selection
from pruneviz.report.content import Block, Note, Pictures, Report, Section
from pruneviz.report.story import SECTIONS
from pruneviz.views import catalogue
from pruneviz.views.text import listed, plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables
    from pruneviz.views.choosing import Choice


def _named(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise SpecError(where, value, 'a list of pictures, such as ["tradeoff"]')
    for name in value:
        catalogue.find(name, where)
    return tuple(value)


@dataclass(frozen=True)
class Part:
    """A section of the report: one of its own kinds by ``name``, or one of the author's without.

    Text and pictures stand at its beginning.
    """

    name: str = option("", "one of the report's sections; empty for one of your own", choices=("", *SECTIONS))
    title: str = option("", "its title; that of the report's section when empty")
    text: str = option("", "your own words: plain text, paragraphs apart by empty lines, `commands` between backticks")
    pictures: tuple[str, ...] = option((), "pictures by name, of the models compared", parse=_named)


def _parts(value: Any, where: str) -> tuple[Part, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise SpecError(where, value, 'a list of sections, such as ["answer", "comparison"]')
    parts = []
    for i, item in enumerate(value):
        here = f"{where}[{i}]"
        part = build(Part, {"name": item} if isinstance(item, str) else item, here)
        if not part.name and not part.title:
            raise SpecError(here, item, "a section's name, or a table with the title of one of your own")
        parts.append(part)
    names = [p.name for p in parts if p.name]
    if twice := [n for n in dict.fromkeys(names) if names.count(n) > 1]:
        raise SpecError(where, twice[0], "each section once")
    return tuple(parts)


def _selected(value: Any, where: str) -> Selection | str | tuple[str, ...]:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, (list, tuple)) and value and all(isinstance(v, str) for v in value):
        return tuple(value)
    if isinstance(value, Mapping):
        return Selection.from_plain(value, where)
    raise SpecError(where, value, "a saved selection's name, a list of sample ids, or a rule", 'Write ["test:17"].')


@dataclass(frozen=True)
class Layout:
    """What an author decides; whatever is absent is as it would be without a layout."""

    title: str = option("", "the report's title; the study's name when empty")
    question: str = option("", "what was asked, in your own words")
    models: tuple[str, ...] = option((), "names or ids of the runs to compare; chosen by rule when empty")
    selection: Selection | str | tuple[str, ...] = option(
        (), "the test images that it is about: a saved selection's name, ids, or a rule", parse=_selected
    )
    sections: tuple[Part, ...] = option((), "which sections, in this order; all of them when absent", parse=_parts)


def read_layout(path: str | os.PathLike[str]) -> Layout:
    """Read a layout.

    Raises:
        UsageError: the file cannot be read, or says something that is not allowed, with its place.
    """
    file = Path(path)
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else "it is not UTF-8 text"
        raise UsageError(f"--layout: {file} cannot be read ({why}). Name a TOML file.") from None
    except tomllib.TOMLDecodeError as e:
        raise UsageError(f"--layout: {file} is not TOML: {e}.") from None
    with located(str(file)):
        return build(Layout, table, "layout")


def arranged(report: Report, layout: Layout, tables: Tables, choice: Choice) -> Report:
    """The report as the author wants it; sections that have nothing to show are named among what is left out."""
    told = {s.name: s for s in report.sections}
    wanted = layout.sections or tuple(Part(name=s.name) for s in report.sections)
    absent = [p.name for p in wanted if p.name and p.name not in told]
    sections = tuple(_section(p, i, told, tables, choice) for i, p in enumerate(wanted) if not p.name or p.name in told)
    left_out = (*report.left_out, *_told_absent(absent), *_told_dropped(report.sections, wanted))
    return replace(
        report,
        title=plain(layout.title) or report.title,
        question=plain(layout.question) or report.question,
        sections=tuple(s for s in sections if s.blocks),
        left_out=left_out,
    )


def _section(part: Part, i: int, told: Mapping[str, Section], tables: Tables, choice: Choice) -> Section:
    own = tuple(_own(part, tables, choice))
    if part.name:
        section = told[part.name]
        title = plain(part.title)
        words = {"title": title, "short": title} if title else {}
        return replace(section, blocks=(*own, *section.blocks), **words)
    return Section(f"own-{i + 1}", plain(part.title), plain(part.title), own)


def _own(part: Part, tables: Tables, choice: Choice) -> Iterator[Block]:
    for paragraph in re.split(r"\n\s*\n", part.text.strip()):
        if paragraph:
            yield Note(plain(paragraph))
    if part.pictures:
        yield Pictures(tuple(catalogue.find(name, "pictures")(tables, choice.state) for name in part.pictures))


def _told_absent(names: list[str]) -> Iterator[str]:
    if names:
        yield f"The layout asks for {listed(names)}, of which this study has nothing to show."


def _told_dropped(sections: Sequence[Section], wanted: tuple[Part, ...]) -> Iterator[str]:
    kept = {p.name for p in wanted}
    if dropped := [s.title for s in sections if s.name not in kept]:
        yield f"Left out by the report's author: {listed(dropped)}."
