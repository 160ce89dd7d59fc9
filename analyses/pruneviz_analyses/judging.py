"""Differences that findings choose from, judged together, and the words for what is left of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pruneviz.measures.families import Judged
from pruneviz.measures.statistics import POINTS_BELOW, Interval


def question(key: tuple[str, ...]) -> tuple[str, ...]:
    """What a comparison asks, of keys that begin with the arm: the same of other arms is the same question."""
    return key[1:]


def interval_of(row: Mapping[Any, Any], name: str, level: float, beside: str = "", ends: str = "") -> Interval:
    """The interval of a difference, as an arm's row holds it.

    Args:
        row: with ``runs`` and ``dense_models``.
        name: the difference's column; its ends are ``<name>_low`` and ``<name>_high``.
        level: of the interval.
        beside: the column that counts the runs with something to compare with; where some have nothing, how many
            dense models are left is not kept, and the fewest that give an interval are taken: that errs on the safe
            side, since the tails of Student's t are heavier then.
        ends: what the columns of the ends begin with, where that is not the name.
    """
    whole = not beside or _number(row[beside]) == _number(row["runs"])
    n = int(row["dense_models"]) if whole else POINTS_BELOW
    low, high = (_number(row[f"{ends or name}_{end}"]) for end in ("low", "high"))
    return Interval(_number(row[name]), low, high, level, n, f"{n} dense models")


def doubt(j: Judged) -> str:
    """What stands after the ends of an interval: nothing where its difference is found."""
    if j.sign:
        return ""
    return f", by itself alone, not among {j.among}" if j.alone else ", none detected"


def verdict(j: Judged, more: str, less: str) -> str:
    """The word for a difference that is found, or that there is none, or none but by itself."""
    if j.sign:
        return more if j.sign > 0 else less
    return f"a difference by itself alone, not among {j.among}" if j.alone else "no difference detected"


def among(judged: Mapping[Any, Judged], level: float, what: str = "comparison") -> Iterator[str]:
    """The sentence that says what the others are judged by; nothing where there is one comparison or none.

    Args:
        judged: of one family, or of several whose keys end in their question.
        level: of the intervals.
        what: one comparison in words, the first of which has a plural in s.
    """
    number, sizes = len(judged), sorted({j.among for j in judged.values()})
    if number < 2:
        return
    each = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    apart = f", those that ask the same at a time ({each} each)" if sizes[0] < number else ""
    yield (
        f"Judged together: {number:,} {_plural(what)}{apart}. Each interval holds at {100 * level:g} % alone; a "
        "difference is said to be there only where Holm's correction for the number judged together leaves it."
    )


def _plural(what: str) -> str:
    """The first word in the plural: ``layers against random pruning``."""
    first, *rest = what.split(" ")
    return " ".join((f"{first}s", *rest))


def _number(value: Any) -> float:
    return math.nan if value is None or str(value) in ("<NA>", "nan") else float(value)
