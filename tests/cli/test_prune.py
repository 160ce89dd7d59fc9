"""``pruneviz prune`` and ``export-model``: one model as a file, loaded by the two documented lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import pruneviz as pv
from pruneviz import models
from pruneviz.core.errors import CheckpointError, ModelError, UsageError
from pruneviz.core.spec import ModelSpec
from pruneviz.study.saved import read_head, write_model
from pruneviz_apps import cli

NETS = """
from torch import nn


def mlp(width=16):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
"""
DATA = ["--data", "sample:digits", "--set", "data.test_limit=60", "--set", "data.train_limit=200", "--device", "cpu"]
DIGITS = ["sample:mlp-digits", "--sparsity", "0.5", *DATA]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four files: weights and channels, recovered, of a sample model and of a user's own."""
    made = tmp_path_factory.mktemp("a folder")
    (made / "pruned_nets.py").write_text(NETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        patch.syspath_prepend(str(made))
        import pruned_nets as nets

        torch.manual_seed(0)
        torch.save(nets.mlp().state_dict(), "w.pt")
        own = ["pruned_nets:mlp@w.pt", "--sparsity", "2x", *DATA]
        tuned = ["--recovery", '{name = "finetune", epochs = 1}']
        assert cli.main(["prune", *DIGITS, "--method", "magnitude", "-o", "weights.safetensors"]) == 0
        assert cli.main(["prune", *DIGITS, "--method", "l1-filter", "-o", "channels.safetensors"]) == 0
        assert cli.main(["prune", *DIGITS, "--method", "l1-filter", "--masked", "-o", "masked.safetensors"]) == 0
        assert cli.main(["prune", *own, "--method", "magnitude", *tuned, "-o", "own.safetensors"]) == 0
    return made


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))


def images() -> torch.Tensor:
    return torch.randn((5, 1, 8, 8), generator=torch.Generator().manual_seed(3))


LOADED = {
    "weights.safetensors": "net = pv.load('weights.safetensors')",
    "channels.safetensors": "net = pv.load('channels.safetensors')",
    "own.safetensors": "net = pv.load('own.safetensors', 'pruned_nets:mlp')",
}


def test_a_fresh_process_loads_it_by_two_lines_and_gives_the_same_outputs() -> None:
    code = ["import pruneviz as pv", "import torch"]
    code += ["x = torch.randn((5, 1, 8, 8), generator=torch.Generator().manual_seed(3))"]
    for file, line in LOADED.items():
        code += [line, "assert not net.training", f"torch.save(net(x).detach(), '{file}.out')"]
    subprocess.run([sys.executable, "-c", "\n".join(code)], check=True, timeout=60)
    for file in LOADED:
        net = pv.load(file, "pruned_nets:mlp" if file == "own.safetensors" else None)
        assert torch.equal(torch.load(f"{file}.out"), net(images()).detach())


def test_the_file_gives_what_the_study_measured() -> None:
    with safe_open("channels.safetensors", framework="np") as f:
        head = json.loads(f.metadata()["pruneviz"])
    study = pv.open("runs/prune-mlp-digits")
    runs = study.runs
    run = runs[runs["method"] == "l1-filter"].iloc[0]
    assert (head["accuracy"], head["method"], head["target"]) == (run["accuracy"], "l1-filter", "0.5")
    assert list(runs["method"]) == ["dense", "l1-filter"]  # no control, and nothing retrained beside it
    net = pv.load("channels.safetensors")
    assert sum(p.numel() for p in net.parameters()) == run["parameters_cut"]
    assert net.fc1.out_features == net.fc1.weight.shape[0] == net.fc2.in_features == 50

    from pruneviz import data
    from pruneviz.core.options import build
    from pruneviz.core.spec import DataSpec

    loaded = data.load(build(DataSpec, study.spec["data"], "data"))
    assert (head["mean"], head["std"]) == (list(loaded.mean), list(loaded.std))
    found = net(loaded.preprocess(loaded.test.images)).argmax(1).numpy()
    assert (found == loaded.test.labels).mean() == run["accuracy"]


def test_masks_are_applied_in_plain_tensors_that_need_no_pruneviz() -> None:
    state = load_file("weights.safetensors")
    net = models.build(ModelSpec("sample:mlp-digits"), 0)
    assert set(state) == set(net.state_dict())
    net.load_state_dict(state)
    assert torch.equal(net(images()), pv.load("weights.safetensors")(images()))
    assert sum(int((state[f"fc{i}.weight"] == 0).sum()) for i in (1, 2, 3)) >= 5700  # half of all but the classifier's
    masked = pv.load("masked.safetensors")
    assert masked.fc1.weight.shape == (100, 64)
    gap = (masked(images()) - pv.load("channels.safetensors")(images())).detach().abs().max()
    assert gap.item() < 1e-5


