"""What a running study shows, on a terminal and in a log."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz import progress
from pruneviz.study import Event


def event(kind: str, key: str = "k", done: int = 0, **fields: object) -> Event:
    return Event(kind, key, f"step [{key}]", done, 10, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7805, "2 h 10 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


@given(st.floats(0, 1e6))
def test_no_duration_says_sixty_of_the_smaller_unit(seconds: float) -> None:
    words = progress.duration(seconds).split()
    assert "60" not in words[2 if "h" in words else 0 :: 2]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (12_345_678, "12.3 MB"), (5e15, "5e+03 TB")]
)
def test_sizes(count: float, text: str) -> None:
    assert progress.size(count) == text


def test_a_log_gets_a_line_now_and_then_and_every_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with progress.shown("mine", stream) as listener:
        for second in range(12):
            now[0] = second
            listener(event("done", done=second, seconds_left=90.0))
        listener(event("failed", reason="the loss became NaN"))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "mine: 5 of 10 steps, 1 min 30 s left: step [k]"
    assert len(lines) == 3
    assert lines[-1] == "mine: failed: step [k]: the loss became NaN"


def test_bars_follow_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    with progress.shown("mine", stream) as listener:
        listener(event("start", "a", part=0.0))
        listener(event("progress", "a", part=0.5))
        listener(event("waiting", "b"))
        listener(event("done", "a", done=1, seconds_left=3.0))
        listener(event("failed", "b", done=2, reason="[bold]broken[/bold]"))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "2 of 10 steps" in shown
    assert "failed: step [b]: [bold]broken[/bold]" in shown
