"""``pruneviz fetch``: public data from their home."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

TELL_EVERY = 2.0  # seconds between two lines of progress


def fetch(arguments: argparse.Namespace) -> int:
    """Download, check the digests, and print where the data are."""
    from pruneviz import data
    from pruneviz.progress import size

    last = 0.0

    def progress(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_EVERY:
            last = time.monotonic()
            of = f" of {size(total)}" if total else ""
            print(f"{arguments.entry}: {size(done)}{of}", file=sys.stderr, flush=True)

    folder = data.fetch(arguments.entry, Path(arguments.to), progress)
    print(folder)
    return 0
