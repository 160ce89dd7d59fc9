"""What readers of files share: finding them, and digests of their content."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from pruneviz.core.errors import nearest
from pruneviz.core.keys import file_digest
from pruneviz.data.raw import Request

CLASSES_FILE = "classes.txt"


def folder_of(request: Request) -> Path:
    """The folder that a source names.

    Raises:
        DataError: it is not there, or is no folder.
    """
    path = _existing(request, "folder")
    if not path.is_dir():
        raise request.error(f"{path} is a file; allowed: a folder")
    return path


def file_of(request: Request) -> Path:
    """The file that a source names.

    Raises:
        DataError: it is not there, or is a folder.
    """
    path = _existing(request, "file")
    if not path.is_file():
        raise request.error(f"{path} is a folder; allowed: a file")
    return path


def _existing(request: Request, what: str) -> Path:
    path = Path(request.rest).expanduser()
    if not request.rest.strip():
        raise request.error(f"names no {what}; allowed: a path after the colon")
    if not path.exists():
        parent = path.absolute().parent
        names = [p.name for p in parent.iterdir()] if parent.is_dir() else []
        hint = nearest(path.name, names) if parent.is_dir() else f"Nor is there a folder {parent}."
        hint = _to_fetch(path.absolute()) or hint
        raise request.error(f"there is no {what} {path.absolute()}", hint or "Mend the path.")
    return path


def _to_fetch(path: Path) -> str:
    """What fetches a public data set to this path; empty where it is none of those."""
    from pruneviz.data.fetching import HOMES  # which imports readers

    name = next((name for name, home in HOMES.items() if home.folder == path.name), None)
    if name is None:
        return ""
    here = Path.cwd()
    to = path.parent.relative_to(here) if path.parent.is_relative_to(here) else path.parent
    return f"Get it with `pruneviz fetch {name} --to {to}`."


def read_bytes(path: Path, request: Request) -> bytes:
    """A file's content.

    Raises:
        DataError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise request.error(f"the file {path} is missing") from None
    except OSError as e:
        raise request.error(f"the file {path} cannot be read ({e.strerror or e})") from None


def read_names(path: Path, request: Request) -> tuple[str, ...]:
    """Names of classes, one a line, in the order of their numbers; empty where there is no such file.

    Raises:
        DataError: it is no text, or names a class twice.
    """
    if not path.is_file():
        return ()
    try:
        names = tuple(line.strip() for line in read_bytes(path, request).decode().splitlines() if line.strip())
    except UnicodeDecodeError:
        raise request.error(f"{path} is no UTF-8 text; allowed: one class name a line") from None
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise request.error(f"{path} names {', '.join(map(repr, twice))} more than once; allowed: different names")
    return names


@functools.lru_cache(maxsize=1 << 20)
def _digest(path: str, size: int, mtime_ns: int) -> str:
    return file_digest(path)


def digests(files: Sequence[Path], base: Path) -> dict[str, str]:
    """Content digest by path within ``base``; each file is read once in a process as long as it does not change."""
    found = {}
    for path in files:
        stat = path.stat()
        found[path.relative_to(base).as_posix()] = _digest(str(path.absolute()), stat.st_size, stat.st_mtime_ns)
    return found
