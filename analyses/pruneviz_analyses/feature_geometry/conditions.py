"""The images that a network is shown: as they are, and corrupted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz.data.corruptions import corrupt
from pruneviz_analyses.feature_geometry.schemas import CLEAN

_MOST_KEPT = 256 << 20  # bytes of corrupted images that a process holds for the next runs

# Corrupted once in each process, whatever the number of runs: equal keys are equal pixels.
_KEPT: dict[tuple[Any, ...], npt.NDArray[Any]] = {}


def conditions(corruptions: Sequence[str], severities: Sequence[int]) -> tuple[str, ...]:
    """The names of all conditions, the clean one first."""
    return (CLEAN, *(f"{name} {severity}" for name in corruptions for severity in severities))


def under(seen: Seen, condition: str, chosen: npt.NDArray[np.intp], constants: str, seed: int) -> npt.NDArray[Any]:
    """The chosen test images under a condition; not to be changed."""
    images = seen.data.test.images[chosen]
    if condition == CLEAN:
        return np.asarray(images)
    name, _, severity = condition.rpartition(" ")
    key = (seen.data.digest, condition, constants, seed, chosen.tobytes())
    if key not in _KEPT:
        ids = [str(seen.data.test.ids[i]) for i in chosen]
        made = corrupt(images, name, int(severity), constants=constants, sample_ids=ids, seed=seed)
        while _KEPT and sum(a.nbytes for a in _KEPT.values()) + made.nbytes > _MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = made
    return _KEPT[key]
