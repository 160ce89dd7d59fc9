"""What may be said of a correlation, never more."""

from __future__ import annotations

from pruneviz.measures.rank_correlation import CEILING_LEAST
from pruneviz.measures.statistics import Interval

ALPHA = 0.05
TOO_FEW = "too few sets to rank"
ALIKE = "nothing to rank, all are alike"
NOT_MEASURABLE = "not measurable here"
NOT_TESTED = "not tested"
NONE = "none detected"
FOUND = "detected"
PARTLY = "detected in some dense models"
AGAINST = "detected, against expectation"


def verdict(
    over: Interval | None, enough: bool, ceiling: float, found: int, against: int, tested: int, expected: int
) -> str:
    """What may be said of τ.

    Args:
        over: τ over dense models; None where there is no τ at all.
        enough: whether there is something to rank: else that is why.
        ceiling: the noise ceiling; NaN where it is not known, which lets everything pass.
        found, against: dense models with a significant τ of the expected sign, and of the other.
        tested: dense models that were tested.
        expected: the sign that τ has if what is small before is good after.

    Returns:
        One of the constants above. With an interval over dense models that decides; without, the tests within them.
    """
    if over is None:
        return ALIKE if enough else TOO_FEW
    if ceiling < CEILING_LEAST:
        return NOT_MEASURABLE
    if over.shown:
        ends = sorted((over.low * expected, over.high * expected))
        return FOUND if ends[0] > 0 else AGAINST if ends[1] < 0 else NONE
    if not tested:
        return NOT_TESTED
    if found == tested or against == tested:
        return FOUND if found else AGAINST
    return PARTLY if found or against else NONE
