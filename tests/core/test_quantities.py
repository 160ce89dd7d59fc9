"""Targets: every way of writing one, and everything that is not one."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.core.errors import SpecError
from pruneviz.core.quantities import Target, count_removed, parse_target


@pytest.mark.parametrize(
    ("written", "target"),
    [
        (0, Target("sparsity", 0.0)),
        (0.9, Target("sparsity", 0.9)),
        ("0.9", Target("sparsity", 0.9)),
        (".9", Target("sparsity", 0.9)),
        ("90%", Target("sparsity", 0.9)),
        (" 90 % ", Target("sparsity", 0.9)),
        ("99.5%", Target("sparsity", 0.995)),
        ("20x", Target("parameters", 0.05)),
        ("20X", Target("parameters", 0.05)),
        ("1x", Target("parameters", 1.0)),
        ({"macs": 0.5}, Target("macs", 0.5)),
        ({"parameters": 0.1}, Target("parameters", 0.1)),
        ({"sparsity": "90%"}, Target("sparsity", 0.9)),
        (Target("macs", 0.5), Target("macs", 0.5)),
    ],
)
def test_ways_of_writing(written: Any, target: Target) -> None:
    assert parse_target(written, "x") == target


@pytest.mark.parametrize(
    "written",
    [
        90, 1, 1.0, -0.1, True, None, "", "abc", "100%", "-5%", "0.5x", "0x", "90", "1e-1", float("nan"), float("inf"),
        [], [0.5], {}, {"macs": 0}, {"macs": 1.5}, {"macs": True}, {"macs": 0.5, "parameters": 0.5}, {"flops": 0.5},
    ],
)  # fmt: skip
def test_refused(written: Any) -> None:
    with pytest.raises(SpecError, match=r"^here"):
        parse_target(written, "here")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (90, ["got 90", 'Write "90%" or 0.9 for 90 percent']),
        ("90", ["got '90'", 'Write "90%" or 0.9 for 90 percent']),
        (1.0, ["At 1 nothing would be left"]),
        ("110%", ["got '110%'", "At 100% nothing would be left"]),
        ("0.5x", ["got '0.5x'", "1x or more", '"2x" keeps half']),
        ("9" * 400 + "x", ["1x or more"]),
        ({"mac": 0.5}, ["got 'mac'", "Did you mean 'macs'"]),
        ({"macs": "50%"}, ["x macs: got '50%'", "in (0, 1]"]),
    ],
)
def test_the_remedy_follows_from_what_was_written(written: Any, words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        parse_target(written, "x")
    assert all(word in str(caught.value) for word in words), caught.value


@given(st.floats(0, 1, exclude_max=True))
def test_a_fraction_is_itself(value: float) -> None:
    assert parse_target(value, "x") == Target("sparsity", value)


@given(st.integers(0, 9999))
def test_percent_and_fraction_agree(hundredths: int) -> None:
    assert parse_target(f"{hundredths / 100}%", "x").value == pytest.approx(hundredths / 10000, abs=1e-12)


@given(st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans(), st.lists(st.integers(), max_size=2)))
def test_anything_gives_a_valid_target_or_a_spec_error(value: Any) -> None:
    try:
        target = parse_target(value, "x")
    except SpecError:
        return
    assert 0 <= target.removed < 1
    assert math.isfinite(target.value)


def test_labels_do_not_depend_on_the_way_of_writing() -> None:
    assert parse_target("90%", "x").label == parse_target(0.9, "x").label == "0.9"
    assert parse_target("20x", "x").label == parse_target({"parameters": 0.05}, "x").label == "20x"
    assert parse_target({"macs": 0.5}, "x").label == "macs=0.5"


@given(st.integers(0, 1000), st.integers(1, 10**6))
def test_counts_are_the_nearest_whole_number_halves_upwards(thousandths: int, total: int) -> None:
    exact = Fraction(thousandths, 1000) * total
    assert count_removed(thousandths / 1000, total) == math.floor(exact + Fraction(1, 2))


def test_count_where_floats_fall_short() -> None:
    assert 0.29 * 100 < 29
    assert count_removed(0.29, 100) == 29
