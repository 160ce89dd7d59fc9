"""What the pages Methods and Prune say, without a browser."""

from __future__ import annotations

import subprocess
import sys

import pytest
from synthetic import SyntheticTables

from pruneviz.core.errors import SpecError
from pruneviz.core.viewstate import ViewState
from pruneviz.pruning import RECIPES
from pruneviz_apps.explorer import wishes
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.methods_page import FACETS, catalogue, filtered, in_full
from pruneviz_apps.explorer.prune_page import PrunePage
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.jobs import Job


def test_every_method_is_listed_filtered_and_told_without_torch() -> None:
    every = catalogue()
    assert list(every["method"]) == list(RECIPES)
    assert not every.isna().any().any()
    channels = filtered(every, {"what": ["channel"], "needs": ["activations"]}, "")
    expected = [n for n, r in RECIPES.items() if r.unit == "channel" and r.needs == {"activations"}]
    assert list(channels["method"]) == expected != []
    assert "snip" in list(filtered(every, {}, "Sensitive connections")["method"])
    assert {column for column, _, _ in FACETS} <= set(every.columns)
    told = in_full("taylor")
    for words in ("E|w", "abs-of-mean", "ICLR", "1 forward and 1 backward pass", "random control: random"):
        assert words in told
    program = "import sys, pruneviz_apps.explorer.methods_page as m; m.catalogue(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_written_becomes_what_a_study_file_has() -> None:
    assert wishes.targets("0.8, 90%, 20x, macs=0.5") == [0.8, "90%", "20x", {"macs": 0.5}]
    with pytest.raises(SpecError, match="how much to remove"):
        wishes.targets(" , ")
    parts = wishes.parts_of("taylor")
    assert parts["allocation"]["default"] == "global"
    assert "uniform" in parts["allocation"]["choices"]


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_method_can_be_offered(name: str) -> None:
    wishes.parts_of(name)
    assert list(wishes.about(wishes.recipe_told(name, {})))


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (Job("starting", "x"), "reading models"),
        (
            Job("running", "x", done=3, total=9, title="train y", seconds_left=65.0),
            "3 of 9 steps, about 1 min 5 s left",
        ),
        (Job("done", "x", began=1.0, ended=4.0, made=2, failures=("a: b",)), "2 steps in 3.0 s. 1 step failed."),
        (Job("cancelled", "x", done=1, total=2), "1 of 2 steps were made and are kept"),
        (Job("lost", "x"), "has ended without a word"),
        (Job("failed", "x", reason="No disk."), "x could not be run: No disk."),
    ],
)
def test_how_a_job_stands_is_a_sentence(job: Job, words: str) -> None:
    assert words in wishes.told(job)


def test_where_nothing_can_be_pruned_the_page_says_why() -> None:
    page = PrunePage(Session(CachedTables(SyntheticTables(samples=50)), ViewState(page="prune", method="snip")))
    page.show()
    assert page.method.value == "snip"
    assert "not in a store" in page.hindered.object
    assert page.work.ask.disabled
    assert page.work.go.disabled
    assert "sensitive" in page.said.object
