"""What a closed tab leaves behind: nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]

# A process of its own: what servers of other tests leave running is not counted, and no browser's event loop is met.
VISITS = """
import asyncio, gc, urllib.request, weakref
from synthetic import SyntheticTables
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.panel_app import start

alive = weakref.WeakSet()
begin = Session.__init__
Session.__init__ = lambda self, *given: (alive.add(self), begin(self, *given))[1]
tables = SyntheticTables(samples=60)
server = start(lambda: tables, port=0)
assert server._tornado._cleanup_job.is_running()  # what looks for closed tabs

async def visit():
    try:
        for query in ("", "?page=samples", "?page=layers"):
            page = f"http://127.0.0.1:{server.port}/{query}"
            await asyncio.to_thread(lambda page=page: urllib.request.urlopen(page, timeout=60).read())
        print(len(alive))
        (context,) = server._tornado._applications.values()
        for session in list(context.sessions):  # as the server does some time after a tab is closed
            await context._discard_session(session, lambda session: True)
        del session
        for _ in range(12):  # timers that are stopped are forgotten when their time has come
            await asyncio.sleep(1)
            gc.collect()
            if len(alive) <= 1:
                break
        print(len(alive))
    finally:
        server.io_loop.stop()

server.io_loop.add_callback(visit)
server.io_loop.start()
server.stop()
"""


def test_the_sessions_of_closed_tabs_are_freed() -> None:
    done = subprocess.run([sys.executable, "-c", VISITS], capture_output=True, text=True, cwd=TESTS)
    assert done.returncode == 0, done.stderr
    opened, left = map(int, done.stdout.split())
    assert opened == 3
    assert left <= 1  # the server's own timers remember the tab in which they were started
