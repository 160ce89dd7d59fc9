from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.core.errors import SpecError
from pruneviz.core.rule_reading import rule_from
from pruneviz.core.selection import (
    OUTCOMES,
    AllOf,
    AnyOf,
    Became,
    Column,
    Contains,
    Ids,
    Inside,
    Named,
    Not,
    Range,
    Selection,
    Values,
    walk,
)

texts = st.text(max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
columns = st.builds(Column, texts, texts, texts)
leaves = st.one_of(
    st.builds(Ids, st.lists(texts, max_size=3, unique=True).map(tuple)),
    st.builds(Values, columns, st.lists(texts, max_size=3, unique=True).map(tuple)),
    st.builds(Range, columns, st.none() | numbers, st.none() | numbers),
    st.builds(Contains, columns, texts),
    st.builds(Became, texts, texts, st.lists(st.sampled_from(OUTCOMES), unique=True).map(tuple)),
    st.builds(Inside, columns, columns, st.lists(st.tuples(numbers, numbers), min_size=3, max_size=5).map(tuple)),
    st.builds(Named, texts),
)
rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@given(rules)
def test_plain_and_back(rule):
    assert rule_from(json.loads(json.dumps(rule.to_plain()))) == rule
    selection = Selection("samples", rule)
    assert Selection.from_plain(json.loads(json.dumps(selection.to_plain()))) == selection


@given(rules)
def test_carried_to_other_models_and_back(rule):
    away = {r: f"other {i}" for i, r in enumerate(rule.runs)}
    carried = rule.carried(away)
    assert set(carried.runs) == set(away.values())
    assert carried.carried({v: k for k, v in away.items()}) == rule
    assert carried.names == rule.names


@given(rules)
def test_spelt_out_names_stand_for_what_is_saved(rule):
    hard = Range(Column("margin", "r1"), high=0.5)
    saved = {name: Selection("samples", hard) for name in rule.names}
    saved["of these rules"] = Selection("samples", ~rule)
    spelt = AllOf((Named("of these rules"), Named("not saved"))).spelt_out(saved)
    assert spelt == AllOf(((~rule).spelt_out(saved), Named("not saved")))
    assert spelt.names == ("not saved",)
    assert set(spelt.runs) == {*rule.runs, *(["r1"] if rule.names else [])}


def test_rules_are_combined_and_say_what_they_are():
    hard = Range(Column("margin", "r1"), high=0.5)
    flipped = Became("r1", "d0", ("right to wrong",))
    cats = Values(Column("label"), ("cat", "dog"))
    assert hard & flipped & cats == AllOf((hard, flipped, cats))
    assert (hard | flipped) | cats == AnyOf((hard, flipped, cats))
    assert ~~hard == hard
    assert (~(hard | cats) & flipped).text == (
        "not (margin of r1 ≤ 0.5 or label is cat or dog) and right to wrong from d0 to r1"
    )
    assert (hard & flipped).runs == ("r1", "d0")
    assert (Named("mine") & hard).names == ("mine",)
    assert Ids(("test:7",)).text == "test:7"
    assert Ids(("a", "b")).text == "2 chosen one by one"
    assert list(walk(~hard)) == [Not(hard), hard]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("margin", "a table of one of these forms"),
        ({}, "one of these forms"),
        ({"ids": "test:1"}, "ids: got 'test:1'; allowed: a list of texts"),
        ({"ids": [1]}, r"ids\[0\]: got 1; allowed: a text"),
        ({"column": "margin", "low": "0"}, "low: got '0'; allowed: a number"),
        ({"column": "margin", "low": float("nan")}, "allowed: a number"),
        ({"column": "margin", "hgih": 1}, "key: got 'hgih'"),
        ({"became": ["right to left"], "run": "a", "reference": "b"}, "right to left"),
        ({"inside": [[0, 0], [1, 1]], "x": {"column": "a"}, "y": {"column": "b"}}, "three corners or more"),
        ({"inside": [[0, 0], [1, 1], [1]], "x": {"column": "a"}, "y": {"column": "b"}}, r"inside\[2\]"),
        ({"inside": [[0, 0], [1, 1], [1, 0]], "x": {}, "y": {"column": "b"}}, "a column, such as"),
        ({"all": {"ids": []}}, "a list of rules"),
        ({"not": 3}, "not: got 3"),
    ],
)
def test_what_is_no_rule_is_named(value, words):
    with pytest.raises(SpecError, match=words):
        rule_from(value)


def test_an_address_cannot_ask_for_endless_rules():
    plain = {"ids": []}
    for _ in range(400):
        plain = {"not": plain}
    with pytest.raises(SpecError, match="at most 40 deep"):
        rule_from(plain)


@pytest.mark.parametrize("value", [3, {"of": "samples"}, {"of": "layers", "rule": {"ids": []}}])
def test_what_is_no_selection_is_named(value):
    with pytest.raises(SpecError, match="selection"):
        Selection.from_plain(value)


def test_selections_combine_as_their_rules_do() -> None:
    one, other = Selection("samples", Ids(("a",))), Selection("samples", Values(Column("label"), ("b",)))
    assert one & other == Selection("samples", one.rule & other.rule)
    assert one | other == Selection("samples", one.rule | other.rule)
    assert ~one == Selection("samples", Not(one.rule))
    for wrong in (Selection("runs", Ids(("a",))), "a"):
        with pytest.raises(SpecError, match="another selection of samples"):
            _ = one & wrong
