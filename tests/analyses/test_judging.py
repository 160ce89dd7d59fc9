"""Findings of every analysis choose among differences by the same rule and in the same words."""

from __future__ import annotations

import numpy as np
import pytest

from pruneviz.measures.families import Judged, judge
from pruneviz.measures.statistics import POINTS_BELOW, t_interval
from pruneviz_analyses.judging import among, doubt, interval_of, verdict

FOUND, ALONE, NONE = Judged(-1, False, 0.001, 9), Judged(0, True, 0.2, 9), Judged(0, False, 1.0, 9)


def row(values, **more):
    got = t_interval(values)
    ends = {"change": got.mean, "change_low": got.low, "change_high": got.high}
    return {"runs": 8, "dense_models": len(values), **ends, **more}


def test_words_for_what_is_found_for_what_is_not_and_for_what_is_by_itself_alone():
    assert (doubt(FOUND), verdict(FOUND, "more", "less")) == ("", "less")
    assert doubt(ALONE) == ", by itself alone, not among 9"
    assert verdict(ALONE, "more", "less") == "a difference by itself alone, not among 9"
    assert (doubt(NONE), verdict(NONE, "more", "less")) == (", none detected", "no difference detected")


def test_the_last_sentence_says_how_many_were_judged_and_is_left_out_for_one():
    assert list(among({1: FOUND}, 0.95)) == []
    (said,) = among(dict.fromkeys(range(9), NONE), 0.9, "layer against random pruning")
    assert said.startswith("Judged together: 9 layers against random pruning. Each interval holds at 90 % alone;")
    apart = {("a", k): Judged(0, False, 1.0, n) for n in (2, 3) for k in range(n)}
    (said,) = among(apart | {("b", 0): Judged(0, False, 1.0, 2)}, 0.95)
    assert "comparisons, those that ask the same at a time (2 to 3 each). Each" in said


def test_an_interval_read_back_from_a_row_says_what_it_said_when_it_was_made():
    values = np.random.default_rng(0).normal(0.9, 1, 8)
    made, read = t_interval(values), interval_of(row(values), "change", 0.95)
    assert (read.mean, read.low, read.high, read.p) == pytest.approx((made.mean, made.low, made.high, made.p))
    assert not interval_of({"runs": 2, "dense_models": 2, "change": 0.1, "change_low": None, "change_high": None},
                           "change", 0.95).shown  # fmt: skip


@pytest.mark.parametrize("models", [6, 8, 20])
def test_where_some_runs_have_nothing_beside_them_the_p_is_rather_too_large(models):
    values = np.random.default_rng(1).normal(1.2, 1, models)
    whole = interval_of(row(values, beside=8), "change", 0.95, "beside")
    some = interval_of(row(values, beside=7), "change", 0.95, "beside")
    assert (whole.n, some.n) == (models, POINTS_BELOW)
    assert whole.p < some.p < 0.05
    assert judge({0: some})[0].sign == 1