def test_it_can_be_loaded_into_what_is_given_and_compared() -> None:
    import pruned_nets as nets

    expected = pv.load("own.safetensors", "pruned_nets:mlp")(images())
    assert torch.equal(pv.load("own.safetensors", nets.mlp)(images()), expected)
    given = nets.mlp()
    before = given[1].weight.clone()
    assert torch.equal(pv.load("own.safetensors", given)(images()), expected)
    assert torch.equal(given[1].weight, before)
    how: Any = {
        "analyses": ("prediction_changes",),
        "others": False,
        "measure": {"latency": False},
        "data_options": {"test_limit": 60},
    }
    three = {"dense": "sample:mlp-digits", "cut": "sample:mlp-digits@channels.safetensors"}
    three["zeroed"] = "sample:mlp-digits@masked.safetensors"
    study = pv.compare(three, "sample:digits", store="compared", **how)
    runs = study.runs.set_index("name")
    for column in ("unit", "parameters_nonzero", "parameters_cut", "macs_cut", "accuracy", "sparsity_achieved"):
        assert runs.loc["zeroed", column] == runs.loc["cut", column]
    rows = study.table("given").set_index(["run_id", "layer"])
    assert rows.loc[(study.runs["run_id"][1], "fc1.weight"), "found"] == "cut by pruneviz"
    assert study.runs["parameters_cut"][1] == sum(t.numel() for t in load_file("channels.safetensors").values())


def changed(name: str, head: dict[str, Any] | None = None, **tensors: torch.Tensor) -> str:
    """A file like ``channels`` with something else in it."""
    state = {**load_file("channels.safetensors"), **tensors}
    with safe_open("channels.safetensors", framework="np") as f:
        text = {"pruneviz": json.dumps({**json.loads(f.metadata()["pruneviz"]), **(head or {})})}
    save_file(state, name, text)
    return name


