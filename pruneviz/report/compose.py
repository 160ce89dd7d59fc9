"""A study's story, put together once for whatever format it is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pruneviz.core.errors import SpecError
from pruneviz.core.selection import Ids, Selection
from pruneviz.report.layout import Layout, arranged
from pruneviz.report.reported import Reported
from pruneviz.report.story import Asked, tell
from pruneviz.views.choosing import Choice, choose
from pruneviz.views.once import Once

if TYPE_CHECKING:
    from pruneviz.report.content import Report


@dataclass(frozen=True)
class Wanted:
    """What a report is asked for.

    Attributes:
        models: names or ids of the runs to compare; None: the layout's, else chosen by rule.
        layout: what the author decides.
        layout_file: the name of the file where that stands; empty where there is none.
        analyses: where each analysis is defined, by its name.
        progress: told what is being done.
    """

    models: Sequence[str] | None = None
    layout: Layout = field(default_factory=Layout)
    layout_file: str = ""
    analyses: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[str], None] = lambda what: None


@dataclass(frozen=True, eq=False)
class Composed:
    """The story, and what it was told from."""

    report: Report
    tables: Once
    choice: Choice


def compose(study: Reported, wanted: Wanted, ending: str) -> Composed:
    """Read the study and tell its story.

    Args:
        study: a study of a store.
        wanted: what the report is asked for.
        ending: of the file that it is for, such as ``.pdf``.

    Raises:
        UsageError: a run that cannot be compared, or a selection that the study does not have.
    """
    wanted.progress("reading the study")
    tables = Once(study)
    layout = wanted.layout
    models = wanted.models if wanted.models is not None else layout.models or None
    choice = replace(choose(tables, models), samples=_samples(study, layout))
    asked = Asked(wanted.models or (), ending, wanted.layout_file, wanted.analyses)
    return Composed(arranged(tell(tables, study, choice, asked), layout, tables, choice), tables, choice)


def _samples(study: Reported, layout: Layout) -> tuple[str, ...]:
    """The test samples that the layout selects."""
    selection = layout.selection
    if not selection:
        return ()
    rule = Selection("samples", Ids(selection)) if isinstance(selection, tuple) else selection
    found = study.select(rule)
    if isinstance(rule, Selection) and rule.kind != "samples":
        raise SpecError("layout selection", rule.text, "a selection of test samples")
    if isinstance(selection, tuple) and (unknown := set(selection) - set(found)):
        raise SpecError("layout selection", min(unknown), "ids of test samples of the study, such as test:17")
    if not found:
        raise SpecError("layout selection", str(selection), "one that holds at least one of the study's test samples")
    return found
