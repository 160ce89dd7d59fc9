"""What may be said of a correlation, never more."""

from __future__ import annotations

from pruneviz.measures.families import Judged
from pruneviz.measures.rank_correlation import CEILING_LEAST

ALPHA = 0.05
TOO_FEW = "too few sets to rank"
ALIKE = "nothing to rank, all are alike"
NOT_MEASURABLE = "not measurable here"
NOT_TESTED = "not tested"
NONE = "none detected"
ALONE = "not detected after correction"
FOUND = "detected"
PARTLY = "detected in some dense models"
AGAINST = "detected, against expectation"


def verdict(
    known: bool,
    enough: bool,
    ceiling: float,
    found: int,
    against: int,
    tested: int,
    expected: int,
    over: Judged | None = None,
) -> str:
    """What may be said of τ.

    Args:
        known: whether there is a τ at all.
        enough: whether there is something to rank: else that is why.
        ceiling: the noise ceiling; NaN where it is not known, which lets everything pass.
        found, against: dense models with a significant τ of the expected sign, and of the other.
        tested: dense models that were tested.
        expected: the sign that τ has if what is small before is good after.
        over: τ over dense models, judged among those of the other cells; None where it has no interval.

    Returns:
        One of the constants above. With an interval over dense models that decides; without, the tests within them.
    """
    if not known:
        return ALIKE if enough else TOO_FEW
    if ceiling < CEILING_LEAST:
        return NOT_MEASURABLE
    if over is not None:
        return {expected: FOUND, -expected: AGAINST, 0: ALONE if over.alone else NONE}[over.sign]
    if not tested:
        return NOT_TESTED
    if found == tested or against == tested:
        return FOUND if found else AGAINST
    return PARTLY if found or against else NONE
