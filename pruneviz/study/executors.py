"""Carrying out a graph of steps: in this process, or on local workers; same keys, same results.

Both executors share one coordinator, which knows what is ready, what failed and what waits; they differ only in how
a ready step is carried out. Steps that must be alone (latency) run in the coordinator's process, at the end.
"""

from __future__ import annotations

import heapq
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Container, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from pruneviz.core.errors import Cancelled, PrunevizError, StoreError
from pruneviz.study.environment import environment
from pruneviz.study.steps import Step
from pruneviz.study.store import Store

BUSY_WAIT = 0.2  # seconds until a step that another process holds is looked at again
TELL_EVERY = 0.2  # seconds between two reports of one step's progress


@dataclass(frozen=True)
class Event:
    """What a progress display is told.

    Attributes:
        kind: ``start``, ``progress``, ``done``, ``failed`` or ``waiting`` (another process works on it).
        title: the step, for people.
        done, total: steps of this call that are finished, and all.
        part: of this step, how much is done, in [0, 1]; None where unknown.
        seconds_left: estimate for everything, None while unknown.
        reason: why it failed.
    """

    kind: str
    key: str
    title: str
    done: int
    total: int
    part: float | None = None
    seconds_left: float | None = None
    reason: str = ""


Listener = Callable[[Event], None]


@dataclass
class Outcome:
    """How a call ended: keys of the steps that were done, that failed (with reasons) and that could not start."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)


@dataclass
class Coordinator:
    """What is ready, what failed, what waits."""

    store: Store
    steps: Mapping[str, Step]
    listener: Listener | None
    weight: Callable[[Step], float]
    outcome: Outcome = field(default_factory=Outcome)

    def __post_init__(self) -> None:
        self.todo = {k: s for k, s in self.steps.items() if self.store.get(k) is None}
        self.total = len(self.todo)
        self.started = time.monotonic()
        self._work = sum(self.weight(s) for s in self.todo.values())
        self._worked = 0.0
        self._parts: dict[str, float] = {}
        self._place = {k: i for i, k in enumerate(self.steps)}
        self._missing = {k: {i for i in s.inputs.values() if i in self.todo} for k, s in self.todo.items()}
        self._waiting_for: dict[str, list[str]] = {}
        for key, inputs in self._missing.items():
            for i in inputs:
                self._waiting_for.setdefault(i, []).append(key)
        self._ready: list[tuple[int, str]] = [(self._place[k], k) for k, inputs in self._missing.items() if not inputs]
        heapq.heapify(self._ready)

    def take(self, *, alone: bool, only: Container[str] | None = None) -> Step | None:
        """The next step whose inputs are all there, in the plan's order; give it back with :meth:`postpone`."""
        put_back, found = [], None
        while self._ready and found is None:
            place, key = heapq.heappop(self._ready)
            step = self.todo.get(key)
            if step is None:
                continue
            if step.alone is alone and (only is None or key in only):
                found = step
            else:
                put_back.append((place, key))
        for item in put_back:
            heapq.heappush(self._ready, item)
        return found

    def postpone(self, step: Step) -> None:
        """Put back a step that was taken and not carried out."""
        heapq.heappush(self._ready, (self._place[step.key], step.key))

    def left(self, alone: bool) -> bool:
        """Whether any such step is still to do."""
        return any(s.alone is alone for s in self.todo.values())

    def done(self, step: Step) -> None:
        """A step is finished, here or elsewhere."""
        if self.todo.pop(step.key, None) is None:
            return
        for key in self._waiting_for.pop(step.key, ()):
            self._missing[key].discard(step.key)
            if not self._missing[key] and key in self.todo:
                heapq.heappush(self._ready, (self._place[key], key))
        self.outcome.done.append(step.key)
        self._parts.pop(step.key, None)
        self._worked += self.weight(step)
        self.tell("done", step)

    def failed(self, step: Step, reason: str, detail: str, device: str) -> None:
        """A step went wrong: keep the reason, go on with the others."""
        self.todo.pop(step.key, None)
        self.outcome.failed[step.key] = reason
        self._parts.pop(step.key, None)
        self.store.fail(step.key, reason, detail, environment(device))
        lost = [step.key]
        while lost:  # give up what waits for it
            for key in self._waiting_for.pop(lost.pop(), ()):
                if self.todo.pop(key, None) is not None:
                    self.outcome.blocked.append(key)
                    lost.append(key)
        self.tell("failed", step, reason=reason)

    def tell(self, kind: str, step: Step, part: float | None = None, reason: str = "") -> None:
        """Report to the listener."""
        if part is not None:
            self._parts[step.key] = part
        if self.listener is None:
            return
        finished = self._worked + sum(self.weight(self.steps[k]) * p for k, p in self._parts.items())
        passed = time.monotonic() - self.started
        left = passed * (self._work - finished) / finished if finished > 0.02 * self._work and passed > 1 else None
        count = self.total - len(self.todo)
        self.listener(Event(kind, step.key, step.title, count, self.total, part, left, reason))


