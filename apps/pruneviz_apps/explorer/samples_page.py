"""The test images: where they lie for each model, which are selected, many of them at once, and one in detail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError
from pruneviz.views import runs as on
from pruneviz.views.embedded import ANALYSIS
from pruneviz.views.marks import Boxes, Images
from pruneviz.views.metrics import measured
from pruneviz.views.neighbourhoods import neighbourhoods
from pruneviz.views.pictures.images import pages
from pruneviz.views.pictures.projection import FRAME, MOST_DRAWN, projections
from pruneviz.views.pictures.sample_detail import WIDE as DETAIL
from pruneviz.views.pictures.sample_detail import sample_detail_info
from pruneviz.views.pictures.sample_grid import COLUMNS, ON_PAGE, TILE, sample_grid_info, sorted_ids
from pruneviz.views.text import elide
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.arranging import BAR, SIDES, beside, scatters, step, undrawn
from pruneviz_apps.explorer.measure_form import MeasureForm
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.selection_bar import SelectionBar
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, side_by_side, stack, toolkit

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from pruneviz.core.tables import Tables
    from pruneviz.core.viewstate import ViewState
    from pruneviz.views.marks import Picture

COLOURS = {
    "what became of it": "outcome",
    "true class": "class",
    "predicted class": "prediction",
    "margin": "margin",
    "confidence": "confidence",
    "loss": "loss",
    "change of neighbourhood": "change",
}
SORTS = {
    "disagreement of models": "disagreement",
    "margin": "margin",
    "confidence": "confidence",
    "loss": "loss",
    "change of neighbourhood": "change",
}
_MODELS = ("models", "reference")
_SORTED = (*_MODELS, "samples", "narrowed", "sort", "sort_of", "descending", "first_sample", "shown_sample")


class SamplesPage:
    """Linked scatters of the images by their features, the selection, and the images."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        self._filling = False
        self._made: tuple[Any, tuple[Picture, ...]] = (None, ())  # all scatters are made at once
        self.selection = SelectionBar(session)
        small: dict[str, Any] = {"size": "small", "margin": 0}
        self.colour = pmui.Select(label="Colour", options=COLOURS, width=210, **small)
        self.all_points = pmui.Switch(label="Draw all images", margin=(8, 0))
        self.sort = pmui.Select(label="Sort by", options=SORTS, width=210, **small)
        self.sort_of = pmui.Select(label="of", options={}, width=250, **small)
        self.direction = pmui.Select(
            label="Order", options={"largest first": True, "smallest first": False}, width=140, **small
        )
        fields = {"colour": self.colour, "all_points": self.all_points}
        sorting = {"sort": self.sort, "sort_of": self.sort_of, "descending": self.direction}
        for name, widget in {**fields, **sorting}.items():
            widget.param.watch(self._setter(name, restart=name in sorting), "value")
        self.bar = stack(self.selection.panel, gap=0, styles=BAR)
        needs = (*_MODELS, "colour", "all_points")
        self.scatters = [PicturePane(session, self._scatter(i), needs) for i in range(MOST_DRAWN)]
        self.drawing = side_by_side(self.colour, self.all_points, gap=20)
        self.other = MeasureForm(session, "Make an embedding", ANALYSIS)
        self.changed, self.more = html(), html()
        self.grid = PicturePane(session, sample_grid_info, _SORTED)
        self.detail = PicturePane(session, sample_detail_info, (*_MODELS, "shown_sample"))

        self.back = step("Previous images", "chevron_left", lambda: self._page(-ON_PAGE))
        self.on = step("Next images", "chevron_right", lambda: self._page(ON_PAGE))
        self.before = step("Image before", "chevron_left", lambda: self._walk(-1))
        self.after = step("Image after", "chevron_right", lambda: self._walk(1))
        many = stack(
            pn.FlexBox(self.sort, self.sort_of, self.direction, **_WRAP),
            self.grid.panel,
            pn.Row(self.back, self.on, margin=0),
            styles=beside(COLUMNS * TILE),
        )
        one = stack(pn.Row(self.before, self.after, margin=0), self.detail.panel, styles=beside(DETAIL) | _STAYS)
        self.images = stack(stack(many, one, styles=SIDES))
        self.panel: Viewable = stack(
            html(
                fragments.heading(
                    "Samples",
                    "Draw a line around images in a scatter: every other view follows. A line is kept as a rule, which "
                    "can be saved and carried to another model.",
                )
            ),
            self.bar,
            side_by_side(self.drawing, self.other.open, gap=20, align="center"),
            self.other.panel,
            stack(scatters(self.scatters, least=330, gap=_GAP)),  # the outer can be hidden, a grid cannot
            self.changed,
            self.more,
            self.images,
        )

    def show(self) -> None:
        """Bring the page up to date."""
        s, state = self.session, self.session.state
        self._fill()
        self.selection.show()
        made = self._pictures(s.tables, state)
        there = len(made)
        drawn = any(not p.empty for p in made)
        self.drawing.visible = drawn
        self.other.open.label = "Another embedding" if drawn else "Make an embedding"
        self.other.show()
        for i, scatter in enumerate(self.scatters):
            scatter.panel.visible = i < there
            if scatter.panel.visible:
                scatter.show()
        s.sources.select(FRAME, state.samples)
        compared = on.compared(measured(s.tables), state)
        asked = (s.reference, *compared, *on.beside(on.controls_of(measured(s.tables), compared), compared))
        notes = list(self._made[1][0].notes) if there else []  # below all of them, for the drawings to stay level
        notes += [left] if drawn and (left := undrawn(there, asked)) else []
        titles = {p.plane[0].run: p.title for p in made if p.plane is not None}
        changed = neighbourhoods(s.tables, titles, state)
        self.changed.object = fragments.labelled((titles[r], text) for r, text in changed.items())
        self.changed.visible = bool(changed)
        self.more.visible = bool(notes)
        self.more.object = fragments.note(" ".join(notes))
        self.grid.show()
        self.detail.show()
        every = pages(s.tables, state)
        self.bar.visible = self.images.visible = every > 0 or state.narrowed  # else the first picture says why
        total = len(state.samples) if state.narrowed else every
        self.back.disabled = state.first_sample <= 0
        self.on.disabled = state.first_sample // ON_PAGE * ON_PAGE + ON_PAGE >= total
        self.before.disabled = self.after.disabled = not state.shown_sample

    def _fill(self) -> None:
        """The widgets say what the state says."""
        s, state = self.session, self.session.state
        self._filling = True
        try:
            done = measured(s.tables)
            shown = [r for r in (*on.compared(done, state), s.reference) if r]
            options = {elide(label, 40): r for r, label in on.labels(done, shown).items()}
            if self.sort_of.options != options:
                self.sort_of.options = options
            self.sort_of.value = state.sort_of if state.sort_of in shown else next(iter(shown), None)
            self.sort_of.visible = state.sort != "disagreement"
            self.colour.value, self.sort.value = state.colour, state.sort
            self.all_points.value, self.direction.value = state.all_points, state.descending
        finally:
            self._filling = False

    def _setter(self, name: str, restart: bool) -> Any:
        def changed(event: Any) -> None:
            if not self._filling and event.new is not None:
                self.session.change(**{name: event.new, **({"first_sample": 0} if restart else {})})

        return changed

    def _pictures(self, tables: Tables, state: ViewState) -> tuple[Picture, ...]:
        asked = self.session.tables.version, *(getattr(state, n) for n in (*_MODELS, "colour", "all_points"))
        if self._made[0] != asked:
            try:
                self._made = asked, projections(tables, state)
            except PrunevizError as e:
                self._made = None, ()
                self.session.notice = str(e)
        return self._made[1]

    def _scatter(self, i: int) -> Any:
        def make(tables: Tables, state: ViewState) -> Picture:
            picture = replace(self._pictures(tables, state)[i], sentences=())  # below, counted for the selection
            return picture if i else replace(picture, notes=())

        return make

    @property
    def said_of_image(self) -> str:
        """The image in detail, in words: its class, and what every model says of it; empty where none is shown."""
        found = self.detail.picture
        told = [m.hover for m in found.marks if isinstance(m, Boxes | Images) and m.hover] if found is not None else []
        images = [h for h in told if "true class" in h][:1]
        models = [h for h in told if "model" in h]
        said = [f"Image {h['image'][0]}, true class {h['true class'][0]}." for h in images]
        said += [f"{h['model'][0]}: {h['says'][0]}, {h['which is'][0]}." for h in models]
        return " ".join(said)

    def walk(self, arrow: str) -> None:
        """Show the image that lies in an arrow key's direction in the grid."""
        self._walk({"ArrowLeft": -1, "ArrowRight": 1, "ArrowUp": -COLUMNS, "ArrowDown": COLUMNS}[arrow])

    def _page(self, by: int) -> None:
        self.session.change(first_sample=max(0, self.session.state.first_sample // ON_PAGE * ON_PAGE + by))

    def _walk(self, by: int) -> None:
        walk(self.session, by)


def walk(session: Session, by: int) -> None:
    """Show the image so many before or after the one shown, and the page of the grid that it is on."""
    ids = sorted_ids(session.tables, session.state)
    if ids:
        here = ids.index(session.state.shown_sample) + by if session.state.shown_sample in ids else 0
        here = min(max(here, 0), len(ids) - 1)
        session.change(shown_sample=ids[here], first_sample=here // ON_PAGE * ON_PAGE)


_GAP = "24px 28px"
# Below the bar, and in sight while one goes through the images beside it.
_STAYS = {"gap": "8px", "position": "sticky", "top": "76px", "align-self": "flex-start"}
_WRAP: dict[str, Any] = {"gap": "10px", "align_items": "center", "margin": 0, "sizing_mode": "stretch_width"}
