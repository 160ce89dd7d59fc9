"""The studies that ship, found by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pruneviz.core.errors import UsageError, nearest

ENDING = ".toml"


@dataclass(frozen=True)
class Shipped:
    """A study that ships.

    Attributes:
        name: what ``pruneviz run`` calls it.
        path: its file.
        summary: what it shows: the first sentence of the file's opening comment.
        detail: the rest of that comment.
        time: how long it takes, from the comment's ``Time:`` line.
    """

    name: str
    path: Path
    summary: str
    detail: str
    time: str


def studies() -> tuple[Shipped, ...]:
    """The studies that ship, by name."""
    folder = Path(str(resources.files("pruneviz_samples"))) / "studies"
    return tuple(_described(p) for p in sorted(folder.glob(f"*{ENDING}")))


def _described(path: Path) -> Shipped:
    opening = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        opening.append(line.lstrip("# ").rstrip())
    time = next((line.removeprefix("Time:").strip() for line in opening if line.startswith("Time:")), "")
    text = " ".join(line for line in opening if not line.startswith("Time:"))
    summary, _, detail = text.partition(". ")
    return Shipped(path.stem, path, summary.rstrip(".") + "." if summary else "", detail, time)


def find_study(study: str) -> Path:
    """The file of a study given as a path or as the name of one that ships; a file of that name comes first.

    Raises:
        UsageError: there is no such file, and no such study ships.
    """
    path = Path(study).expanduser()
    if path.is_file():
        return path
    by_name = {s.name: s.path for s in studies()}
    if study in by_name:
        return by_name[study]
    if path.suffix == ENDING or len(path.parts) > 1:
        raise UsageError(f"{study}: there is no such study file.")
    known = ", ".join(by_name) or "none"
    text = f"{study!r} is neither a study file nor a study that ships; these ship: {known}."
    raise UsageError(" ".join(filter(None, [text, nearest(study, by_name)])))
