"""The disk under a store: whole writes, and its refusals as sentences."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from pruneviz.core.errors import StoreError

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextlib.contextmanager
def told(root: Path) -> Iterator[None]:
    """Turn the disk's refusals into sentences; other people's files, which a user's code may open, are not meant.

    Raises:
        StoreError: no space is left, or the store cannot be written.
    """
    try:
        yield
    except OSError as e:
        inside = e.filename is not None and _within(e.filename, root)
        if e.errno in FULL and (inside or e.filename is None):
            raise StoreError(
                f"{root}: no disk space is left. Finished steps are kept; free some space and run again."
            ) from e
        if e.errno in FORBIDDEN and inside:
            raise StoreError(
                f"{root}: cannot be written ({e.strerror}). `app`, `report` and `export` work on a read-only store; "
                "to run, name a folder that you may write to."
            ) from e
        raise


def _within(name: object, root: Path) -> bool:
    if not isinstance(name, (str, bytes, os.PathLike)):
        return False
    path, top = (Path(os.path.abspath(os.fsdecode(p))) for p in (name, root))
    return path == top or top in path.parents or path in top.parents  # the folder in which a store is made counts


def require_room(root: Path, wanted: int) -> None:
    """Refuse to begin what cannot end: estimates are within a factor of three.

    Args:
        root: the store, which need not be there yet.
        wanted: estimated bytes.

    Raises:
        StoreError: less than a third of that is left.
    """
    there = next((p for p in (root, *root.absolute().parents) if p.exists()), Path.cwd())
    free = shutil.disk_usage(there).free
    if free < wanted / 3:
        raise StoreError(
            f"{root}: the study needs about {wanted / 1e6:.3g} MB of disk, of which {free / 1e6:.3g} MB are left. "
            "Free some space, name a store on another disk, or ask for less."
        )


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old or the new content, never a part."""
    tmp = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with tmp.open("w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        tmp.replace(path)
    finally:
        with contextlib.suppress(OSError):
            tmp.unlink(missing_ok=True)
