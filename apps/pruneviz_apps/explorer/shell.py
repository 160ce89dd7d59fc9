"""The page around the pages: header, sidebar, notices, address, colours, and the watch for new runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from typing import Any

from pruneviz.core.errors import PrunevizError
from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.text import elide, plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.code_dialog import CodeDialog
from pruneviz_apps.explorer.in_browser import browser_side
from pruneviz_apps.explorer.live import CachedTables
from pruneviz_apps.explorer.look import PAGE_SX, SIDEBAR_WIDTH, theme_config
from pruneviz_apps.explorer.selecting import words
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.sidebar import PAGES, Sidebar
from pruneviz_apps.explorer.telling import comparison, status
from pruneviz_apps.explorer.toolkit import html, side_by_side, stack, toolkit

log = logging.getLogger(__name__)
POLL_MS = 2000
# What is said lies over the page: nothing moves when it comes or goes.
_OVER = {
    "position": "fixed",
    "bottom": "20px",
    "right": "28px",
    "width": "min(620px, calc(100vw - 56px))",
    "z-index": "1200",
    "align-items": "center",
}


def _makers() -> dict[str, Callable[[Session], Any]]:
    from pruneviz_apps.explorer.analyses_page import AnalysesPage
    from pruneviz_apps.explorer.compare_page import ComparePage
    from pruneviz_apps.explorer.diff_page import DiffPage
    from pruneviz_apps.explorer.layers_page import LayersPage
    from pruneviz_apps.explorer.methods_page import MethodsPage
    from pruneviz_apps.explorer.overview import Overview
    from pruneviz_apps.explorer.prune_page import PrunePage
    from pruneviz_apps.explorer.runs_page import RunsPage
    from pruneviz_apps.explorer.samples_page import SamplesPage
    from pruneviz_apps.explorer.tradeoff_page import TradeoffPage

    return {
        "overview": Overview,
        "runs": RunsPage,
        "tradeoff": TradeoffPage,
        "layers": LayersPage,
        "compare": ComparePage,
        "samples": SamplesPage,
        "diff": DiffPage,
        "analyses": AnalysesPage,
        "prune": PrunePage,
        "methods": MethodsPage,
    }


class Shell:
    """One browser tab's explorer, or a notebook cell's."""

    def __init__(self, tables: CachedTables, query: str = "", *, alone: bool = True) -> None:
        """Make it.

        Args:
            tables: the study.
            query: of the address that was asked for.
            alone: whether the window is its own; else the address, the title and the keys are the notebook's.
        """
        _, pmui = toolkit()
        self.session = session = Session(tables, ViewState())
        session.go(query)
        self._pages: dict[str, Any] = {}
        self._version = tables.version
        self._shown = session.state.page, session.state.reference
        self._heard: tuple[str, ...] = ()
        self.browser = browser_side(query, plain(tables.name), self._walk, lambda: session.say(""))
        self.browser.param.watch(lambda e: self._went(e.new[0]), "address")
        self.browser.param.watch(lambda e: self._again(session.undo, e), "undone")
        self.browser.param.watch(lambda e: self._again(session.redo, e), "redone")
        self.undo = pmui.IconButton(icon="undo", size="small", margin=0, description="Undo (Ctrl+Z)")
        self.undo.on_click(lambda e: session.undo())
        self.redo = pmui.IconButton(icon="redo", size="small", margin=0, description="Redo (Ctrl+Shift+Z)")
        self.redo.on_click(lambda e: session.redo())
        self.code = CodeDialog(session)
        close = pmui.IconButton(icon="close", size="small", margin=0, description="Close this message")
        close.on_click(lambda e: session.say(""))
        self.words = html()
        self.notice = side_by_side(self.words, close, gap=4, visible=False, styles=_OVER)
        self.status = html(margin=(0, 12), align="center")
        self.body = stack(gap=0)
        main = stack(self.notice, self.body, gap=0, margin=(24, 32, 48, 32))
        self.sidebar = Sidebar(session)
        self.page: Any = pmui.Page(
            title=elide(plain(tables.name), 48),
            meta_title=escape(f"{plain(tables.name)} · pruneviz"),
            header=[self.status, *([self.browser] if alone else []), self.undo, self.redo, self.code.button],
            sidebar=[self.sidebar.panel],
            main=[main, self.code.dialog],
            sidebar_width=SIDEBAR_WIDTH,
            sidebar_resizable=False,
            sidebar_open=session.state.sidebar,
            theme_config=theme_config(),
            dark_theme=session.state.theme == "dark",
            sx=PAGE_SX,
            busy_indicator=None,
        )
        _unbusy(self.page)
        self.page.param.watch(lambda e: session.change(theme="dark" if e.new else "light"), "dark_theme")
        self.page.param.watch(lambda e: session.change(sidebar=e.new), "sidebar_open")
        session.batch(_in_one_message if alone else self._in_a_cell)
        session.listen(self.show)
        session.on_notice(self.say)
        session.tell()

    def show(self) -> None:
        """Show the page that the state names; the others keep what they show, out of sight."""
        s = self.session
        self.page.sidebar_open = s.state.sidebar
        self.undo.disabled, self.redo.disabled = not s.can_undo, not s.can_redo
        self.status.object = fragments.fill("<div class='pv-status'>{text}</div>", text=status(s.tables))
        if s.state.page not in self._pages:
            made = self._pages[s.state.page] = _makers()[s.state.page](s)
            try:
                made.show()
            finally:  # what could not be shown may be the next time
                self.body.append(made.panel)
        else:
            self._pages[s.state.page].show()
        for name, page in self._pages.items():
            page.panel.visible = name == s.state.page
        self.browser.label = next(label for page, label, _ in PAGES if page == s.state.page)
        self._let_hear()
        before, self._shown = self._shown, (s.state.page, s.state.reference)
        if (query := s.address) != self.browser.address[0]:
            self.browser.address = [query, self._shown != before]

    def _let_hear(self) -> None:
        """Tell those who hear the page what has changed of what is chosen."""
        s, page = self.session, self._pages[self.session.state.page]
        now = (
            self.browser.label,
            comparison(len(on.compared(measured(s.tables), s.state))),
            words(s) if hasattr(page, "selection") else "",
            page.said_of_image if s.state.page == "samples" else "",
            s.notice,
        )
        new = [text for text, before in zip(now, self._heard, strict=False) if text and text != before]
        self._heard = now
        if new:
            self.browser.heard = ". ".join(text.removesuffix(".") for text in new) + "."

    def say(self, text: str) -> None:
        """Show a sentence above the page; none when it is empty."""
        self.notice.visible = self.browser.said = bool(text)
        self.words.object = fragments.notice(text, "over")

    def _went(self, query: str) -> None:
        """The address was changed in the browser, by hand or by going back."""
        if query != self.session.address:
            self.session.go(query)
            self._shown = self.session.state.page, self.session.state.reference  # no step: the browser has taken it
            self.page.dark_theme = self.session.state.theme == "dark"
            self.session.tell()

    def _walk(self, arrow: str) -> None:
        if self.session.state.page == "samples":
            self._pages["samples"].walk(arrow)

    def _in_a_cell(self, tell: Callable[[], None]) -> None:
        """Notebooks hear by themselves what Panel changes, and not what is changed of pictures."""
        pn, _ = toolkit()
        tell()
        pn.io.push_notebook(self.page)

    @staticmethod
    def _again(step: Callable[[], None], pressed: Any) -> None:
        """Take as many steps as the keys were pressed since the last word from the browser."""
        for _ in range(pressed.new - pressed.old):
            step()

    def look_for_runs(self) -> None:
        """Show runs that have landed since the last look."""
        try:
            self.session.tables.refresh()
            if self.session.tables.version != self._version:
                self._version = self.session.tables.version
                self.session.tell()
        except PrunevizError as e:
            self.session.say(str(e))


def _in_one_message(tell: Callable[[], None]) -> None:
    pn, _ = toolkit()
    with pn.io.hold():
        tell()


def _unbusy(page: Any) -> None:
    """Take the page's own busy sign away: every change of it makes Panel walk through all models of all sessions.

    Its link to the server's state goes, too, which would keep the page for as long as the server runs.
    """
    pn, _ = toolkit()
    with pn.util.edit_readonly(page):
        page.busy = False
    for watcher in list(pn.state.param.watchers["busy"]["value"]):
        if getattr(getattr(watcher.fn, "__self__", None), "self", None) is page:
            pn.state.param.unwatch(watcher)
