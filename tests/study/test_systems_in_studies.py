"""Systems that prune in levels, before training or while training, carried out by the engine from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pruneviz import pruning
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.spec import study_from_plain
from pruneviz.study import Result, run_study
from pruneviz.study.plan import Plan, PlannedRun, plan
from pruneviz.study.store import Store
from pruneviz.study.tensors import load_mask, load_tensors


def run(table: dict[str, Any], store: Path) -> Result:
    return run_study(study_from_plain(table, "test"), store, executor="inline", device="cpu")


def chosen(table: dict[str, Any], *methods: Any, **prune: Any) -> dict[str, Any]:
    table["prune"] = {"methods": list(methods), "sparsities": [0.8], "calibration_samples": 20, **prune}
    table["data"] |= {"train_limit": 200, "test_limit": 20, "val_fraction": 0.0}
    return table


def levels(made: Plan, method: str) -> list[PlannedRun]:
    found = [r for r in made.runs.values() if str(r.row["method"]).startswith(method)]
    return sorted(found, key=lambda r: r.row["level"])


class Look:
    """Reads what steps of a study have left."""

    def __init__(self, table: dict[str, Any], folder: Path) -> None:
        self.made, self.store = plan(study_from_plain(table, "test")), Store(folder)

    def weights(self, key: str, file: str = "weights") -> dict[str, np.ndarray]:
        return {n: t.numpy() for n, t in load_tensors(self.store.need(key).path(f"{file}.safetensors")).items()}

    def mask(self, run: PlannedRun) -> dict[str, np.ndarray]:
        assert run.state.mask is not None
        return dict(load_mask(self.store.need(run.state.mask).path("mask.safetensors")).kept)


def test_a_lottery_ticket_is_trained_pruned_and_put_back_again_and_again(table: dict[str, Any], tmp_path: Path) -> None:
    chosen(table, {"name": "lottery-ticket", "rounds": 3}, {"name": "stabilised-lottery-ticket", "rounds": 1})
    table["train"]["keep_steps"] = [0, 50]
    with pytest.raises(SpecError, match=r"0 to 8, the steps of this training"):
        run(table, tmp_path / "late")
    table["prune"]["methods"][1]["recovery"] = {"name": "weight-rewind", "to": 2}
    table["train"]["keep_steps"] = [0, 2]
    runs = run(table, tmp_path / "s").study.runs
    assert set(runs["status"]) == {"done"}
    look = Look(table, tmp_path / "s")
    before = look.weights(next(iter(levels(look.made, "dense"))).state.dense)
    alive = np.ones(64 * 24 + 24 * 10, dtype=bool)
    for level in levels(look.made, "lottery-ticket"):
        flat = np.abs(np.concatenate([before[n].reshape(-1) for n in ("1.weight", "3.weight")]))
        asked = int((1 - 0.8 ** level.row["level"]) * len(flat) + 0.5)
        order = np.argsort(np.where(alive, flat, -1.0), kind="stable")
        alive = np.ones(len(flat), dtype=bool)
        alive[order[:asked]] = False
        mask = look.mask(level)
        assert np.array_equal(np.concatenate([mask[n].reshape(-1) for n in ("1.weight", "3.weight")]), alive)
        before = look.weights(level.state.weights)
        assert all((before[n][~k] == 0).all() for n, k in mask.items())
    assert len(levels(look.made, "lottery-ticket")) == 3


def test_a_control_has_the_numbers_of_the_method_that_finds_its_own(table: dict[str, Any], tmp_path: Path) -> None:
    chosen(table, {"name": "sap-layer", "rounds": 3}, {"name": "ap", "rounds": 2})
    runs = run(table, tmp_path / "s").study.runs
    assert set(runs["status"]) == {"done"}
    look = Look(table, tmp_path / "s")
    by_id = runs.set_index("run_id")
    for method, count in (("sap-layer", 3), ("ap", 2)):
        own = runs[runs["method"].str.startswith(f"{method}(")]
        assert sorted(own["level"]) == list(range(1, count + 1))
        for row in own.itertuples():
            control = by_id.loc[row.control_run_id]
            assert control["method"].startswith("random(")
            assert control["sparsity_achieved"] == row.sparsity_achieved
            one, other = (look.mask(look.made.runs[i]) for i in (row.run_id, row.control_run_id))
            if method == "sap-layer":
                assert {n: int(k.sum()) for n, k in one.items()} == {n: int(k.sum()) for n, k in other.items()}
            assert any(not np.array_equal(one[n], other[n]) for n in one)
    assert own["target"].tolist() == ["0.2", "0.36"]
    assert set(runs[runs["method"].str.startswith("sap")]["target"]) == {"level 1", "level 2", "level 3"}


def test_pruned_at_initialisation_means_the_dense_models_own(table: dict[str, Any], tmp_path: Path) -> None:
    none = {"recovery": "none"}
    methods = ["sparse-erk", {"name": "magnitude", "at": 0, **none}, {"name": "snip-at-init", **none}]
    chosen(table, *methods, "large-sparse", {"name": "small-dense"}, controls=False)
    runs = run(table, tmp_path / "s").study.runs
    assert set(runs["status"]) == {"done"}
    look = Look(table, tmp_path / "s")
    of = {r.row["method"]: r for r in look.made.runs.values()}
    dense = of["dense"].state.dense
    first = look.weights(dense, "kept-0")
    magnitude = of["magnitude(recovery=none, at=0)"]
    mask = look.mask(magnitude)
    flat = {n: np.abs(first[n]) for n in mask}
    assert max(flat[n][~k].max() for n, k in mask.items()) <= min(flat[n][k].min() for n, k in mask.items())
    start = look.weights(magnitude.state.weights)
    assert all(np.array_equal(start[n], first[n]) for n in first)  # the mask is laid over it when it is read
    scaled = look.weights(look.made.steps[of["sparse-erk"].state.weights].inputs["weights"])
    rows = look.mask(of["sparse-erk"])["1.weight"]
    expected = first["1.weight"] * rows / np.sqrt(np.maximum(rows.mean(1, keepdims=True), 1e-9))
    np.testing.assert_allclose(scaled["1.weight"], expected, rtol=1e-5)
    steps = runs.set_index("method")["train_steps"]
    total = runs.set_index("method")["train_steps_total"]
    for method in ("large-sparse", "sparse-erk", "small-dense"):
        assert steps[method] == total[method] == 2 * -(-200 // 64)  # the whole schedule, the dense model's aside
    assert total["snip-at-init(recovery=none)"] == 0


def test_weights_of_an_earlier_step_are_asked_for_before_anything_is_trained(
    table: dict[str, Any], tmp_path: Path
) -> None:
    table["train"]["keep_steps"] = []
    with pytest.raises(Unsupported, match=r"Method sparse-erk needs the initial weights.*keep_steps = \[0\]"):
        run(chosen(table, "sparse-erk"), tmp_path / "s")
    with pytest.raises(Unsupported, match=r"Method ap\(recovery=finetune\) needs the initial weights"):
        run(chosen(table, {"name": "ap", "recovery": "finetune"}), tmp_path / "s")
    table["recover"] = {"recoveries": ["none"]}
    table["prune"]["methods"] = [{"name": "magnitude", "schedule": "gradual"}]
    with pytest.raises(SpecError, match=r"recovery: got 'none'; allowed: one that trains"):
        run(table, tmp_path / "s")


def test_every_method_that_prunes_in_training_goes_through_a_study(table: dict[str, Any], tmp_path: Path) -> None:
    able = [r for r in pruning.RECIPES.values() if r.schedule.kind == "training"]
    able = [r for r in able if r.name not in ("mask-sparsity", "polarization")]  # they need batch norm
    chosen(table, *({"name": r.name, **({"every": 2} if hasattr(r.schedule, "every") else {})} for r in able))
    runs = run(table, tmp_path / "s").study.runs
    assert set(runs["status"]) == {"done"}
    pruned = runs[runs["method"] != "dense"]
    assert ((pruned["sparsity_achieved"] - 0.8).abs() < 0.02).all()  # of 24 channels, 19
    by_name = pruned.set_index("method")
    of = by_name.loc["multi-prize(every=2)"]
    assert runs.set_index("run_id").loc[of["control_run_id"], "method"].startswith("random(")
    assert of["control_run_id"] != of["run_id"]


def test_few_parameters_and_the_dense_models_outputs_recover_any_mask(table: dict[str, Any], tmp_path: Path) -> None:
    chosen(table, "magnitude", "l1-filter", controls=False)
    table["recover"] = {"recoveries": ["none", {"name": "perp", "epochs": 1}, {"name": "distill", "epochs": 1}]}
    runs = run(table, tmp_path / "s").study.runs
    assert set(runs["status"]) == {"done"}
    look = Look(table, tmp_path / "s")
    of = {(r.row["method"], r.row["recovery"]): r for r in look.made.runs.values()}
    dense = look.weights(of["dense", "none"].state.dense)
    for method in ("magnitude", "l1-filter"):
        for recovery in ("perp(epochs=1)", "distill(epochs=1)"):
            trained = look.weights(of[method, recovery].state.weights)
            mask = look.mask(of[method, recovery])
            assert all((trained[n][~k] == 0).all() for n, k in mask.items())
            assert all((trained[n][k] != dense[n][k]).any() for n, k in mask.items())
