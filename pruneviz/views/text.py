"""How numbers and names read, everywhere the same."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable

NBSP = "\u00a0"
MINUS = "\u2212"
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def plain(name: object) -> str:
    """A foreign name as one line of harmless text.

    Control and text-direction characters go; the delimiters by which browsers' libraries recognise TeX are broken up,
    since a name must be shown and not typeset.
    """
    if (whole := str(name)).isascii() and whole.isprintable() and not set(whole) & set("$\\") and "  " not in whole:
        return whole.strip()  # almost every name, and pictures ask for thousands
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in str(name))
    return re.sub(r"\$\$|\\\[|\\\(", lambda m: m[0][0] + "\u2060" + m[0][1], " ".join(text.split()))


def elide(name: str, most: int) -> str:
    """A name of at most ``most`` characters, shortened in its middle, where names differ least."""
    if len(name) <= most:
        return name
    head = (most - 1) // 2
    tail = most - 1 - head
    return f"{name[:head].rstrip()}…{name[len(name) - tail :].lstrip()}" if tail else f"{name[:head]}…"


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, without exponents where people do without, with a true minus."""
    if not math.isfinite(value):
        return "–"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    decimals = digits if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", MINUS)


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction as ``91.3 %``."""
    return f"{fraction * 100:.{digits}f}{NBSP}%".replace("-", MINUS) if math.isfinite(fraction) else "–"


def how_many(counts: Iterable[int]) -> str:
    """What means are over: ``n = 6``, or ``n = 4 to 6`` where some of a picture's have fewer; none is ``n = 0``."""
    known = sorted({int(count) for count in counts}) or [0]
    return f"n = {known[0]}" if len(known) == 1 else f"n = {known[0]} to {known[-1]}"


def short_percent(fraction: float) -> str:
    """A fraction as a percentage with no more digits than it needs: ``90 %``, ``99.5 %``."""
    return f"{number(fraction * 100, 4)}{NBSP}%"


def points(fraction: float, digits: int = 1) -> str:
    """A difference of fractions in percentage points, with its sign, without the word."""
    if not math.isfinite(fraction):
        return "–"
    text = f"{abs(fraction) * 100:.{digits}f}"
    sign = "" if float(text) == 0 else "+" if fraction > 0 else MINUS
    return sign + text


def count(value: float, unit: str = "") -> str:
    """A count with an SI prefix: ``44.4 k``, ``1.2 M``; small counts as they are."""
    if not math.isfinite(value):
        return "–"
    for size, prefix in _PREFIXES:
        if abs(value) >= 0.9995 * size:
            return f"{number(value / size)}{NBSP}{prefix}{unit}"
    return f"{number(value)}{NBSP}{unit}".rstrip(NBSP)


def duration(seconds: float) -> str:
    """A duration in the unit that suits it."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size or unit == "µs":
            return f"{number(seconds / size)}{NBSP}{unit}"
    return "–"


def several(count: int, one: str, many: str = "") -> str:
    """``1 run``, ``3 runs``, ``no runs``."""
    return f"{format(count, ',') if count else 'no'} {one if count == 1 else many or one + 's'}"


def listed(names: Iterable[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *front, end = list(names) or [""]
    return f"{', '.join(front)} {last} {end}" if front else end
