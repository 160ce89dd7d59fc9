"""The story for formats without a screen: everything unfolded, pictures drawn, and what paper has no room for named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pruneviz.report.content import Block, Images, Pictures, Report, Section, Sentences, Table
from pruneviz.views.matplotlib_renderer import ONE_COLUMN, TWO_COLUMNS, PaperFigure, draw
from pruneviz.views.pictures.images import images_info
from pruneviz.views.text import several

if TYPE_CHECKING:
    from pruneviz.report.compose import Composed

MOST_ROWS = 60  # of a table that is folded away on a screen
MOST_COLUMNS = 12  # beside each other on a page
MOST_MODELS = 5  # whose words fit beside an image


@dataclass(frozen=True, eq=False)
class Paper:
    """A story whose pictures are drawn.

    Attributes:
        report: what is written.
        figures: the pictures, in the report's order, by the names that their files have.
    """

    report: Report
    figures: dict[str, PaperFigure]


def on_paper(composed: Composed) -> Paper:
    """The story as it is printed; what is not in it is among what it leaves out."""
    left_out: list[str] = []
    sections = tuple(_printed(s, composed, left_out) for s in composed.report.sections)
    report = replace(composed.report, sections=sections, left_out=(*composed.report.left_out, *left_out))
    widths = (w for s in sections for b in s.blocks if isinstance(b, Pictures) for w in _widths(b))
    drawn = [draw(p, width=w) for p, w in zip(report.pictures, widths, strict=True)]
    names = [f"{i + 1:02d}-{p.name.replace('_', '-')}" for i, p in enumerate(report.pictures)]
    small = [f for f in drawn if f.remarks]
    if small:
        told = tuple(f"{f.picture.title}: {r}" for f in small for r in f.remarks)
        report = replace(report, left_out=(*report.left_out, *told))
    return Paper(report, dict(zip(names, drawn, strict=True)))


def _widths(block: Pictures) -> list[float]:
    return [ONE_COLUMN if block.columns > 1 else TWO_COLUMNS] * len(block.pictures)


def _printed(section: Section, composed: Composed, left_out: list[str]) -> Section:
    blocks = (b for block in section.blocks for b in _block(block, composed, left_out))
    return replace(section, blocks=tuple(blocks))


def _block(block: Block, composed: Composed, left_out: list[str]) -> Iterator[Block]:
    if isinstance(block, Images):
        yield from _images(block, composed, left_out)
    elif isinstance(block, Sentences):
        yield replace(block, shown=len(block.texts))
    elif isinstance(block, Table) and block.folded:
        yield from _folded(block, left_out)
    elif isinstance(block, Pictures) and block.common is not None:
        legend = block.common.legend
        yield replace(block, hint="", pictures=tuple(replace(p, legend=p.legend or legend) for p in block.pictures))
    elif isinstance(block, Pictures):
        yield replace(block, hint="")
    else:
        yield block


def _images(block: Images, composed: Composed, left_out: list[str]) -> Iterator[Block]:
    """The first page of images, as the explorer shows them, for as many models as fit beside them."""
    state = composed.choice.state
    shown = replace(state, models=state.models[:MOST_MODELS])
    yield Pictures((images_info(composed.tables, shown),))
    if len(state.models) > MOST_MODELS:
        left_out.append(f"{block.title}: shown for the first {MOST_MODELS} of {len(state.models)} models compared.")


def _folded(table: Table, left_out: list[str]) -> Iterator[Block]:
    """A table that a screen folds away: its first rows where it fits on a page, else only where it is to be had."""
    if len(table.columns) > MOST_COLUMNS:
        left_out.append(
            f"The table of {several(len(table.rows), 'run')} has {len(table.columns)} columns, more than a page: "
            "`pruneviz export STORE runs -o FILE.csv` writes it, and a report as .html holds it."
        )
        return
    if len(table.rows) > MOST_ROWS:
        left_out.append(f"{table.folded}: the first {MOST_ROWS} of {len(table.rows)} rows are printed.")
    yield Sentences((), table.folded)
    yield replace(table, folded="", rows=table.rows[:MOST_ROWS])
