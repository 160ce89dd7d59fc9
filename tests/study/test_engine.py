"""The promises of the engine: the same results however it runs, nothing twice, nothing lost, failures told."""

from __future__ import annotations

import copy
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pruneviz as pv
from pruneviz import data
from pruneviz.core.errors import Cancelled, ModelError, PrunevizError
from pruneviz.core.spec import DataSpec, study_from_plain
from pruneviz.models import samples
from pruneviz.study import Event, Result, dry_run, open_study, run_study
from pruneviz.study.plan import plan
from pruneviz.study.store import MANIFEST


def run(table: dict[str, Any], store: Path, **ways: Any) -> Result:
    return run_study(study_from_plain(table, "test"), store, **{"executor": "inline", "device": "cpu", **ways})


def contents(store: Path) -> dict[str, str]:
    """Digest of every result by step key and file; manifests hold times, so they are left out."""
    return {
        str(p.relative_to(store)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted((store / "objects").rglob("*"))
        if p.is_file() and p.name not in (MANIFEST, "timings.parquet")
    }


def test_a_study_measures_every_run_it_was_asked_for(table: dict[str, Any], tmp_path: Path) -> None:
    study = run(table, tmp_path / "s").study
    runs = study.runs
    assert set(runs["status"]) == {"done"}, study.failed
    cells = set(zip(runs["method"], runs["target"].fillna(""), runs["recovery"], strict=True))
    expected = {
        (m, s, r) for m in ("magnitude", "random") for s in ("0.5", "0.9") for r in ("none", "finetune(epochs=1)")
    }
    assert cells == expected | {("dense", "", "none"), ("dense", "", "finetune(epochs=1)")}
    pruned = runs[runs["method"] != "dense"]
    weights = 64 * 24 + 24 * 10
    for row in pruned.itertuples():
        asked = int(round(row.sparsity_target * weights, 9) + 0.5)
        assert round(row.sparsity_achieved * weights) == asked
        assert round((1 - row.density) * weights) == asked
        assert row.parameters_nonzero == row.parameters - asked
    for r in study.table("layers").to_dict("records"):  # what is read of a layer is what was measured of it
        inside = study.weights(r["run_id"], r["layer"])
        assert inside is not None
        assert inside.kept.sum() == r["kept"]
        assert np.linalg.norm(inside.values * inside.kept) == pytest.approx(r["l2_norm"], rel=1e-5)
    dense = runs[runs["method"] == "dense"].iloc[0]
    assert study.weights(dense["run_id"], "no layer") is None
    assert dense["accuracy"] > 0.6
    assert dense["macs"] == dense["macs_dense"] == weights
    by_id = runs.set_index("run_id")
    for row in pruned[pruned["method"] == "magnitude"].itertuples():
        control = by_id.loc[row.control_run_id]
        assert (control["method"], control["target"], control["recovery"]) == ("random", row.target, row.recovery)
        assert control["parameters_nonzero"] == row.parameters_nonzero
    samples = study.table("samples")
    accuracy = (samples["label"] == samples["prediction"]).groupby(samples["run_id"], observed=True).mean()
    assert np.allclose(accuracy.loc[runs["run_id"]].to_numpy(), runs["accuracy"].to_numpy(float))
    assert set(samples["sample_id"])
    assert samples.groupby("run_id", observed=True).size().eq(100).all()
    assert study.pictures(list(samples["sample_id"][:3])).shape == (3, 8, 8, 1)
    assert list(study.classes) == [str(i) for i in range(10)]


def test_steps_count_what_training_cost(table: dict[str, Any], tmp_path: Path) -> None:
    runs = run(table, tmp_path / "s").study.runs.set_index("name")
    per_epoch = -(-360 // 64)  # 400 images less the validation tenth
    dense = runs[(runs["method"] == "dense") & (runs["recovery"] == "none")].iloc[0]
    assert dense["train_steps"] == dense["train_steps_total"] == 2 * per_epoch
    tuned = runs[(runs["method"] == "magnitude") & (runs["recovery"] != "none")].iloc[0]
    assert (tuned["train_steps"], tuned["train_steps_total"]) == (per_epoch, 3 * per_epoch)


def test_a_second_call_makes_nothing_and_an_extended_study_only_what_is_new(
    table: dict[str, Any], tmp_path: Path
) -> None:
    first = run(table, tmp_path / "s")
    before = contents(tmp_path / "s")
    again = run(table, tmp_path / "s")
    assert (again.made, again.reused) == (0, first.made)
    longer = copy.deepcopy(table)
    longer["prune"]["methods"].append("snip")
    extended = run(longer, tmp_path / "s")
    assert extended.reused == first.made
    assert extended.made == 1 + 2 + 2 + 4  # statistics, two masks, two trainings, four measurements
    after = contents(tmp_path / "s")
    assert {k: after[k] for k in before} == before


def test_further_runs_join_the_study_and_are_just_those_asked_for(table: dict[str, Any], tmp_path: Path) -> None:
    table["model"]["replicates"] = 2
    before = run(table, tmp_path / "s").study.runs
    fine = {"name": "finetune", "epochs": 1}
    also = {"methods": ["erk"], "sparsities": [0.7], "recoveries": [fine], "seeds": 2, "replicates": [1]}
    more = run({**table, "also": [also]}, tmp_path / "s")
    runs = more.study.runs
    assert set(before["run_id"]) < set(runs["run_id"])
    new = runs[~runs["run_id"].isin(before["run_id"])]
    assert set(new["status"]) == {"done"}
    pruned = new[new["method"] != "dense"]
    assert set(zip(pruned["method"], pruned["target"], pruned["replicate"], pruned["seed"], strict=True)) == {
        ("erk", "0.7", 1, 0),
        ("erk", "0.7", 1, 1),
    }  # ERK draws its weights: it is its own random control
    assert set(zip(new.drop(pruned.index)["replicate"], new.drop(pruned.index)["seed"], strict=True)) == {(1, 1)}
    whole = {**table, "prune": {**table["prune"], "methods": ["magnitude", "erk"], "sparsities": [0.5, "90%", 0.7]}}
    whole["prune"]["seeds"] = 2
    planned = plan(study_from_plain(whole, "test"))
    assert set(new["run_id"]) <= set(planned.runs)  # the same runs as if they had been crossed


def test_further_runs_are_checked_like_the_others(table: dict[str, Any], tmp_path: Path) -> None:
    table["also"] = [{"methods": ["bn-scale"], "sparsities": [0.5]}]
    with pytest.raises(PrunevizError, match="method bn-scale"):
        run(table, tmp_path / "s")
    table["also"] = [{"methods": ["snip"], "sparsities": [0.5], "recoveries": ["bn"]}]
    with pytest.raises(PrunevizError, match="batch norm"):
        run(table, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_changed_value_makes_new_results_and_a_changed_model_file_too(
    table: dict[str, Any], tmp_path: Path, nets: str
) -> None:
    run(table, tmp_path / "s")
    changed = copy.deepcopy(table)
    changed["train"]["lr"] = 0.05
    assert run(changed, tmp_path / "s").reused == 1  # the pictures
    code = tmp_path / "code" / f"{nets}.py"
    code.write_text(code.read_text() + "\n# changed\n")
    assert run(table, tmp_path / "s").reused == 1


def test_workers_and_this_process_give_the_same_bits(table: dict[str, Any], tmp_path: Path) -> None:
    table["prune"]["methods"] = ["taylor"]
    run(table, tmp_path / "inline")
    run(table, tmp_path / "local", executor="local", workers=2)
    assert contents(tmp_path / "inline") == contents(tmp_path / "local")


def test_workers_are_started_only_where_that_is_sooner(
    table: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    small = study_from_plain(table, "test")
    table["train"]["epochs"] = 20_000
    table["model"]["replicates"] = 4  # else one step takes nearly all the time, which no workers share
    large = study_from_plain(table, "test")
    for spec, ways, workers in (
        (small, {}, 1),
        (small, {"workers": 2}, 2),
        (small, {"executor": "local"}, 2),
        (large, {}, 2),
        (large, {"executor": "inline"}, 1),
    ):
        assert dry_run(spec, tmp_path / "s", **ways).workers == workers
    sooner, local = dry_run(large, None), dry_run(large, None, executor="inline")
    assert sooner.seconds < local.seconds

    def none(*of: Any) -> None:
        raise AssertionError("workers were started for a small study")

    monkeypatch.setattr("pruneviz.study.engine.run_local", none)
    assert not run_study(small, tmp_path / "s", device="cpu").failed


def test_repeats_differ_only_where_something_is_drawn(table: dict[str, Any], tmp_path: Path) -> None:
    table["prune"] |= {"seeds": 3, "sparsities": [0.8], "methods": ["random", "magnitude"]}
    runs = run(table, tmp_path / "s").study.runs
    counts = runs.groupby(["method", "recovery"]).size()
    assert counts["magnitude", "none"] == 1
    assert counts["random", "none"] == counts["magnitude", "finetune(epochs=1)"] == 3
    assert runs[(runs["method"] == "magnitude") & (runs["recovery"] == "none")]["seed"].isna().all()
    assert runs[runs["method"] == "random"]["loss"].nunique() == 6


def test_replicates_draw_independently(table: dict[str, Any], tmp_path: Path) -> None:
    table["model"]["replicates"] = 2
    table["prune"] |= {"methods": ["random"], "sparsities": [0.5]}
    table["recover"]["recoveries"] = ["none"]
    study = run(table, tmp_path / "s").study
    assert sorted(study.runs["replicate"].unique()) == [0, 1]
    kept = study.table("layers").merge(study.runs[["run_id", "method", "replicate"]], on="run_id")
    by_model = kept[kept["method"] == "random"].groupby("replicate")["kept"].apply(list)
    assert by_model[0] != by_model[1]


def test_swept_training_values_make_a_model_each(table: dict[str, Any], tmp_path: Path) -> None:
    table["train"]["lr"] = [0.05, 0.1]
    table["recover"]["recoveries"] = ["none"]
    runs = run(table, tmp_path / "s").study.runs
    assert set(runs["model"]) == {"mlp (lr=0.05)", "mlp (lr=0.1)"}
    assert len(runs[runs["method"] == "dense"]) == 2


def test_a_step_that_fails_is_told_and_the_others_go_on(table: dict[str, Any], tmp_path: Path) -> None:
    table["recover"]["recoveries"] = ["none", {"name": "finetune", "epochs": 1, "lr": 1e30}]
    result = run(table, tmp_path / "s")
    runs = result.study.runs
    failed = runs[runs["status"] == "failed"]
    assert len(failed) == 5
    assert failed["reason"].str.contains("not finite|infinite|NaN|diverged", regex=True).all()
    assert set(runs[runs["recovery"] == "none"]["status"]) == {"done"}
    assert len(result.failed) == 5
    again = run(table, tmp_path / "s")
    assert again.made == 0
    assert len(again.failed) == 5  # tried again


def test_a_model_that_cannot_be_trained_is_refused_first(table: dict[str, Any], tmp_path: Path, nets: str) -> None:
    table["model"] = {"source": f"{nets}:Fails", "name": "fails"}
    with pytest.raises(ModelError, match=r"training mode on its first batch.*the user's own mistake"):
        run(table, tmp_path / "s")


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_an_error_in_the_users_model_is_that_steps_failure(
    table: dict[str, Any], tmp_path: Path, nets: str, executor: str
) -> None:
    table["models"] = [
        {"source": f"{nets}:Fails", "name": "fails", "options": {"after": 8}},
        {"source": f"{nets}:mlp", "name": "mlp"},
    ]
    del table["model"]
    result = run(table, tmp_path / "s", executor=executor, workers=2)
    runs = result.study.runs
    assert set(runs[runs["model"] == "mlp"]["status"]) == {"done"}
    failed = runs[runs["model"] == "fails"]
    assert set(failed["status"]) == {"failed"}
    assert failed["reason"].str.contains("the user's own mistake").all()
    assert [*result.failed] == ["train fails #0"]
    assert result.skipped > 0


def test_every_failure_is_told_by_a_title_of_its_own(table: dict[str, Any], tmp_path: Path) -> None:
    table["prune"] |= {"methods": ["magnitude", {"name": "magnitude", "allocation": "uniform"}], "controls": False}
    table["recover"]["recoveries"] = [{"name": "finetune", "epochs": n, "lr": 1e30} for n in (1, 2)]
    result = run(table, tmp_path / "s")
    trained = [s for s in plan(study_from_plain(table, "t")).steps.values() if s.kind == "train"]
    assert len(result.failed) == len(trained) == 2 * (1 + 2 * 2)


def test_stopping_keeps_what_is_done(table: dict[str, Any], tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if event.done == 5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run(table, tmp_path / "s", listener=stop)
    rest = run(table, tmp_path / "s")
    assert rest.reused >= 5
    whole = run(table, tmp_path / "other")
    assert rest.made + rest.reused == whole.made
    assert contents(tmp_path / "s") == contents(tmp_path / "other")


def test_a_killed_run_goes_on_and_two_processes_share_a_store(table: dict[str, Any], tmp_path: Path, nets: str) -> None:
    table["recover"]["recoveries"] = ["none", {"name": "finetune", "epochs": 3}]
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from pruneviz.core.spec import study_from_plain\n"
        "from pruneviz.study import run_study\n"
        "r = run_study(study_from_plain(json.loads(sys.argv[2]), 't'), sys.argv[3], executor='inline', device='cpu')\n"
        "print(r.made)\n"
    )
    import json

    call = [sys.executable, "-c", script, str(tmp_path / "code"), json.dumps(table)]
    killed = subprocess.Popen([*call, str(tmp_path / "s")])
    objects = tmp_path / "s" / "objects"
    deadline = time.monotonic() + 60
    while len(list(objects.rglob(MANIFEST))) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    both = [subprocess.Popen([*call, str(tmp_path / "s")], stdout=subprocess.PIPE) for _ in range(2)]
    for process in both:
        process.communicate(timeout=100)
        assert process.returncode == 0
    run(table, tmp_path / "whole")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")
    assert not list((tmp_path / "s" / "tmp").iterdir())


def test_a_dry_run_says_what_it_takes_and_writes_nothing(table: dict[str, Any], tmp_path: Path) -> None:
    spec = study_from_plain(table, "test")
    ahead = dry_run(spec, tmp_path / "s", executor="inline")
    assert not (tmp_path / "s").exists()
    assert (ahead.done, ahead.runs) == (0, 10)
    assert ahead.seconds > 0
    assert ahead.bytes > 0
    result = run(table, tmp_path / "s")
    assert ahead.steps == result.made
    disk = sum(p.stat().st_size for p in (tmp_path / "s" / "objects").rglob("*") if p.is_file())
    assert 0.3 < ahead.bytes / disk < 3
    after = dry_run(spec, tmp_path / "s", executor="inline")
    assert (after.done, after.seconds) == (after.steps, 0)


def test_nothing_is_written_when_the_study_cannot_be_run(table: dict[str, Any], tmp_path: Path) -> None:
    table["prune"]["methods"] = ["magnitud"]
    with pytest.raises(PrunevizError, match=r"magnitud.*Did you mean.*magnitude"):
        run(table, tmp_path / "s")
    table["prune"]["methods"] = ["magnitude"]
    table["recover"]["recoveries"] = [{"name": "weight-rewind", "to": 7}]
    with pytest.raises(PrunevizError, match="keep_steps"):
        run(table, tmp_path / "s")
    assert not (tmp_path / "s" / "objects").exists() or not list((tmp_path / "s" / "objects").iterdir())


def test_removing_runs_frees_their_steps_and_keeps_shared_ones(table: dict[str, Any], tmp_path: Path) -> None:
    study = run(table, tmp_path / "s").study
    tuned = study.runs[(study.runs["method"] == "magnitude") & (study.runs["recovery"] != "none")]
    assert study.remove(list(tuned["run_id"])) > 0
    states = study.runs.set_index("run_id")["status"]
    assert set(states.loc[tuned["run_id"]]) == {"waiting"}
    assert (states.drop(tuned["run_id"]) == "done").all()
    assert run(table, tmp_path / "s").made == 2 * 2  # training and measuring; the masks were shared


def test_modules_and_arrays_in_memory_in_five_lines(tmp_path: Path) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    before = copy.deepcopy(net.state_dict())
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (300, 8, 8, 1), dtype=np.uint8), np.arange(300) % 10
    data = ((images[:200], labels[:200]), (images[200:], labels[200:]))
    asked = pv.new_study(
        net, data, methods=["magnitude"], sparsities=[0.5], recoveries=["none", {"name": "finetune", "epochs": 1}]
    )
    assert len(repr(asked)) < 100  # what a notebook shows: not the images
    assert "by magnitude, not yet run" in repr(asked)
    study = asked.run(tmp_path / "s", listener=lambda e: None)
    assert set(study.runs["status"]) == {"done"}
    assert len(study.runs) == 6
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert asked.result(tmp_path / "s").made == 0
    opened = pv.open(tmp_path / "s")
    assert opened.runs.equals(study.runs)
    assert set(open_study(tmp_path / "s").environment["versions"]) >= {"torch", "numpy"}


def test_an_own_training_loop_serves_as_the_recovery(tmp_path: Path) -> None:
    import torch
    from torch import nn

    seen = []

    def mine(model: Any, keeper: Any, data: Any, budget: Any) -> None:
        seen.append(len(data.train.labels))
        opt = torch.optim.SGD(model.parameters(), lr=0.01)
        batch = data.preprocess(data.train.images[:64])
        torch.nn.functional.cross_entropy(model(batch), torch.as_tensor(data.train.labels[:64])).backward()
        opt.step()
        keeper.apply()

    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    asked = pv.new_study(net, "sample:digits", methods=["magnitude"], sparsities=[0.9], recoveries=[mine])
    runs = asked.run(tmp_path / "s", listener=lambda e: None).runs
    assert set(runs["status"]) == {"done"}, runs[["name", "reason"]].to_string()
    assert any("mine" in r for r in runs["recovery"])
    pruned = runs[runs["method"] == "magnitude"].iloc[0]
    assert pruned["sparsity_achieved"] == pytest.approx(0.9, abs=0.01)
    assert seen


def test_an_analysis_that_fails_loses_nothing(table: dict[str, Any], tmp_path: Path) -> None:
    from pruneviz.core.spec import Choice
    from pruneviz_analyses import resolve

    good = resolve(Choice("prediction_changes", {}), "test")

    class Broken:
        name, version, schemas = "broken", 1, ()

        def check(self, subject: Any) -> None:
            assert subject.samples == 100

        def measure(self, tables: Any) -> Any:
            raise RuntimeError("not my day")

        def findings(self, tables: Any, frames: Any) -> tuple[str, ...]:
            return ()

        def to_plain(self) -> dict[str, Any]:
            return {}

    def stop(event: Event) -> None:
        told.append((event.kind, event.title, event.done == event.total))
        if event.title == "prediction_changes: tables and findings":
            raise Cancelled("enough")

    told: list[tuple[str, str, bool]] = []
    with pytest.raises(Cancelled):  # also in what comes after all steps, which is named
        run(table, tmp_path / "s", analyses=(Broken(), good), listener=stop)
    assert told[-2:] == [("start", f"{a}: tables and findings", True) for a in ("broken", "prediction_changes")]
    result = run(table, tmp_path / "s", analyses=(Broken(), good))
    assert result.made == 0
    assert list(result.failed) == ["analysis broken"]
    assert "not my day" in result.failed["analysis broken"]
    assert set(result.study.runs["status"]) == {"done"}
    assert len(result.study.table("prediction_changes")) > 0
    assert result.study.findings()["prediction_changes"]


def test_validation_images_that_a_model_was_trained_on_are_told(tmp_path: Path) -> None:
    """A limit holds images out of those that the shipped model saw; its own settings hold out others."""
    plain: dict[str, Any] = {
        "model": {"source": "sample:mlp-digits"},
        "data": {"source": "sample:digits", "train_limit": 200, "test_limit": 50},
        "prune": {"methods": ["magnitude"], "sparsities": [0.5], "controls": False},
        "measure": {"latency": False},
    }
    study = run(plain, tmp_path / "limited").study
    dense = str(study.runs["run_id"].iloc[0])
    assert list(study.warnings()) == [dense]
    (said,) = study.warnings()[dense]
    card = samples.card("mlp-digits").data
    held_out, trained = data.load(study_from_plain(plain, "t").data).val, data.load(DataSpec("sample:digits")).train
    assert held_out is not None
    assert trained is not None
    seen = len({*held_out.ids} & {*trained.ids})
    assert said.startswith(f"{seen} of the 20 validation images are among those that sample:mlp-digits was trained on")
    assert f"split_seed = {card['split_seed']} and val_fraction = {card['val_fraction']:g}" in said
    del plain["data"]["train_limit"]
    assert not run(plain, tmp_path / "whole").study.warnings()
