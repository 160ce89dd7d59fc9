"""What an analysis is: ours and other people's meet the same contract, and the engine knows no more of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pruneviz.core.spec import StudySpec
from pruneviz.core.tables import Schema, Tables

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from pruneviz.core.masks import Mask

SCOPES = ("run", "pair", "study")


@dataclass(frozen=True)
class Observation:
    """Models that an analysis looks at together: one step of the study, on a worker, kept by its content.

    Attributes:
        run_ids: the runs looked at, in the order in which the analysis gets their models.
        part: plain values that say what to do; with the runs and the analysis's version they decide the result.
        title: what the progress display says.
        trained: images trained on, repeats counted, for the estimate of time.
        evaluated: images evaluated, likewise.
        epochs: passes over the study's training images, likewise, besides ``trained``.
        seconds: what takes long whatever the model is, roughly, on one core; likewise.
        after: what must have been seen before, and whose tables are given to :meth:`Observing.observe`; they are
            planned with it, and decide its result.
    """

    run_ids: tuple[str, ...]
    part: Mapping[str, Any]
    title: str
    trained: int = 0
    evaluated: int = 0
    epochs: float = 0.0
    seconds: float = 0.0
    after: tuple[Observation, ...] = ()


class Seen(Protocol):
    """A model as an analysis sees it: its own copy, which it may change."""

    @property
    def run_id(self) -> str:
        """The run."""
        ...

    @property
    def net(self) -> nn.Module:
        """The network with its weights and mask applied, in evaluation mode, on the device."""
        ...

    @property
    def mask(self) -> Mask | None:
        """What is kept; None for a dense model."""
        ...

    @property
    def info(self) -> Any:
        """Its layers and costs, a :class:`pruneviz.models.ModelInfo`."""
        ...

    @property
    def data(self) -> Any:
        """The study's images, a :class:`pruneviz.data.ImageData`."""
        ...

    @property
    def example(self) -> Tensor:
        """One preprocessed image, float32 (1, C, H, W), on the device."""
        ...

    @property
    def device(self) -> str:
        """Where it is."""
        ...


@dataclass(frozen=True)
class Subject:
    """What is known of a study before it starts, for an analysis to say whether it can be done.

    Attributes:
        spec: the study as asked.
        classes: the classes' names.
        samples: test samples.
        models: one dense model of each kind, by label: its architecture is that of the study, its weights may be fresh.
    """

    spec: StudySpec
    classes: tuple[str, ...]
    samples: int
    models: Mapping[str, Seen] = field(default_factory=dict)


class Analysis(Protocol):
    """A frozen dataclass whose fields are its options, made with :func:`pruneviz.core.options.option`.

    Its fields, ``version`` and the keys of the runs make the key of its tables, so that nothing is measured twice and
    nothing old is shown: raise ``version`` whenever the same input would give other tables or other sentences.

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


@runtime_checkable
class Observing(Protocol):
    """What an analysis has besides, when it must look at models and not only at the study's tables.

    Its class may say ``observing_version`` besides, of what :meth:`observe` and :meth:`observations` do, so that other
    tables or sentences need no second look at the models; where it does not, that is ``version``.

    Attributes:
        observed: the tables that :meth:`observe` makes; the study shows all observations of one table as one.
    """

    observed: ClassVar[tuple[Schema, ...]]

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """What to look at.

        Args:
            runs: the planned runs: the columns of :data:`pruneviz.core.tables.RUNS` that a plan decides.
        """
        ...

    def observe(
        self,
        models: Sequence[Seen],
        part: Mapping[str, Any],
        progress: Callable[[int, int], None],
        *earlier: Mapping[str, pd.DataFrame],
    ) -> Mapping[str, pd.DataFrame]:
        """Look at the models of one observation.

        What comes out may depend on the models, their images and ``part`` alone, not on other options: those are
        not in the step's key.

        Args:
            models: in the observation's order.
            part: the observation's.
            progress: to be called with pieces done and all, at least every second; may raise ``Cancelled``.
            earlier: for each observation that it comes ``after``, its tables by name; an analysis whose observations
                stand alone leaves this argument out.

        Returns:
            a table for each of ``observed``, by name; one that is left out has no rows.
        """
        ...


class Clock(Protocol):
    """How long training takes here, for an analysis whose amount of work is given as a time."""

    @property
    def dense_models(self) -> Mapping[str, int]:
        """How many dense models the study has, by the model's label."""
        ...

    @property
    def workers(self) -> int:
        """Processes that share the work."""
        ...

    def epoch(self, train: Mapping[str, Any]) -> Mapping[str, float]:
        """Train each model for one epoch with these values of ``[train]``, and time it.

        Returns:
            Seconds by the model's label; nothing where there are no training images.
        """
        ...


@runtime_checkable
class Fitting(Protocol):
    """What an analysis has besides, whose amount of work may be given as a time."""

    def fitted(self, clock: Clock) -> Analysis:
        """The same analysis with that amount among its options; itself where no time is given.

        Asked once: what it returns is kept with the study, so that going on later means the same work.
        """
        ...
