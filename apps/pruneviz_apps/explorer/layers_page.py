"""Layer by layer: what each method, or each model compared, keeps; its weights, what it says, and one from inside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState
from pruneviz.views.marks import Picture
from pruneviz.views.pictures.density_map import density_map_info, targets
from pruneviz.views.pictures.layer_activations import layer_activations_info
from pruneviz.views.pictures.layer_mask import layer_mask_info, layers_of, shown_layer
from pruneviz.views.pictures.layer_weights import layer_weights_info
from pruneviz.views.text import elide, plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.arranging import grid
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit
from pruneviz_apps.explorer.tradeoff_page import Filters

if TYPE_CHECKING:
    from panel.viewable import Viewable

_NEEDS = ("filters", "models", "reference", "target")


class LayersPage:
    """The density map; below it what became of the weights and of what layers say, and the layer clicked."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self._filling = False
        self.target = pmui.RadioButtonGroup(label="Target", options=[], size="small", margin=0)
        self.target.param.watch(self._changed("target"), "value")
        self.layer = pmui.Select(label="Layer", options={}, width=260, size="small", margin=0)
        self.layer.param.watch(self._changed("layer"), "value")
        self.filters = Filters(session)
        self.map = PicturePane(session, clickable_map, _NEEDS, shared=True)
        self.weights = PicturePane(session, layer_weights_info, _NEEDS, shared=True)
        self.activations = PicturePane(session, layer_activations_info, _NEEDS, shared=True)
        self.inside = PicturePane(session, layer_mask_info, (*_NEEDS, "layer"), shared=True)
        self.panel: Viewable = stack(
            html(fragments.heading("Layers", "Where each method removes, and what became of what is left.")),
            self.target,
            self.filters.panel,
            self.map.panel,
            stack(grid(self.weights.panel, self.activations.panel, least=440, **{"align-items": "start"})),
            self.layer,
            self.inside.panel,
        )

    def show(self) -> None:
        """Bring the page up to date."""
        tables, state = self.session.tables, self.session.state
        known = targets(tables, state)
        by_method = not state.models and bool(known)
        layers = {elide(plain(n), 40): n for n in layers_of(tables, state)}
        self._filling = True
        try:
            self.target.options = {label: target for target, label in known}
            names = [t for t, _ in known]
            self.target.value = state.target if state.target in names else names[len(names) // 2] if names else None
            self.target.visible = self.filters.panel.visible = by_method
            if self.layer.options != layers:
                self.layer.options = layers
            self.layer.value = shown_layer(tables, state) or None
            self.layer.visible = bool(layers)
        finally:
            self._filling = False
        self.filters.show()
        for picture in (self.map, self.weights, self.activations, self.inside):
            picture.show()

    def _changed(self, name: str) -> Any:
        def changed(event: Any) -> None:
            if not self._filling and event.new is not None:
                self.session.change(**{name: event.new})

        return changed


def clickable_map(tables: Tables, state: ViewState) -> Picture:
    """The density map, whose cells show their layer below it."""
    return replace(density_map_info(tables, state), hint="Click a cell to see its layer from inside, below.")
