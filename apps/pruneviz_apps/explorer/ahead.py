"""The page's head, sent ahead: the browser loads the scripts while the server makes the session.

A session takes the server about as long as the scripts take the browser, and the head, which names the scripts, is the
same for every session in one theme. So the head of the last page answers a request at once, and the rest is written
when the session is there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, cast

from bokeh.server import urls
from panel.io.server import DocHandler

# One thread answers everything, and what is asked for while it makes the session waits. So the scripts go first: it
# waits this long for the first to be asked for, and goes on once none has been for that long.
_FIRST_SECONDS, _QUIET_SECONDS = 0.12, 0.03
_END = "</head>"
# What was sent is not this page's head: it has been forgotten, so the page comes whole when it is asked for again.
_AGAIN = "<script>location.reload()</script></head><body></body></html>"


@dataclass
class Answered:
    """When a server answered last."""

    at: float = 0.0

    def note(self, handler: object) -> None:
        """It has answered now; called by Tornado for every request."""
        self.at = time.monotonic()

    async def until_quiet(self) -> None:
        """Let it answer what the browser asks for now."""
        began = self.at = time.monotonic()
        while time.monotonic() < self.at + (_QUIET_SECONDS if self.at > began else _FIRST_SECONDS):
            await asyncio.sleep(0.005)


class HeadAhead(DocHandler):
    """Answers with a page, its head ahead of it once that is known."""

    heads: dict[bool, tuple[str, str]]  # of one server, by whether it is dark: a page's head, and what is added to it
    answered: Answered
    _sent = ""
    _early = ""

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Answer, the head first."""
        self._sent, early = self.heads.get(self._dark, ("", ""))
        if self._sent:
            self.set_header("Cache-Control", "no-store")  # as for the whole page, which names a session
            self.set_header("Content-Type", "text/html")
            super().write(self._sent + early)
            await self.flush()
            await self.answered.until_quiet()
        await cast(Awaitable[None], super().get(*args, **kwargs))

    async def get_session(self) -> Any:
        """The session, noting the modules that its page will load."""
        session = await cast(Awaitable[Any], super().get_session())
        modules = sorted({root.esm for root in session.document.roots if getattr(root, "bundle", None) == "url"})
        links = "".join(f'<link rel="preload" as="fetch" crossorigin href="{escape(module)}">' for module in modules)
        imports = "".join(f"importShim({json.dumps(module)});" for module in modules)
        self._early = f"{links}<script>{imports}</script>"
        return session

    def write(self, chunk: Any) -> None:
        """Write a page, less what the browser has of it."""
        head, end, rest = chunk.partition(_END) if isinstance(chunk, str) else ("", "", "")
        if not end:
            super().write(chunk)
        elif not self._sent or head == self._sent:
            self.heads[self._dark] = head, self._early
            super().write(chunk if not self._sent else end + rest)
        else:
            self.heads.pop(self._dark, None)
            super().write(_AGAIN)

    @property
    def _dark(self) -> bool:
        return bool(self.get_argument("theme", "") == "dark")


@contextmanager
def heads_ahead() -> Iterator[Answered]:
    """Servers made within send heads ahead; they are to note their answers in what is given."""
    before = list(urls.per_app_patterns)
    answered = Answered()
    own = type("OwnHeads", (HeadAhead,), {"heads": {}, "answered": answered})
    urls.per_app_patterns[:] = [(r[0], own) if r[1] is DocHandler else r for r in before]
    try:
        yield answered
    finally:
        urls.per_app_patterns[:] = before
