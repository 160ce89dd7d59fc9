"""Pruning and measuring from the explorer: a study extended by what is wished, estimated and run by another process.

It is the same as adding an ``[[also]]`` table, or a line under ``[analyses]``, to the study file and running it again.
One job at a time works in a store; it outlives the explorer, and its state is a file in the store, so that every
explorer sees it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError, StoreError, UsageError
from pruneviz.core.options import to_plain
from pruneviz.core.spec import Choice, StudySpec, anchored, study_from_plain
from pruneviz.report.study_file import study_toml
from pruneviz.study.disk import told, write_atomically
from pruneviz_apps.job_process import LEASE
from pruneviz_apps.trust import Trust, hindrance, out_of_reach

if TYPE_CHECKING:
    from pruneviz.study import Study

_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "tuple[str, ...]": (tuple,),
}
_STARTING = 30.0  # seconds in which a process that was started takes hold of the store


@dataclass(frozen=True)
class Job:
    """The job that runs in a store, or the last that did.

    Attributes:
        state: ``starting``, ``running``, ``done``, ``cancelled``, ``failed`` or ``lost`` (its process has vanished).
        what: what it prunes or measures, in words.
        began, ended: seconds since the epoch; ended is 0 while it runs.
        done, total: steps.
        title: the step in hand.
        seconds_left: an estimate; None while unknown.
        made: steps that it made, once it is done.
        failures: steps that failed, each with its reason.
        reason: why nothing could be run.
    """

    state: str
    what: str = ""
    began: float = 0.0
    ended: float = 0.0
    done: int = 0
    total: int = 0
    title: str = ""
    seconds_left: float | None = None
    made: int = 0
    failures: tuple[str, ...] = ()
    reason: str = ""

    @property
    def runs(self) -> bool:
        """Whether it is not over."""
        return self.state in ("starting", "running")


def extended(spec: Mapping[str, Any], wish: Mapping[str, Any]) -> StudySpec:
    """A study with one more ``[[also]]``; the same study where it has that already.

    Args:
        spec: the study as plain data.
        wish: the values of the new table.

    Raises:
        PrunevizError: something in the wish is not allowed, in a sentence that names it.
    """
    import tomllib

    from pruneviz.study.plan import crossings

    table = anchored(tomllib.loads(study_toml(spec)), Path.cwd(), "study")
    table["also"] = [*table.get("also", ()), dict(wish)]
    found = study_from_plain(table, "study")
    crossings(found, {})  # complains of names and options
    if found.also[-1] in found.also[:-1]:
        del table["also"][-1]
        found = study_from_plain(table, "study")
    return found


def also_toml(spec: StudySpec) -> str:
    """The lines that the last wish is in a study file."""
    return study_toml({"name": "", "also": [to_plain(spec.also[-1])]}).partition("\n")[2].strip()


def measuring(spec: Mapping[str, Any], trust: Trust, analysis: str, options: Mapping[str, Any]) -> StudySpec:
    """A study with an analysis asked for; one that it has already gets these options.

    Args:
        spec: the study as plain data.
        trust: whose code may be imported: reading options may do so.
        analysis: its name.
        options: those that differ from their defaults.

    Raises:
        PrunevizError: something is not allowed, in a sentence that names it.
    """
    import tomllib

    from pruneviz_analyses import resolve

    table = anchored(tomllib.loads(study_toml(spec)), Path.cwd(), "study")
    table["analyses"] = {**table.get("analyses", {}), analysis: dict(options)}
    found = study_from_plain(table, "study")
    _allow(found, trust)
    resolve(Choice(analysis, dict(options)), f"[analyses] {analysis}")  # complains of its name and options
    return found


def analysis_toml(spec: StudySpec, analysis: str) -> str:
    """The lines that an analysis is in a study file."""
    asked = next(c for c in spec.analyses if c.name == analysis)
    return study_toml({"name": "", "analyses": [to_plain(asked)]}).partition("\n")[2].strip()


def _allow(spec: StudySpec, trust: Trust) -> None:
    if reason := out_of_reach(to_plain(spec), trust, "This", "ask for"):
        raise UsageError(reason)


class Estimate:
    """What a study will take, worked out by a process of its own: it builds models and times a batch."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process, self._folder = process, folder
        self._told: dict[str, Any] | None = None

    def poll(self) -> dict[str, Any] | None:
        """The fields of :class:`pruneviz.study.PlanSummary`; None while it is worked out.

        Raises:
            PrunevizError: whatever the study would be refused for.
        """
        if self._process.poll() is None:
            return None
        if self._told is None:
            try:
                self._told = json.loads((self._folder / "answer.json").read_text("utf-8"))
            except OSError:
                self._told = {"error": f"The estimate ended without an answer (exit code {self._process.returncode})."}
            shutil.rmtree(self._folder, ignore_errors=True)
        if "error" in self._told:
            raise PrunevizError(self._told["error"])
        plan: dict[str, Any] = self._told["plan"]
        return plan

    def stop(self) -> None:
        """Give it up."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


class Jobs:
    """What can be run in a study's store, and what runs there."""

    def __init__(self, study: Study, trust: Trust) -> None:
        self.study, self.trust = study, trust
        self.folder = study.store.root.absolute() / "workspace" / ".job"  # no study's name begins with a dot
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def hindrance(self) -> str:
        """Why nothing can be pruned here; empty where it can."""
        return hindrance(self.study.spec, self.trust)

    @property
    def out_of_reach(self) -> str:
        """Why no model can be looked at again here; empty where it can."""
        return out_of_reach(self.study.spec, self.trust, "Measuring", "measure")

    @property
    def job(self) -> Job | None:
        """The job that runs, or the last one; None where there was none."""
        try:
            state = json.loads((self.folder / "state.json").read_text("utf-8"))
            known = {f.name for f in fields(Job)}
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in state.items() if k in known}
            job = Job(**values)
            if any(type(getattr(job, f.name)) not in _KINDS[str(f.type)] for f in fields(Job)):
                return None  # damaged, or another's
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        if not job.runs or self._held(job):
            return job
        return Job("lost", job.what, job.began, time.time(), job.done, job.total, job.title)

    def _held(self, job: Job) -> bool:
        """Whether its process is there."""
        if self._process is not None and self._process.poll() is None:
            return True
        if self._process is None and job.state == "starting" and time.time() - job.began < _STARTING:
            return True
        with self.study.store.lease(LEASE) as mine:
            return not mine

    def estimate(self, spec: StudySpec, only: str = "") -> Estimate:
        """Begin to work out what a study takes, or one analysis of it.

        Raises:
            PrunevizError: it may not be run here.
        """
        _allow(spec, self.trust)
        folder = self._written(spec)
        answer = {"answer": str(folder / "answer.json"), "only": only}
        return Estimate(self._begin(folder, {"mode": "estimate", **answer}, subprocess.DEVNULL), folder)

    def start(self, spec: StudySpec, what: str, only: str = "") -> None:
        """Run a study in the background.

        Args:
            spec: the study, extended.
            what: what is pruned or measured, in words.
            only: the analysis that is carried out, on the runs that are there; everything when empty.

        Raises:
            PrunevizError: it may not be run here, another job is running, or the store cannot be written.
        """
        _allow(spec, self.trust)
        if (job := self.job) is not None and job.runs:
            raise UsageError(f"In this store a job is running ({job.what}). Wait until it is done, or cancel it.")
        try:
            with told(self.study.store.root):
                self.folder.mkdir(parents=True, exist_ok=True)
                (self.folder / "cancel").unlink(missing_ok=True)
                state = {"state": "starting", "what": what, "began": time.time()}
                write_atomically(self.folder / "state.json", json.dumps(state))
                log = (self.folder / "log.txt").open("wb")
        except OSError as e:
            raise StoreError(f"{self.study.store.root}: cannot be written ({e.strerror or e}).") from None
        with log:
            self._process = self._begin(self._written(spec), {"mode": "run", "what": what, "only": only}, log)

    def cancel(self) -> None:
        """Ask the job to stop; what is finished is kept."""
        with told(self.study.store.root):
            (self.folder / "cancel").touch()

    def _written(self, spec: StudySpec) -> Path:
        """A folder of our own with the study file; never the store's, from which nothing may be imported."""
        folder = Path(tempfile.mkdtemp(prefix="pruneviz-"))
        (folder / "study.toml").write_text(study_toml(to_plain(spec)), "utf-8")
        return folder

    def _begin(self, folder: Path, request: Mapping[str, Any], log: Any) -> subprocess.Popen[bytes]:
        trusted = self.trust.everything or self.trust.sources
        whole = {
            "study": str(folder / "study.toml"),
            "store": str(self.study.store.root.absolute()),
            "folder": str(self.folder),
            "imports": [os.getcwd()] if trusted else [],
            **request,
        }
        (folder / "request.json").write_text(json.dumps(whole), "utf-8")
        # -P: nothing is imported from the folder in which the app was started, which may be the store.
        command = [sys.executable, "-P", "-m", "pruneviz_apps.job_process", str(folder / "request.json")]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=folder.parent
        )
        threading.Thread(target=process.wait, daemon=True).start()  # or it would stay a zombie
        return process