def reason_of(error: BaseException) -> str:
    """Why a step failed, in one sentence for people."""
    if isinstance(error, PrunevizError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return f"out of memory ({type(error).__name__}). Use fewer workers or a smaller batch."
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {os.path.basename(last[0].filename)}:{last[0].lineno}" if last else ""
    return f"{type(error).__name__}{where}: {error}"


def _attempt(step: Step, bench: Any) -> tuple[str, str, str]:
    """Carry out one step; returns how it ended (``done``, ``busy`` or ``failed``), the reason and the details."""
    from pruneviz.study.execute import execute

    store: Store = bench.store
    try:
        with store.lease(step.key) as mine:
            if not mine:
                return "busy", "", ""
            if store.get(step.key) is None:
                execute(step, bench)
        return "done", "", ""
    except (Cancelled, KeyboardInterrupt, StoreError):
        raise
    except Exception as e:  # whatever a user's model or data raises is that step's failure
        return "failed", reason_of(e), traceback.format_exc()


def run_inline(coordinator: Coordinator, bench_of: Callable[..., Any], device: str, *, alone: bool = False) -> None:
    """Carry out everything in this process, one step after the other.

    Raises:
        Cancelled: the listener asked to stop.
    """
    while coordinator.left(alone):
        step = coordinator.take(alone=alone)
        if step is None:  # what it needs was never part of this call
            return
        last = [0.0]

        def progress(done: int, total: int, step: Step = step, last: list[float] = last) -> None:
            if time.monotonic() - last[0] >= TELL_EVERY:
                last[0] = time.monotonic()
                coordinator.tell("progress", step, part=done / max(total, 1))

        coordinator.tell("start", step, part=0.0)
        how, reason, detail = _attempt(step, bench_of(progress))
        if how == "done":
            coordinator.done(step)
        elif how == "failed":
            coordinator.failed(step, reason, detail, device)
        else:
            coordinator.tell("waiting", step)
            time.sleep(BUSY_WAIT)
            coordinator.postpone(step)


_QUEUE: Any = None
_STOP: Any = None


def _start_worker(queue: Any, stop: Any, path: list[str]) -> None:
    import signal

    global _QUEUE, _STOP
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle
    _QUEUE, _STOP = queue, stop
    sys.path[:] = path
    import torch

    torch.set_num_threads(1)


def _in_worker(step: Step, root: str, device: str) -> tuple[str, str, str]:
    from pruneviz.study.execute import Bench

    last = [0.0]

    def progress(done: int, total: int) -> None:
        if _STOP.is_set():
            raise Cancelled("stopped")
        if time.monotonic() - last[0] >= TELL_EVERY:
            last[0] = time.monotonic()
            _QUEUE.put((step.key, done / max(total, 1)))

    if _STOP.is_set():
        raise Cancelled("stopped")
    return _attempt(step, Bench(_worker_store(root), device, {}, progress))


_STORES: dict[str, Store] = {}


def _worker_store(root: str) -> Store:
    if root not in _STORES:
        _STORES[root] = Store(root)
    return _STORES[root]


def run_local(coordinator: Coordinator, workers: int, device: str) -> None:
    """Carry out everything that need not be alone on worker processes of this machine.

    A worker that dies (killed for memory, say) is replaced; its step is tried once more, by itself, and then fails.

    Raises:
        Cancelled: the listener asked to stop.
    """
    suspects: dict[str, int] = {}
    while coordinator.left(alone=False):
        try:
            _pool(coordinator, workers if not suspects else 1, device, suspects)
        except BrokenProcessPool:
            for key, times in list(suspects.items()):
                if times >= 2 and key in coordinator.todo:
                    reason = "its worker process died, most likely out of memory. Use fewer workers or smaller batches."
                    coordinator.failed(coordinator.todo[key], reason, "", device)
                    del suspects[key]


def _pool(coordinator: Coordinator, workers: int, device: str, suspects: dict[str, int]) -> None:
    context = multiprocessing.get_context("spawn")
    queue, stop = context.Queue(), context.Event()
    pool = ProcessPoolExecutor(workers, context, _start_worker, (queue, stop, list(sys.path)))
    running: dict[Future[tuple[str, str, str]], Step] = {}
    later: list[tuple[float, Step]] = []
    only = suspects if suspects else None
    try:
        while coordinator.left(alone=False):
            for item in [i for i in later if i[0] <= time.monotonic()]:
                later.remove(item)
                coordinator.postpone(item[1])
            while len(running) < workers and (step := coordinator.take(alone=False, only=only)) is not None:
                coordinator.tell("start", step, part=0.0)
                running[pool.submit(_in_worker, step, str(coordinator.store.root), device)] = step
            if not running and not later:
                return
            if not running:
                time.sleep(BUSY_WAIT)
            finished, _ = wait(running, timeout=TELL_EVERY, return_when=FIRST_COMPLETED)
            _relay(queue, coordinator)
            for future in finished:
                step = running[future]
                how, reason, detail = future.result()
                del running[future]
                suspects.pop(step.key, None)
                if how == "done":
                    coordinator.done(step)
                elif how == "failed":
                    coordinator.failed(step, reason, detail, device)
                else:
                    later.append((time.monotonic() + BUSY_WAIT, step))
                    coordinator.tell("waiting", step)
    except BrokenProcessPool:
        for step in running.values():
            suspects[step.key] = suspects.get(step.key, 0) + 1
            coordinator.postpone(step)
        raise
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        queue.close()


def _relay(queue: Any, coordinator: Coordinator) -> None:
    """Pass on what the workers reported."""
    import queue as queues

    while True:
        try:
            key, part = queue.get_nowait()
        except (queues.Empty, OSError):
            return
        if key in coordinator.todo:
            coordinator.tell("progress", coordinator.todo[key], part=part)
