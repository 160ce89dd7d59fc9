"""How a running study is shown on a terminal, in a notebook, or in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pruneviz.study import Event

LOG_EVERY = 5.0  # seconds between two lines of a log


@contextmanager
def shown(title: str, stream: IO[str] | None = None) -> Iterator[Callable[[Event], None]]:
    """Show a running study until the block ends.

    Bars where a person watches (a terminal, a notebook); elsewhere a line every few seconds.

    Args:
        title: what runs, such as the study's name.
        stream: where to write; stderr when absent, so that stdout is left to results.

    Yields:
        The listener to give to the study.
    """
    from rich.console import Console

    console = Console(file=stream or sys.stderr)
    if console.is_terminal or console.is_jupyter:
        with _bars(title, console) as listener:
            yield listener
    else:
        yield _log(title, console.file)


@contextmanager
def _bars(title: str, console: object) -> Iterator[Callable[[Event], None]]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskID, TextColumn

    assert isinstance(console, Console)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, refresh_per_second=5, transient=True) as progress:
        whole = progress.add_task(escape(title), total=None, note="planning")
        running: dict[str, TaskID] = {}

        def listen(event: Event) -> None:
            if event.kind in ("start", "progress", "waiting"):
                if event.key not in running:
                    running[event.key] = progress.add_task(f"  {escape(event.title)}", total=1.0, note="")
                note = "another process works on it" if event.kind == "waiting" else ""
                progress.update(running[event.key], completed=event.part or 0.0, note=note)
            elif event.key in running:
                progress.remove_task(running.pop(event.key))
            if event.kind == "failed":
                progress.console.print(f"[red]failed:[/red] {escape(event.title)}: {escape(event.reason)}")
            progress.update(whole, completed=event.done, total=event.total, note=summary(event))

        yield listen


def _log(title: str, stream: IO[str]) -> Callable[[Event], None]:
    last = time.monotonic()

    def listen(event: Event) -> None:
        nonlocal last
        if event.kind == "failed":
            print(f"{title}: failed: {event.title}: {event.reason}", file=stream, flush=True)
        elif time.monotonic() - last >= LOG_EVERY:
            last = time.monotonic()
            print(f"{title}: {summary(event)}: {event.title}", file=stream, flush=True)

    return listen


def summary(event: Event) -> str:
    """Steps done and the time left, such as ``12 of 310 steps, 1 min 20 s left``."""
    if not event.total:
        return "every step is done"
    left = "" if event.seconds_left is None else f", {duration(event.seconds_left)} left"
    return f"{event.done} of {event.total} steps{left}"


def duration(seconds: float) -> str:
    """A duration as people say it: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(count: float) -> str:
    """Bytes as people say them, such as ``12.3 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
