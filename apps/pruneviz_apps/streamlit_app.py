"""The lighter explorer, in Streamlit: the same pictures and the same view, served on this machine alone."""

from __future__ import annotations

import importlib.util
import logging
import os
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import UsageError
from pruneviz_apps.explorer.live import LiveTables
from pruneviz_apps.serving import HOST, free_port, say
from pruneviz_apps.streamlit_ui import served

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAMES = (HOST, "localhost")  # other names may be a page's elsewhere that was made to lead here
PACKAGES = ("streamlit", "streamlit_bokeh")
SCRIPT = Path(__file__).parent / "streamlit_ui" / "script" / "explorer_page.py"
# What a page may load: nothing but what this server gives, whatever a name in a study would have it do.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; frame-ancestors 'self'; "
    f"connect-src 'self' ws://{HOST}:* ws://localhost:* data: blob:"
)
log = logging.getLogger(__name__)


def serve(
    store: str | os.PathLike[str] | Callable[[], LiveTables],
    *,
    study: str | None = None,
    port: int | None = None,
    open_browser: bool = True,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the pages until interrupted.

    Args:
        store: a store's folder, or a callable that opens the one study to show.
        study: which of the store's studies is shown at first; the latest when absent.
        port: the port to listen on; the first free one from 5006 when absent.
        open_browser: whether to open a browser window.
        ready: called with the address once it can be opened; prints it when absent.

    Raises:
        StoreError: the store cannot be opened.
        UsageError: Streamlit is not installed, or the port is taken.
    """
    needed()
    served.put(served.one(store) if callable(store) else served.of_store(store, study))
    port = free_port(port)
    address = f"http://{HOST}:{port}/"

    def begun() -> None:
        (ready or say)(address)
        if open_browser:
            webbrowser.open(address)

    with suppress(KeyboardInterrupt):
        _application(begun).run(config=settings(port))


def needed() -> None:
    """See that what is needed is installed.

    Raises:
        UsageError: it is not; says what to install.
    """
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                f"--ui streamlit: {name.replace('_', '-')} is not installed. "
                "Install it: pip install 'pruneviz[streamlit]'. Without it, --ui panel shows everything."
            )


def settings(port: int) -> dict[str, Any]:
    """Streamlit's settings; they stand above what a file of the user's own says."""
    from pruneviz_apps.streamlit_ui.look import theme

    return {
        "server.address": HOST,
        "server.port": port,
        "server.allowedHosts": list(NAMES),
        "server.headless": True,  # asks for no e-mail address, opens no browser
        "server.fileWatcherType": "none",
        "server.enableAgentApi": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "runner.magicEnabled": False,
        **theme(),
    }


def _application(begun: Callable[[], None]) -> Any:
    import streamlit
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from pruneviz_apps.streamlit_ui.shell import wrong

    def told_in_the_page(error: Exception) -> bool:
        wrong(error)
        return True

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        begun()  # the socket listens already
        yield

    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=list(NAMES)), Middleware(OnlyFromHere)]
    return streamlit.App(SCRIPT, lifespan=lifespan, middleware=middleware, on_script_error=told_in_the_page)


class OnlyFromHere:
    """Adds :data:`POLICY` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the policy in the head."""

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, with_policy)
