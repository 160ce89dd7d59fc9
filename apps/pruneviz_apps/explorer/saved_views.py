"""Views that are kept under a name: saved, opened again, deleted."""

from __future__ import annotations

from typing import Any

from pruneviz.core.errors import PrunevizError
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import WIDE, html, stack, toolkit

_SIDE = {"margin": (0, 16), "size": "small"}


class SavedViews:
    """What the sidebar has for them."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        self._asked = ""  # the name that is taken, and that somebody was asked whether to replace
        self.title = html(fragments.note("Saved views"), margin=(8, 16, 0, 16))
        self.kept = pmui.Select(label="Saved view", options=[], **{**WIDE, **_SIDE})
        self.name = pmui.TextInput(label="Save this view as", placeholder="a name", **{**WIDE, **_SIDE})
        self.name.param.watch(lambda e: self._save(), "enter_pressed")

        def button(label: str, act: Any) -> Any:
            made = pmui.Button(label=label, variant="text", size="small", margin=0)
            made.on_click(lambda e: act())
            return made

        self.save = button("Save view", self._save)
        self.open = button("Open view", self._open)
        self.delete = button("Delete view", self._delete)
        self.lower = pn.Row(self.open, self.delete, margin=(0, 10))
        upper = pn.Row(self.save, margin=(0, 10))
        self.panel = stack(self.title, self.name, upper, self.kept, self.lower, gap=4)
        session.listen(self.show)

    def show(self) -> None:
        """Offer what is kept."""
        try:
            names = list(self.session.tables.workspace.views)
        except PrunevizError as e:
            names = []
            self.session.notice = str(e)
        if self.kept.options != names:
            self.kept.options = names
            self.kept.value = self.session.view if self.session.view in names else next(iter(names), None)
        self.kept.visible = self.lower.visible = bool(names)

    def _save(self) -> None:
        s, name = self.session, (self.name.value_input or self.name.value or "").strip()
        try:
            if name != self._asked and name in s.tables.workspace.views:
                self._asked = name
                s.say(f"{name!r} is taken, and so is its address. Save again to replace it, or choose another name.")
                return
            s.save_view(name)
        except PrunevizError as e:
            s.say(str(e))
            return
        self._asked = ""
        self.name.value = self.name.value_input = ""
        self.show()
        self.kept.value = s.view
        s.say(f"Saved as {s.view!r}. Its address is {s.address}")

    def _open(self) -> None:
        if self.kept.value:
            self.session.open_view(self.kept.value)

    def _delete(self) -> None:
        s, name = self.session, self.kept.value
        if not name:
            return
        try:
            s.delete_view(name)
        except PrunevizError as e:
            s.say(str(e))
            return
        s.say(f"Deleted the view {name!r}.")
