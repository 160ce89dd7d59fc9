"""What was seen of the runs, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import DataError
from pruneviz.core.tables import Tables
from pruneviz_analyses.corruption_robustness.schemas import CLEAN, SAMPLES, SEEN
from pruneviz_analyses.corruption_robustness.shifts import CORRUPTION, catalogue, order

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Who has what right.

    Attributes:
        run_ids: R runs that were seen under everything that any was.
        left_out: finished runs that were not.
        shifts: C names, in the order in which they are told; ``clean`` is not among them.
        sorts: the sort of each.
        sample_ids: (N,) sorted.
        labels: (N,) true classes.
        right: by name, ``clean`` among them, (R, L, N) for its L severities.
        seen: the table of means.
    """

    run_ids: tuple[str, ...]
    left_out: int
    shifts: tuple[str, ...]
    sorts: Mapping[str, str]
    sample_ids: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int64]
    right: Mapping[str, Bools]
    seen: pd.DataFrame
    row: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Number the runs."""
        object.__setattr__(self, "row", {r: i for i, r in enumerate(self.run_ids)})

    def wrong(self, name: str) -> npt.NDArray[np.uint8]:
        """(R, N) at how many severities each image is wrong."""
        counts: npt.NDArray[np.uint8] = (~self.right[name]).sum(axis=1).astype(np.uint8)
        return counts

    def family(self, name: str) -> str | None:
        """The family of one of the 19; None for others."""
        return catalogue()[name].family if self.sorts.get(name) == CORRUPTION else None

    def faithful(self, name: str) -> bool:
        """Whether it is made as published, as far as that can be said."""
        return self.sorts.get(name) != CORRUPTION or catalogue()[name].faithful


def read_outcomes(tables: Tables) -> Outcomes | None:
    """Read what was seen; None where nothing was yet.

    Raises:
        DataError: a run has an image twice, or runs disagree on a label.
    """
    import pandas as pd

    try:
        seen, frame = tables.table(SEEN.name), tables.table(SAMPLES.name)
    except KeyError:
        return None
    done = tables.runs.loc[tables.runs["status"] == "done", "run_id"].astype(str)
    if frame.empty or CLEAN not in set(frame["corruption"].astype(str).unique()):
        return None
    run, runs = pd.factorize(frame["run_id"])
    shift, shifts = pd.factorize(frame["corruption"])
    sample, ids = pd.factorize(frame["sample_id"])
    text, texts = pd.factorize(frame["right"])
    names, numbers = [str(s) for s in shifts], np.array([int(str(t), 2) for t in texts], np.int32)
    place = np.argsort(np.argsort(np.asarray(ids, dtype=object).astype(str)))  # by id, whatever the rows' order
    column = place[sample]
    codes = np.full((len(runs), len(names), len(ids)), -1, np.int32)
    codes[run, shift, column] = numbers[text]
    if (codes >= 0).sum() != len(frame):
        raise DataError(f"The table {SAMPLES.name} holds an image of a run twice. Delete the store, and run it again.")
    labels = np.empty(len(ids), np.int64)
    own = frame["label"].to_numpy(dtype=np.int64)
    labels[column] = own
    if (labels[column] != own).any():
        raise DataError("An image has different labels in different runs. Measure all runs on the same data.")
    digits = [len(str(t)) for t in texts]
    lengths = {names[k // len(texts)]: digits[k % len(texts)] for k in np.unique(shift * len(texts) + text).tolist()}
    whole = np.flatnonzero((codes >= 0).all(axis=(1, 2)))
    known = {str(runs[i]): i for i in whole.tolist()}
    kept = [r for r in sorted(known) if r in set(done)]
    at = [known[r] for r in kept]
    sorts = dict(zip(seen["corruption"].astype(str), seen["shift"].astype(str), strict=True))
    right = {n: _unpacked(codes[at, i], lengths[n]) for i, n in enumerate(names)}
    told = [n for n in order(sorts.items()) if n != CLEAN and n in right]
    ordered = np.sort(np.asarray(ids, dtype=object).astype(str)).astype(object)
    return Outcomes(tuple(kept), len(done) - len(kept), tuple(told), sorts, ordered, labels, right, seen)


def _unpacked(codes: npt.NDArray[np.int32], number: int) -> Bools:
    """(R, L, N) from (R, N) numbers whose highest digit is the first level."""
    weights = 1 << np.arange(number - 1, -1, -1, dtype=np.int32)
    found: Bools = (codes[:, None, :] & weights[:, None]) != 0
    return found
