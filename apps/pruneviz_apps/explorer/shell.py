"""The page around the pages: header, sidebar, notices, address, colours, and the watch for new runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from typing import Any

from pruneviz.core.errors import PrunevizError
from pruneviz.core.viewstate import ViewState
from pruneviz.views.findings import holdings
from pruneviz.views.text import elide, plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.look import PAGE_SX, SIDEBAR_WIDTH, theme_config
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.sidebar import PAGES, Sidebar
from pruneviz_apps.explorer.toolkit import html, stack, toolkit

log = logging.getLogger(__name__)
POLL_MS = 2000


def _makers() -> dict[str, Callable[[Session], Any]]:
    from pruneviz_apps.explorer.compare_page import ComparePage
    from pruneviz_apps.explorer.layers_page import LayersPage
    from pruneviz_apps.explorer.overview import Overview
    from pruneviz_apps.explorer.runs_page import RunsPage
    from pruneviz_apps.explorer.tradeoff_page import TradeoffPage

    return {
        "overview": Overview,
        "runs": RunsPage,
        "tradeoff": TradeoffPage,
        "layers": LayersPage,
        "compare": ComparePage,
    }


class Shell:
    """One browser tab's explorer."""

    def __init__(self, tables: CachedTables, query: str = "") -> None:
        _, pmui = toolkit()
        state, complaint = _asked(query)
        self.session = session = Session(tables, ViewState())
        session.state = session.known(state)
        session.notice = complaint or session.notice
        self._pages: dict[str, Any] = {}
        self._location: Any = None
        self.notice = html(margin=(0, 0, 16, 0), visible=False)
        self.status = html(margin=(0, 12))
        self.body = stack(gap=0)
        main = stack(self.notice, self.body, gap=0, margin=(24, 32, 48, 32))
        self.sidebar = Sidebar(session)
        self.page: Any = pmui.Page(
            title=elide(plain(tables.name), 48),
            meta_title=escape(f"{plain(tables.name)} · pruneviz"),
            header=[self.status],
            sidebar=[self.sidebar.panel],
            main=[main],
            sidebar_width=SIDEBAR_WIDTH,
            sidebar_resizable=False,
            theme_config=theme_config(),
            dark_theme=session.state.theme == "dark",
            sx=PAGE_SX,
        )
        self.page.param.watch(lambda e: session.change(theme="dark" if e.new else "light"), "dark_theme")
        session.batch(_in_one_message)
        session.listen(self.show)
        session.tell()

    def show(self) -> None:
        """Show the page that the state names; the others keep what they show, out of sight."""
        s = self.session
        if s.state.page not in dict.fromkeys(p for p, _, _ in PAGES):
            s.notice = f"There is no page {s.state.page!r}; this is the overview."
            s.change(page="overview")
            return
        self.notice.visible = bool(s.notice)
        self.notice.object = fragments.notice(s.notice)
        self.status.object = _status(s.tables)
        if s.state.page not in self._pages:
            made = self._pages[s.state.page] = _makers()[s.state.page](s)
            made.show()
            self.body.append(made.panel)
        else:
            self._pages[s.state.page].show()
        for name, page in self._pages.items():
            page.panel.visible = name == s.state.page
        if self._location is not None and self._location.search != s.state.to_query():
            self._location.search = s.state.to_query()

    def attach(self, location: Any) -> None:
        """Keep the browser's address and the state the same."""
        self._location = location
        location.param.watch(lambda e: self._went(e.new), "search")

    def _went(self, query: str) -> None:
        """The address was changed in the browser, by hand or by going back."""
        if query != self.session.state.to_query():
            state, complaint = _asked(query)
            self.session.state = self.session.known(state)
            self.session.notice = complaint or self.session.notice
            self.page.dark_theme = self.session.state.theme == "dark"
            self.session.tell()

    def look_for_runs(self) -> None:
        """Show runs that have landed since the last look."""
        try:
            if self.session.tables.version != self._version or self.session.tables.refresh():
                self._version = self.session.tables.version
                self.session.tell()
        except PrunevizError as e:
            self.session.say(str(e))

    _version: Any = None


def _asked(query: str) -> tuple[ViewState, str]:
    """The state that an address asks for; where it asks for nonsense, the default and a sentence."""
    try:
        return ViewState.from_query(query), ""
    except PrunevizError as e:
        return ViewState(), f"The address could not be understood: {e}"


def _in_one_message(tell: Callable[[], None]) -> None:
    pn, _ = toolkit()
    with pn.io.hold():
        tell()


def _status(tables: CachedTables) -> str:
    h = holdings(tables)
    parts = [f"{h.done:,} of {h.total:,} runs measured"] if h.waiting or h.failed else [f"{h.done:,} runs"]
    parts += [f"{h.failed:,} failed"] if h.failed else []
    return fragments.note(" · ".join(parts))
