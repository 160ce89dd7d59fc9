"""Layer by layer: what each method, or each model compared, keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruneviz.views.pictures.density_map import density_map_info, targets
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit
from pruneviz_apps.explorer.tradeoff_page import Filters

if TYPE_CHECKING:
    from panel.viewable import Viewable


class LayersPage:
    """The density map."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self._filling = False
        self.target = pmui.RadioButtonGroup(label="Target", options=[], size="small", margin=0)
        self.target.param.watch(self._changed, "value")
        self.filters = Filters(session)
        self.map = PicturePane(session, density_map_info, ("filters", "models", "reference", "target"), shared=True)
        self.panel: Viewable = stack(
            html(fragments.heading("Layers", "Where each method removes, and where it does not.")),
            self.target,
            self.filters.panel,
            self.map.panel,
        )

    def show(self) -> None:
        """Bring the page up to date."""
        state = self.session.state
        known = targets(self.session.tables, state)
        by_method = not state.models and bool(known)
        self._filling = True
        try:
            self.target.options = {label: target for target, label in known}
            names = [t for t, _ in known]
            self.target.value = state.target if state.target in names else names[len(names) // 2] if names else None
            self.target.visible = self.filters.panel.visible = by_method
        finally:
            self._filling = False
        self.filters.show()
        self.map.show()

    def _changed(self, event: Any) -> None:
        if not self._filling and event.new is not None:
            self.session.change(target=event.new)
