"""The process in which the explorer's pruning runs: the engine of ``pruneviz run``, telling of itself in a file.

It outlives the explorer: whoever opens the store next sees it go on, and may cancel it. Started with the path of a
request that :mod:`pruneviz_apps.jobs` wrote.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import Cancelled, PrunevizError

if TYPE_CHECKING:
    from pruneviz.api import Asked
    from pruneviz.study import Event

LEASE = "job"  # held in the store while it runs
BUSY = 3  # the exit code where another process holds it
_PATIENCE, _PAUSE, _TOLD_EVERY = 5.0, 0.25, 0.4  # seconds


def main(path: str) -> int:
    """Do what the request says: say what a study takes, or run it."""
    request = json.loads(Path(path).read_text("utf-8"))
    sys.path[:0] = request["imports"]
    if request["mode"] == "estimate":
        _estimate(request)
        return 0
    try:
        return _run(request)
    finally:
        shutil.rmtree(Path(path).parent, ignore_errors=True)


def _asked(request: Mapping[str, Any]) -> Asked:
    from pruneviz.api import Asked
    from pruneviz.core.spec import read_toml, study_from_plain

    return Asked(study_from_plain(read_toml(Path(request["study"])), "study"))


def _estimate(request: Mapping[str, Any]) -> None:
    from pruneviz.study.disk import write_atomically

    try:
        told: dict[str, Any] = {
            "plan": dataclasses.asdict(_asked(request).dry_run(request["store"], only=request["only"]))
        }
    except Exception as e:  # whatever the study's code raises: the page shows it
        told = {"error": _why(e)}
    write_atomically(Path(request["answer"]), json.dumps(told))


def _run(request: Mapping[str, Any]) -> int:
    from pruneviz.study.store import Store

    store = Store(request["store"])
    until = time.monotonic() + _PATIENCE
    while True:
        with store.lease(LEASE) as mine:
            if mine:
                _carry_out(request)
                return 0
        if time.monotonic() > until:  # somebody who only looks holds it for a moment
            return BUSY
        time.sleep(_PAUSE)


def _carry_out(request: Mapping[str, Any]) -> None:
    folder = Path(request["folder"])
    state: dict[str, Any] = {"state": "running", "what": request["what"], "began": time.time()}
    tell = _teller(folder / "state.json", state)
    tell()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts the app in the background ignores it
    _watch(folder / "cancel")
    try:
        result = _asked(request).result(request["store"], listener=_listener(state, tell), only=request["only"])
        failures = [f"{title}: {reason}" for title, reason in result.failed.items()]
        state |= {"state": "done", "made": result.made, "failures": failures}
    except (KeyboardInterrupt, Cancelled):
        state["state"] = "cancelled"
    except Exception as e:  # likewise
        state |= {"state": "failed", "reason": _why(e)}
    state["ended"] = time.time()
    tell()


def _teller(path: Path, state: Mapping[str, Any]) -> Callable[[], None]:
    from pruneviz.study.disk import write_atomically

    return lambda: write_atomically(path, json.dumps(state))


def _listener(state: dict[str, Any], tell: Callable[[], None]) -> Callable[[Event], None]:
    told = time.monotonic()

    def listen(event: Event) -> None:
        nonlocal told
        state.update(done=event.done, total=event.total, title=event.title, seconds_left=event.seconds_left)
        if time.monotonic() - told >= _TOLD_EVERY or event.done == event.total:
            told = time.monotonic()
            tell()

    return listen


def _watch(cancel: Path) -> None:
    """Interrupt the main thread, as Ctrl-C does, once the file is there."""

    def wait() -> None:
        while not cancel.exists():
            time.sleep(_PAUSE)
        cancel.unlink(missing_ok=True)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it where it waits

    threading.Thread(target=wait, daemon=True).start()


def _why(error: Exception) -> str:
    if isinstance(error, PrunevizError):
        return str(error)
    from pruneviz.study.coordinator import reason_of

    return reason_of(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
