from __future__ import annotations

import importlib.util
from pathlib import Path

from pruneviz.pruning import RECIPES
from pruneviz.pruning.needs import KINDS, cost_of, read_need, write_need
from pruneviz.pruning.statistics import _GATHER

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_the_catalogue_says() -> None:
    spec = importlib.util.spec_from_file_location("build_methods", DOCS / "build_methods.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = (DOCS / "methods.md").read_text(encoding="utf-8")
    assert written == script.page(), "docs/methods.md is out of date: run `python docs/build_methods.py`"
    assert all(f"\n### {name}\n" in written for name in RECIPES)


def test_every_kind_of_statistic_can_be_gathered_and_says_what_it_costs() -> None:
    assert KINDS.keys() - {"earlier"} == _GATHER.keys()  # earlier weights are kept by the dense training
    for recipe in RECIPES.values():
        for need in recipe.needs:
            kind, options = read_need(need)
            assert write_need(kind, **options) == need
            assert "pass" in cost_of(need)
            assert "{" not in recipe.cost


def test_costs_are_told_in_passes() -> None:
    assert RECIPES["magnitude"].cost == "no pass over data"
    assert RECIPES["synflow"].cost == (
        "1 forward and 1 backward pass of one image of ones, no data, in each of 100 rounds"
    )
    assert RECIPES["iterative-magnitude"].cost == "no pass over data"
    assert RECIPES["lrp"].cost == "1 forward and 1 backward pass over 10 images of each class"
