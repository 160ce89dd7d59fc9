"""What a closed tab leaves behind: nothing."""

from __future__ import annotations

import asyncio
import gc
import urllib.request
import weakref

from synthetic import SyntheticTables

from pruneviz_apps.explorer.session import Session
from pruneviz_apps.panel_app import start

TABS = ("", "?page=samples", "?page=layers")


def test_the_sessions_of_closed_tabs_are_freed(monkeypatch):
    alive: weakref.WeakSet[Session] = weakref.WeakSet()
    begin = Session.__init__
    monkeypatch.setattr(Session, "__init__", lambda self, *given: (alive.add(self), begin(self, *given))[1])
    tables = SyntheticTables(samples=60)
    server = start(lambda: tables, port=0)
    assert server._tornado._cleanup_job.is_running()  # what looks for closed tabs
    counted = []

    async def visit():
        try:
            for query in TABS:
                page = urllib.request.Request(f"http://127.0.0.1:{server.port}/{query}")
                await asyncio.to_thread(lambda page=page: urllib.request.urlopen(page, timeout=60).read())
            counted.append(len(alive))
            (context,) = server._tornado._applications.values()
            for session in list(context.sessions):  # as the server does some time after a tab is closed
                await context._discard_session(session, lambda session: True)
            del session
            for _ in range(12):  # timers that are stopped are forgotten when their time has come
                await asyncio.sleep(1)
                gc.collect()
                if len(alive) <= 1:
                    break
            counted.append(len(alive))
        finally:
            server.io_loop.stop()

    server.io_loop.add_callback(visit)
    server.io_loop.start()
    server.stop()
    assert counted[0] == len(TABS)
    assert counted[1] <= 1  # the server's own timers remember the tab in which they were started
