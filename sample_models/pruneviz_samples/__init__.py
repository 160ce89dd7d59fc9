"""Small trained models, data and studies that ship, found as package resources."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def path(*parts: str) -> Path:
    """Where a shipped file or folder lies, in a wheel and in an editable checkout alike.

    Args:
        parts: below the package, such as ``path("data", "fashion.npz")``; it need not exist.
    """
    return Path(str(files(__name__).joinpath(*parts)))
