"""What stays in sight on every page: where to go, the reference, and the models compared with it."""

from __future__ import annotations

from typing import Any

from pruneviz.core.viewstate import MOST_MODELS
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.palette import ink
from pruneviz.views.text import elide
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.saved_views import SavedViews
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.taking_away import TakingAway
from pruneviz_apps.explorer.telling import comparison
from pruneviz_apps.explorer.toolkit import html, toolkit

PAGES = (
    ("overview", "Overview", "home"),
    ("runs", "Runs", "table_rows"),
    ("tradeoff", "Trade-off", "show_chart"),
    ("layers", "Layers", "layers"),
    ("compare", "Compare", "compare"),
    ("samples", "Samples", "grid_view"),
    ("diff", "Diff", "difference"),
    ("analyses", "Analyses", "insights"),
    ("prune", "Prune", "content_cut"),
    ("methods", "Methods", "menu_book"),
)
_LIST_SX = {
    ".MuiListItemText-primary": {"fontSize": "13.5px", "lineHeight": 1.35, "overflowWrap": "anywhere"},
    ".MuiListItemText-secondary": {"fontSize": "12px"},
    ".MuiListItemButton-root": {"py": "1px", "minHeight": 28},
    ".MuiListItemText-root": {"my": "2px"},
    ".MuiAvatar-root": {"width": 12, "height": 12, "fontSize": 0, "borderRadius": "3px"},
    ".MuiListItemAvatar-root": {"minWidth": 22},
}


class Sidebar:
    """Navigation and the comparison."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self._filling = False
        wide = {"sizing_mode": "stretch_width"}
        self.nav = pmui.MenuList(
            items=[{"label": label, "icon": icon} for _, label, icon in PAGES],
            sx={".MuiListItemText-primary": {"fontSize": "14px"}},
            margin=(8, 4, 8, 4),
            **wide,
        )
        self.nav.on_click(lambda item: session.change(page=_page(item["label"])))
        self.reference = pmui.AutocompleteInput(
            label="Reference", restrict=True, min_characters=0, size="small", margin=(6, 16, 8, 16), **wide
        )
        self.reference.param.watch(lambda e: self._choose(e.new), "value")
        self.models = pmui.MenuList(
            items=[], dense=True, highlight=False, removable=False, sx=_LIST_SX, margin=(0, 4), **wide
        )
        self.models.on_action("Remove", lambda item: self._remove(item["value"]))
        self.count = html(margin=(6, 16, 2, 16))
        self.add = pmui.AutocompleteInput(
            label="Add a model", restrict=True, min_characters=0, size="small", margin=(6, 16, 8, 16), **wide
        )
        self.add.param.watch(lambda e: self._add(e.new), "value")
        self.clear = pmui.Button(
            label="Compare none",
            variant="text",
            size="small",
            margin=(0, 16, 16, 10),
            on_click=lambda e: session.compare(()),
        )
        self.panel = pmui.Column(
            self.nav,
            pmui.Divider(margin=(0, 0, 8, 0)),
            self.reference,
            self.count,
            self.models,
            self.add,
            self.clear,
            pmui.Divider(margin=(0, 0, 4, 0)),
            SavedViews(session).panel,
            TakingAway(session).panel,
            **wide,
        )
        session.listen(self.show)

    def show(self) -> None:
        """Bring it up to date."""
        s = self.session
        self._filling = True
        try:
            self.nav.active = [p for p, _, _ in PAGES].index(s.state.page)
            done = measured(s.tables)
            self._options(done)
            reference = s.reference
            self.reference.value, self.reference.disabled = reference or None, done.empty
            chosen = on.compared(done, s.state)
            self._list(done, chosen, reference)
            self.add.value = None
            self.add.disabled = len(chosen) >= MOST_MODELS or len(done) < 2  # the reference is one of them
            self.clear.visible = bool(chosen)
            self.count.object = fragments.note(comparison(len(chosen)))
        finally:
            self._filling = False

    def _options(self, done: Any) -> None:
        labels = self.session.tables.once("labels", lambda: on.labels(done, list(done["run_id"])))
        options = {label: run_id for run_id, label in labels.items()}
        if self.reference.options != options:
            self.reference.options = self.add.options = options

    def _list(self, done: Any, chosen: tuple[str, ...], reference: str) -> None:
        labels = on.labels(done, [r for r in (reference, *chosen) if r])
        inks, methods = on.inks(self.session.tables.runs), done.set_index("run_id")["method"]
        items = [
            {
                "label": elide(labels[r], 40),
                **({"tooltip": labels[r]} if len(labels[r]) > 40 else {}),
                "value": r,
                "avatar": " ",
                "color": ink(inks[str(methods[r])], self.session.state.theme),
                "selectable": False,
                "actions": [{"label": "Remove", "icon": "close", "inline": True}],
            }
            for r in chosen
        ]
        if self.models.items != items:
            self.models.items = items

    def _choose(self, run_id: str | None) -> None:
        if not self._filling and run_id:
            s = self.session
            s.change(reference=run_id, models=tuple(m for m in s.state.models if m != run_id), first_sample=0)

    def _add(self, run_id: str | None) -> None:
        if not self._filling and run_id:
            self.session.compare((*self.session.state.models, run_id))

    def _remove(self, run_id: str) -> None:
        self.session.compare(tuple(m for m in self.session.state.models if m != run_id))


def _page(label: str) -> str:
    return next(p for p, shown, _ in PAGES if shown == label)
