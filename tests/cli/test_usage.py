"""Help, exit codes and what a wrong command line is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pruneviz
from pruneviz_apps.commands.parser import build_parser

CATALOGUES = ["methods", "analyses", "studies", "models", "data"]
COMMANDS = [
    "demo",
    "run",
    "compare",
    "prune",
    "export-model",
    "status",
    "app",
    "report",
    "figure",
    "export",
    *CATALOGUES,
    "fetch",
]


def pruneviz_command(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pruneviz_apps.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={**os.environ, **env},
    )


def test_the_installed_command_answers() -> None:
    script = Path(sys.executable).with_name("pruneviz")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"pruneviz {pruneviz.__version__}\n"


def test_help_lists_every_command() -> None:
    done = pruneviz_command("--help")
    assert done.returncode == 0
    for word in [*COMMANDS, "exit codes", "examples"]:
        assert word in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        build_parser().parse_args([command, "--help"])
    shown = capsys.readouterr().out
    assert left.value.code == 0
    assert f"  pruneviz {command}" in shown.split("example")[-1]
    assert shown.count("\n") > 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["COMMAND"]),
        (["rum"], ["'rum'", "Did you mean 'run'"]),
        (["run"], ["STUDY"]),
        (["run", "demo", "--worker", "2"], ["'--worker'", "--workers", "pruneviz run --help"]),
        (["run", "demo", "--workers", "0"], ["--workers", "'0'", "from 1"]),
        (["run", "demo", "--executor", "ray"], ["--executor", "inline"]),
        (["run", "demo", "--device", "gpu"], ["--device", "cuda"]),
        (["run", "demo", "--set", "train.epochs"], ["--set", "key=value"]),
        (["run", "demo", "--set", "train.epoch=3"], ["[train]", "'epoch'", "'epochs'"]),
        (["run", "demo", "--set", "prune.sparsities=[90]"], ["sparsities[0]", "90", '"90%"']),
        (["run", "dem"], ["'dem'", "Did you mean 'demo'"]),
        (["run", "no/such.toml"], ["no/such.toml", "no such study file"]),
        (["app", "--port", "70000"], ["--port", "65535"]),
        (["report", "runs/x"], ["-o"]),
        (["report", "runs/x", "-o", "x.doc"], ["x.doc", ".html, .pdf, .md, .tex"]),
        (["report", "runs/x", "-o", "x.pdf", "--layout", "no.toml"], ["--layout", "no.toml", "cannot be read"]),
        (["figure", "runs/x", "tradeoff", "-o", "x.html"], ["x.html", ".pdf, .svg, .png"]),
        (["figure", "runs/x", "tradeoff", "-o", "x.pdf", "--columns", "3"], ["--columns", "3"]),
        (["export", "runs/x", "-o", "x.csv"], ["names no table", "--to tensorboard"]),
        (["export", "runs/x", "runs", "-o", "x.csv", "--digits", "3"], ["--digits", ".tex"]),
        (["export", "runs/x", "runs", "-o", "x", "--to", "mlflow"], ["--to", "Leave TABLE"]),
        (["export", "runs/x", "-o", "x", "--to", "excel"], ["'excel'"]),
        (["export", "runs/x", "runs", "-o", "x.xlsx"], ["x.xlsx", ".csv, .parquet, .json"]),
        (["export", "runs/x", "runs", "-o", "no/such/x.csv"], ["no folder", "no/such"]),
        (["methods", "magnitud"], ["'magnitud'", "Did you mean 'magnitude'"]),
        (["studies", "demi"], ["'demi'", "'demo'"]),
        (["fetch"], ["NAME"]),
        (["fetch", "cifar11"], ["cifar11", "'cifar10'"]),
    ],
    ids=lambda v: " ".join(v) if v and isinstance(v, list) and "'" not in v[0] else "",
)
def test_wrong_usage_is_two_and_one_clear_line(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    done = pruneviz_command(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["status", "none"], ["export", "none", "runs", "-o", "x.csv"], ["app", "none"]])
def test_a_store_that_is_not_there_is_one(arguments: list[str], tmp_path: Path) -> None:
    done = pruneviz_command(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "error: none: there is no such folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    done = pruneviz_command("status", str(tmp_path))
    assert done.returncode == 1
    assert "not a pruneviz store" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"), [("a = [", "not valid TOML"), ("", "[model]"), ('[model]\nsource="sample:x"\n', "[data]")]
)
def test_a_broken_study_file(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(text)
    done = pruneviz_command("run", "s.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "s.toml" in done.stderr
    assert words in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_traceback_can_be_had(tmp_path: Path) -> None:
    done = pruneviz_command("status", "none", cwd=tmp_path, PRUNEVIZ_TRACEBACK="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_an_unexpected_fault_is_one_line_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pruneviz_apps import cli
    from pruneviz_apps.commands import status

    def broken(_: object) -> int:
        raise RuntimeError("boom\nboom")

    monkeypatch.setattr(status, "status", broken)
    monkeypatch.delenv(cli.TRACEBACK, raising=False)
    assert cli.main(["status", "x"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: unexpected RuntimeError: boom boom\n")
    assert "PRUNEVIZ_TRACEBACK=1 pruneviz status x" in said


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from pruneviz_apps import cli
    from pruneviz_apps.commands import run

    def stopped(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run", stopped)
    assert cli.main(["run", "my study.toml", "--store", "a"]) == 1
    assert "pruneviz run 'my study.toml' --store a" in capsys.readouterr().err


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    program = (
        "import sys, json\nfrom pruneviz_apps.cli import main\n"
        "try:\n    code = main(sys.argv[1:])\nexcept SystemExit as e:\n    code = e.code\n"
        "print('\\n' + json.dumps([code, sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return set(modules)


HEAVY = {"torch", "pandas", "pyarrow", "bokeh", "panel", "scipy", "sklearn", "torch_pruning", "PIL"}


@pytest.mark.parametrize("kind", CATALOGUES)
def test_catalogues_import_nothing_heavy(kind: str) -> None:
    assert loaded_by(kind, "--json") & HEAVY == set()


def test_help_imports_next_to_nothing() -> None:
    assert loaded_by("--help") & (HEAVY | {"numpy", "rich"}) == set()


def test_importing_the_package_imports_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules); import pruneviz; dir(pruneviz)\n"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["pruneviz"]


def test_every_public_name_is_there() -> None:
    for name in pruneviz.__all__:
        assert getattr(pruneviz, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pruneviz.nothing


def test_fetch_prints_where_the_data_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from pruneviz import data
    from pruneviz_apps import cli

    def fetch(name: str, folder: Path, progress: Callable[[int, int | None], None]) -> Path:
        progress(1_000_000, None)
        return folder / name

    monkeypatch.setattr(data, "fetch", fetch)
    assert cli.main(["fetch", "cifar10", "--to", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'cifar10'}\n"
    assert said.err == "cifar10: 1 MB\n"
