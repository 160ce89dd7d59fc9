"""Content keys: equal exactly where things are equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.core.keys import KEY_LENGTH, bytes_digest, canonical, digest, file_digest, is_finite_number
from pruneviz.core.spec import TrainSpec

PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


@given(PLAIN, PLAIN)
def test_equal_text_means_equal_values(a: object, b: object) -> None:
    assert (digest(a) == digest(b)) == (canonical(a) == canonical(b))
    assert len(digest(a)) == KEY_LENGTH


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=5))
def test_order_of_keys_does_not_matter(table: dict[str, int]) -> None:
    assert digest(table) == digest(dict(reversed(list(table.items()))))


def test_every_field_counts_defaults_included() -> None:
    base = TrainSpec()
    for name, value in {"epochs": 11, "lr": 0.06, "nesterov": True, "milestones": (0.5,), "schedule": "linear"}.items():
        assert digest(replace(base, **{name: value})) != digest(base), name
    assert all(f'"{name}":' in canonical(base) for name in TrainSpec.__dataclass_fields__)


def test_types_count() -> None:
    assert len({digest(v) for v in (1, 1.0, "1", True, [1])}) == 5


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, float("-inf")]])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest(value)


def test_pieces_of_bytes_are_not_run_together() -> None:
    assert bytes_digest(b"ab", b"c") != bytes_digest(b"a", b"bc") != bytes_digest(b"abc")


def test_file_digest_is_of_the_content(tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in "abc")
    a.write_bytes(b"x" * (1 << 20) + b"y")
    b.write_bytes(b"x" * (1 << 20) + b"y")
    c.write_bytes(b"x" * (1 << 20) + b"z")
    assert file_digest(a) == file_digest(b) != file_digest(c)


def test_finite_numbers() -> None:
    assert is_finite_number(1)
    assert is_finite_number(-0.5)
    assert not any(map(is_finite_number, (True, None, "1", float("nan"), float("inf"))))
