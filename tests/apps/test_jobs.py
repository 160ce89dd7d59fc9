"""Pruning from the explorer, without a browser: what it would take, jobs that run, one that is cancelled, and trust."""

from __future__ import annotations

import json
import os
import signal
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pruneviz.core.errors import PrunevizError, SpecError, UsageError
from pruneviz.core.options import to_plain
from pruneviz.core.spec import study_from_plain
from pruneviz.study import Study, open_study, run_study
from pruneviz_apps.jobs import Estimate, Jobs, also_toml, analysis_toml, extended, measuring
from pruneviz_apps.trust import NOBODY, Trust, code_of, hindrance, out_of_reach

TABLE: dict[str, Any] = {
    "name": "small",
    "model": {"source": "sample:mlp-digits"},
    "data": {"source": "sample:digits", "train_limit": 300, "test_limit": 100},
    "prune": {"methods": ["magnitude"], "sparsities": [0.5]},
    "measure": {"latency": False},
}
WISH: dict[str, Any] = {"methods": ["erk"], "sparsities": [0.8]}
LONG: dict[str, Any] = {**WISH, "recoveries": [{"name": "finetune", "epochs": 4000}]}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    spec = study_from_plain(TABLE, "test")
    return run_study(spec, tmp_path / "store", executor="inline", device="cpu").study


def until(jobs: Jobs, *states: str) -> Any:
    end = time.monotonic() + 90
    while (job := jobs.job) is None or job.state not in states:
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


