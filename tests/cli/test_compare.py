"""``pruneviz compare``: files of models pruned anywhere, one line, a study like any other."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.utils import prune

import pruneviz as pv
from pruneviz.views.text import number, percent, points
from pruneviz_apps import cli

NETS = """
from torch import nn


def mlp(width=30):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def small():
    return mlp(12)


def few():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))


def fails():
    raise RuntimeError("the user's own mistake")
"""
DATA = ["--data", "sample:digits", "--set", "data.test_limit=60", "--set", "measure.latency=false", "--device", "cpu"]
MODEL = ["--model", "compared_nets:mlp"]


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("this must not be printed",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("a folder")
    (made / "compared_nets.py").write_text(NETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(made))
        import compared_nets as nets

        torch.manual_seed(0)
        net = nets.mlp()
        torch.save(net.state_dict(), made / "w0.pt")
        torch.save(nets.small().state_dict(), made / "w2.pt")
        torch.save(nets.few().state_dict(), made / "few.pt")
        prune.l1_unstructured(net[1], "weight", amount=0.5)
        torch.save(net.state_dict(), made / "w1.pt")
    other = torch.load(made / "w0.pt")
    torch.save({**other, "3.weight": other["3.weight"][:7], "3.bias": other["3.bias"][:7]}, made / "classes.pt")
    torch.save({"x": Evil()}, made / "evil.pt")
    torch.save({"other.weight": torch.ones(2)}, made / "keys.pt")
    (made / "plain.pt").write_bytes(pickle.dumps(Evil()))
    (made / "text.safetensors").write_text("no")
    (made / "empty.pt").touch()
    (made / "history.json").write_text("{")
    (made / "deep.json").write_text("[" * 200_000)
    return made


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.filterwarnings("ignore")
def test_files_side_by_side_are_a_study(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "<script>alert(1)</script>"
    models = ["dense=w0.pt", "torch=w1.pt", "cut=compared_nets:small@w2.pt", f"{hostile}=w2b.pt"]
    torch.save({k: t * 1.5 for k, t in torch.load("w0.pt").items()}, "w2b.pt")
    line = ["compare", *models, *MODEL, *DATA, "--store", "st", "--only", "--analysis", "prediction_changes"]
    assert cli.main(line) == 0
    said = capsys.readouterr().out
    assert "torch: 960 of 2,220 prunable weights are gone (43.2%)" in said
    assert "torch.nn.utils.prune" in said
    assert "12×64 of 30×64" in said
    assert "Paired on the same 60 images" in said
    assert hostile in said  # as it was given: a terminal runs nothing

    capsys.readouterr()
    assert cli.main([*line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["steps_made"], told["done"]) == (0, 4)
    assert {r["found"] for r in told["given"]} == {"nothing removed", "torch.nn.utils.prune", "smaller shape"}
    study = pv.open("st")
    table = study.table("prediction_changes")
    assert [p["name"] for p in told["pairs"]] == [n for n in study.runs["name"] if n != "dense"]
    assert {r["name"] for r in told["given"]} == set(study.runs["name"])
    assert set(table["arm"]) == {"torch", "cut", hostile}
    assert "Give models of several trainings" in study.findings()["prediction_changes"][0]
    assert [p["p"] for p in told["pairs"]] == pytest.approx(list(table["p"]))
    assert all(p["p"] <= p["p_holm"] <= min(1, 3 * p["p"]) for p in told["pairs"])

    for command in (["status", "st"], ["export", "st", "given", "-o", "given.csv"], ["report", "st", "-o", "r.html"]):
        assert cli.main(command) == 0, capsys.readouterr().err
    page = Path("r.html").read_text("utf-8")
    assert "nothing was pruned here" in page
    torch_row, run = next(p for p in told["pairs"] if p["name"] == "torch"), study.runs.set_index("name").loc["torch"]
    low, high = (points(torch_row[f"accuracy_difference_{end}"]) for end in ("low", "high"))
    assert (
        f"torch: accuracy {percent(run['accuracy'])}, {points(torch_row['accuracy_difference'])} points against dense "
        f"({low} … {high}; p = {number(torch_row['p_holm'], 2)}); {percent(torch_row['churn'])} of predictions changed."
    ) in page
    assert "Paired on the same 60 test images, these models fixed: 95 % intervals" in page
    assert "A model as it was given" in page
    assert "weights w1.pt" in page
    assert str(folder) not in page
    assert "[train]" not in page
    assert "&lt;NA&gt;" not in page
    assert "<script>alert" not in page

    assert cli.main(["compare", *models, *MODEL, *DATA, "--store", "new", "--dry-run"]) == 0
    assert "compare: 4 runs in" in capsys.readouterr().out
    assert not Path("new").exists()


def test_a_study_file_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.toml").write_text(
        '[compare]\nreference = "whole"\nothers = false\n'
        '[[models]]\nname = "whole"\nsource = "compared_nets:mlp"\ncheckpoint = "w0.pt"\n'
        '[[models]]\nname = "half"\nsource = "compared_nets:mlp"\ncheckpoint = "w1.pt"\n'
        '[data]\nsource = "sample:digits"\ntest_limit = 60\n[measure]\nlatency = false\n'
        "[analyses]\nprediction_changes = {}\n"
    )
    assert cli.main(["run", "s.toml", "--store", "file", "--executor", "local", "--workers", "1"]) == 0
    inline = ["compare", "whole=w0.pt", "half=w1.pt", "--reference", "whole", *MODEL, *DATA, "--store", "line"]
    assert cli.main([*inline, "--analysis", "prediction_changes", "--only"]) == 0
    assert list(pv.open("file").runs["run_id"]) == list(pv.open("line").runs["run_id"])


def test_replicates_have_numbers_in_their_files() -> None:
    for i in range(2):
        for name in ("w0", "w1"):
            torch.save(torch.load(f"{name}.pt"), f"{name}-{i}.pt")
    state = torch.load("w0-1.pt")
    torch.save({k: t + 0.01 for k, t in state.items()}, "w0-1.pt")
    given = ["dense=w0-{replicate}.pt", "half=w1-{replicate}.pt", "--replicates", "2", "--only", "--store", "two"]
    assert cli.main(["compare", *given, *MODEL, *DATA]) == 0
    runs = pv.open("two").runs
    assert list(runs["name"]) == ["dense #0", "dense #1", "half #0", "half #1"]
    assert list(runs["dense_run_id"]) == [*runs["run_id"][:2]] * 2


CASES: list[tuple[list[str], list[str], int]] = [
    (["dense"], ["'dense'", "NAME=MODEL"], 2),
    (["dense="], ["'dense='", "NAME=MODEL"], 2),
    (["dense=w0.pt", "dense=w1.pt"], ["two models called 'dense'"], 2),
    (["dense=w0.pt"], ["two models or more"], 2),
    (["a=w0.pt", "b=w1.pt"], ["[compare] reference", "'dense'", "a, b"], 2),
    (["dense=w0.pt", "x=w1.pt", "--replicates", "2"], ["[model] replicates", "{replicate}"], 2),
    (["dense=w0.pt", "x=none.pt"], ["model 'x'", "none.pt", "no such checkpoint"], 1),
    (["dense=w0.pt", "x=none.safetensors"], ["model 'x'", "none.safetensors", "no such checkpoint"], 1),
    (["dense=w0.pt", "x=empty.pt"], ["model 'x'", "empty.pt", "is empty"], 1),
    (["dense=w0.pt", "x=text.safetensors"], ["text.safetensors", "not a safetensors file"], 1),
    (["dense=w0.pt", "x=keys.pt"], ["model 'x'", "missing in the file: 1.weight", "unexpected in the file"], 1),
    (["dense=w0.pt", "x=evil.pt"], ["evil.pt", "pickle with code", "which pruneviz never runs"], 1),
    (["dense=w0.pt", "x=plain.pt"], ["plain.pt", "pickle with code"], 1),
    (["dense=w0.pt", "x=w2.pt"], ["model 'x'", "(file (12, 64), model (30, 64))", "so it was cut", "--history"], 1),
    (["dense=w0.pt", "x=classes.pt"], ["model 'x'", "It gives 7 classes, and the data has 10", "on one task"], 1),
    (["dense=w0.pt", "x=compared_nets:smal@w2.pt"], ["no 'smal'", "Did you mean 'small'"], 1),
    (["dense=w0.pt", "x=no_such_nets:mlp@w1.pt"], ["no module 'no_such_nets'"], 1),
    (["dense=w0.pt", "x=compared_nets:small"], ["'compared_nets:small' without weights", "small@FILE"], 2),
    (["dense=w0.pt", "x=compared_nets:fails@w1.pt"], ["compared_nets:fails()", "the user's own mistake"], 1),
    (["dense=w0.pt", "x=compared_nets:few@few.pt"], ["model 'x'", "(1, 5)", "10 classes", "on one task"], 1),
    (["dense=w0.pt", "x=sample:mlp-digit"], ["[model] source", "Did you mean 'mlp-digits'"], 2),
    (["dense=w0.pt", "x=w1.pt", "--history", "y=h.json"], ["--history", "'y=h.json'", "dense, x"], 2),
    (["dense=w0.pt", "x=w1.pt", "--history", "x=h.json"], ["model 'x'", "h.json", "no such checkpoint"], 1),
    (["dense=w0.pt", "x=w1.pt", "--history", "x=history.json"], ["history.json", "not valid JSON"], 1),
    (["dense=w0.pt", "x=w1.pt", "--history", "x=deep.json"], ["deep.json", "not valid JSON"], 1),
    (["dense=w0.pt", "x=w1.pt", "--analysis", "pq_index"], ["pq_index", "prunes nothing"], 1),
    (["dense=w0.pt", "x=w1.pt", "--analysis", "pq_indx"], ["Did you mean 'pq_index'"], 2),
    (["dense=w0.pt", "x=w1.pt", "--set", "data.source=folder:nowhere"], ["there is no folder"], 1),
    (["dense=w0.pt", "x=w1.pt", "--set", "prune.methods=['random']"], ["[prune]", "Leave [compare] out"], 2),
]


@pytest.mark.parametrize(
    ("models", "words", "code"), CASES, ids=lambda v: " ".join(v)[:40] if isinstance(v, list) else ""
)
def test_what_is_refused_before_anything_is_written(
    models: list[str], words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", *models, *MODEL, *DATA, "--store", "none"]) == code
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert "unexpected" not in told.err[:20]
    assert "this must not be printed" not in told.out
    for word in words:
        assert word in told.err
    assert not Path("none").exists()


def test_data_without_test_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for c in "ab":
        (tmp_path / "train" / c).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "train" / c / "1.png")
    given = ["dense=w0.pt", "x=w1.pt", *MODEL, "--data", f"folder:{tmp_path}", "--store", "none"]
    assert cli.main(["compare", *given]) == 1
    assert "test" in capsys.readouterr().err
    assert cli.main(["compare", "dense=w0.pt", "x=w1.pt", "--data", "sample:digits"]) == 2
    assert "which architecture it belongs to" in capsys.readouterr().err


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    page = Path(__file__).parents[2] / "docs" / "compare.md"
    monkeypatch.chdir(tmp_path)
    parts = page.read_text("utf-8").split("```python\n")[1:]
    return lambda: "\n".join(p.partition("```")[0] for p in parts)


@pytest.mark.filterwarnings("ignore")
def test_the_pages_examples_run(examples: Callable[[], str]) -> None:
    from pruneviz import models
    from pruneviz.core.spec import ModelSpec

    names: dict[str, Any] = {"dense": models.build(ModelSpec("sample:mlp-digits"), 0)}
    quick = 'data="sample:digits", analyses=("prediction_changes",), others=False, measure={"latency": False},'
    exec(compile(examples().replace('data="sample:digits",', quick), "docs/compare.md", "exec"), names)
    found = pv.open("runs/script").table("given")
    assert {"zeros", "smaller shape", "nothing removed"} == set(found["found"])
    assert "torch-pruning's history" in set(pv.open("runs/cut").table("given")["found"])
    assert "torch.nn.utils.prune" in set(pv.open("runs/file").table("given")["found"])
