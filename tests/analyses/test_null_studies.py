"""Whole analyses on simulated studies in which there is nothing to find: what their sentences say they found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from looked import Looked, checked, cut_off, layered

from pruneviz_analyses.effective_sparsity import EffectiveSparsity
from pruneviz_analyses.layer_sensitivity import LayerSensitivity
from pruneviz_analyses.layer_sensitivity import schemas as layer_sensitivity
from pruneviz_analyses.mask_checks import MaskChecks
from pruneviz_analyses.similarity import Similarity

STUDIES = 40


def no_layer_is_better(seed: int) -> Looked:
    """Eight layers, in which the method and random pruning hurt each dense model alike, but for noise."""
    rng, found, rows = np.random.default_rng(seed), Looked(), []
    for d in range(6):
        found.add(f"d{d}")
        for layer in range(8):
            hurt = 0.3 + 0.05 * rng.normal()
            for criterion in ("magnitude", "random"):
                for sparsity in (0.0, 0.5, 0.9):
                    fall = (hurt * sparsity + 0.02 * rng.normal()) if sparsity else 0.0
                    row = {"run_id": f"d{d}", "criterion": criterion, "unit": "weight", "layer": f"l{layer}"}
                    row |= {"index": layer, "sparsity": sparsity, "achieved": sparsity, "units": 100, "split": "val"}
                    rows.append({**row, "images": 50, "accuracy": 0.9 - fall, "loss": 1.0})
    return found.seen(layer_sensitivity.SEEN, rows)


def many_arms_cut_off_alike(seed: int) -> Looked:
    """Six targets, at each of which method and random pruning have as many weights cut off, but for chance."""
    rng, whole = np.random.default_rng(seed), Looked()
    for target in ("0.5", "0.6", "0.7", "0.8", "0.9", "0.95"):
        one = cut_off(models=6, cut=(30, 30), seed=int(rng.integers(1 << 30)))
        for row in one.rows:
            dense = row["method"] == "dense"
            renamed = {k: f"{row[k]}-{target}" for k in ("run_id", "control_run_id") if not dense and row.get(k)}
            if not dense or target == "0.5":
                whole.rows.append({**row, **renamed, **({} if dense else {"target": target})})
        frame = one.frames["effective_sparsity_seen"].assign(run_id=lambda f, t=target: f["run_id"] + f"-{t}")
        whole.frames.setdefault("effective_sparsity_seen", frame.iloc[:0])
        rows = [*whole.frames["effective_sparsity_seen"].to_dict("records"), *frame.to_dict("records")]
        whole.frames["effective_sparsity_seen"] = EffectiveSparsity.observed[0].frame(rows)
    return whole


@dataclass(frozen=True)
class Null:
    """An analysis, studies without an effect, the words by which it says that it found one, and its intervals."""

    analysis: object
    study: Callable[[int], Looked]
    found: str
    table: str
    ends: tuple[str, str]


NULLS = {
    "similarity": Null(
        Similarity(resamples=100),
        lambda seed: layered(models=6, seeds=1, fall=0.0, noise=0.05, seed=seed),
        r"(further from|nearer to) dense in",
        "similarity_arms",
        ("change_low", "change_high"),
    ),
    "mask_checks": Null(
        MaskChecks(resamples=100),
        lambda seed: checked(models=6, gap=0.0, seed=seed),
        r": (which units|the weights that|mask and weights|the destroyed one is better)",
        "mask_checks_arms",
        ("low", "high"),
    ),
    "layer_sensitivity": Null(
        LayerSensitivity(),
        no_layer_is_better,
        r"same layer, (less|more) in|; more in",
        "layer_sensitivity_layers",
        ("beyond_random_low", "beyond_random_high"),
    ),
    "effective_sparsity": Null(
        EffectiveSparsity(resamples=100, sentences=20),
        many_arms_cut_off_alike,
        r"as many: (more|less) \(",
        "effective_sparsity_arms",
        ("beyond_control_low", "beyond_control_high"),
    ),
}


def told(null: Null) -> Iterator[tuple[bool, bool]]:
    """Of each study, whether a sentence says that something is found, and whether any interval leaves out 0."""
    for seed in range(STUDIES):
        study = null.study(seed)
        frames = null.analysis.measure(study)
        said = null.analysis.findings(study, frames)
        low, high = (frames[null.table][end].to_numpy(float) for end in null.ends)
        yield any(re.search(null.found, s) for s in said), bool(((low > 0) | (high < 0)).any())


@pytest.mark.parametrize("name", NULLS)
def test_where_nothing_is_there_hardly_a_study_says_that_something_is_found(name):
    """At 5 % by family, 2 of 40 are expected; more than 6 come by chance once in 300 times."""
    found, alone = np.array(list(told(NULLS[name]))).sum(axis=0)
    assert found <= 6
    assert alone >= found
    if name in ("layer_sensitivity", "effective_sparsity"):  # with so many comparisons single intervals would say much
        assert alone > 6


def test_the_words_are_those_of_a_study_in_which_there_is_something():
    effects = {
        "similarity": layered(models=6, fall=0.3),
        "mask_checks": checked(models=6, gap=0.2),
        "effective_sparsity": cut_off(models=6, cut=(10, 60)),
    }
    for name, study in effects.items():
        assert any(re.search(NULLS[name].found, s) for s in study.said(NULLS[name].analysis)), name
