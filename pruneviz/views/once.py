"""A study's tables read once: what asks for the same ones many times must see one state of a growing study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pruneviz.core.masks import LayerWeights
from pruneviz.core.tables import Tables

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


class Once:
    """The same tables, each read when first asked for. Nobody may change the frames that it gives."""

    def __init__(self, study: Tables) -> None:
        self._study = study
        self._frames: dict[tuple[str, tuple[str, ...] | None], pd.DataFrame] = {}
        self._environment: dict[str, Any] | None = None

    def forget(self) -> None:
        """Read everything again when it is next asked for."""
        self._frames.clear()
        self._environment = None

    @property
    def name(self) -> str:
        """The study's name."""
        return self._study.name

    @property
    def runs(self) -> pd.DataFrame:
        """Every planned run, with its status."""
        return self.table("runs")

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        """A table by name, of the given runs or of all.

        Raises:
            KeyError: there is no such table.
        """
        if name == "samples":  # large, and kept in another form by pruneviz.views.samples
            return self._study.table(name, run_ids)
        key = name, tuple(run_ids) if run_ids is not None else None
        if key not in self._frames:
            self._frames[key] = self._study.runs if key == ("runs", None) else self._study.table(name, run_ids)
        return self._frames[key]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of their numbers."""
        return self._study.classes

    def pictures(self, sample_ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Test images as shown to people.

        Raises:
            KeyError: an id is not in the study's test split.
        """
        return self._study.pictures(sample_ids)

    def weights(self, run_id: str, layer: str) -> LayerWeights | None:
        """A layer of a run; None where the study does not have it at hand."""
        read = getattr(self._study, "weights", None)
        found: LayerWeights | None = read(run_id, layer) if read is not None else None
        return found

    @property
    def spec(self) -> dict[str, Any]:
        """The study as asked, as plain data."""
        return self._study.spec

    @property
    def data(self) -> Mapping[str, Any]:
        """What is known of the data: name, size, counts per split, content digest; empty until they were read."""
        return self._study.data

    def options_of(self, analysis: str) -> Mapping[str, Any]:
        """With which options an analysis made the tables that it has now; empty where it has none."""
        return self._study.options_of(analysis)

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, hardware and settings recorded while it ran."""
        if self._environment is None:
            self._environment = self._study.environment
        return self._environment
