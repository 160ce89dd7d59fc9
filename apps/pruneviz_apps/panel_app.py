"""The explorer in a browser: served on this machine alone, or inline in a notebook."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.live import CachedTables, LiveTables
from pruneviz_apps.explorer.toolkit import html, toolkit
from pruneviz_apps.serving import HOST, free_port, say
from pruneviz_apps.trust import NOBODY, Trust

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from pruneviz_apps.explorer.in_cell import InCell

log = logging.getLogger(__name__)

Opens = Callable[[], LiveTables]


def serve(
    study: str | os.PathLike[str] | Opens,
    *,
    port: int | None = None,
    open_browser: bool = True,
    ready: Callable[[str], None] | None = None,
    trust: Trust = NOBODY,
) -> None:
    """Serve the explorer until interrupted.

    Args:
        study: a store's folder, or a callable that opens the study.
        port: the port to listen on; the first free one from 5006 when absent.
        open_browser: whether to open a browser window.
        ready: called with the address once it can be opened; prints it when absent.
        trust: whose code may be imported to prune more.

    Raises:
        StoreError: the store cannot be opened.
        UsageError: the port is taken.
    """
    server = start(study, port=port, open_browser=open_browser, trust=trust)
    address = f"http://{HOST}:{server.port}/"
    (ready or say)(address)
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def start(
    study: str | os.PathLike[str] | Opens,
    *,
    port: int | None = None,
    open_browser: bool = False,
    trust: Trust = NOBODY,
) -> Any:
    """A server that listens already and waits for its event loop; see :func:`serve`.

    Raises:
        StoreError: the store cannot be opened.
        UsageError: the port is taken.
    """
    from pruneviz_apps.explorer.ahead import heads_ahead
    from pruneviz_apps.explorer.look import LOADING

    tables = CachedTables(_open(study), trust)
    port = free_port(port)
    pn, _ = toolkit()
    pn.extension("tabulator", notifications=False, raw_css=[LOADING])
    names = [f"{HOST}:{port}", f"localhost:{port}"]
    with heads_ahead() as answered:
        server = pn.serve(
            {"/": lambda: page(tables)},
            port=port,
            address=HOST,
            websocket_origin=names,
            show=open_browser,
            start=False,
            title="pruneviz",
            verbose=False,
            log_function=answered.note,
        )
    server.start()  # else closed tabs are never cleaned up after, and connections not kept alive
    return server


def page(tables: CachedTables) -> Viewable:
    """The explorer for one browser tab, at the address that was asked for."""
    from bokeh.themes import Theme

    from pruneviz_apps.explorer.look import OWN_FIGURES
    from pruneviz_apps.explorer.shell import POLL_MS, Shell

    pn, _ = toolkit()
    pn.state.curdoc.theme = Theme(json={"attrs": {name: {} for name in OWN_FIGURES}})
    location = pn.state.location
    try:
        shell = Shell(tables, location.search if location is not None else "")
    except Exception as e:  # whatever the store holds, whoever opens a page is told, and not left with an empty one
        log.exception("a page could not be made")
        why = str(e) if isinstance(e, PrunevizError) else f"{type(e).__name__}: {e}"
        told: Viewable = html(fragments.notice(f"The study could not be shown. {why}", "error"), margin=24)
        return told
    # Bokeh's own callback, which does not count as being busy.
    pn.state.curdoc.add_periodic_callback(shell.look_for_runs, POLL_MS)
    found: Viewable = shell.page
    return found


def inline(study: LiveTables) -> InCell:
    """The explorer as an object that a notebook shows."""
    from pruneviz_apps.explorer.in_cell import InCell

    return InCell(study)


def _open(study: str | os.PathLike[str] | Opens) -> LiveTables:
    if callable(study):
        return study()
    from pruneviz.study import open_study

    return open_study(study)
