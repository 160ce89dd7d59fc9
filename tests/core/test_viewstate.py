from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.core.errors import SpecError
from pruneviz.core.selection import Column, Ids, Named, Range, Selection
from pruneviz.core.viewstate import MOST_ADDRESS, MOST_MODELS, ViewState

names = st.text(max_size=12)
rules = st.one_of(st.builds(Named, names), st.just(Range(Column("margin", "a" * 12), high=0.25)))
run_ids = st.text("0123456789abcdef", min_size=12, max_size=12)
states = st.builds(
    ViewState,
    page=st.sampled_from(["overview", "runs", "compare"]),
    models=st.lists(run_ids, max_size=MOST_MODELS).map(tuple),
    reference=st.one_of(st.just(""), run_ids),
    samples=st.lists(names, max_size=3).map(tuple),
    filters=st.dictionaries(st.sampled_from(["method", "model"]), st.lists(names, min_size=1, max_size=3).map(tuple)),
    log_x=st.booleans(),
    first_sample=st.integers(0, 50),
    theme=st.sampled_from(["light", "dark"]),
)


@given(states)
def test_plain_and_back(state: ViewState) -> None:
    assert ViewState.from_plain(json.loads(json.dumps(state.to_plain()))) == state


@given(states)
def test_address_and_back(state: ViewState) -> None:
    assert ViewState.from_query(state.to_query()) == state


@given(rules)
def test_a_selection_is_in_the_address_as_its_name_or_its_rule(rule) -> None:
    state = ViewState(selection=Selection("samples", rule))
    assert ViewState.from_plain(json.loads(json.dumps(state.to_plain()))) == state
    query = state.to_query()
    assert ViewState.from_query(query) == state
    assert ("selection=" in query) == isinstance(rule, Named)
    # The samples follow from the rule: they are not written beside it.
    assert replace(state, samples=("test:1",)).to_query() == query


def test_a_rule_too_long_for_an_address_stays_out_of_it() -> None:
    many = Selection("samples", Ids(tuple(f"test:{i}" for i in range(1000))))
    assert ViewState(page="compare", selection=many).to_query() == "?page=compare"


@pytest.mark.parametrize("text", ["{", "3", '{"of":"samples"}', "[" * 5000])
def test_an_address_with_a_broken_rule_says_so(text) -> None:
    with pytest.raises(SpecError, match="selection"):
        ViewState.from_query(f"select={text}")


def test_the_default_view_needs_no_query() -> None:
    assert ViewState().to_query() == ""
    assert ViewState.from_query("") == ViewState()


def test_a_long_selection_stays_out_of_the_address() -> None:
    state = ViewState(page="compare", samples=tuple(f"test:{i}" for i in range(5000)))
    assert len(state.to_query()) <= MOST_ADDRESS
    assert ViewState.from_query(state.to_query()) == replace(state, samples=())


def test_keys_of_others_are_left_alone() -> None:
    assert ViewState.from_query("?utm=1&page=runs") == ViewState(page="runs")


@pytest.mark.parametrize(
    "query", ["?theme=pink", "?log_x=maybe", "?first_sample=-1", "?first_sample=x", "?sample_metric=a"]
)
def test_values_that_are_not_allowed_are_named(query: str) -> None:
    with pytest.raises(SpecError, match="address"):
        ViewState.from_query(query)


def test_no_more_models_than_can_be_told_apart() -> None:
    ids = tuple(f"{i:012x}" for i in range(MOST_MODELS + 1))
    with pytest.raises(SpecError, match="at most 16"):
        ViewState(models=ids)
    assert ViewState(models=(*ids[:2], ids[0])).models == ids[:2]


def test_filters_are_one_value_however_they_were_made() -> None:
    a = ViewState().with_filter("method", ("snip",)).with_filter("model", ("x",))
    b = ViewState().with_filter("model", ("x",)).with_filter("method", ("snip",))
    assert a == b
    assert a.filter("method") == ("snip",)
    assert a.with_filter("method", ()).with_filter("model", ()) == ViewState()


def test_the_reference_is_not_compared_with_itself() -> None:
    assert ViewState(models=("a", "b"), reference="a").compared == ("b",)
