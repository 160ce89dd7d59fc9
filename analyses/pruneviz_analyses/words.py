"""How numbers read in findings: with plain spaces, since findings are searched and quoted."""

from __future__ import annotations


def counted(n: int, what: str) -> str:
    """``1 run``, ``3 runs``."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def partly(some: int, of: int) -> str:
    """`` in 3 of these 6 runs``, where fewer runs have what is told of; nothing where all have."""
    return f" in {some:,} of these {counted(of, 'run')}" if some < of else ""


def percent(share: float) -> str:
    """A share as ``91.3 %``."""
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}".replace("-", "−")  # adding 0 turns −0.0 into +0.0