def test_what_cannot_be_loaded_is_told() -> None:
    with pytest.raises(
        ModelError, match=r"'pruned_nets:mlp', which is code of yours.*pv\.load\('own\.safetensors', 'pr"
    ):
        pv.load("own.safetensors")
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        pv.load("none.safetensors")
    for file in ("w.pt", "compared/pruneviz-store.json"):
        if Path(file).exists():
            with pytest.raises(CheckpointError, match="is no model that `pruneviz prune` wrote"):
                pv.load(file)
    with pytest.raises(CheckpointError, match=r"whose 'fc1\.bias' has shape \[100\]; this one has no such tensor"):
        pv.load("channels.safetensors", "pruned_nets:mlp")
    with pytest.raises(CheckpointError, match=r"of another shape: 1\.bias"):
        pv.load("own.safetensors", lambda **_: __import__("pruned_nets").mlp(17))
    with pytest.raises(UsageError, match="model: got int"):
        pv.load("own.safetensors", 3)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="raised ZeroDivisionError"):
        pv.load("own.safetensors", lambda **_: 1 / 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(ModelError, match="returned int"):
        pv.load("own.safetensors", lambda **_: 1)  # type: ignore[arg-type, return-value]
    with pytest.raises(CheckpointError, match="what was cut does not fit together"):
        pv.load(changed("a.safetensors", **{"fc1.weight": torch.ones(49, 64)}))
    for head in ({"format": 99}, {"source": 3}, {"options": []}):
        with pytest.raises(CheckpointError, match="its head is damaged, or of a newer pruneviz"):
            pv.load(changed("b.safetensors", head))
    save_file(load_file("weights.safetensors"), "deep.safetensors", {"pruneviz": "[" * 200_000})
    with pytest.raises(CheckpointError, match="its head is damaged"):
        pv.load("deep.safetensors")
    for units in ({"fc1": {"size": 10**12, "kept": "ff"}}, {"fc1": {"size": 8, "kept": "zz"}}, {"fc1": 3}):
        file = changed("c.safetensors", {"units": units})
        with pytest.raises(CheckpointError, match="what its head says of removed channels is damaged"):
            pv.new_comparison(
                {"dense": "sample:mlp-digits", "x": f"sample:mlp-digits@{file}"}, "sample:digits"
            ).dry_run()


def test_a_file_never_imports_what_it_names() -> None:
    Path("evil_nets.py").write_text("raise SystemExit('imported')")
    file = changed("evil.safetensors", {"source": "evil_nets:run"})
    with pytest.raises(ModelError, match="never imported by itself"):
        pv.load(file)
    assert "evil_nets" not in sys.modules


def test_a_file_that_is_there_stays_unless_it_is_forced(capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("weights.safetensors").read_bytes()
    again = ["prune", *DIGITS, "--method", "random", "-o", "weights.safetensors"]
    assert cli.main(again) == 2
    assert "is there already" in capsys.readouterr().err
    assert Path("weights.safetensors").read_bytes() == before
    assert cli.main([*again[:-1], "other.safetensors", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["load"] == ["import pruneviz as pv", "net = pv.load('other.safetensors')"]
    first = Path("other.safetensors").read_bytes()
    assert cli.main([*again[:-1], "other.safetensors", "--force"]) == 0
    assert Path("other.safetensors").read_bytes() == first
    assert "Load it:" in capsys.readouterr().out


OUT = ["-o", "x.safetensors"]
CASES: list[tuple[list[str], list[str], int]] = [
    ([*DIGITS, "--method", "magnitud", *OUT], ["[prune] methods[0]", "Did you mean 'magnitude'"], 2),
    ([*DIGITS, "--method", "{name = 3", *OUT], ["--method", "no table of TOML"], 2),
    ([*DIGITS, "--method", "magnitude", "-o", "x.pt"], ["-o", "allowed endings: .safetensors"], 2),
    ([*DIGITS, "--method", "magnitude", "-o", "no/x.safetensors"], ["no folder 'no'"], 2),
    (["sample:mlp-digits", "--sparsity", "90", *DATA, "--method", "magnitude", *OUT], ["got '90'", 'Write "90%"'], 2),
    (
        ["sample:mlp-digits", "--sparsity", "macs=x", *DATA, "--method", "magnitude", *OUT],
        ["--sparsity", "macs=0.5"],
        2,
    ),
    (["pruned_nets:mlp", "--sparsity", "0.5", *DATA, "--method", "magnitude", *OUT], ["without weights", "@FILE"], 2),
    (["pruned_nets:mlp@no.pt", "--sparsity", "0.5", *DATA, "--method", "magnitude", *OUT], ["no such checkpoint"], 1),
    ([*DIGITS, "--method", "magnitude", "--recovery", "finetun", *OUT], ["Did you mean 'finetune'"], 2),
    ([*DIGITS, "--method", "magnitude", "--set", "prune.seeds=3", *OUT], ["writes one model"], 2),
    ([*DIGITS, "--method", "bn-scale", *OUT], ["batch norm"], 1),
]


@pytest.mark.parametrize(("arguments", "words", "code"), CASES, ids=[" ".join(c[1])[:30] for c in CASES])
def test_what_is_refused_before_anything_is_pruned(
    arguments: list[str], words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["prune", *arguments, "--store", "none"]) == code
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "unexpected" not in told[:20]
    for word in words:
        assert word in told
    assert not Path("none").exists()
    assert not Path("x.safetensors").exists()


def test_export_model_from_files_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export-model", "channels.safetensors", "-o", "net.pt2"]) == 0
    said = capsys.readouterr().out
    assert "float32 (N, 1, 8, 8) to logits, N free" in said
    assert "differ from the model's by at most" in said
    assert "(pixel / 255 - mean) / std, with mean [0.3" in said
    net, head = pv.load("channels.safetensors"), read_head("channels.safetensors")
    write_model(net.state_dict(), {**head, "pixels": False}, Path("floats.safetensors"))
    assert cli.main(["export-model", "floats.safetensors", "-o", "floats.pt2"]) == 0
    assert "(value - mean) / std, with mean" in capsys.readouterr().out
    found = torch.export.load("net.pt2").module()(images()).detach().numpy()
    assert np.allclose(found, pv.load("channels.safetensors")(images()).detach().numpy(), atol=1e-5)
    assert cli.main(["export-model", "own.safetensors", "--model", "pruned_nets:mlp", "-o", "own.pt2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gap"] < 1e-4
    assert cli.main(["export-model", "pruned_nets:mlp@w.pt", "--input", "1,8,8", "-o", "w.pt2"]) == 0
    save_file(torch.load("w.pt"), "w.safetensors")  # of anybody
    anybody = ["export-model", "w.safetensors", "--model", "pruned_nets:mlp", "--input", "1,8,8"]
    assert cli.main([*anybody, "-o", "anybody.pt2"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["w.safetensors", "-o", "refused.onnx"], ["w.safetensors", "is no model that `pruneviz prune` wrote"], 1),
        (["none.safetensors", "-o", "refused.onnx"], ["none.safetensors", "no such checkpoint"], 1),
        (["channels.safetensors", "-o", "refused.pt"], ["allowed endings: .onnx, .pt2"], 2),
        (["own.safetensors", "-o", "refused.onnx"], ["code of yours", "'pruned_nets:mlp'"], 1),
        (["w.pt", "-o", "refused.onnx"], ["which architecture"], 2),
        (["pruned_nets:mlp@w.pt", "-o", "refused.onnx"], ["--input", "such as 3,32,32"], 2),
        (["pruned_nets:mlp@w.pt", "--input", "8x8", "-o", "refused.onnx"], ["--input: got '8x8'"], 2),
        (["pruned_nets:mlp@w.pt", "--input", "3,9,9", "-o", "refused.pt2"], ["refused.pt2", "cannot be exported"], 1),
        (["channels.safetensors", "-o", "weights.safetensors"], ["allowed endings"], 2),
    ],
)
def test_export_model_refuses(
    arguments: list[str], words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export-model", *arguments]) == code
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "unexpected" not in told[:20]
    for word in words:
        assert word in told
    assert not list(Path().glob("*refused*"))
