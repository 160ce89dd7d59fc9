"""Masks survive packing, and count what they remove."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pruneviz.core.masks import Mask

ARRAYS = st.dictionaries(
    st.text("abc.0", min_size=1, max_size=8),
    hnp.arrays(np.bool_, hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)),
    max_size=4,
)


@given(ARRAYS, ARRAYS)
def test_packing_keeps_every_entry_shape_and_name(kept: dict[str, np.ndarray], units: dict[str, np.ndarray]) -> None:
    mask = Mask.of(kept, units)
    back = Mask.unpack(mask.pack())
    assert back.same_as(mask)
    assert {k: a.shape for k, a in back.kept.items()} == {k: a.shape for k, a in kept.items()}
    assert back.units.keys() == units.keys()
    assert all(np.array_equal(back.units[k], a) for k, a in units.items())


@given(ARRAYS)
def test_removed_count(kept: dict[str, np.ndarray]) -> None:
    assert Mask.of(kept).removed_count == sum(1 for a in kept.values() for entry in a.flat if not entry)


def test_packed_bits_take_an_eighth() -> None:
    packed = Mask.of({"w": np.ones((100, 80), bool)}).pack()
    assert packed["mask|w"].nbytes == 1000


def test_same_as_sees_one_entry() -> None:
    kept = {"w": np.ones((3, 3), bool)}
    other = {"w": np.ones((3, 3), bool)}
    assert Mask.of(kept).same_as(Mask.of(other))
    other["w"][1, 2] = False
    assert not Mask.of(kept).same_as(Mask.of(other))
    assert not Mask.of(kept).same_as(Mask.of({}))


def test_anything_array_like_becomes_bool() -> None:
    mask = Mask.of({"w": [[1, 0], [0, 2]]})
    assert mask["w"].dtype == np.bool_
    assert mask["w"].tolist() == [[True, False], [False, True]]
    assert (list(mask), len(mask)) == (["w"], 1)
