"""Artifacts by content key, in a folder that several processes may use at once.

::

    STORE/
        pruneviz-store.json     the format's number
        objects/ab/abcd…/       one finished step: manifest.json and its files, moved into place whole
        failures/abcd….json     why a step failed the last time
        leases/abcd….lock       held, as a file lock, by the process that works on a step
        studies/NAME.json       what a study asked for last, and the runs that this means
        tmp/                    steps being written
        workspace/              what people change: names, selections, saved views

Nothing here is a pickle, and nothing that is read names code.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pruneviz.core.errors import StoreError
from pruneviz.study.disk import told, write_atomically

FORMAT = 1
MARKER = "pruneviz-store.json"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """A finished step.

    Attributes:
        key: its content key.
        folder: where its files are.
        kind: the step's kind.
        meta: small results, as plain data.
        files: size in bytes by file name.
        wall_s: seconds it took; not part of the result.
        environment: where it was made; not part of the result.
    """

    key: str
    folder: Path
    kind: str
    meta: Mapping[str, Any]
    files: Mapping[str, int]
    wall_s: float
    environment: Mapping[str, Any] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """The path of one of its files.

        Raises:
            StoreError: it has no such file.
        """
        if name not in self.files:
            raise StoreError(f"{self.folder}: holds no {name!r}; it has {', '.join(sorted(self.files)) or 'no files'}.")
        return self.folder / name


class Store:
    """A folder of artifacts. Opening never writes; see :meth:`create`."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Open an existing store.

        Raises:
            StoreError: there is no store, or it was written by a newer version.
        """
        self.root = Path(root).expanduser()
        self._known: dict[str, Artifact] = {}
        marker = self.root / MARKER
        try:
            found = json.loads(marker.read_text("utf-8"))["format"]
        except (FileNotFoundError, NotADirectoryError):
            kind = "folder" if self.root.is_dir() else "file"
            what = f"this {kind} is not a pruneviz store" if self.root.exists() else "there is no such folder"
            raise StoreError(f"{self.root}: {what}. `pruneviz run STUDY --store {self.root}` makes one.") from None
        except OSError as e:
            raise StoreError(f"{marker}: cannot be read ({e.strerror or e}).") from None
        except (ValueError, KeyError, TypeError) as e:
            raise StoreError(
                f"{marker}: cannot be read ({e}). If the store's objects/ folder is there, "
                f'restore this file with the text {{"format": {FORMAT}}}.'
            ) from None
        if not isinstance(found, int) or found > FORMAT:
            raise StoreError(
                f"{self.root}: was written in format {found!r}, by a newer pruneviz; this one reads up to "
                f"{FORMAT}. Upgrade pruneviz, or use another store."
            )

    @classmethod
    def existing(cls, root: str | os.PathLike[str]) -> Store | None:
        """The store in a folder, or None where one can still be made: there is no such folder, or it is empty.

        Raises:
            StoreError: something else is there, or a store that cannot be read.
        """
        folder = Path(root).expanduser()
        try:
            if (folder / MARKER).exists():
                return cls(folder)
            names = os.listdir(folder)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise StoreError(f"{folder}: is a file, or lies below one. Name a new or empty folder.") from None
        except OSError as e:
            raise StoreError(f"{folder}: cannot be read ({e.strerror or e}). Name another folder.") from None
        if all(name.startswith(f".{MARKER}.") for name in names):  # killed while it was made
            return None
        raise StoreError(f"{folder}: is not a pruneviz store and not empty. Name a new or empty folder.")

    @classmethod
    def create(cls, root: str | os.PathLike[str]) -> Store:
        """Open a store for writing, making it where there is none.

        Raises:
            StoreError: the folder holds something else, or cannot be written.
        """
        found, folder = cls.existing(root), Path(root).expanduser()
        try:
            with told(folder):
                if found is None:
                    folder.mkdir(parents=True, exist_ok=True)
                    write_atomically(folder / MARKER, json.dumps({"format": FORMAT}))
                store = cls(folder)
                for part in ("objects", "failures", "leases", "studies", "tmp", "workspace"):
                    (folder / part).mkdir(exist_ok=True)
                probe = folder / "tmp" / f"probe-{uuid.uuid4().hex}"
                probe.touch()
                probe.unlink()
                store.sweep()
        except OSError as e:
            raise StoreError(f"{folder}: no store can be made here ({e.strerror or e}). Name another folder.") from None
        return store

    def folder(self, key: str) -> Path:
        """Where a step's artifact stands once it is finished."""
        return self.root / "objects" / key[:2] / key

    def get(self, key: str) -> Artifact | None:
        """A finished step, or None; an artifact whose files are missing or cut short counts as absent.

        Raises:
            StoreError: the disk does not let it be read.
        """
        if key in self._known:
            return self._known[key]
        folder = self.folder(key)
        try:
            m = json.loads((folder / MANIFEST).read_text("utf-8"))
            found = Artifact(key, folder, m["kind"], m["meta"], m["files"], m["wall_s"], m["environment"])
            for name, size in found.files.items():
                if (folder / name).stat().st_size != size:
                    return None
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None
        except OSError as e:
            raise StoreError(f"{folder}: cannot be read ({e.strerror or e}).") from None
        self._known[key] = found
        return found

    def damaged(self, key: str) -> bool:
        """Whether a step was finished, and can no longer be read whole: steps come into their place whole."""
        return self.get(key) is None and self.folder(key).exists()

    def need(self, key: str) -> Artifact:
        """A finished step.

        Raises:
            StoreError: it is not there.
        """
        found = self.get(key)
        if found is None:
            raise StoreError(f"{self.root}: step {key} is missing or damaged. Run the study again to make it anew.")
        return found

    def described(self, key: str) -> Mapping[str, Any]:
        """What the key of a finished step is a digest of; empty where there is no such step."""
        if self.get(key) is None:
            return {}
        found: dict[str, Any] = json.loads((self.folder(key) / MANIFEST).read_text("utf-8"))["step"]
        return found

    def put(
        self,
        key: str,
        kind: str,
        write: Callable[[Path], Mapping[str, Any]],
        *,
        described: Mapping[str, Any],
        environment: Mapping[str, Any],
    ) -> Artifact:
        """Make an artifact: ``write`` fills a temporary folder and returns the meta; it is then moved whole.

        To be called by who holds the lease: two who make the same would be in each other's way.

        Raises:
            StoreError: the disk is full or the store cannot be written. Whatever ``write`` raises passes through.
        """
        tmp = self.root / "tmp" / f"{key}-{uuid.uuid4().hex[:8]}"
        started = time.perf_counter()
        try:
            with told(self.root):
                tmp.mkdir(parents=True)
                meta = write(tmp)
                manifest = {
                    "key": key,
                    "kind": kind,
                    "step": described,
                    "meta": meta,
                    "files": {p.name: p.stat().st_size for p in sorted(tmp.iterdir())},
                    "wall_s": round(time.perf_counter() - started, 6),
                    "environment": environment,
                }
                write_atomically(tmp / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True))
                target = self.folder(key)
                target.parent.mkdir(parents=True, exist_ok=True)
                if self.get(key) is None:
                    if target.exists():  # damaged: put aside, never silently deleted
                        target.rename(self.root / "tmp" / f"damaged-{key}-{uuid.uuid4().hex[:8]}")
                    tmp.rename(target)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
        self.forgive(key)
        return self.need(key)

    def remove(self, keys: Sequence[str]) -> int:
        """Delete artifacts and recorded failures; returns the bytes freed."""
        freed = 0
        for key in keys:
            found = self.get(key)
            if found is not None:
                freed += sum(found.files.values())
                with told(self.root):
                    shutil.rmtree(found.folder)
                self._known.pop(key, None)
            self.forgive(key)
        return freed

    @contextlib.contextmanager
    def lease(self, key: str, *, wait: bool = False) -> Iterator[bool]:
        """Try to be the one process that works on a step; yields whether it is. Freed when a process dies.

        Args:
            key: the step.
            wait: until it is.

        Raises:
            StoreError: the disk is full or the store cannot be written.
        """
        import filelock

        lock = filelock.FileLock(str(self.root / "leases" / f"{key}.lock"))
        try:
            with told(self.root):
                lock.acquire(timeout=-1 if wait else 0)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def fail(self, key: str, reason: str, detail: str, environment: Mapping[str, Any]) -> None:
        """Record why a step failed."""
        record = {"key": key, "reason": reason, "detail": detail, "environment": environment, "at": time.time()}
        with told(self.root):
            write_atomically(self.root / "failures" / f"{key}.json", json.dumps(record, indent=1))

    def failure(self, key: str) -> dict[str, Any] | None:
        """Why a step failed the last time, or None."""
        try:
            found: dict[str, Any] = json.loads((self.root / "failures" / f"{key}.json").read_text("utf-8"))
            return found
        except (OSError, ValueError):
            return None

    def forgive(self, key: str) -> None:
        """Forget a recorded failure."""
        with contextlib.suppress(OSError):
            (self.root / "failures" / f"{key}.json").unlink()

    def write_study(self, name: str, record: Mapping[str, Any], *, replace: bool = False) -> None:
        """Keep what a study asks for; an earlier version that differs is kept beside it, unless replaced.

        At any moment one of the two can be read. A record that is damaged counts as an earlier one.
        """
        path = self.root / "studies" / f"{name}.json"
        try:
            before = self.read_study(name)
        except StoreError:
            before = {}
        if before == record:
            return
        with told(self.root):
            if path.exists() and not replace:
                old = self.root / "studies" / "earlier"
                old.mkdir(exist_ok=True)
                shutil.copy2(path, old / f"{name}.{time.time_ns() // 1_000_000}.json")
            write_atomically(path, json.dumps(record, indent=1, sort_keys=True))

    def read_study(self, name: str) -> dict[str, Any]:
        """What a study asked for last.

        Raises:
            StoreError: the store holds no such study, or its record is damaged.
        """
        path = self.root / "studies" / f"{name}.json"
        try:
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return found
        except FileNotFoundError:
            raise StoreError(f"{self.root}: holds no study {name!r}; it holds {self.studies() or 'none'}.") from None
        except (OSError, ValueError) as e:
            raise StoreError(f"{path}: cannot be read ({e}). Run the study again to write it anew.") from None

    def studies(self) -> list[str]:
        """The names of the studies, the latest first."""
        paths = [p for p in (self.root / "studies").glob("*.json") if p.is_file()]
        return [p.stem for p in sorted(paths, key=lambda p: (-p.stat().st_mtime, p.stem))]

    def sweep(self) -> None:
        """Remove what killed processes left in tmp/: only what nobody holds a lease on."""
        for left in (self.root / "tmp").iterdir():
            if left.name.startswith("damaged-"):
                continue
            with self.lease(left.name.split("-")[0]) as mine:
                if mine and left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                elif mine:
                    left.unlink(missing_ok=True)
