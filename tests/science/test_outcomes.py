"""What experiments come to, what may be said of it, and where it is shown."""

from __future__ import annotations

import dataclasses
import math
from html import escape

import pytest
from science.bases import DIGITS, study
from science.experiment import Experiment, keep
from science.finished import beyond_random

from pruneviz.pruning import RECIPES, describe
from pruneviz.signatures import CONTRADICTS, NONE, SHOWS, UNRESOLVED, read, verdict, write
from pruneviz_apps import cli
from pruneviz_apps.explorer.methods_page import in_full


@pytest.mark.parametrize(
    ("low", "high", "above", "below", "said"),
    [
        (0.1, 2, 0, math.inf, SHOWS),
        (-0.1, 2, 0, math.inf, UNRESOLVED),
        (-2, -0.1, 0, math.inf, CONTRADICTS),
        (0, 0, 0, math.inf, CONTRADICTS),
        (-0.4, 0.3, -0.5, 0.5, SHOWS),
        (-0.4, 0.6, -0.5, 0.5, UNRESOLVED),
        (0.5, 0.9, -0.5, 0.5, CONTRADICTS),
        (math.nan, math.nan, 0, math.inf, UNRESOLVED),
    ],
)
def test_a_verdict_is_never_stronger_than_the_interval(low, high, above, below, said) -> None:
    assert verdict(low, high, above, below) == said


_TICKET = {"name": "lottery-ticket", "schedule": {"name": "rounds", "rate": 0.9, "rounds": 1}}
_LIKE = Experiment(
    name="lottery-beyond-chance",
    methods=("lottery-ticket",),
    claim="Tickets found by magnitude train better than tickets found by chance.",
    source="a test",
    quantity="test accuracy minus that of random tickets of the same sizes",
    unit="points",
    above=0,
    study=study(
        {**DIGITS, "model": {**DIGITS["model"], "replicates": 1}, "train": {**DIGITS["train"], "epochs": 2}},
        [_TICKET],
        [0.9],
        controls=True,
    ),
    measure=beyond_random(_TICKET),
)


def test_few_models_give_points_many_an_interval_and_facts_a_range() -> None:
    few = _LIKE.outcome([3.0, 1.0, 2.0])
    assert (few.estimate, few.verdict, few.varied) == (2.0, UNRESOLVED, "3 dense models")
    assert "points only: 3, 1, 2" in few.sentence
    many = _LIKE.outcome([3.0, 1.0, 2.0, 3.0, 2.0, 1.0])
    assert many.verdict == SHOWS
    assert many.low == pytest.approx(2 - 2.570582 * math.sqrt(0.8 / 6), rel=1e-5)
    fact = dataclasses.replace(_LIKE, exact=True, unit="layers").outcome([2, 2])
    assert (fact.low, fact.high, fact.verdict) == (2, 2, SHOWS)
    assert "claimed above 0, found 2 layers (on each of 2 models)" in fact.sentence


def test_from_a_claim_to_the_file_and_the_catalogue(tmp_path, monkeypatch, capsys) -> None:
    found = _LIKE.run(tmp_path / "store")
    assert len(found.values) == 1
    assert found.values[0] != 0
    assert found.verdict == UNRESOLVED
    assert "perceptron × 1; sample:digits; trained for 2 epochs at 0.05; removed 0.9" in found.conditions
    file = tmp_path / "signatures.csv"
    write(file, {found.name: found})
    keep(dataclasses.replace(found, name="another", methods=("snip", "grasp")), file)
    one, other = read(file)
    assert (one.name, other.name) == ("another", found.name)
    assert repr(other) == repr(found)
    monkeypatch.setattr("pruneviz.signatures._shipped", lambda: read(file))
    assert describe(RECIPES["lottery-ticket"])["signature"] == {found.name: found.sentence}
    assert escape(found.sentence) in in_full("lottery-ticket")
    assert NONE in in_full("obd")
    for method, words in (("lottery-ticket", found.sentence), ("obd", NONE)):
        assert cli.main(["methods", method]) == 0
        assert words in capsys.readouterr().out
