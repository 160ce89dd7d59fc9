"""What this process serves: the studies of one store, each read once for all tabs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from pruneviz.core.errors import unknown
from pruneviz_apps.explorer.live import CachedTables, LiveTables

# Each tab has a thread of its own, and what reads a study is not made for several at once.
reading = threading.RLock()


class Served:
    """One store.

    Attributes:
        first: the study that is shown where none is asked for.
    """

    def __init__(self, names: Callable[[], list[str]], open_: Callable[[str], LiveTables], first: str) -> None:
        self._names, self._open, self.first = names, open_, first
        self._opened: dict[str, CachedTables] = {}

    @property
    def studies(self) -> list[str]:
        """The names of the studies that are there now."""
        return self._names()

    def study(self, name: str) -> CachedTables:
        """A study; the first one where the name is empty.

        Raises:
            SpecError: there is none of that name.
            StoreError: it cannot be opened.
        """
        name = name or self.first
        if name not in self._opened:
            if name not in (known := self.studies):
                raise unknown("study", name, known)
            self._opened[name] = CachedTables(self._open(name))
        return self._opened[name]


def of_store(store: str | os.PathLike[str], study: str | None) -> Served:
    """A store's studies, the one to show at first opened.

    Raises:
        StoreError: there is no store, no study, or none of that name.
    """
    from pruneviz.study import open_study

    first = open_study(store, study)

    def opened(name: str) -> LiveTables:
        return first if name == first.name else open_study(store, name)

    found = Served(first.store.studies, opened, first.name)
    found.study("")
    return found


def one(opens: Callable[[], LiveTables]) -> Served:
    """A single study."""
    tables = opens()
    return Served(lambda: [tables.name], lambda name: tables, tables.name)


def put(found: Served) -> None:
    """Serve this from now on."""
    _now.clear()
    _now.append(found)


def now() -> Served:
    """What is served."""
    return _now[0]


_now: list[Served] = []
