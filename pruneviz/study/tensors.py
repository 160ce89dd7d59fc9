"""Weights and tables as files: safetensors and Parquet."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pruneviz.core.errors import StoreError
from pruneviz.core.masks import Mask
from pruneviz.core.tables import Schema

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from torch import Tensor


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors of any device to one safetensors file; views and shared storage are copied."""
    from safetensors.torch import save

    _write(path, save({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file to the CPU."""
    from safetensors.torch import load

    return load(path.read_bytes())


def save_mask(path: Path, mask: Mask) -> None:
    """Write a mask, bit-packed."""
    from safetensors.numpy import save

    _write(path, save(mask.pack()))


def load_mask(path: Path) -> Mask:
    """Read a mask."""
    from safetensors.numpy import load

    return Mask.unpack(load(path.read_bytes()))


def load_numbers(path: Path, name: str) -> npt.NDArray[np.float32] | None:
    """One tensor of a safetensors file as float32, the others not read; None where there is none of that name."""
    import numpy as np
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as file:
        return np.asarray(file.get_tensor(name), np.float32) if name in file.keys() else None  # noqa: SIM118


def save_table(path: Path, schema: Schema, frame: pd.DataFrame) -> None:
    """Write a table of exactly the schema's columns as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame[schema.names], schema=schema.arrow(), preserve_index=False)
    with _named(path), path.open("wb") as file:  # given a path, pyarrow would read "~" and schemes into it
        pq.write_table(table, file, compression="zstd")


def load_table(path: Path, columns: Sequence[str] | None = None, runs: Sequence[str] | None = None) -> Any:
    """Read a Parquet file as an Arrow table.

    Args:
        path: the file.
        columns: those wanted; None for all.
        runs: the values of ``run_id`` wanted; None for all.

    Raises:
        StoreError: the file is not there.
    """
    import pyarrow.parquet as pq

    wanted = [("run_id", "in", list(runs))] if runs is not None else None
    some = list(columns) if columns is not None else None
    with _there(path) as file:
        return pq.read_table(file, columns=some, filters=wanted, use_threads=False)


def texts_in(path: Path, column: str) -> frozenset[str]:
    """The texts that occur in a column of a Parquet file; empty where it has no such column."""
    import pyarrow.parquet as pq

    with _there(path) as file:
        found = pq.ParquetFile(file)
        if column not in found.schema_arrow.names:
            return frozenset()
        return frozenset(map(str, found.read([column], use_threads=False)[column].unique().to_pylist()))


def _write(path: Path, content: bytes) -> None:
    with _named(path):
        path.write_bytes(content)


@contextmanager
def _there(path: Path) -> Iterator[IO[bytes]]:
    """A file of the store, opened; it may have been taken away while somebody looks at it."""
    try:
        file = path.open("rb")
    except FileNotFoundError as e:
        missing = f"{path.parent.name}/{path.name}"
        raise StoreError(f"The store lacks {missing}. Run the study again: results that are gone are made anew.") from e
    with file:
        yield file


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which file could not be written, which an error in the middle of it does not."""
    try:
        yield
    except OSError as e:
        raise OSError(e.errno or errno.EIO, e.strerror or str(e), str(path)) from e
