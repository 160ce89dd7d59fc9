"""Models against the reference: classes, flips, image by image, and the images; one selection through all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.class_changes import class_changes_info
from pruneviz.views.pictures.density_map import targets
from pruneviz.views.pictures.flips import flips_info
from pruneviz.views.pictures.images import ROWS, images_info, pages
from pruneviz.views.pictures.sample_scatter import FRAME, MOST_DRAWN, sample_scatters
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.arranging import BAR, grid, scatters, step, undrawn
from pruneviz_apps.explorer.picture_pane import PicturePane, attempts
from pruneviz_apps.explorer.selection_bar import SelectionBar
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, side_by_side, stack, toolkit

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from pruneviz.core.tables import Tables
    from pruneviz.core.viewstate import ViewState
    from pruneviz.views.marks import Picture

_NOTHING = (
    "Nothing is compared with the reference yet. Tick models in the table of runs, select points in the trade-off "
    "chart, or add them on the left."
)
_ALONE = "Fewer than two models have been measured, so there is nothing to compare."
_MODELS = ("models", "reference")
_SELECTED = (*_MODELS, "samples", "narrowed")
_SCATTERED = (*_MODELS, "sample_metric", "all_points")


class ComparePage:
    """Linked views of the models compared."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        self._filling = False
        self._made: tuple[Any, Sequence[Picture]] = (None, ())  # all scatters are made at once
        self.selection = SelectionBar(session)
        self.metric = pmui.RadioButtonGroup(label="", options=["margin", "confidence", "loss"], size="small", margin=0)
        self.metric.param.watch(self._changed, "value")
        self.all_points = pmui.Switch(label="Draw all images", margin=0, visible=False)
        self.all_points.param.watch(self._each, "value")
        plot = html(fragments.note("Plot each image's"), sizing_mode=None, margin=(8, 0))
        metric = side_by_side(plot, self.metric, self.all_points)
        self.bar = stack(metric, self.selection.panel, gap=0)
        self.bar.styles = BAR
        self.suggest = pmui.Button(variant="contained", margin=(4, 0), on_click=lambda e: self._suggested())
        self.hint = html()
        self.nothing = stack(self.hint, self.suggest, gap=12)
        self.scatters = [PicturePane(session, self._scatter(i), _SCATTERED) for i in range(MOST_DRAWN)]
        self.classes = PicturePane(session, class_changes_info, _SELECTED)
        self.flips = PicturePane(session, flips_info, _SELECTED)
        self.images = PicturePane(session, images_info, (*_SELECTED, "first_sample"))
        self.back = step("Previous", "chevron_left", lambda: self._page(-ROWS))
        self.on = step("Next", "chevron_right", lambda: self._page(ROWS))
        self.more = html()
        # Wide windows have scatters beside the other views; narrow ones have pairs of scatters above them.
        left, right = scatters(self.scatters, least=300), stack(self.flips.panel, self.classes.panel, gap=28)
        sides = grid(left, right, least=440, **{"align-items": "start"})
        self.linked = stack(sides)  # the outer can be hidden, a grid cannot
        self.panel: Viewable = stack(
            html(fragments.heading("Compare", "Select images in a scatter: every other view follows.")),
            self.bar,
            self.nothing,
            self.linked,
            self.more,
            self.images.panel,
            pn.Row(self.back, self.on, margin=0),
        )

    def show(self) -> None:
        """Bring the page up to date."""
        state, tables = self.session.state, self.session.tables
        self._filling = True
        try:
            self.metric.value, self.all_points.value = state.sample_metric, state.all_points
        finally:
            self._filling = False
        compared = on.compared(measured(tables), state)
        self.selection.show()
        self.linked.visible = self.bar.visible = bool(compared)
        suggestion, words = suggested(tables, state) if not compared else ((), "")
        self.nothing.visible, self.suggest.visible, self.suggest.label = not compared, bool(suggestion), words
        self.hint.object = fragments.note(_NOTHING if len(measured(tables)) > 1 else _ALONE)
        made = self._scatters(tables, state) if compared else ()
        there = len(made)
        for i, scatter in enumerate(self.scatters):
            scatter.panel.visible = i < there
            if scatter.panel.visible:
                scatter.show()
        sources = self.session.sources
        self.all_points.visible = FRAME in sources.counted or state.all_points
        sources.select(FRAME, state.samples)
        asked = (*compared, *on.beside(on.controls_of(measured(tables), compared), compared))
        left = undrawn(there, asked) if any(not p.empty for p in made) else ""
        self.more.object, self.more.visible = fragments.note(left), bool(left)
        for picture in (self.flips, self.classes) if compared else ():
            picture.show()
        self.images.show()
        total = pages(tables, state)
        self.back.disabled = state.first_sample <= 0
        self.on.disabled = state.first_sample + ROWS >= total

    def _suggested(self) -> None:
        self.session.compare(suggested(self.session.tables, self.session.state)[0])

    def _scatter(self, i: int) -> Any:
        return lambda tables, state: self._scatters(tables, state)[i]

    def _scatters(self, tables: Tables, state: ViewState) -> Sequence[Picture]:
        asked = self.session.tables.version, *(getattr(state, n) for n in _SCATTERED)
        if self._made[0] != asked:
            self._made = asked, attempts(sample_scatters, tables, state)
        return self._made[1]

    def _changed(self, event: Any) -> None:
        if not self._filling:
            self.session.change(sample_metric=event.new)

    def _each(self, event: Any) -> None:
        if not self._filling:
            self.session.change(all_points=event.new)

    def _page(self, by: int) -> None:
        self.session.change(first_sample=max(0, self.session.state.first_sample // ROWS * ROWS + by))


def suggested(tables: Tables, state: ViewState) -> tuple[tuple[str, ...], str]:
    """A comparison to begin with, in words: every method at the target that most methods have; of several, the middle.

    Of the reference's dense model.
    """
    done = on.filtered(measured(tables), state)
    against = on.reference(done, state)
    known = [t for t, _ in targets(tables, state)]
    if not against or not known:
        return (), ""
    dense = on.row(done, against)["dense_run_id"]
    own = done[(done["dense_run_id"] == dense).fillna(False) & ~on.is_dense(done)]
    methods = own.groupby("target")["method"].nunique()
    widest = [t for t in known if methods.get(t, 0) == methods.max()]
    if not widest:
        return (), ""
    target = widest[len(widest) // 2]
    at = own[(own["target"] == target).fillna(False).astype(bool)]
    recoveries = on.unique(at["recovery"])
    recovery = next((r for r in recoveries if r != "none"), "none")
    found = at[(at["recovery"].fillna("none") == recovery).astype(bool)].drop_duplicates("method")
    how = "" if recovery == "none" else f" with {on.short(done['recovery'])[recovery]}"
    control = found["method"].isin(on.controls(tables.runs))  # it stands beside the others without being chosen
    ids = found.loc[~control, "run_id"] if not control.all() else found["run_id"]
    at_which = on.at_target(target, found["sparsity_target"].iloc[0])
    return tuple(str(r) for r in ids), f"Compare each method {at_which}{how}"
