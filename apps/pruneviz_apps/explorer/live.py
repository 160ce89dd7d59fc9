"""A study as the explorer reads it: tables that may grow, asked for once for each state of the store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pruneviz.core.tables import Tables
from pruneviz.views import embedded
from pruneviz.views.once import Once
from pruneviz_apps.trust import NOBODY, Trust

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.study.workspace import Workspace


_MOST_MADE = 64
T = TypeVar("T")


class LiveTables(Tables, Protocol):
    """A study's tables, with what tells that runs have landed."""

    @property
    def version(self) -> Hashable:
        """Changes whenever runs have landed or failed, or analyses are done; cheap to ask for."""
        ...

    @property
    def workspace(self) -> Workspace:
        """The selections and views that people save with it."""
        ...

    def findings(self) -> Mapping[str, tuple[str, ...]]:
        """The sentences of each analysis, by its name."""
        ...

    def unfit(self) -> Mapping[str, str]:
        """Analyses that models given for comparison cannot have, with the reason, by name."""
        ...

    def tables_of(self, analysis: str) -> list[str]:
        """The names of an analysis's tables."""
        ...


class CachedTables(Once):
    """The same tables, read from the study once and not for every picture; :meth:`refresh` looks for new runs.

    All sessions of a server share one, and nobody may change the frames that it gives.

    Attributes:
        trust: whose code may be imported to prune more.
    """

    _study: LiveTables

    def __init__(self, study: LiveTables, trust: Trust = NOBODY) -> None:
        super().__init__(study)
        self.trust = trust
        self.version = study.version
        self._made: dict[Hashable, Any] = {}

    def refresh(self) -> bool:
        """Ask whether runs have landed; whether there was anything new."""
        version = self._study.version
        if version == self.version:
            return False
        self.version = version
        self.forget()
        embedded.forget(self)
        self._made.clear()
        return True

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` makes of these tables; the same for every session that asks by this key, until runs land."""
        if key not in self._made:
            while len(self._made) >= _MOST_MADE:
                del self._made[next(iter(self._made))]
            self._made[key] = make()
        found: T = self._made[key]
        return found

    @property
    def study(self) -> LiveTables:
        """The study itself, for what reads it whole."""
        return self._study

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        """A table by name, of the given runs or of all.

        Raises:
            KeyError: there is no such table.
        """
        if run_ids is not None:  # sessions ask for any runs there are: keeping each answer would never end
            return self._study.table(name, run_ids)
        return super().table(name)

    @property
    def workspace(self) -> Workspace:
        """The selections and views that people save with it."""
        return self._study.workspace

    def findings(self) -> Mapping[str, tuple[str, ...]]:
        """The sentences of each analysis, by its name."""
        return self._study.findings()

    def unfit(self) -> Mapping[str, str]:
        """Analyses that models given for comparison cannot have, with the reason, by name."""
        return self._study.unfit()

    def tables_of(self, analysis: str) -> list[str]:
        """The names of an analysis's tables."""
        return self._study.tables_of(analysis)
