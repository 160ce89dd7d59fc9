"""The maps of all runs as arrays, and how alike those of two runs are, image by image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import DataError
from pruneviz.measures.attribution import centred_cosine, cosine, ranks
from pruneviz_analyses.attributions.schemas import RANDOM

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Maps:
    """The maps of one run by one way of attributing, images in the order that all runs share.

    Attributes:
        values: (N, places).
        ranked: their ranks, (N, places).
        explained: (N,) classes.
    """

    values: Floats
    ranked: Floats
    explained: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Everything:
    """All maps.

    Attributes:
        sample_ids: N images, sorted.
        random: (N,) which of them were drawn at random.
        of: by way of attributing and run.
    """

    sample_ids: tuple[str, ...]
    random: npt.NDArray[np.bool_]
    of: Mapping[tuple[str, str], Maps]

    def alike(self, attribution: str, one: str, other: str) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """Rank correlation and cosine of two runs' maps, (N,), and whether both explain the same class.

        NaN where one of them is the same everywhere, has no map, or explains another class.
        """
        a, b = self.of[attribution, one], self.of[attribution, other]
        same = a.explained == b.explained
        rank, cos = centred_cosine(a.ranked, b.ranked), cosine(a.values, b.values)
        return np.where(same, rank, np.nan), np.where(same, cos, np.nan), same


def everything(maps: pd.DataFrame) -> Everything:
    """All maps by way of attributing and run, images in one order; a run's missing ones are NaN.

    Raises:
        DataError: the maps of two runs differ in size, so that places do not correspond.
    """
    import pandas as pd

    sizes = maps[["height", "width"]].drop_duplicates()
    if len(sizes) > 1:
        told = " and ".join(f"{h}×{w}" for h, w in sizes.itertuples(index=False))
        raise DataError(
            f"attributions: maps have sizes {told}, so their places do not correspond. Compare models of one size of "
            "image, or run the study anew."
        )
    samples, chosen = maps["sample_id"].to_numpy(str), maps["chosen"].to_numpy(str)
    ids = pd.Index(sorted(set(samples)))
    places = int(np.prod(sizes.to_numpy(np.int64)))
    of = {}
    for (attribution, run_id), own in maps.groupby(["attribution", "run_id"], sort=False, observed=True):
        # An image may be among the random ones and among those that flip most: its map is the same.
        own = own.drop_duplicates("sample_id")
        at = ids.get_indexer(pd.Index(own["sample_id"].astype(str)))
        values = np.full((len(ids), places), np.nan)
        values[at] = np.stack([np.asarray(v, np.float64) for v in own["values"]])
        explained = np.full(len(ids), -1, np.int64)
        explained[at] = own["explained"].to_numpy(np.int64)
        of[str(attribution), str(run_id)] = Maps(values, ranks(values), explained)
    return Everything(tuple(ids), np.isin(np.array(ids, str), samples[chosen == RANDOM]), of)
