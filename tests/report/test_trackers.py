"""Runs for trackers of experiments hold the store's numbers; a tracker that is not installed is skipped."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from reportable import Reportable

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.report.trackers import SETTINGS, TRACKERS, track, tracked


@pytest.fixture(scope="module")
def study() -> Reportable:
    return Reportable(methods=2, replicates=1, sparsities=(0.5, 0.9), samples=40, failed=1, waiting=1)


def needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}: pip install 'pruneviz[{package}]'")


def test_what_trackers_see_is_what_the_tables_hold(study: Reportable) -> None:
    runs = study.runs.set_index("name")
    found = list(tracked(study))
    assert [t.name for t in found] == list(runs.index[runs["status"] == "done"])
    history = study.table("history").set_index(["run_id", "step"])
    for t in found:
        row = runs.loc[t.name]
        assert set(t.settings) <= set(SETTINGS)
        assert t.settings["method"] == row["method"]
        assert t.results["accuracy"] == row["accuracy"]
        assert "parameters_cut" not in t.results or t.results["parameters_cut"] == row["parameters_cut"]
        for step, numbers in t.course:
            assert numbers["val_loss"] == history.loc[(row["run_id"], step), "val_loss"]
    assert any(t.course for t in found)
    assert not any("accuracy" in t.settings or "status" in t.results for t in found)


def test_a_tracker_that_is_not_installed_is_named(
    study: Reportable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(PrunevizError, match=r"pip install 'pruneviz\[wandb\]'"):
        track(study, "wandb", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(UsageError, match="mlflow, tensorboard, wandb"):
        track(study, "excel", tmp_path / "new")


def test_a_folder_with_something_in_it_is_refused(
    study: Reportable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", sys)
    (tmp_path / "x").write_text("mine")
    with pytest.raises(UsageError, match="empty folder"):
        track(study, "wandb", tmp_path)


@pytest.mark.filterwarnings("ignore")  # theirs
def test_tensorboard(study: Reportable, tmp_path: Path) -> None:
    needs("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    wanted = list(tracked(study))
    assert track(study, "tensorboard", tmp_path / "logs") == len(wanted)
    folders = {p.name: p for p in (tmp_path / "logs").iterdir()}
    assert len(folders) == len(wanted)
    for run in wanted:
        place = folders["".join(c if c.isalnum() or c in " ._-=()" else "-" for c in run.name)]
        events = EventAccumulator(str(place))
        events.Reload()
        for name, value in run.results.items():
            assert events.Scalars(f"results/{name}")[-1].value == pytest.approx(value, rel=1e-6)  # theirs are float32
        losses = [(e.step, e.value) for e in events.Scalars("training/val_loss")] if run.course else []
        assert losses == [(s, pytest.approx(n["val_loss"], rel=1e-6)) for s, n in run.course]


@pytest.mark.filterwarnings("ignore")
def test_mlflow(study: Reportable, tmp_path: Path) -> None:
    needs("mlflow")
    wanted = {t.name: t for t in tracked(study)}
    assert track(study, "mlflow", tmp_path / "m") == len(wanted)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/m/mlflow.db")
    experiment = client.get_experiment_by_name("synthetic")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert {r.info.run_name for r in found} == set(wanted)
    for run in found:
        t = wanted[run.info.run_name]
        assert run.info.status == "FINISHED"
        assert run.data.params == {k: str(v) for k, v in t.settings.items()}
        assert {k: run.data.metrics[f"results.{k}"] for k in t.results} == t.results
        course = client.get_metric_history(run.info.run_id, "val_loss") if t.course else []
        assert [(p.step, p.value) for p in course] == [(s, n["val_loss"]) for s, n in t.course]


@pytest.mark.filterwarnings("ignore")
def test_wandb(tmp_path: Path) -> None:
    needs("wandb")
    study = Reportable(
        methods=1, replicates=1, sparsities=(0.5,), samples=40, recoveries=("finetune",), retrained=False
    )
    wanted = list(tracked(study))
    assert track(study, "wandb", tmp_path / "w") == len(wanted)
    folders = sorted((tmp_path / "w" / "wandb").glob("offline-run-*"))
    assert {p.name.rpartition("-")[2] for p in folders} == {str(t.settings["run_id"]) for t in wanted}
    for t in wanted:
        (file,) = (tmp_path / "w" / "wandb").glob(f"offline-run-*-{t.settings['run_id']}/*.wandb")
        assert json.dumps(t.results["accuracy"]).encode() in file.read_bytes()


def test_each_says_how_to_look_at_it(tmp_path: Path) -> None:
    for name, tracker in TRACKERS.items():
        assert name in tracker.look(tmp_path)
