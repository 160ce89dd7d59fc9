"""The explorer in a window of its own, by pywebview."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import UsageError
from pruneviz_apps.serving import HOST, say
from pruneviz_apps.trust import NOBODY, Trust

if TYPE_CHECKING:
    from pruneviz_apps.panel_app import Opens

SIZE = {"width": 1440, "height": 900, "min_size": (1024, 700)}


def needed() -> Any:
    """The module ``webview``.

    Raises:
        UsageError: it is not installed, or there is no screen for a window.
    """
    try:
        import webview
    except ImportError:
        remedy = "Install it: pip install 'pruneviz[window]'. Without --window the explorer opens in the browser."
        raise UsageError(f"--window: needs pywebview, which is not installed. {remedy}") from None
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError(
            "--window: there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set). Leave it out."
        )
    return webview


def serve(study: str | os.PathLike[str] | Opens, *, port: int | None = None, trust: Trust = NOBODY) -> None:
    """Show the explorer in a window until that is closed.

    Args:
        study: a store's folder, or a callable that opens the study.
        port: the port to listen on; the first free one from 5006 when absent.
        trust: whose code may be imported to prune more.

    Raises:
        StoreError: the store cannot be opened.
        UsageError: the port is taken, or there can be no window.
    """
    from pruneviz_apps.panel_app import start

    webview = needed()
    server = start(study, port=port, trust=trust)
    loop = server.io_loop
    serving = threading.Thread(target=loop.start, daemon=True)  # windows want the main thread
    serving.start()
    address = f"http://{HOST}:{server.port}/"
    say(address)
    webview.settings["ALLOW_DOWNLOADS"] = True
    logging.getLogger("pywebview").setLevel(logging.CRITICAL)  # it logs tracebacks of what it then says
    try:
        webview.create_window("pruneviz", address, **SIZE)
        webview.start()
    except webview.WebViewException as e:
        remedy = "pip install 'pywebview[qt]' brings what it needs; or leave --window out."
        raise UsageError(f"--window: pywebview cannot open a window: {str(e).rstrip('.')}. {remedy}") from None
    finally:
        loop.add_callback(loop.stop)
        serving.join()
        server.stop()
