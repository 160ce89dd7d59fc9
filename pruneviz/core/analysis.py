"""What an analysis is: ours and other people's meet the same contract, and the engine knows no more of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from pruneviz.core.spec import StudySpec
from pruneviz.core.tables import Schema, Tables

if TYPE_CHECKING:
    import pandas as pd

SCOPES = ("run", "pair", "study")


@dataclass(frozen=True)
class Subject:
    """What is known of a study before it starts, for an analysis to say whether it can be done.

    Attributes:
        spec: the study as asked.
        classes: the classes' names.
        samples: test samples.
    """

    spec: StudySpec
    classes: tuple[str, ...]
    samples: int


class Analysis(Protocol):
    """A frozen dataclass whose fields are its options, made with :func:`pruneviz.core.options.option`.

    Its fields, ``version`` and the keys of the runs make the key of its tables, so that nothing is measured twice and
    nothing old is shown: raise ``version`` whenever the same input would give other tables.

    Attributes:
        name: as written under ``[analyses]``.
        summary: one sentence for the catalogue.
        reference: where it is defined.
        scope: what one row of its tables follows from: one ``run``, a ``pair`` of runs, or the runs of the ``study``.
        schemas: its tables; each is named like the analysis, or begins with ``<name>_``.
        version: of its code, from 1.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]
    scope: ClassVar[str]
    schemas: ClassVar[tuple[Schema, ...]]
    version: ClassVar[int]

    def check(self, subject: Subject) -> None:
        """Say before anything starts that the study cannot support it.

        Raises:
            Unsupported: why, and what would help.
        """
        ...

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Its tables by schema name, all of them, from the runs that are done; the same input gives the same tables."""
        ...

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """Plain sentences with their numbers, never stronger than the interval allows.

        Args:
            tables: the study.
            frames: what :meth:`measure` returned, perhaps read back from the store.
        """
        ...
