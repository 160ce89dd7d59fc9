"""What is ready, what failed and what waits: the bookkeeping that all executors share."""

from __future__ import annotations

import heapq
import os
import time
import traceback
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from pruneviz.core.errors import PrunevizError
from pruneviz.study.environment import environment
from pruneviz.study.steps import Step
from pruneviz.study.store import Store


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
    """How a call ended: keys of the steps that it made, that another process made meanwhile, that failed (with
    reasons) and that could not start.
    """

    made: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
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

    def done(self, step: Step, *, made: bool) -> None:
        """A step is finished; ``made`` here, or else by another process."""
        if self.todo.pop(step.key, None) is None:
            return
        for key in self._waiting_for.pop(step.key, ()):
            self._missing[key].discard(step.key)
            if not self._missing[key] and key in self.todo:
                heapq.heappush(self._ready, (self._place[key], key))
        (self.outcome.made if made else self.outcome.found).append(step.key)
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
        ahead = max(self._work - finished, 0.0)  # sums of floats: at the end a little may be missing or too much
        left = passed * ahead / finished if finished > 0.02 * self._work and passed > 1 else None
        count = self.total - len(self.todo)
        self.listener(Event(kind, step.key, step.title, count, self.total, part, left, reason))

    def tell_of(self, kind: str, step: Step) -> None:
        """Report what comes after all steps and is none of them."""
        if self.listener is not None:
            self.listener(Event(kind, step.key, step.title, self.total - len(self.todo), self.total))


def reason_of(error: BaseException) -> str:
    """Why a step failed, in one sentence for people."""
    if isinstance(error, PrunevizError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return f"out of memory ({type(error).__name__}). Use fewer workers or a smaller batch."
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {os.path.basename(last[0].filename)}:{last[0].lineno}" if last else ""
    return f"{type(error).__name__}{where}: {error}"
