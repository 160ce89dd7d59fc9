"""Signature experiments: for each method, whether the effect its paper claims shows on small models and data.

``make science ARGS="-k test_signature"`` runs all of them (under an hour of one core), ``-k NAME`` one; what is in
``runs/signatures`` already is not done again. Each outcome is written to
``sample_models/pruneviz_samples/signatures.csv``, to be committed; `python docs/build_methods.py` puts it on the
methods' page.
"""

from __future__ import annotations

import csv
import math

import pytest
from science import signatures
from science.experiment import conditions, keep

from pruneviz.pruning import RECIPES
from pruneviz.signatures import path, read
from pruneviz.training.recoveries import RECOVERIES

EXPERIMENTS = signatures.found()
COMMITTED = {s.name: s for s in read(path())}


@pytest.mark.science
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_signature(name: str) -> None:
    """An effect may be absent; what was committed, though, must come out again."""
    found = EXPERIMENTS[name].run()
    keep(found, path())
    before = COMMITTED.get(name)
    assert before is None or found.verdict == before.verdict, f"was: {before.sentence}\nis: {found.sentence}"


def test_committed_outcomes_are_those_of_the_experiments() -> None:
    assert COMMITTED.keys() <= EXPERIMENTS.keys()
    for name, kept in COMMITTED.items():
        assert repr(kept) == repr(EXPERIMENTS[name].outcome(kept.values))  # as text, where NaN is NaN
    with path().open(encoding="utf-8", newline="") as f:
        assert {r["name"]: r["verdict"] for r in csv.DictReader(f)} == {n: s.verdict for n, s in COMMITTED.items()}


def test_experiments_are_of_methods_that_there_are() -> None:
    for name, e in EXPERIMENTS.items():
        assert set(e.methods) <= {*RECIPES, *RECOVERIES}, name
        assert e.methods
        assert name.islower()
        assert e.above > -math.inf or e.below < math.inf
        assert e.claim.endswith(".")
        assert conditions(e.spec)
