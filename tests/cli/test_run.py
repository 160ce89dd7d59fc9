"""A small study through the command line: planned, run, gone on with, looked at, exported."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import pruneviz
from pruneviz.core.viewstate import ViewState
from pruneviz_apps import cli

STUDY = """
name = "small"
[model]
source = "small_nets:{factory}"
[data]
source = "sample:digits"
train_limit = 200
test_limit = 50
[train]
epochs = 1
lr = 0.1
[prune]
methods = ["magnitude"]
sparsities = [0.5]
[measure]
latency = false
[quick.prune]
sparsities = []
methods = []
"""
NETS = """
from torch import nn

def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))

class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()
        self.calls = 0

    def forward(self, x):
        self.calls += self.training
        if self.calls > 4:
            raise RuntimeError("gave up")
        return self.net(x)

def interrupted():
    exec("raise KeyboardInterrupt")
"""
WAYS = ["--executor", "inline", "--device", "cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    (made / "small_nets.py").write_text(NETS)
    (made / "small.toml").write_text(STUDY.format(factory="mlp"))
    (made / "fails.toml").write_text(STUDY.format(factory="Fails"))
    (made / "interrupted.toml").write_text(STUDY.format(factory="interrupted"))
    return made


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture(scope="module")
def store(folder: Path) -> str:
    """The store of the small study, run once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        assert cli.main(["run", "small.toml", "--store", "made/small", *WAYS]) == 0
    return str(folder / "made" / "small")


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert cli.main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_the_plan_is_said_and_nothing_is_written(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    before = sorted(folder.iterdir())
    plan = as_json(capsys, "run", "small.toml", "--store", "new", "--dry-run")["plan"]
    assert plan["done"] == 0 < plan["steps"]
    assert plan["runs"] == 3
    assert plan["seconds"] > 0 < plan["bytes"]
    assert cli.main(["run", "small.toml", "--store", "new", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"3 runs in {plan['steps']} steps, of which 0 are done" in said
    assert "of disk" in said
    assert sorted(folder.iterdir()) == before


def test_the_same_command_has_nothing_left_to_do(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    summary = as_json(capsys, "run", "small.toml", "--store", store, *WAYS)
    assert summary["steps_made"] == 0 < summary["steps_reused"]
    assert summary["done"] == summary["runs"] == 3
    assert summary["failed"] == []
    (dense,) = summary["dense"]
    assert dense["models"] == 1
    assert cli.main(["run", "small.toml", "--store", store, *WAYS]) == 0
    assert f"{dense['model']}, dense: {dense['accuracy']:.1%} of the test images right." in capsys.readouterr().out
    assert cli.main(["run", "small.toml", "--store", store, "--dry-run"]) == 0
    assert "Nothing is left to do." in capsys.readouterr().out
    more = ["--set", "analyses.prediction_changes={}"]  # as after an update that measures it otherwise
    assert cli.main(["run", "small.toml", "--store", store, "--dry-run", *more]) == 0
    said = capsys.readouterr().out
    assert "No model is left to be made; tables and findings are, of prediction_changes." in said


def test_a_setting_extends_the_study(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["run", "small.toml", "--store", store, "--set", "prune.sparsities=[0.5, 0.8]", *WAYS]
    summary = as_json(capsys, *more)
    assert summary["runs"] == 5
    assert 0 < summary["steps_made"] <= 2 * 2
    assert cli.main(["run", "small.toml", "--store", store, *WAYS]) == 0


def test_the_quick_variant(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    summary = as_json(capsys, "run", "small.toml", "--quick", "--store", str(tmp_path / "q"), *WAYS)
    assert summary["runs"] == 1


def test_status(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "status", store)
    assert found["bytes"] > 0
    (study,) = found["studies"]
    assert (study["name"], study["runs"], study["done"], study["failed"], study["waiting"]) == ("small", 3, 3, 0, 0)
    assert {"runs", "layers", "samples"} <= set(study["tables"])
    assert cli.main(["status", store]) == 0
    assert "small: 3 runs (3 done)" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["runs", "layers", "samples", "history"])
def test_every_table_can_be_exported(store: str, table: str, tmp_path: Path) -> None:
    files = [tmp_path / f"t.{ending}" for ending in ("csv", "parquet", "json")]
    for file in files:
        assert cli.main(["export", store, table, "-o", str(file)]) == 0
    lengths = {len(pd.read_csv(files[0])), len(pd.read_parquet(files[1])), len(json.loads(files[2].read_text()))}
    assert len(lengths) == 1
    assert lengths.pop() > 0


def test_an_unknown_table_or_study(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", store, "sample", "-o", "x.csv"]) == 2
    assert "Did you mean 'samples'" in capsys.readouterr().err
    assert cli.main(["export", store, "runs", "--study", "other", "-o", "x.csv"]) == 1
    assert "no study 'other'" in capsys.readouterr().err


def test_failed_runs_make_it_one_and_are_tried_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ways = ["run", "fails.toml", "--store", str(tmp_path / "f"), "--set", "train.batch_size=16", *WAYS]
    summary = as_json(capsys, *ways, code=1)
    assert summary["done"] == 0
    assert len(summary["failed"]) == summary["runs"] == 3
    assert all("gave up" in f["reason"] for f in summary["failed"])
    assert cli.main(ways) == 1
    said = capsys.readouterr()
    assert "tries just those again" in said.out
    assert "gave up" in said.err
    assert cli.main(["status", str(tmp_path / "f")]) == 0
    assert "3 failed" in capsys.readouterr().out


def test_a_store_of_a_newer_version(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pruneviz-store.json").write_text('{"format": 999}')
    assert cli.main(["run", "small.toml", "--store", str(tmp_path), *WAYS]) == 1
    assert "newer pruneviz" in capsys.readouterr().err


def test_the_report(store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file, names = tmp_path / "small.html", list(pruneviz.open(store).runs["name"])
    assert cli.main(["report", store, "-o", str(file)]) == 0
    assert f"Report: {file} (" in capsys.readouterr().out
    assert "<html" in file.read_text("utf-8")[:500]
    assert cli.main(["report", store, "-o", str(file), "--models", names[0], names[1]]) == 0
    assert "2 models compared" in capsys.readouterr().out
    assert cli.main(["report", store, "-o", str(file), "--models", "nothing"]) == 2
    assert "'nothing'" in capsys.readouterr().err
    assert cli.main(["report", store, "-o", str(file), "--study", "other"]) == 1
    assert "'other'" in capsys.readouterr().err


def test_a_figure(store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file, name = tmp_path / "f.svg", pruneviz.open(store).runs["name"].iloc[-1]
    assert cli.main(["figure", store, "flips", "-o", str(file), "--models", name, "--width", "3in"]) == 0
    said = capsys.readouterr().out
    assert f"Figure: {file} (76 × " in said
    assert "Predictions that flipped" in said  # words for the caption
    assert 'width="216pt"' in file.read_text("utf-8")
    first = file.read_bytes()
    drawn = pruneviz.figure(pruneviz.open(store), "flips", models=[name], width="3in")
    drawn.save(file)
    assert file.read_bytes() == first
    pruneviz.open(store).workspace.save_view("mine", ViewState(y="loss"))
    assert cli.main(["figure", store, "tradeoff", "-o", str(file), "--view", "mine"]) == 0
    assert "Loss over" in capsys.readouterr().out
    assert cli.main(["figure", store, "tradeoff", "-o", str(file), "--view", "http://x/?y=density&log_x=0"]) == 0
    assert "Density over" in capsys.readouterr().out
    pruned = [n for n in pruneviz.open(store).runs["name"] if n != pruneviz.open(store).runs["name"].iloc[0]]
    scatters = ["figure", store, "sample_scatter", "-o", str(tmp_path / "s.pdf"), "--models", *pruned[:2]]
    assert cli.main(scatters) == 0  # one for each model
    assert capsys.readouterr().out.count("Figure: ") == 2
    assert sorted(p.name for p in tmp_path.glob("s*.pdf")) == ["s_1.pdf", "s_2.pdf"]
    for wrong, code, words in (
        (["trade-off"], 2, "'tradeoff'"),
        (["reliability"], 1, "calibration = {}"),
        (["tradeoff", "--view", "none"], 2, "'mine'"),
        (["tradeoff", "--width", "3"], 2, "85mm"),
        (["tradeoff", "--font", "No Such Font"], 2, "installed"),
        (["flips", "--models", "nothing"], 2, "'nothing'"),
        (["sample_detail"], 1, "--view 'shown_sample=ID'"),
    ):
        assert cli.main(["figure", store, *wrong, "-o", str(file)]) == code
        assert words in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    command = [sys.executable, "-m", "pruneviz_apps.cli", "run", "small.toml", "--store", str(store), *WAYS]
    slow = subprocess.Popen([*command, "--set", "train.epochs=100000"], cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not list(store.glob("tmp/*")) and time.monotonic() < deadline:
            time.sleep(0.05)  # until it trains
        time.sleep(0.5)
        slow.send_signal(signal.SIGINT)
        _, said = slow.communicate(timeout=30)
    finally:
        slow.kill()
        slow.communicate()
    assert slow.returncode == 1, said
    assert f"to go on: pruneviz run small.toml --store {store}" in said
    assert "Traceback" not in said
    again = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    assert "3 of 3 runs are done" in again.stdout


def test_an_interrupt_within_an_executed_string_ends_as_any_other(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pruneviz_apps.cli", "run", "interrupted.toml", "--store", str(tmp_path), *WAYS]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.count("to go on: ")) == (1, 1), ended.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('prune.methods=["magnitud"]', ["[prune] methods[0]", "'magnitud'", "'magnitude'"]),
        ('recover.recoveries=["fintune"]', ["[recover] recoveries[0]", "'fintune'", "'finetune'"]),
        ("analyses.prediction_change={}", ["[analyses]", "'prediction_changes'"]),
        ("data.source=sample:digit", ["data source", "'digits'"]),
        ("train.lr=0", ["[train] lr", "> 0"]),
        ("model.source=sample:nothing", ["[model] source", "mlp-digits"]),
    ],
)
@pytest.mark.parametrize("way", [["--dry-run"], []])
def test_what_is_not_allowed_is_told_with_file_key_and_remedy(
    setting: str, words: list[str], way: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["run", "small.toml", "--set", setting, "--store", str(tmp_path / "s"), *WAYS, *way]) == 2
    said = capsys.readouterr().err
    for word in ["small.toml", *words]:
        assert word in said


def test_a_store_below_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["run", "small.toml", "--store", str(tmp_path / "file" / "s"), *WAYS]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "file" / "s") in said
    assert "unexpected" not in said
