"""``pruneviz fetch``: public data from their home."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def fetch(arguments: argparse.Namespace) -> int:
    """Download, check the digest, unpack, and say what to write in a study."""
    from pruneviz import data
    from pruneviz.progress import size

    last = -1

    def progress(done: int, total: int) -> None:
        nonlocal last
        tenth = 10 * done // total if total else 0
        if tenth != last:
            last = tenth
            print(f"{arguments.entry}: {size(done)} of {size(total)}", file=sys.stderr, flush=True)

    folder = data.fetch(arguments.entry, Path(arguments.to), progress)
    print(folder)
    return 0
