"""What methods need of the engine: weights that change at pruning, shared statistics, other people's code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pruneviz import pruning
from pruneviz.core.spec import study_from_plain
from pruneviz.models import build_fresh
from pruneviz.pruning.recipes import RECIPES
from pruneviz.pruning.scores import SCORES
from pruneviz.study import Result, run_study
from pruneviz.study.plan import plan
from pruneviz.study.store import Store
from pruneviz.study.tensors import load_mask, load_tensors


def run(table: dict[str, Any], store: Path) -> Result:
    return run_study(study_from_plain(table, "test"), store, executor="inline", device="cpu")


def test_changed_weights_are_kept_measured_and_trained_on(table: dict[str, Any], tmp_path: Path) -> None:
    table["prune"] |= {"methods": ["obs", {"name": "obs", "update": "none"}], "sparsities": [0.8], "controls": False}
    result = run(table, tmp_path / "s")
    runs = result.study.runs
    assert set(runs["status"]) == {"done"}, result.study.failed
    loss = runs[runs["recovery"] == "none"].set_index("method")["loss"]
    assert loss["obs"] < loss["obs(update=none)"]  # layers' outputs are closer to the dense model's

    spec = study_from_plain(table, "test")
    made, store = plan(spec), Store(tmp_path / "s")
    of = {(r.row["method"], r.row["recovery"]): r.state for r in made.runs.values()}
    state = of["obs", "none"]
    assert state.weights == state.mask
    weights = load_tensors(store.need(state.weights).path("weights.safetensors"))
    dense = load_tensors(store.need(state.dense).path("weights.safetensors"))
    mask = load_mask(store.need(state.mask).path("mask.safetensors"))
    for name, kept in mask.items():
        assert (weights[name][torch.from_numpy(~kept)] == 0).all()
    moved = [
        n for n in mask if not torch.equal(weights[n][torch.from_numpy(mask[n])], dense[n][torch.from_numpy(mask[n])])
    ]
    assert moved
    assert of["obs(update=none)", "none"].weights == state.dense
    trained = load_tensors(store.need(of["obs", "finetune(epochs=1)"].weights).path("weights.safetensors"))
    assert all((trained[n][torch.from_numpy(~kept)] == 0).all() for n, kept in mask.items())
    build_fresh(spec.models[0], 0).load_state_dict(trained)


def test_levels_start_from_what_the_level_before_has_changed(table: dict[str, Any], tmp_path: Path) -> None:
    table["prune"] |= {"methods": [{"name": "obs", "schedule": "iterative", "steps": 2}], "sparsities": [0.8]}
    table["recover"] = {"recoveries": ["none"]}
    result = run(table, tmp_path / "s")
    assert set(result.study.runs["status"]) == {"done"}, result.study.failed
    made = plan(study_from_plain(table, "test"))
    prunes = [s for s in made.steps.values() if s.kind == "prune" and s.context["recipe"].name == "obs"]
    assert len(prunes) == 2
    assert prunes[1].inputs["weights"] == prunes[1].inputs["mask"] == prunes[0].key


def test_scores_that_ask_for_the_same_share_one_pass(table: dict[str, Any]) -> None:
    names = ["taylor", "snip", "fisher", "obd", "taylor-2", "apoz", "activation-l1", "beta-rank", "obs", "obspa"]
    table["prune"] |= {"methods": names, "controls": False}
    table["recover"] = {"recoveries": ["none"]}
    steps = plan(study_from_plain(table, "test")).steps.values()
    assert sorted(s.params["need"] for s in steps if s.kind == "statistics") == ["activations", "gradients", "inputs"]


THEIRS = """
from dataclasses import dataclass
from typing import ClassVar
from pruneviz.pruning import Score, Scores, register_score

@register_score
@dataclass(frozen=True)
class Own(Score):
    name: ClassVar[str] = "own"
    summary: ClassVar[str] = "a test"

    def __call__(self, given):
        return Scores(given.weights, each=lambda w: w.abs())
"""


def test_a_score_of_the_users_is_keyed_by_its_file(
    table: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "own" not in RECIPES
    monkeypatch.syspath_prepend(str(tmp_path))
    keys = []
    for text in (THEIRS, THEIRS, THEIRS.replace("w.abs()", "-w.abs()  ")):
        monkeypatch.setattr(RECIPES, "_recipes", {n: r for n, r in RECIPES.items() if n != "own"})
        SCORES.pop("own", None)
        sys.modules.pop("their_score", None)
        (tmp_path / "their_score.py").write_text(text)
        __import__("their_score")
        table["prune"] |= {"methods": ["own"], "sparsities": [0.5]}
        steps = plan(study_from_plain(table, "test")).steps
        keys.append([k for k, s in steps.items() if s.kind == "prune" and s.context["recipe"].name == "own"])
    assert keys[0] == keys[1] != keys[2]
    runs = run(table, tmp_path / "s").study.runs
    assert (runs["method"] == "own").any()
    assert set(runs["status"]) == {"done"}
    SCORES.pop("own")
    sys.modules.pop("their_score")


def test_rounds_are_part_of_the_key_and_levels_are_not(table: dict[str, Any]) -> None:
    table["prune"] |= {"sparsities": [0.5], "controls": False}
    table["recover"] = {"recoveries": ["none"]}

    def prune_keys(*methods: Any) -> set[str]:
        table["prune"]["methods"] = list(methods)
        return {k for k, s in plan(study_from_plain(table, "test")).steps.items() if s.kind == "prune"}

    assert prune_keys("synflow") != prune_keys({"name": "synflow", "times": 50})
    assert prune_keys("magnitude") <= prune_keys({"name": "magnitude", "schedule": "iterative", "steps": 1})


def test_every_method_goes_through_a_study(table: dict[str, Any], tmp_path: Path) -> None:
    able = [r for r in pruning.RECIPES.values() if r.name != "bn-scale" and r.unit != "block"]
    names = [r.name for r in able if r.schedule.kind == "one-shot"]
    table["prune"] |= {"methods": names, "sparsities": [0.5], "calibration_samples": 20, "controls": False}
    table["recover"] = {"recoveries": ["none"]}
    table["data"] |= {"test_limit": 20}
    result = run(table, tmp_path / "s")
    runs = result.study.runs
    assert set(runs["status"]) == {"done"}, result.study.failed
    assert set(runs["method"]) == {"dense", *names}
    assert np.isfinite(runs["loss"].astype(float)).all()
