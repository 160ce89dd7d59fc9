"""Whatever happens to a run (killed, stopped, no disk, damaged files, changed inputs), nothing finished is lost, and
nothing false is kept under a right name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pruneviz as pv
from pruneviz.core.errors import DataError, ModelError, PrunevizError, SpecError, StoreError
from pruneviz.core.spec import DataSpec, study_from_plain
from pruneviz.study import Event, Result, Store, dry_run, executors, inputs, run_study
from pruneviz.study.coordinator import Coordinator
from pruneviz.study.plan import plan
from pruneviz.study.steps import Step
from pruneviz.study.store import MANIFEST, MARKER
from pruneviz_apps import cli

NETS = '''
import os, signal
from pathlib import Path
import torch
from torch import nn

SEEN = Path(__file__).parent / "seen"
SEEN.mkdir(exist_ok=True)
(SEEN / str(os.getpid())).touch()


def mlp(width=16):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def anysize():
    return nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))


class Deadly(nn.Module):
    """Kills its process in training; not yet where it is checked before."""

    def __init__(self):
        super().__init__()
        self.net, self.batches = mlp(), 0

    def forward(self, x):
        self.batches += self.training
        if self.batches > 2:
            killed = Path(__file__).parent / "killed"
            killed.mkdir(exist_ok=True)
            (killed / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.net(x)


class Forbidden(nn.Module):
    """Opens a file of its own that it may not, in training."""

    def __init__(self):
        super().__init__()
        self.net, self.batches = mlp(), 0

    def forward(self, x):
        self.batches += self.training
        if self.batches > 2:
            raise PermissionError(13, "Permission denied", "/somewhere/else.cache")
        return self.net(x)


def mine(net, keeper, data, budget):
    return 0
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a module of models of its own name."""
    name = f"nets_{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}"
    (tmp_path / f"{name}.py").write_text(NETS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop(name, None)


def nets(folder: Path) -> str:
    return next(folder.glob("nets_*.py")).stem


def small(folder: Path, model: str = "mlp", **options: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "model": {"source": f"{nets(folder)}:{model}", "name": model, "options": options},
        "data": {"source": "sample:digits", "train_limit": 300, "test_limit": 50},
        "train": {"epochs": 2, "lr": 0.1, "batch_size": 64},
        "prune": {"methods": ["magnitude"], "sparsities": [0.5]},
        "recover": {"recoveries": ["none", {"name": "finetune", "epochs": 1}]},
        "measure": {"latency": False},
    }


def run(table: Mapping[str, Any], store: Path, **ways: Any) -> Result:
    return run_study(study_from_plain(table, "test"), store, **{"executor": "inline", "device": "cpu", **ways})


def contents(store: Path) -> dict[str, str]:
    """Digest of every result; manifests hold times, so they are left out."""
    return {
        str(p.relative_to(store)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted((store / "objects").rglob("*"))
        if p.is_file() and p.name not in (MANIFEST, "timings.parquet")
    }


def everything(store: Path) -> dict[str, str]:
    files = (p for p in sorted(store.rglob("*")) if p.is_file() and p.parent.name != "leases")
    return {str(p.relative_to(store)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# -- stopped and killed


STUDY = """
name = "slow"
[model]
source = "{nets}:mlp"
options = {{width = 64}}
[data]
source = "sample:digits"
[train]
epochs = 6
[prune]
methods = ["magnitude"]
sparsities = [0.5]
seeds = 3
[recover]
recoveries = ["none", {{name = "finetune", epochs = 6}}]
[measure]
latency = false
"""


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    """``pruneviz run`` as a terminal starts it: in a process group of its own."""
    (folder / "slow.toml").write_text(STUDY.format(nets=nets(folder)))
    command = [sys.executable, "-m", "pruneviz_apps.cli", "run", "slow.toml", "--store", "a store", "--device", "cpu"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *more], cwd=folder, start_new_session=True, **pipes)  # type: ignore[call-overload,no-any-return]


def finished(folder: Path) -> int:
    return len(list((folder / "a store" / "objects").rglob(MANIFEST)))


@pytest.mark.parametrize("when", ["at once", "working"])
def test_ctrl_c_stops_workers_quietly_and_says_how_to_go_on(folder: Path, when: str) -> None:
    process = start(folder, "--executor", "local", "--workers", "1" if when == "at once" else "2")
    store = folder / "a store"
    until((lambda: (store / "studies" / "slow.json").exists()) if when == "at once" else lambda: finished(folder) >= 3)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: workers get it too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "Traceback" not in err
    assert "stopped. What was finished is kept; to go on: pruneviz run slow.toml --store 'a store'" in err
    assert not list((store / "tmp").iterdir())
    done = finished(folder)
    result = pv.read_study("slow.toml").result(store, executor="inline", device="cpu", listener=lambda e: None)
    assert result.reused == done
    assert set(result.study.runs["status"]) == {"done"}


def test_workers_end_with_a_coordinator_that_is_killed(folder: Path) -> None:
    process = start(folder, "--executor", "local", "--workers", "1")
    until(lambda: finished(folder) >= 3)
    process.kill()
    process.communicate(timeout=60)
    pids = [int(p.name) for p in (folder / "seen").iterdir()]
    assert len(pids) >= 2  # itself and at least one worker
    until(lambda: not any(alive(pid) for pid in pids), 20)


def test_a_worker_that_is_killed_is_replaced_and_its_step_fails_if_it_kills_again(folder: Path) -> None:
    table, source = small(folder), f"{nets(folder)}:Deadly"
    table["models"] = [{"source": source, "name": "deadly"}, table.pop("model")]
    table["recover"]["recoveries"] = ["none"]
    result = run(table, folder / "s", executor="local", workers=1)
    assert len(list((folder / "killed").iterdir())) == 2
    assert [*result.failed] == ["train deadly #0"]
    assert "its worker process died, most likely out of memory" in result.failed["train deadly #0"]
    runs = result.study.runs
    assert set(runs[runs["model"] == "deadly"]["status"]) == {"failed"}
    assert set(runs[runs["model"] == "mlp"]["status"]) == {"done"}
    assert not list((folder / "s" / "tmp").iterdir())


class Threads(ThreadPoolExecutor):
    """Stands for a pool of processes; breaks when told to, at the next step or as it is handed in."""

    breaks: list[str]

    starts = True

    def __init__(self, workers: int, context: Any, initializer: Any, shared: tuple[Any, ...]) -> None:
        super().__init__(workers)
        if self.starts:
            shared[2].set()

    def submit(self, *_: Any, **__: Any) -> Future[Any]:  # type: ignore[override]
        how = self.breaks.pop(0) if self.breaks else "made"
        if how == "at once":
            raise BrokenProcessPool
        future: Future[Any] = Future()
        if how == "dies":
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result((how, "", ""))
        return future


@pytest.mark.parametrize(
    ("breaks", "failed"),
    [
        (["made", "at once"], 0),
        (["busy", "dies"], 0),
        (["busy", "made", "at once", "busy", "dies", "made"], 0),
        (["dies", "made", "dies"], 1),
    ],
)
def test_no_step_is_forgotten_when_a_pool_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: list[str], failed: int
) -> None:
    Threads.breaks = list(breaks)
    monkeypatch.setattr(executors, "ProcessPoolExecutor", Threads)
    steps = [Step("measure", {"n": n}, {}, {}, f"step {n}") for n in range(5)]
    coordinator = Coordinator(Store.create(tmp_path / "s"), {s.key: s for s in steps}, None, lambda s: 1.0)
    executors.run_local(coordinator, 2, "cpu")
    assert Threads.breaks == []
    assert len(coordinator.outcome.failed) == failed
    assert len(coordinator.outcome.made) == 5 - failed


def test_workers_that_cannot_start_are_told_apart_from_steps_that_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a script without a guard, which every worker would run again."""
    monkeypatch.setattr(Threads, "breaks", ["dies"], raising=False)
    monkeypatch.setattr(Threads, "starts", False)
    monkeypatch.setattr(executors, "ProcessPoolExecutor", Threads)
    step = Step("measure", {}, {}, {}, "step")
    coordinator = Coordinator(Store.create(tmp_path / "s"), {step.key: step}, None, lambda s: 1.0)
    with pytest.raises(PrunevizError, match=r"died as they started.*`if __name__ == \"__main__\":`.*inline"):
        executors.run_local(coordinator, 1, "cpu")
    assert coordinator.outcome.failed == {}


# -- two at once


def test_what_another_process_holds_is_waited_for_while_other_steps_are_done(folder: Path) -> None:
    table = small(folder)
    first = {**table["model"], "name": "first", "options": {"width": 8}}
    table["models"] = [first, table.pop("model")]
    steps = plan(study_from_plain(table, "test")).steps
    held = next(k for k, s in steps.items() if s.title == "train first #0")
    behind = sum("first" in s.title for s in steps.values())
    store, waited = Store.create(folder / "s"), []

    with contextlib.ExitStack() as other:
        assert other.enter_context(store.lease(held))

        def listen(event: Event) -> None:
            if event.kind == "waiting":
                waited.append(event.done)
                if event.done == len(steps) - behind or len(waited) > 20:
                    other.close()

        result = run(table, folder / "s", listener=listen)
    assert waited
    assert waited[-1] == len(steps) - behind  # everything else was done meanwhile
    assert result.made == len(steps)


def test_two_runs_in_one_store_share_the_work_and_do_nothing_twice(folder: Path) -> None:
    both = [start(folder, "--executor", "inline", "--json") for _ in range(2)]
    said = [process.communicate(timeout=100) for process in both]
    assert [p.returncode for p in both] == [0, 0], said
    found = [json.loads(out) for out, _ in said]
    steps = len(plan(pv.read_study("slow.toml").spec).steps)
    assert all(f["steps_made"] + f["steps_reused"] == steps for f in found)
    assert sum(f["steps_made"] for f in found) == steps
    assert finished(folder) == steps
    assert [f["done"] for f in found] == [f["runs"] for f in found]


# -- damaged stores


def one(store: Path, kind: str) -> Path:
    """The folder of a step of a kind."""
    found = (p.parent for p in (store / "objects").rglob(MANIFEST) if json.loads(p.read_text())["kind"] == kind)
    return sorted(found)[0]


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "truncated manifest": lambda s: (one(s, "dense") / MANIFEST).write_text('{"files": {'),
    "empty manifest": lambda s: (one(s, "measure") / MANIFEST).write_text(""),
    "manifest of something else": lambda s: (one(s, "prune") / MANIFEST).write_text("[]"),
    "no manifest": lambda s: (one(s, "train") / MANIFEST).unlink(),
    "truncated weights": lambda s: (one(s, "train") / "weights.safetensors").write_bytes(b"x"),
    "missing table": lambda s: (one(s, "measure") / "samples.parquet").unlink(),
    "missing step": lambda s: shutil.rmtree(one(s, "prune")),
    "a file in place of a step": lambda s: (shutil.rmtree(p := one(s, "prune")), p.write_text("")),
    "no leases, failures, tmp": lambda s: [shutil.rmtree(s / n) for n in ("leases", "failures", "tmp")],
    "left behind": lambda s: [(s / "tmp" / ("ab" * 16 + "-1")).mkdir(), (s / "tmp" / "probe-1").touch()],
    "truncated study": lambda s: (s / "studies" / "small.json").write_text('{"runs": ['),
    "empty study": lambda s: (s / "studies" / "small.json").write_text(""),
    "no study": lambda s: (s / "studies" / "small.json").unlink(),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A finished study."""
    table = {**small_of_samples(), "name": "small"}
    store = tmp_path_factory.mktemp("whole") / "s"
    run(table, store)
    return table, store


def small_of_samples() -> dict[str, Any]:
    return {
        "model": {"source": "sample:mlp-digits"},
        "data": {"source": "sample:digits", "train_limit": 100, "test_limit": 50},
        "train": {"epochs": 1},
        "prune": {"methods": ["magnitude"], "sparsities": [0.5]},
        "recover": {"recoveries": ["none", {"name": "finetune", "epochs": 1}]},
        "measure": {"latency": False},
    }


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_mended_by_the_same_run(
    whole: tuple[dict[str, Any], Path], tmp_path: Path, damage: str
) -> None:
    table, store = whole
    copy = shutil.copytree(store, tmp_path / "s")
    DAMAGES[damage](copy)
    result = run(table, copy)
    assert result.failed == {}
    assert result.made == (0 if "stud" in damage or "le" in damage.split()[0] or "no leases" in damage else 1)
    assert contents(copy) == contents(store)
    assert set(result.study.runs["status"]) == {"done"}
    kept = [p.name for p in (copy / "tmp").iterdir()]
    assert all(name.startswith("damaged-") for name in kept)
    mine = pv.open(copy)
    assert mine.runs.equals(pv.open(store).runs)
    assert len(mine.table("samples")) == len(pv.open(store).table("samples"))


def test_damaged_results_are_told_and_not_only_left_out(
    whole: tuple[dict[str, Any], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(whole[1], tmp_path / "s")
    DAMAGES["missing table"](copy)
    study = pv.open(copy)
    assert sorted(study.runs["status"])[-1] == "failed"
    (reason,) = study.failed.values()
    assert "damaged in the store. Run the study again" in reason
    assert cli.main(["export", str(copy), "samples", "-o", str(tmp_path / "s.csv")]) == 0
    assert f"1 of {len(study.runs)} runs are not in it: 1 failed." in capsys.readouterr().out


def test_a_damaged_study_is_told_to_who_only_looks(whole: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    copy = shutil.copytree(whole[1], tmp_path / "s")
    (copy / "studies" / "small.json").write_text("{")
    with pytest.raises(StoreError, match=r"small\.json.*cannot be read.*Run the study again"):
        pv.open(copy)


def test_a_store_that_was_killed_as_it_was_made_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / f".{MARKER}.1234abcd").write_text("{")
    assert Store.create(tmp_path / "s").studies() == []


def test_a_record_that_is_replaced_is_there_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pruneviz.study import store as module

    store = Store.create(tmp_path / "s")
    store.write_study("mine", {"runs": [1]})

    def killed(path: Path, text: str) -> None:
        assert store.read_study("mine") == {"runs": [1]}
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        store.write_study("mine", {"runs": [1, 2]})
    assert store.read_study("mine") == {"runs": [1]}


def test_an_analysis_in_the_making_is_not_swept_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pruneviz_analyses.prediction_changes import PredictionChanges

    real, swept = PredictionChanges.measure, []

    def measure(self: PredictionChanges, tables: Any) -> Any:
        before = sorted((tmp_path / "s" / "tmp").iterdir())
        Store.create(tmp_path / "s")  # another run begins
        swept.append(before == sorted((tmp_path / "s" / "tmp").iterdir()) != [])
        return real(self, tables)

    monkeypatch.setattr(PredictionChanges, "measure", measure)
    asked = pv.new_study(
        "sample:mlp-digits",
        "sample:digits",
        methods=["magnitude"],
        sparsities=[0.5],
        analyses={"prediction_changes": {"resamples": 200}},
        data_options={"test_limit": 50},
        measure={"latency": False},
    )
    result = asked.result(tmp_path / "s", executor="inline", listener=lambda e: None)
    assert result.failed == {}
    assert swept == [True]


# -- disks


def test_no_disk_left_stops_with_a_sentence_and_a_later_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, real, left = {**small_of_samples(), "name": "small"}, Path.write_bytes, [4]

    def write_bytes(self: Path, content: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        with pytest.raises(StoreError, match=r"no disk space is left.*Finished steps are kept"):
            run(table, tmp_path / "s")
    assert not list((tmp_path / "s" / "tmp").iterdir())
    made = len(list((tmp_path / "s" / "objects").rglob(MANIFEST)))
    assert made > 2
    result = run(table, tmp_path / "s")
    assert result.reused == made
    assert set(result.study.runs["status"]) == {"done"}


def test_too_little_disk_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**small_of_samples(), "name": "small"}
    usage = shutil.disk_usage(tmp_path)._replace(free=20_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StoreError, match=r"needs about .* MB of disk, of which 0.02 MB are left. Free some space"):
        run(table, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_read_only_store_says_so_and_can_still_be_looked_at(
    whole: tuple[dict[str, Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, store = whole
    before = everything(store)

    def refused(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    for name in ("touch", "mkdir", "write_bytes"):
        monkeypatch.setattr(Path, name, refused)
    more = {**table, "prune": {"methods": ["magnitude"], "sparsities": [0.5, 0.7]}}
    with pytest.raises(StoreError, match=r"cannot be written \(Read-only file system\).*`app`, `report` and `export`"):
        run(more, store)
    assert dry_run(study_from_plain(more, "t"), store, executor="inline").done > 0
    assert set(pv.open(store).runs["status"]) == {"done"}
    assert everything(store) == before


def test_a_store_that_may_not_be_read_is_not_taken_for_an_empty_one(
    whole: tuple[dict[str, Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.read_text

    def read_text(self: Path, *args: Any, **kwargs: Any) -> str:
        if self.name == MANIFEST:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", read_text)
    with pytest.raises(StoreError, match="Permission denied"):
        _ = pv.open(whole[1]).runs


def test_a_file_that_the_users_code_may_not_open_is_its_steps_failure(folder: Path) -> None:
    result = run(small(folder, "Forbidden"), folder / "s")
    assert result.failed["train Forbidden #0"].startswith("PermissionError in nets_")
    assert "/somewhere/else.cache" in result.failed["train Forbidden #0"]


# -- inputs that change


def archive(path: Path, images: np.ndarray[Any, Any]) -> None:
    labels = np.arange(len(images)) % 10
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)


IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)


def test_data_that_changed_since_are_read_again_in_the_same_process(tmp_path: Path) -> None:
    table = {**small_of_samples(), "name": "small", "data": {"source": f"npz:{tmp_path / 'd.npz'}"}}
    found = []
    for images in (IMAGES, 255 - IMAGES, IMAGES):
        archive(tmp_path / "d.npz", images)
        found.append(run(table, tmp_path / "s"))
    _, second, third = (r.study.runs["loss"].tolist() for r in found)
    assert third != second
    assert found[1].made > 0 == found[2].made
    archive(tmp_path / "d.npz", 255 - IMAGES)
    assert run(table, tmp_path / "other").study.runs["loss"].tolist() == second


def test_objects_given_in_python_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    labels = np.arange(60) % 10

    def losses(images: np.ndarray[Any, Any], store: Path) -> list[float]:
        data = ((images, labels), (images, labels))
        asked = pv.new_study(
            "sample:mlp-digits", data, methods=[], sparsities=[], recoveries=["none"], measure={"latency": False}
        )
        return asked.run(store, listener=lambda e: None).runs["loss"].tolist()  # type: ignore[no-any-return]

    made = [losses(images, tmp_path / "s") for images in (IMAGES, 255 - IMAGES)]
    assert losses(255 - IMAGES, tmp_path / "other") == made[1] != made[0]


def test_images_that_are_others_than_planned_are_refused(tmp_path: Path) -> None:
    from pruneviz import data

    archive(tmp_path / "d.npz", IMAGES)
    spec = DataSpec(f"npz:{tmp_path / 'd.npz'}")
    planned = data.identity(spec)
    archive(tmp_path / "d.npz", 255 - IMAGES)
    with pytest.raises(DataError, match=r"has changed since the study was planned. Run the study again"):
        inputs.images(spec, planned, {})


def test_the_cost_of_a_layer_follows_the_images_size_in_one_process_too(folder: Path) -> None:
    for size in (8, 12):
        archive(folder / f"{size}.npz", np.resize(IMAGES, (60, size, size, 1)))
    import torch

    module = __import__(nets(folder))
    torch.save(module.anysize().state_dict(), folder / "w.pt")
    macs, masks = {}, []
    for size in (8, 12):
        table = small(folder, "anysize")
        table["model"]["checkpoint"] = str(folder / "w.pt")
        table["data"] = {"source": f"npz:{folder / f'{size}.npz'}"}
        table["prune"]["sparsities"] = [{"macs": 0.5}]
        table["recover"]["recoveries"] = ["none"]
        runs = run(table, folder / "s").study.runs
        macs[size] = int(runs["macs_dense"][0])
        masks.append({k for k, s in plan(study_from_plain(table, "t")).steps.items() if s.kind == "prune"})
        assert (runs["macs"][1:] <= 0.51 * macs[size]).all()
    assert macs == {8: 8 * 8 * 36 + 40, 12: 12 * 12 * 36 + 40}
    assert not masks[0] & masks[1]


def test_a_changed_model_file_gives_its_own_results_in_the_same_process(folder: Path) -> None:
    table = small(folder)
    file = folder / f"{nets(folder)}.py"
    first = run(table, folder / "s").study.runs
    file.write_text(file.read_text().replace("width=16", "width=17"))
    second = run(table, folder / "s").study.runs
    assert second["parameters"][0] - first["parameters"][0] == 64 + 1 + 10


def test_code_that_is_other_than_planned_is_refused(folder: Path) -> None:
    spec = study_from_plain(small(folder), "t")
    step = next(s for s in plan(spec).steps.values() if s.kind == "dense")
    file = folder / f"{nets(folder)}.py"
    inputs.require_same_model(step.context, "as planned", {})
    file.write_text(file.read_text() + "\n# changed\n")
    with pytest.raises(ModelError, match=r"has changed since the study was planned. Run the study again"):
        inputs.require_same_model(step.context, "changed", {})


def test_a_module_that_moved_is_named_and_its_study_can_still_be_looked_at(folder: Path) -> None:
    table = small(folder)
    run(table, folder / "s")
    before = everything(folder / "s")
    file = folder / f"{nets(folder)}.py"
    program = f"""
    import pruneviz as pv
    from pruneviz.core.spec import study_from_plain
    from pruneviz.study import run_study
    s = pv.open("s")
    print(len(s.table("samples")), *sorted(set(s.runs["status"])), len(s.classes))
    try:
        run_study(study_from_plain({table!r}, "t"), "s")
    except pv.PrunevizError as e:
        print(e)
    """
    (folder / "elsewhere").mkdir()
    file.rename(folder / "elsewhere" / file.name)
    call = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    looked, ran = done.stdout.splitlines()
    assert looked == f"{6 * 50} done 10"
    assert f"there is no module '{file.stem}'" in ran
    assert "PYTHONPATH" in ran
    assert everything(folder / "s") == before


# -- asked from Python


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"methods": "magnitude"}, ["methods: got 'magnitude'", "Write ['magnitude']"]),
        ({"methods": ["magnitud"]}, ["[prune] methods[0]", "Did you mean 'magnitude'"]),
        ({"sparsities": 0.5}, ["sparsities: got 0.5", "Write [0.5]"]),
        ({"sparsities": [90]}, ["sparsities[0]", 'Write "90%"']),
        ({"sparsities": np.array([0.5, np.nan])}, ["sparsities[1]", "got"]),
        ({"recoveries": "none"}, ["recoveries: got 'none'", "Write ['none']"]),
        ({"recoveries": []}, ["[recover] recoveries", "at least one"]),
        ({"analyses": "prediction_changes"}, ["analyses", "Write ['prediction_changes']"]),
        ({"analyses": ["prediction_change"]}, ["[analyses]", "Did you mean 'prediction_changes'"]),
        ({"seeds": 0}, ["seeds", "≥ 1"]),
        ({"train": {"epoch": 1}}, ["[train]", "Did you mean 'epochs'"]),
        ({"train": 3}, ["train: got 3", "a dictionary"]),
        ({"data_options": {"val_fractoin": 0.1}}, ["[data]", "Did you mean 'val_fraction'"]),
        ({"model": []}, ["[model] replicates", "≥ 1"]),
        ({"model": 3}, ["memory:model is int", "torch.nn.Module"]),
        ({"model": "sample:lenet"}, ["Did you mean 'lenet5-fashion'"]),
        ({"model_name": "a\nb", "model": 3}, ["printable"]),
        ({"data": None}, ["memory:data"]),
        ({"data": (IMAGES, IMAGES)}, ["memory:data"]),
        ({"name": "../up"}, ["name", "without /"]),
    ],
    ids=lambda v: str(v)[:40] if isinstance(v, dict) else "",
)
def test_what_python_may_not_ask(tmp_path: Path, given: dict[str, Any], words: list[str]) -> None:
    asked = {"model": "sample:mlp-digits", "data": "sample:digits", "methods": ["magnitude"], "sparsities": [0.5]}
    for act in ("run", "dry_run"):
        with pytest.raises(PrunevizError) as caught:
            getattr(pv.new_study(**{**asked, **given}), act)(tmp_path / "s")  # type: ignore[arg-type]
        assert str(caught.value).startswith("pv.new_study: ")
        assert all(word in str(caught.value) for word in words), caught.value
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("ways", "words"),
    [
        ({"workers": 0}, "workers: got 0; allowed: a whole number ≥ 1"),
        ({"executor": "ray"}, "executor: got 'ray'; allowed: inline or local"),
        ({"device": "tpu"}, "device: got 'tpu'; allowed: auto, cpu or cuda"),
    ],
)
def test_ways_that_there_are_not(tmp_path: Path, ways: dict[str, Any], words: str) -> None:
    asked = pv.new_study("sample:mlp-digits", "sample:digits", methods=["magnitude"], sparsities=[0.5])
    with pytest.raises(SpecError, match=words):
        asked.run(tmp_path / "s", **ways)
    assert not (tmp_path / "s").exists()


# -- the same bits


def test_every_kind_of_step_gives_the_same_bits_in_workers(tmp_path: Path) -> None:
    """Channels, levels, pruning during training and every recovery, on a network with batch norm and residuals."""
    table = {
        "name": "kinds",
        "model": {"source": "pruneviz_samples.nets:ResNet8", "options": {"width": 4}},
        "data": {"source": "sample:fashion", "train_limit": 60, "test_limit": 20, "val_fraction": 0.2},
        "train": {"epochs": 1, "batch_size": 16, "augment": "crop-flip", "keep_steps": [0, 1]},
        "prune": {
            "methods": [
                "taylor-channel",
                {"name": "magnitude", "schedule": {"name": "iterative", "steps": 2}, "recovery": "lr-rewind"},
                {"name": "gradual-magnitude"},
            ],
            "sparsities": [0.5],
            "controls": False,
        },
        "recover": {"recoveries": ["none", {"name": "weight-rewind", "to": 1}, "scratch", "bn"]},
        "measure": {"latency": False},
    }
    inline = run(table, tmp_path / "inline")
    assert inline.failed == {}
    local = run(table, tmp_path / "local", executor="local", workers=2)
    assert local.made == inline.made
    assert contents(tmp_path / "local") == contents(tmp_path / "inline")
    kinds = {json.loads(p.read_text())["kind"] for p in (tmp_path / "local").rglob(MANIFEST)}
    assert kinds == {"pictures", "dense", "statistics", "prune", "train", "measure"}
