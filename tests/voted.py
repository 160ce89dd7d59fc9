"""A synthetic study of ten dense models whose every vote is known, for what shows or selects exemplars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from synthetic import SyntheticTables

from pruneviz_analyses.prediction_changes import PredictionChanges

SEEN_OTHERWISE = 12  # images, the first ones; by half of the pruned models or fewer from the eleventh on
EXEMPLARS = 10


@dataclass(eq=False)
class VotedTables(SyntheticTables):
    """Dense models are right but on a few of the first images, and so are those pruned by magnitude but on these.

    Of image i, 10 − i % 3 dense models say its class, and 10 − i // 2 pruned ones the next class. Of images 0 and 13,
    all that were trained on say the next class. Random pruning leaves models that know one class.
    """

    replicates: int = 10
    methods: int = 2
    sparsities: tuple[float, ...] = (0.9,)
    samples: int = 60
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def analysed(self) -> VotedTables:
        """The same study with what the analysis finds in it."""
        made = PredictionChanges(resamples=200).measure(self)
        texts = {n: [c for c in f if f[c].dtype == "string"] for n, f in made.items()}
        self.frames = {n: f.astype(dict.fromkeys(texts[n], "category")) for n, f in made.items()}  # as out of Parquet
        return self

    def table(self, name: str, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
        if name not in self.frames:
            return super().table(name, run_ids)
        return self.frames[name].copy()

    def _samples(self, row: dict[str, Any]) -> pd.DataFrame:
        frame = super()._samples(row)
        return frame.assign(prediction=pd.array(self.predicted(row), dtype="Int64"))

    def predicted(self, row: Mapping[str, Any]) -> np.ndarray:
        """What a run says of each image."""
        i, other, right = np.arange(self.samples), row["replicate"], self._labels
        first, later = i < SEEN_OTHERWISE, (right + 1) % self.class_count
        if row["method"] == "random":
            return np.zeros(self.samples, np.int64)
        if row["method"] == "magnitude":
            return np.where(first & (other >= i // 2), later, right)
        if row["recovery"] != "none":
            return np.where(np.isin(i, (0, 13)), later, right)
        return np.where(first & (other < i % 3), (right + 2) % self.class_count, right)
