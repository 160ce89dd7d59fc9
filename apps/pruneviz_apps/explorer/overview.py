"""The opening page: what the study holds, what was found, where to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruneviz.views.findings import failures, found, holdings
from pruneviz.views.pictures.tradeoff import tradeoff_info
from pruneviz.views.text import plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.telling import BEGIN, NOTHING_YET, summary, tiles, was_found
from pruneviz_apps.explorer.toolkit import AS_HIGH_AS_IT_IS, WIDE, html, stack, toolkit
from pruneviz_apps.explorer.tradeoff_page import TRADEOFF_NEEDS

if TYPE_CHECKING:
    from panel.viewable import Viewable

_GO = (
    ("tradeoff", "What pruning costs", "Any metric over any other, a line for each method", "show_chart"),
    ("runs", "Every run", "Sort, filter, choose what to compare; where each comes from", "table_rows"),
    ("layers", "Where it was removed", "What each layer keeps", "layers"),
    ("compare", "What changed", "Classes, flipped predictions, image by image", "compare"),
    ("samples", "The images", "By their features, sorted, one by one", "grid_view"),
    ("diff", "Two models", "All that differs, in sentences", "difference"),
    ("analyses", "What analyses found", "All findings, pictures and tables", "insights"),
    ("prune", "More pruning", "Choose a method; the runs join this study", "content_cut"),
)
_WAYS_SX = {
    ".MuiListItemButton-root": {"py": "3px", "borderRadius": "8px"},
    ".MuiListItemText-root": {"my": "2px"},
    ".MuiListItemText-primary": {"fontSize": "14px", "color": "primary.main", "fontWeight": 600},
    ".MuiListItemText-secondary": {"fontSize": "12.5px"},
    ".MuiIcon-root": {"color": "primary.main"},
}


class Overview:
    """Tiles, findings, the way on; or how to begin."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        self.head, self.tiles, self.words, self.failed, self.begin = (html() for _ in range(5))
        self.tradeoff = PicturePane(session, tradeoff_info, TRADEOFF_NEEDS, shared=True)
        ways = pmui.MenuList(
            items=[{"label": label, "secondary": text, "icon": icon} for _, label, text, icon in _GO],
            highlight=False,
            sx=_WAYS_SX,
            **WIDE,
        )
        pages = {label: page for page, label, _, _ in _GO}
        ways.on_click(lambda item: session.change(page=pages[item["label"]]))
        go = stack(html(fragments.section("Where to go")), ways, gap=4, sizing_mode=None, width=290)
        # The picture is in sight of a common window; in a narrow one the way on comes below it.
        seen = stack(self.words, self.tradeoff.panel, styles={"gap": "28px", "flex": "1 1 600px", **AS_HIGH_AS_IT_IS})
        both = pn.FlexBox(seen, go, gap="40px", **WIDE)
        self.full = stack(self.tiles, both, self.failed, gap=32)
        self.panel: Viewable = stack(self.head, self.begin, self.full, gap=24)

    def show(self) -> None:
        """Bring the page up to date."""
        tables = self.session.tables
        holds = holdings(tables)
        empty = holds.total == 0
        self.begin.visible, self.full.visible = empty, not empty
        if empty:
            self.head.object = fragments.heading(plain(tables.name), NOTHING_YET)
            self.begin.object = fragments.steps(BEGIN)
            return
        self.head.object = fragments.heading(plain(tables.name), summary(holds))
        self.tiles.object = fragments.tiles(tiles(holds))
        self.words.object = was_found(self._found(), tables.findings())
        failed = failures(tables)
        self.failed.visible = bool(failed)
        self.failed.object = fragments.section("Runs that failed") + fragments.sentences(failed, "failed")
        self.tradeoff.show()

    def _found(self) -> tuple[str, ...]:
        tables, state = self.session.tables, self.session.state
        return tables.once(("found", state.filters, state.size), lambda: found(tables, state))