def test_a_wish_is_said_what_it_takes_and_its_runs_join_the_study(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, before = Jobs(study, NOBODY), set(study.runs["run_id"])
    for folder in (study.store.root, study.store.root / "workspace"):  # from which nothing may be imported
        for name in ("torch", "numpy", "pruneviz", "json", "sitecustomize"):
            (folder / f"{name}.py").write_text("raise SystemExit('trapped')\n")
    monkeypatch.chdir(study.store.root)
    wished = extended(study.spec, WISH)
    plan = told(jobs.estimate(wished))
    assert plan["runs"] == len(before) + 1
    assert plan["seconds"] > 0
    assert plan["kinds"] == {"prune": 1, "measure": 1}
    assert jobs.job is None
    version = study.version
    jobs.start(wished, "erk at 80 %")
    with pytest.raises(UsageError, match=r"a job is running \(erk at 80 %\)"):
        Jobs(study, NOBODY).start(wished, "again")
    job = until(jobs, "done", "failed")
    assert (job.state, job.what, job.failures, job.made) == ("done", "erk at 80 %", (), 2), job.reason
    assert study.version != version
    new = study.runs[~study.runs["run_id"].isin(before)]
    assert new[["method", "target", "status"]].to_numpy().tolist() == [["erk", "0.8", "done"]]
    assert extended(study.spec, WISH) == wished  # asked for again, it is the same study
    assert tomllib.loads(also_toml(wished)) == {"also": [WISH]}


def test_cancelling_keeps_what_is_done_and_a_process_that_vanishes_is_told(study: Study) -> None:
    jobs = Jobs(study, NOBODY)
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in an app that a script has put in the background
    jobs.start(extended(study.spec, LONG), "much")
    signal.signal(signal.SIGINT, heard)
    other = Jobs(open_study(study.store.root), NOBODY)  # another explorer, or the same one started again
    while (job := until(other, "running")).total == 0:
        time.sleep(0.05)
    assert job.what == "much"
    other.cancel()
    assert until(jobs, "cancelled", "done").state == "cancelled"
    study.refresh()
    status = study.runs.set_index("method")["status"].to_dict()
    assert status["erk"] == "waiting"
    jobs.start(extended(study.spec, LONG), "much")
    until(other, "running")
    process = jobs._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert until(other, "lost").what == "much"
    for damaged in ("", "[]", json.dumps({"no": 1}), "{", json.dumps({"state": "done", "total": "9"})):
        (jobs.folder / "state.json").write_text(damaged)
        assert jobs.job is None


def test_what_cannot_be_done_is_a_sentence(study: Study) -> None:
    for wish, words in (
        ({"methods": ["magnitud"], "sparsities": [0.5]}, "Did you mean 'magnitude'"),
        ({"methods": ["magnitude"], "sparsities": [1.5]}, "1.5"),
        ({**WISH, "recoveries": [{"name": "finetune", "lr": -1.0}]}, "> 0"),
    ):
        with pytest.raises(SpecError, match=words):
            extended(study.spec, wish)
    jobs = Jobs(study, NOBODY)
    estimate = jobs.estimate(extended(study.spec, {"methods": ["bn-scale"], "sparsities": [0.5]}))
    with pytest.raises(PrunevizError, match="batch norm"):
        told(estimate)


def test_an_analysis_is_asked_for_with_its_options_and_again_with_others(study: Study) -> None:
    spec = measuring(study.spec, NOBODY, "embeddings", {"samples": 50})
    assert [(c.name, c.options) for c in spec.analyses] == [("embeddings", {"samples": 50})]
    assert analysis_toml(spec, "embeddings") == "[analyses]\nembeddings = { samples = 50 }"
    more = to_plain(measuring(to_plain(spec), NOBODY, "calibration", {}))
    both = measuring(more, NOBODY, "embeddings", {"layout": "aligned"})
    assert [(c.name, c.options) for c in both.analyses] == [("embeddings", {"layout": "aligned"}), ("calibration", {})]
    for name, options, words in (
        ("embedding", {}, "Did you mean 'embeddings'"),
        ("embeddings", {"layout": "flat"}, "aligned, pca, umap"),
    ):
        with pytest.raises(SpecError, match=words):
            measuring(study.spec, NOBODY, name, options)
    with pytest.raises(UsageError, match=r"own\.t:f"):  # written in the form, not by whoever started the app
        measuring(study.spec, NOBODY, "corruption_robustness", {"transforms": ["own.t:f"]})


def told(estimate: Estimate) -> dict[str, Any]:
    while (plan := estimate.poll()) is None:
        time.sleep(0.1)
    return plan


def plain(**changes: Any) -> dict[str, Any]:
    return {"models": [{"source": "sample:mlp-digits"}], "data": {"source": "sample:digits"}, **changes}


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (plain(), ()),
        (plain(data={"source": "folder:photos"}), ()),
        (plain(models=[{"source": "own.nets:make"}, {"source": "timm:resnet18"}]), ("own.nets:make", "timm:resnet18")),
        (plain(data={"source": "own.images:load"}), ("own.images:load",)),
        (plain(recover={"recoveries": [{"name": "custom", "options": {"function": "own.t:loop"}}]}), ("own.t:loop",)),
        (plain(also=[{"methods": [{"name": "taylor", "options": {"score": "own:score"}}]}]), ("own:score",)),
        (plain(analyses=[{"name": "a", "options": {"transforms": [{"function": "own.t:f"}]}}]), ("own.t:f",)),
    ],
)
def test_nothing_that_a_store_names_is_imported_unless_it_is_trusted(
    spec: dict[str, Any], code: tuple[str, ...]
) -> None:
    assert code_of(spec) == code
    assert bool(hindrance(spec, NOBODY)) == bool(code)
    assert not hindrance(spec, Trust(everything=True))
    assert not hindrance(spec, Trust(sources=frozenset(code)))
    if code:
        assert code[0] in hindrance(spec, Trust(sources=frozenset({"another:one"})))


def test_models_given_and_models_in_memory_are_said(study: Study) -> None:
    assert "given as they are" in hindrance(plain(compare={"reference": "dense"}), Trust(everything=True))
    assert not out_of_reach(plain(compare={"reference": "dense"}), NOBODY, "Measuring", "measure")
    assert "given in Python" in hindrance(plain(models=[{"source": "memory:net"}]), Trust(everything=True))
