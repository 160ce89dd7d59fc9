"""Between tables and arrays: samples pivoted by id or chosen, and frames made of whole columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.errors import DataError
from pruneviz.core.tables import Schema, Tables

if TYPE_CHECKING:
    import pandas as pd

_RUNS_AT_ONCE = 64  # a study of 1,000 runs and 10,000 samples has too many rows to hold as text at once


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of many runs on the samples that all of them were measured on.

    Attributes:
        run_ids: R runs, in the order of the rows.
        sample_ids: (S,) object, in the order of the columns: sorted.
        labels: (S,) true classes.
        prediction: (R, S) predicted classes.
        left_out: (R,) samples of each run that some other run lacks, and that are therefore not here.
    """

    run_ids: tuple[str, ...]
    sample_ids: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int32]
    left_out: npt.NDArray[np.int64]


def read_predictions(tables: Tables, run_ids: Sequence[str]) -> Predictions:
    """Pivot the samples table by run id and sample id; the order of its rows says nothing.

    Raises:
        DataError: a run has no samples or the same sample twice, runs disagree on a label, a label is no class of
            the study, or no sample is common to all runs.
    """
    import pandas as pd

    known: pd.Index[Any] = pd.Index([], dtype=object)
    labels = np.empty(0, np.int64)
    blocks = []
    for start in range(0, len(run_ids), _RUNS_AT_ONCE):
        chunk = list(run_ids[start : start + _RUNS_AT_ONCE])
        frame = tables.table("samples", chunk)
        sample, ids = pd.factorize(frame["sample_id"])
        run, runs = pd.factorize(frame["run_id"])
        place = known.get_indexer(pd.Index(np.asarray(ids, dtype=object)))
        fresh = place < 0
        place[fresh] = len(known) + np.arange(int(fresh.sum()))
        known = known.append(pd.Index(np.asarray(ids, dtype=object)[fresh]))
        column, row = place[sample], pd.Index(chunk).get_indexer(pd.Index(np.asarray(runs, dtype=object)))[run]
        label = frame["label"].to_numpy(dtype=np.int64)
        labels = np.append(labels, np.full(int(fresh.sum()), -1))
        labels[column] = np.where(labels[column] < 0, label, labels[column])
        if (differs := labels[column] != label).any():
            raise DataError(
                f"Sample {known[column[differs][0]]!r} has different labels in different runs, so their predictions "
                "cannot be compared. Measure all runs on the same data."
            )
        block = np.full((len(chunk), len(known)), -1, np.int32)
        block[row, column] = frame["prediction"].to_numpy(dtype=np.int32)
        count = np.bincount(row, minlength=len(chunk))
        for i in np.flatnonzero((count == 0) | (count != (block >= 0).sum(axis=1))):
            what = "has no rows" if count[i] == 0 else "holds a sample twice"
            raise DataError(
                f"Run {chunk[i]}: the samples table {what}. Remove the run from the store and run it again."
            )
        blocks.append(block)
    if labels.size and labels.max() >= len(tables.classes):
        raise DataError(f"A label is {labels.max()}, but the study has {len(tables.classes)} classes, numbered from 0.")
    everything = np.full((len(run_ids), len(known)), -1, np.int32)
    for start, block in zip(range(0, len(run_ids), _RUNS_AT_ONCE), blocks, strict=True):
        everything[start : start + len(block), : block.shape[1]] = block
    common = (everything >= 0).all(axis=0)
    if run_ids and not common.any():
        raise DataError("No sample is common to all runs, so they cannot be compared. Measure them on the same data.")
    names = known.to_numpy(dtype=object)
    # By id, so that bootstrap draws hit the same samples whatever the order of the table's rows.
    kept = np.flatnonzero(common)[np.argsort(names[common])]
    left_out = (everything >= 0).sum(axis=1) - len(kept)
    return Predictions(tuple(run_ids), names[kept], labels[kept], everything[:, kept], left_out)


def read_columns(
    tables: Tables,
    name: str,
    run_ids: Sequence[str],
    sample_ids: npt.NDArray[np.object_],
    columns: Sequence[str],
    at_once: int = _RUNS_AT_ONCE,
) -> dict[str, npt.NDArray[np.float32]]:
    """Columns of a table of samples, each (R, S), pivoted by run id and sample id; NaN where there is no row.

    Args:
        tables: the study.
        name: a table with ``run_id``, ``sample_id`` and the columns.
        run_ids: R runs, in the order of the rows.
        sample_ids: S samples, in the order of the columns, each once; others are left out.
        columns: of numbers.
        at_once: runs read at a time; an analysis's own table is read whole for any of its runs.
    """
    import pandas as pd

    place = pd.Index(sample_ids)
    out = {c: np.full((len(run_ids), len(sample_ids)), np.nan, np.float32) for c in columns}
    for start in range(0, len(run_ids), at_once):
        chunk = list(run_ids[start : start + at_once])
        frame = tables.table(name, chunk)
        sample, ids = pd.factorize(frame["sample_id"])
        run, runs = pd.factorize(frame["run_id"])
        column = place.get_indexer(pd.Index(np.asarray(ids, dtype=object)))[sample]
        row = start + pd.Index(chunk).get_indexer(pd.Index(np.asarray(runs, dtype=object)))[run]
        here = column >= 0
        for c in columns:
            out[c][row[here], column[here]] = frame[c].to_numpy(dtype=np.float32)[here]
    return out


def frame_of(schema: Schema, columns: Mapping[str, Any]) -> pd.DataFrame:
    """A frame of exactly the schema's columns and types, from whole columns.

    Raises:
        KeyError: the columns are not those that the schema declares.
    """
    import pandas as pd

    if columns.keys() != set(schema.names):
        raise KeyError(f"table {schema.name!r}: columns differ from the schema: {columns.keys() ^ set(schema.names)}")
    kinds = schema.frame([]).dtypes
    return pd.DataFrame({name: pd.array(columns[name], dtype=kinds[name]) for name in schema.names})


def repeated(values: Iterable[Any], codes: npt.NDArray[np.integer[Any]]) -> Any:
    """A text column that holds ``values[code]`` for each code, without making a Python string per row."""
    import pandas as pd

    return pd.array(list(values), dtype="string").take(codes)


def spread_order(labels: npt.NDArray[Any], seed: int) -> npt.NDArray[np.intp]:
    """All samples in an order in which every beginning holds as many of each class as can be, drawn by the seed."""
    labels = np.asarray(labels)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), np.int64)
    for k in np.unique(labels):
        own = shuffled[labels[shuffled] == k]
        turn[own] = np.arange(len(own))
    place = np.empty(len(labels), np.int64)
    place[shuffled] = np.arange(len(labels))
    return np.lexsort((place, turn))
