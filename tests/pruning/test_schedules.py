from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import pruning_slow

from pruneviz.core.errors import SpecError
from pruneviz.core.quantities import Target
from pruneviz.pruning.schedules import Gradual, Iterative, OneShot, Rounds


def removed(levels: tuple[Target, ...]) -> list[float]:
    return [t.removed for t in levels]


def test_one_shot_is_the_target() -> None:
    assert OneShot().levels(Target("macs", 0.4)) == (Target("macs", 0.4),)


def test_exponential_levels_keep_the_same_fraction_of_what_remains() -> None:
    levels = Iterative(4).levels(Target("sparsity", 0.9))
    assert removed(levels) == pytest.approx([1 - 0.1 ** (i / 4) for i in (1, 2, 3, 4)])
    assert levels[-1] == Target("sparsity", 0.9)


def test_linear_levels_remove_the_same_amount() -> None:
    assert removed(Iterative(3, "linear").levels(Target("sparsity", 0.9))) == pytest.approx([0.3, 0.6, 0.9])


def test_levels_of_kept_fractions_keep_their_kind() -> None:
    levels = Iterative(2).levels(Target("parameters", 0.01))
    assert [t.kind for t in levels] == ["parameters"] * 2
    assert [t.value for t in levels] == pytest.approx([0.1, 0.01])


def test_rounds_follow_their_own_rate() -> None:
    levels = Rounds(0.2, 3).levels(Target("sparsity", 0.5))
    assert [t.value for t in levels] == pytest.approx([0.2, 0.36, 0.488])


@given(st.floats(0, 1), st.floats(0, 0.4), st.floats(0.5, 1), st.floats(0, 0.99))
def test_cubic_curve(t: float, begin: float, end: float, final: float) -> None:
    found = Gradual(begin, end).removed_at(t, final, 0.0)
    assert found == pytest.approx(pruning_slow.cubic(t, begin, end, 0.0, final), abs=1e-12)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(SpecError, match="begin before end"):
        Gradual(0.5, 0.5)
