"""Artifacts: whole or absent, found by key, safe between processes, with sentences for what goes wrong."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from pruneviz.core.errors import StoreError
from pruneviz.study.store import FORMAT, MANIFEST, MARKER, Store
from pruneviz.study.tensors import load_table, texts_in

KEY = "ab" * 16


def put(store: Store, key: str = KEY, text: str = "hello") -> None:
    def write(folder: Path) -> dict[str, object]:
        (folder / "out.txt").write_text(text)
        return {"n": 1}

    store.put(key, "prune", write, described={"kind": "prune"}, environment={"python": "3"})


def test_what_was_put_is_found_again_by_another_opening(tmp_path: Path) -> None:
    put(Store.create(tmp_path / "s"))
    found = Store(tmp_path / "s").need(KEY)
    assert found.path("out.txt").read_text() == "hello"
    assert (found.kind, found.meta, found.files) == ("prune", {"n": 1}, {"out.txt": 5})


def test_a_step_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "s")

    def write(folder: Path) -> dict[str, object]:
        (folder / "out.txt").write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.put(KEY, "prune", write, described={}, environment={})
    assert store.get(KEY) is None
    assert not list((tmp_path / "s" / "tmp").iterdir())


@pytest.mark.parametrize("damage", ["missing file", "cut short", "no manifest", "broken manifest"])
def test_a_damaged_artifact_counts_as_absent_and_is_made_again(tmp_path: Path, damage: str) -> None:
    put(Store.create(tmp_path / "s"))
    folder = Store(tmp_path / "s").folder(KEY)
    if damage == "missing file":
        (folder / "out.txt").unlink()
    elif damage == "cut short":
        (folder / "out.txt").write_text("hel")
    elif damage == "no manifest":
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_text('{"kind": ')
    store = Store.create(tmp_path / "s")
    assert store.get(KEY) is None
    put(store, text="again")
    assert store.need(KEY).path("out.txt").read_text() == "again"


def test_what_killed_processes_left_behind_is_swept_but_not_what_is_being_written(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "s")
    (store.root / "tmp" / f"{KEY}-1234").mkdir()
    other = "cd" * 16
    (store.root / "tmp" / f"{other}-1234").mkdir()
    with store.lease(other) as mine:
        assert mine
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=Store.create, args=(store.root,))
        process.start()
        process.join()
        assert process.exitcode == 0
    assert [p.name for p in (store.root / "tmp").iterdir()] == [f"{other}-1234"]


def test_opening_names_what_is_wrong_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no such folder.*pruneviz run STUDY"):
        Store(tmp_path / "none")
    with pytest.raises(StoreError, match="is not a pruneviz store"):
        Store(tmp_path)
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty"):
        Store.create(tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "mine"
    newer = Store.create(tmp_path / "s").root
    (newer / MARKER).write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(StoreError, match=r"newer pruneviz.*Upgrade"):
        Store(newer)
    (newer / MARKER).write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        Store(newer)


def test_no_disk_left_is_a_sentence(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "s")

    def write(folder: Path) -> dict[str, object]:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="no disk space is left"):
        store.put(KEY, "prune", write, described={}, environment={})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_store_can_be_read_and_says_that_it_cannot_be_run(tmp_path: Path) -> None:
    put(Store.create(tmp_path / "s"))
    (tmp_path / "s").chmod(0o500)
    (tmp_path / "s" / "tmp").chmod(0o500)
    try:
        assert Store(tmp_path / "s").get(KEY) is not None
        with pytest.raises(StoreError, match="cannot be written"):
            Store.create(tmp_path / "s")
    finally:
        (tmp_path / "s").chmod(0o700)
        (tmp_path / "s" / "tmp").chmod(0o700)


def test_failures_are_kept_until_the_step_succeeds(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "s")
    store.fail(KEY, "diverged", "traceback", {})
    failure = Store(tmp_path / "s").failure(KEY)
    assert failure is not None
    assert failure["reason"] == "diverged"
    put(store)
    assert store.failure(KEY) is None


def test_an_earlier_version_of_a_study_is_kept(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "s")
    store.write_study("mine", {"runs": [1]})
    store.write_study("mine", {"runs": [1, 2]})
    assert store.studies() == ["mine"]
    assert store.read_study("mine") == {"runs": [1, 2]}
    earlier = list((store.root / "studies" / "earlier").iterdir())
    assert [json.loads(p.read_text()) for p in earlier] == [{"runs": [1]}]
    with pytest.raises(StoreError, match=r"no study 'yours'.*mine"):
        store.read_study("yours")


def test_a_table_taken_away_while_somebody_looks_is_a_sentence(tmp_path: Path) -> None:
    for read in (load_table, lambda path: texts_in(path, "method")):
        with pytest.raises(StoreError, match=r"The store lacks 1f/samples\.parquet\. Run the study again"):
            read(tmp_path / "1f" / "samples.parquet")
