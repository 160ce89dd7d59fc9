"""Studies that ship: found by name, described, and valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from pruneviz.api import read_study
from pruneviz.core.errors import DataError, UsageError
from pruneviz.shipped import find_study, studies

SHIPPED = {s.name: s for s in studies()}


@pytest.mark.parametrize("name", SHIPPED)
def test_each_says_what_it_shows_and_how_long_it_takes(name: str) -> None:
    assert SHIPPED[name].summary
    assert SHIPPED[name].time


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", SHIPPED)
def test_each_is_a_valid_study_of_its_own_name(name: str, quick: bool) -> None:
    assert read_study(find_study(name), quick=quick).spec.name == name


def test_the_demo_is_as_large_as_promised() -> None:
    spec = read_study(find_study("demo")).spec
    assert len(spec.prune.methods) >= 5
    assert "random" in {m.name for m in spec.prune.methods}
    assert len(spec.prune.sparsities) >= 4
    assert sum(m.replicates for m in spec.models) >= 3
    assert {r.name for r in spec.recover.recoveries} >= {"none", "finetune"}


@pytest.mark.parametrize("name", [n for n in SHIPPED if "published" in n or "mnist" in n])
def test_what_is_not_there_is_looked_for_from_here_and_can_be_fetched(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"{tmp_path}/data.*`pruneviz fetch [a-z0-9-]+ --to data`\.$"):
        read_study(find_study(name)).dry_run(tmp_path / "store")


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_study("demo") == SHIPPED["demo"].path
    Path("demo").write_text("")
    assert find_study("demo") == Path("demo")


@pytest.mark.parametrize(("name", "words"), [("dmo", "Did you mean 'demo'"), ("a/b", "no such study file")])
def test_what_is_neither_is_refused(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_study(name)
