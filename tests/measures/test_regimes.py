"""Linear mode connectivity and the regimes: against the definitions, and their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from references import regimes_slow as slow

from pruneviz.measures.regimes import (
    ADVICE,
    APART,
    HOT,
    NEITHER,
    WELL,
    chosen,
    linear_mode_connectivity,
    normalised,
    regime,
)

share = st.floats(0, 1)
lines = st.lists(share, min_size=2, max_size=11)


@given(lines)
def test_it_agrees_with_the_definition(errors):
    found = linear_mode_connectivity(errors)
    value, place = slow.lmc(errors)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.place in (pytest.approx(place), *[i / (len(errors) - 1) for i in range(len(errors))])
    assert abs(found.value) >= max(abs((errors[0] + errors[-1]) / 2 - e) for e in errors) - 1e-12


def test_a_model_with_itself_is_level():
    assert linear_mode_connectivity([0.2] * 11) == linear_mode_connectivity([0.2, 0.2])
    assert linear_mode_connectivity([0.2] * 11).value == 0


@given(share, share, st.floats(0.001, 1), st.integers(1, 9))
def test_a_barrier_is_negative_and_as_high_as_it_stands_over_the_ends(start, end, height, at):
    middle = (start + end) / 2
    errors = np.linspace(start, end, 11)
    errors[at] = min(middle + height, 1.0)
    found = linear_mode_connectivity(errors)
    if errors[at] - middle > abs(start - end) / 2:
        assert found.value == pytest.approx(middle - errors[at])
        assert found.value < 0
        assert found.place == at / 10


@given(lines)
def test_the_way_the_line_is_walked_says_nothing(errors):
    there, back = linear_mode_connectivity(errors), linear_mode_connectivity(errors[::-1])
    assert abs(there.value) == pytest.approx(abs(back.value), abs=1e-12)


@pytest.mark.parametrize("errors", [[0.1], [], [0.1, 1.2], [0.1, math.nan]])
def test_what_is_no_line_is_refused(errors):
    with pytest.raises(ValueError, match="two places or more"):
        linear_mode_connectivity(errors)


def test_the_regimes_and_their_advice():
    def of(lmc, cka):
        return regime(lmc, cka, barrier=0.02, similar=0.9)

    assert [of(-0.1, 0.5), of(0.0, 0.5), of(0.0, 0.95), of(-0.1, 0.95)] == [APART, HOT, WELL, NEITHER]
    assert [of(-0.02, 0.9), of(-0.0200001, 0.8999)] == [WELL, APART]  # thresholds themselves are on the good side
    assert of(math.nan, 0.9) == of(0.1, math.nan) == ""
    assert [ADVICE[r] for r in (APART, HOT, WELL, NEITHER, "")] == ["raise", "lower", "stay", "", ""]


def test_errors_are_normalised_load_by_load():
    rng = np.random.default_rng(0)
    errors = rng.random((4, 6))
    errors[1, 2] = errors[0, 3] = np.nan
    errors[:, 4], errors[:, 5] = 0.5, np.nan
    given = [[None if math.isnan(v) else v for v in row] for row in errors]
    expected = [[math.nan if v is None else v for v in row] for row in slow.normalised(given)]
    np.testing.assert_allclose(normalised(errors), expected)
    assert np.isnan(normalised(errors)[:, 4]).all()  # nothing to tell apart


@given(arrays(np.float64, (3, 2), elements=st.floats(0, 0.125)), st.floats(0.1, 4), st.floats(0, 0.5))
def test_normalising_knows_no_scale(errors, scale, shift):
    errors = np.round(errors, 4)
    np.testing.assert_allclose(normalised(errors), normalised(scale * errors + shift), atol=1e-9)


def test_the_model_to_prune_is_chosen_without_any_error():
    assert chosen([-0.3, -0.01, 0.0, -0.01], [0.99, 0.9, 0.95, 0.95], barrier=0.02) == 2
    assert chosen([-0.3, -0.1, np.nan], [0.5, 0.4, 0.99], barrier=0.02) == 1  # all have barriers: the least
    assert chosen([np.nan], [0.9], barrier=0.02) is None
