"""What a report reads of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from pruneviz.core.tables import Tables

if TYPE_CHECKING:
    from pruneviz.core.selection import Selection


class Reported(Tables, Protocol):
    """What a report reads of a study; :class:`pruneviz.study.Study` is one."""

    def findings(self) -> Mapping[str, tuple[str, ...]]:
        """The sentences of each analysis, by its name."""
        ...

    def tables_of(self, analysis: str) -> Sequence[str]:
        """The names of an analysis's tables."""
        ...

    def unfit(self) -> Mapping[str, str]:
        """Analyses that models given for comparison cannot have, with the reason, by name."""
        ...

    def warnings(self) -> Mapping[str, tuple[str, ...]]:
        """What runs warned of, by run id."""
        ...

    def select(self, selection: Selection | str) -> tuple[str, ...]:
        """The ids of the runs or test samples that a selection means, or the saved one of that name.

        Raises:
            SpecError: it names what the study does not have.
        """
        ...
