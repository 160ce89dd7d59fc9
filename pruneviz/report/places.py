"""Files and folders that a study names, told without where they lay: a report goes to people who have other folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pruneviz.core.spec import PATH_SOURCES

_FILES = ("checkpoint", "history")


def without_folders(spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """A study's plain data with its absolute paths cut to their ends, as long as it takes to tell them apart.

    Args:
        spec: as :attr:`pruneviz.core.tables.Tables.spec` gives it; left as it is.

    Returns:
        The same, and whether any path in it was cut.
    """
    models = spec.get("models", ())
    kind, _, place = str(spec.get("data", {}).get("source", "")).partition(":")
    of_data = place if kind in PATH_SOURCES else ""
    paths = [*(str(m[f]) for m in models for f in _FILES if m.get(f)), *([of_data] if of_data else [])]
    short = _ends({p for p in paths if Path(p).is_absolute()})
    if not short:
        return spec, False
    told = [{**m, **{f: short.get(str(m[f]), m[f]) for f in _FILES if m.get(f)}} for m in models]
    found = {**spec, "models": told}
    if of_data:
        found["data"] = {**spec["data"], "source": f"{kind}:{short.get(of_data, of_data)}"}
    return found, True


def _ends(paths: Iterable[str]) -> dict[str, str]:
    """The shortest end of each path, from one part on, that is no other's."""
    parts = {p: Path(p).parts[1:] for p in paths}
    found = {}
    for path, own in parts.items():
        others = [o for p, o in parts.items() if p != path]
        length = next((n for n in range(1, len(own) + 1) if all(o[-n:] != own[-n:] for o in others)), len(own))
        found[path] = "/".join(own[-length:])
    return found
