"""Carrying out a graph of steps: in this process, or on local workers; same keys, same results.

Both share one coordinator; they differ only in how a ready step is carried out. Steps that must be alone (latency)
run in the coordinator's process, at the end.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pruneviz.core.errors import Cancelled, PrunevizError, StoreError
from pruneviz.study.coordinator import Coordinator, reason_of
from pruneviz.study.steps import Step
from pruneviz.study.store import Store

BUSY_WAIT = 0.2  # seconds until a step that another process holds is looked at again
TELL_EVERY = 0.2  # seconds between two reports of one step's progress

Attempt = tuple[str, str, str]  # how it ended (made, found, busy or failed), the reason, the details


def _attempt(step: Step, bench: Any) -> Attempt:
    """Carry out one step, unless another process does or did."""
    from pruneviz.study.execute import execute

    store: Store = bench.store
    try:
        with store.lease(step.key) as mine:
            if not mine:
                return "busy", "", ""
            if store.get(step.key) is not None:
                return "found", "", ""
            execute(step, bench)
        return "made", "", ""
    except (Cancelled, KeyboardInterrupt, StoreError):
        raise
    except (Exception, SystemExit) as e:  # whatever a user's model or data raises is that step's failure
        return "failed", reason_of(e), traceback.format_exc()


def run_inline(coordinator: Coordinator, bench_of: Callable[..., Any], device: str, *, alone: bool = False) -> None:
    """Carry out everything in this process, one step after the other.

    Raises:
        Cancelled: the listener asked to stop.
    """
    busy: list[Step] = []
    while coordinator.left(alone):
        step = coordinator.take(alone=alone)
        if step is None:
            if not busy:  # what is left needs what was never part of this call
                return
            time.sleep(BUSY_WAIT)
            for other in busy:
                coordinator.postpone(other)
            busy.clear()
            continue
        last = [0.0]

        def progress(done: int, total: int, step: Step = step, last: list[float] = last) -> None:
            if time.monotonic() - last[0] >= TELL_EVERY:
                last[0] = time.monotonic()
                coordinator.tell("progress", step, part=done / max(total, 1))

        coordinator.tell("start", step, part=0.0)
        if not _settled(coordinator, step, _attempt(step, bench_of(progress)), device):
            busy.append(step)


def _settled(coordinator: Coordinator, step: Step, attempt: Attempt, device: str) -> bool:
    """Tell the coordinator how a step ended; False where another process still works on it."""
    how, reason, detail = attempt
    if how == "failed":
        coordinator.failed(step, reason, detail, device)
    elif how == "busy":
        coordinator.tell("waiting", step)
    else:
        coordinator.done(step, made=how == "made")
    return how != "busy"


_QUEUE: Any = None
_STOP: Any = None


def _start_worker(queue: Any, stop: Any, alive: Any, path: list[str]) -> None:
    global _QUEUE, _STOP
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _QUEUE, _STOP = queue, stop
    alive.set()
    sys.path[:] = path
    import torch

    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A killed coordinator cannot stop its workers, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_worker(step: Step, root: str, device: str) -> Attempt:
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
        PrunevizError: workers cannot be started.
    """
    suspects: dict[str, int] = {}
    while coordinator.left(alone=False):
        try:
            _Pool(coordinator, workers if not suspects else 1, device, suspects).run()
        except BrokenProcessPool:
            coordinator.store.sweep()
            for key, times in list(suspects.items()):
                if times >= 2 and key in coordinator.todo:
                    reason = "its worker process died, most likely out of memory. Use fewer workers or smaller batches."
                    coordinator.failed(coordinator.todo[key], reason, "", device)
                if times >= 2:
                    del suspects[key]


class _Pool:
    """One set of worker processes, until everything is done or one of them dies.

    Args:
        coordinator: what is to do.
        workers: how many.
        device: where models run.
        suspects: how often the worker of a step died, by key; only these are carried out where there are any.
    """

    def __init__(self, coordinator: Coordinator, workers: int, device: str, suspects: dict[str, int]) -> None:
        context = multiprocessing.get_context("spawn")
        self.coordinator, self.workers, self.device, self.suspects = coordinator, workers, device, suspects
        self.only = set(suspects) or None
        self.queue, self.stop, self.alive = context.Queue(), context.Event(), context.Event()
        shared = (self.queue, self.stop, self.alive, list(sys.path))
        self.pool = ProcessPoolExecutor(workers, context, _start_worker, shared)
        self.running: dict[Future[Attempt], Step] = {}
        self.busy: list[tuple[float, Step]] = []

    def run(self) -> None:
        """Carry steps out until none is left that may be.

        Raises:
            BrokenProcessPool: a worker died; what it worked on is among the suspects.
        """
        try:
            while self.coordinator.left(alone=False):
                self._submit()
                if not self.running and not self.busy:
                    return
                if not self.running:
                    time.sleep(BUSY_WAIT)
                self._collect()
        except BrokenProcessPool:
            if not self.alive.is_set():
                raise PrunevizError(
                    "the worker processes died as they started. In a script, put what it does under "
                    '`if __name__ == "__main__":`, since workers import it; or use executor="inline".'
                ) from None
            for step in self.running.values():
                self.suspects[step.key] = self.suspects.get(step.key, 0) + 1
                self.coordinator.postpone(step)
            raise
        finally:
            for _, step in self.busy:
                self.coordinator.postpone(step)
            self.stop.set()
            self.pool.shutdown(wait=True, cancel_futures=True)
            self.queue.close()

    def _submit(self) -> None:
        """Give each idle worker a step, as far as there are any that are ready."""
        for due in [b for b in self.busy if b[0] <= time.monotonic()]:
            self.busy.remove(due)
            self.coordinator.postpone(due[1])
        while len(self.running) < self.workers:
            step = self.coordinator.take(alone=False, only=self.only)
            if step is None:
                return
            self.coordinator.tell("start", step, part=0.0)
            try:
                with _interrupts_held():
                    future = self.pool.submit(_in_worker, step, str(self.coordinator.store.root), self.device)
            except BrokenProcessPool:
                self.coordinator.postpone(step)
                raise
            self.running[future] = step

    def _collect(self) -> None:
        """Wait a moment, and take what is finished."""
        finished, _ = wait(self.running, timeout=TELL_EVERY, return_when=FIRST_COMPLETED)
        self._relay()
        broken: BrokenProcessPool | None = None
        for future in finished:
            step = self.running[future]
            try:
                attempt = future.result()
            except BrokenProcessPool as e:
                broken = e
                continue
            del self.running[future]
            self.suspects.pop(step.key, None)
            if not _settled(self.coordinator, step, attempt, self.device):
                self.busy.append((time.monotonic() + BUSY_WAIT, step))
        if broken is not None:
            raise broken

    def _relay(self) -> None:
        """Pass on what the workers reported."""
        import queue as queues

        while True:
            try:
                key, part = self.queue.get_nowait()
            except (queues.Empty, OSError):
                return
            if key in self.coordinator.todo:
                self.coordinator.tell("progress", self.coordinator.todo[key], part=part)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits, and a process started meanwhile never gets it: before it can say so, it would print a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
