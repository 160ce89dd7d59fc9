"""The code that the explorer shows makes what it shows: it is run, in a process of its own, and compared."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pruneviz as pv
from pruneviz.core.selection import AllOf, Became, Column, Ids, Range, Selection
from pruneviz.core.viewstate import ViewState
from pruneviz.views.catalogue import find_all
from pruneviz_apps import cli
from pruneviz_apps.explorer.code import code, shown
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.sidebar import PAGES
from pruneviz_apps.explorer.taking_away import seen

TESTS = Path(__file__).parents[1]


def numbers(value: Any) -> str:
    """Everything that a picture says, as one digest."""

    def parts(v: Any) -> Any:
        if is_dataclass(v):
            return [type(v).__name__, *(parts(getattr(v, f.name)) for f in fields(v))]
        if isinstance(v, np.ndarray):
            return [str(v.dtype), v.tolist()]
        if isinstance(v, dict):
            return [[str(k), parts(w)] for k, w in v.items()]
        return [parts(w) for w in v] if isinstance(v, (list, tuple)) else repr(v)

    return hashlib.sha256(repr(parts(value)).encode()).hexdigest()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept here") / "a 'store'"
    pv.new_study(
        model="sample:mlp-digits",
        data="sample:digits",
        methods=["random", "magnitude"],
        sparsities=[0.5, 0.9],
        name="small",
        data_options={"test_limit": 80},
        measure={"latency": False},
        analyses=["prediction_changes"],
    ).run(folder, listener=lambda event: None)
    return folder


def states(study: pv.Study) -> list[ViewState]:
    runs = study.runs
    pruned = [str(r) for r in runs.loc[runs["method"] != "dense", "run_id"]]
    dense = str(runs["run_id"].iloc[0])
    lost = Selection(
        "samples",
        AllOf(
            (Became(pruned[1], dense, ("right to wrong", "stayed wrong")), Range(Column("margin", dense), None, 9.5))
        ),
    )
    chosen = study.select(lost)
    assert chosen
    return [
        ViewState(),
        ViewState(page="tradeoff", y="loss", log_y=True, models=(pruned[0],), filters=(("method", ("magnitude",)),)),
        ViewState(page="layers", models=tuple(pruned[:2]), theme="dark"),
        ViewState(page="compare", models=tuple(pruned), reference=dense, selection=lost, samples=chosen),
        ViewState(page="compare", models=(pruned[1],), samples=chosen[:2], sample_metric="loss"),
        ViewState(page="compare", reference=dense),
        ViewState(page="analyses", models=(pruned[3],)),
        ViewState(page="diff", models=tuple(pruned), focus=pruned[3]),
        ViewState(page="runs", filters=(("method", ("magnitude",)),)),
        ViewState(page="samples", models=(pruned[1],), sort="loss", sort_of=pruned[1], shown_sample=chosen[0]),
    ]


def test_the_python_makes_what_the_page_shows(store: Path, tmp_path: Path) -> None:
    """Run elsewhere, in one process for all: each program by itself, since it names all that it uses."""
    study = pv.open(store)
    tables, programs, expected = CachedTables(study), [], []
    for state in states(study):
        made = code(tables, state, study.workspace)
        names = shown(tables, state)
        expected.append([(n, numbers(p)) for n in names for p in find_all(n, "test")(tables, seen(state))])
        programs.append(made.python)
    assert [len({n for n, _ in e}) for e in expected] == [1, 2, 3, 4, 4, 1, 2, 3, 1, 2]
    assert sum(n == "sample_scatter" for n, _ in expected[3]) > 1  # one for each model, as on the page
    whole = (
        "import json, sys\n"
        "from test_code import numbers\n"
        "out = []\n"
        "for text in json.loads(sys.stdin.read()):\n"
        "    made = []\n"
        "    text = text.replace('figure.save(', 'made.append((name, numbers(figure.picture)))  # ')\n"
        "    exec(compile(text, 'shown', 'exec'), {'made': made, 'numbers': numbers})\n"
        "    out.append(made)\n"
        "print(json.dumps(out))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", whole],
        input=json.dumps(programs),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": f"{TESTS}:{TESTS / 'apps'}", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[list(p) for p in e] for e in expected]


def test_the_command_lines_make_the_same_files(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = pv.open(store)
    tables = CachedTables(study)
    for state in states(study)[1:4:2]:
        lines = code(tables, state, study.workspace).command.splitlines()
        assert len(lines) == len(shown(tables, state))
        program, *arguments = shlex.split(lines[1])
        assert (program, cli.main(arguments)) == ("pruneviz", 0)
        name = arguments[2]
        written = (tmp_path / f"{name}.pdf").read_bytes()
        assert written == pv.figure(study, name, view=state, columns=2).content("pdf")
    table, tree = code(tables, ViewState(page="runs"), study.workspace).command.splitlines()
    assert cli.main(shlex.split(table)[1:]) == cli.main(shlex.split(tree)[1:]) == 0
    (line,) = code(tables, ViewState(page="methods", method="erk"), study.workspace).command.splitlines()
    assert cli.main(shlex.split(line)[1:]) == 0
    assert (tmp_path / "runs.csv").read_text().count("\n") == len(study.runs) + 1


def test_every_page_has_code_and_what_does_not_fit_is_said(store: Path) -> None:
    study = pv.open(store)
    tables = CachedTables(study)
    for page, _, _ in PAGES:
        made = code(tables, ViewState(page=page), study.workspace)
        compile(made.python, "shown", "exec")
        assert made.python.startswith("import pruneviz as pv\n")
        assert made.command.startswith("pruneviz ")
    many = tuple(f"folder/with/a/long/name/{i}.png" for i in range(5000))
    state = states(study)[3]
    much = replace(state, selection=Selection("samples", Ids(many)), samples=many)
    made = code(tables, much, study.workspace)
    assert made.command.startswith("# So many images")
    assert many[-1] in made.python
