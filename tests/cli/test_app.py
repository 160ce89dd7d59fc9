"""``pruneviz app`` and ``pruneviz demo``: what they serve, with the server itself left out."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import pruneviz
from pruneviz_apps import cli, panel_app
from pruneviz_apps.commands import demo as demo_command
from pruneviz_apps.trust import NOBODY, Trust


class Served(list[tuple[Path, int | None, bool]]):
    """What would have been served."""

    def __call__(self, store: Path, *, port: int | None, open_browser: bool, trust: Trust) -> None:
        self.append((Path(store), port, open_browser))
        self.trust = trust


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Served:
    monkeypatch.chdir(tmp_path)
    found = Served()
    monkeypatch.setattr(panel_app, "serve", found)
    return found


def test_a_dense_model_without_a_study(served: Served) -> None:
    look = ["app", "--model", "sample:mlp-digits", "--data", "sample:digits", "--no-browser", "--port", "0"]
    assert cli.main(look) == 0
    assert served == [(Path("runs/explore-mlp-digits"), 0, False)]
    runs = pruneviz.open("runs/explore-mlp-digits").runs
    assert runs["method"].tolist() == ["dense"]
    assert runs["status"].tolist() == ["done"]
    assert runs["accuracy"][0] > 0.8


def test_a_folder_of_test_images_alone_says_what_it_needs(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from PIL import Image

    from pruneviz import data
    from pruneviz.core.spec import DataSpec

    digits = data.load(DataSpec("sample:digits")).test
    for k in range(10):
        (tmp_path / "photos" / str(k)).mkdir(parents=True)
        for image in digits.images[digits.labels == k][:2]:
            Image.fromarray(image[..., 0]).save(tmp_path / "photos" / str(k) / f"{image.sum()}.png")
    look = ["app", "--model", "sample:mlp-digits", "--data", "folder:photos", "--no-browser"]
    assert cli.main(look) == 1
    assert "--set data.mean=" in capsys.readouterr().err
    assert cli.main([*look, "--set", "data.mean=[0.3]", "--set", "data.std=[0.38]"]) == 0
    assert served == [(Path("runs/explore-mlp-digits"), None, False)]
    assert pruneviz.open("runs/explore-mlp-digits").runs["accuracy"][0] > 0.8


def test_a_store_is_opened_and_only_what_is_named_here_is_trusted(served: Served, tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert cli.main(["app", str(store), "--model", "sample:mlp-digits", "--data", "sample:digits"]) == 0
    assert cli.main(["app", str(store)]) == 0
    assert served.trust == NOBODY
    assert cli.main(["app", str(store), "--model", "own.nets:make"]) == 0
    assert served.trust == Trust(sources=frozenset({"own.nets:make"}))
    assert cli.main(["app", str(store), "--trust"]) == 0
    assert served.trust == Trust(everything=True)
    assert served == [(store, None, True)] * 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a store, or give --model and --data"),
        (["--data", "sample:digits"], "Add --model"),
        (["somewhere", "--set", "data.size=[8,8]"], "without --model and --data"),
        (["--checkpoint", "w.pt"], "Add --model"),
        (["--model", "sample:mlp-digits"], "name a store"),
        (["--model", "sample:mlp-digit", "--data", "sample:digits"], "'mlp-digits'"),
        (["--model", "sample:mlp-digits", "--data", "sample:digit"], "'digits'"),
        (["--model", "nowhere.nets:make", "--checkpoint", "w.pt", "--data", "sample:digits"], "nowhere"),
    ],
)
def test_what_does_not_make_a_view(
    arguments: list[str], words: str, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["app", *arguments]) in (1, 2)
    assert words in capsys.readouterr().err
    assert served == []


def test_a_factory_without_weights_is_not_trained_in_silence(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bare_nets.py").write_text("from torch import nn\ndef make():\n    return nn.Linear(64, 10)\n")
    assert cli.main(["app", "--model", "bare_nets:make", "--data", "sample:digits"]) == 2
    assert "without weights" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_port_already_taken(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    look = ["app", str(tmp_path / "s"), "--model", "sample:mlp-digits", "--data", "sample:digits", "--no-browser"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main([*look, "--port", str(port)]) == 2
    assert f"port {port} on 127.0.0.1 is taken" in capsys.readouterr().err


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The demo command with a study of seconds in the demo's place."""
    file = tmp_path / "demo.toml"
    file.write_text(
        'name = "demo"\n[model]\nsource = "sample:mlp-digits"\n[data]\nsource = "sample:digits"\n'
        '[prune]\nmethods = ["magnitude"]\nsparsities = [0.5]\n[measure]\nlatency = false\n'
    )
    monkeypatch.setattr(demo_command, "find_study", lambda name: file)


@pytest.mark.usefixtures("small_demo")
def test_the_demo_runs_then_serves_and_is_quick_again(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--store", "d", "--no-browser", "--port", "5050"]) == 0
    assert "3 of 3 runs are done" in capsys.readouterr().out
    assert cli.main(["demo", "--store", "d"]) == 0
    assert "(0 steps" in capsys.readouterr().out
    assert served == [(Path("d"), 5050, False), (Path("d"), None, True)]


@pytest.mark.usefixtures("small_demo")
def test_the_demo_without_a_server_writes_the_report(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--store", "runs/d", "--no-serve"]) == 0
    assert "Report: runs/d/report.html" in capsys.readouterr().out
    assert "<html" in Path("runs/d/report.html").read_text("utf-8")[:500]
    assert served == []
