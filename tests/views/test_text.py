from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.views import text


@given(st.text(max_size=60), st.integers(1, 30))
def test_elided_names_fit_and_keep_their_ends(name: str, most: int) -> None:
    shown = text.elide(name, most)
    assert len(shown) <= max(most, 1)
    if len(name) <= most:
        assert shown == name
    elif most > 1:
        assert "…" in shown


@given(st.text(max_size=60))
def test_plain_names_are_one_line_without_what_browsers_interpret(name: str) -> None:
    shown = text.plain(name)
    assert not set(shown) & set("\n\r\t\u202e\u200b\x00")
    for delimiter in ("$$", r"\(", r"\["):
        assert delimiter not in shown
    assert text.plain(shown).replace("\u2060", "") == shown.replace("\u2060", "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-1.5, "−1.5"),
        (1234.5, "1,234"),
        (0.01234, "0.0123"),
        (2.0, "2"),
        (float("nan"), "–"),
        (3e7, "3.00e+07"),
    ],
)
def test_numbers(value: float, shown: str) -> None:
    assert text.number(value) == shown


def test_units_are_those_that_people_read() -> None:
    assert text.count(44_426).replace(text.NBSP, " ") == "44.4 k"
    assert text.count(999.6).replace(text.NBSP, " ") == "1 k"
    assert text.count(12, "B").replace(text.NBSP, " ") == "12 B"
    assert text.duration(0.00042).replace(text.NBSP, " ") == "420 µs"
    assert text.percent(0.9134).replace(text.NBSP, " ") == "91.3 %"
    assert text.short_percent(0.995).replace(text.NBSP, " ") == "99.5 %"


@pytest.mark.parametrize(("fraction", "shown"), [(0.012, "+1.2"), (-0.012, "−1.2"), (0.0001, "0.0"), (-0.0001, "0.0")])
def test_differences_have_a_sign_and_zero_has_none(fraction: float, shown: str) -> None:
    assert text.points(fraction) == shown


def test_words() -> None:
    assert [text.several(n, "run") for n in (0, 1, 1200)] == ["no runs", "1 run", "1,200 runs"]
    assert text.listed(["a"]) == "a"
    assert text.listed(["a", "b", "c"]) == "a, b and c"
    assert text.listed([]) == ""


def test_methods_are_as_short_as_tells_them_apart() -> None:
    from pruneviz.views.runs import short

    assert short(["none", "finetune(epochs=1, lr=0.02)"]) == {
        "none": "none",
        "finetune(epochs=1, lr=0.02)": "finetune",
    }
    names = ["magnitude", "magnitude(allocation=uniform)", "magnitude(allocation=uniform, unit=channel)", "snip(x=1)"]
    assert list(short(names).values()) == ["magnitude", "magnitude (uniform)", "magnitude (uniform, channel)", "snip"]
    given = [
        "my(net)",
        "wanda (mine)",
        "<b>alert(1)</b>",
        "l1(50%) again",
    ]  # models of a comparison, called so by people
    assert list(short(given).values()) == given
    assert short(["custom(mine)"]) == {"custom(mine)": "custom"}
    same = ["a(x=1)", "a(y=1)"]
    assert list(short(same)) == list(short(same).values())


def test_means_are_over_as_many_as_they_say() -> None:
    assert text.how_many([6, 6]) == "n = 6"
    assert text.how_many([6, 4, 5]) == "n = 4 to 6"
    assert text.how_many([]) == "n = 0"
