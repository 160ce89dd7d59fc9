"""Taking away what is in sight: the page's pictures on paper, and the report of what is compared."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError
from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.catalogue import find_all, of_analysis
from pruneviz.views.comparison import NONE_SELECTED
from pruneviz.views.differences import focus
from pruneviz.views.metrics import measured
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit

if TYPE_CHECKING:
    from pruneviz_apps.explorer.report_process import ReportProcess

OF_PAGE = {
    "overview": ("tradeoff",),
    "runs": ("lineage",),
    "tradeoff": ("tradeoff", "smallest"),
    "layers": ("density_map", "layer_weights", "layer_activations", "layer_mask"),
    "compare": ("sample_scatter", "flips", "class_changes", "images"),
    "diff": ("density_map", "flips", "class_changes"),
    "samples": ("projection", "sample_grid", "sample_detail"),
}
POLL_MS = 400
_SIDE: dict[str, Any] = {"size": "small", "margin": (0, 16)}
_SMALL: dict[str, Any] = {**_SIDE, "variant": "outlined"}
_LOOK: dict[str, Any] = {"size": "small", "margin": (0, 16), "embed": False, "auto": True}


class TakingAway:
    """Buttons that download what the tab shows now."""

    def __init__(self, session: Session) -> None:
        pn, pmui = toolkit()
        self.session = session
        self.view = pmui.FileDownload(callback=self._view, filename="view.pdf", label="This page's pictures", **_LOOK)
        self.reports = [
            pmui.Button(
                label=f"Report ({ending[1:].upper()})", icon="description", on_click=self._begin(ending), **_SMALL
            )
            for ending in (".html", ".pdf")
        ]
        self.view.variant = "outlined"  # given before, it meets an older name of its own and warns
        self.told = html(margin=(0, 16))
        self.give_up = pmui.Button(label="Cancel", variant="text", on_click=lambda e: self._end(), **_SIDE)
        self.ready = pmui.FileDownload(callback=self._written, filename="report", label="Download it", **_LOOK)
        self._process: ReportProcess | None = None
        self._watch: Any = None
        title = html(fragments.note("Export"), margin=(8, 16, 0, 16))
        self.panel = stack(title, self.view, *self.reports, self.told, self.give_up, self.ready, gap=6)
        self._end()
        session.listen(self.show)
        if pn.state.curdoc is not None and pn.state.curdoc.session_context is not None:
            pn.state.on_session_destroyed(lambda context: self._end())

    def show(self) -> None:
        """Offer what there is."""
        self.view.disabled = not pictures_of(self.session)
        for button in self.reports:
            button.visible = tells_all(self.session.tables.study)

    def _view(self) -> io.BytesIO:
        return io.BytesIO(view_pdf(self.session))

    def _begin(self, ending: str) -> Callable[[Any], None]:
        """What a click on a report's button does: it takes seconds, so another process writes it."""

        def clicked(event: Any) -> None:
            from pruneviz_apps.explorer.report_process import ReportProcess

            s = self.session
            self._end()
            if s.state.narrowed and not s.state.samples:
                s.say(NONE_SELECTED)
                return
            compared = on.compared(measured(s.tables), s.state)
            models = (s.reference, *compared) if compared else ()
            try:
                self._process = ReportProcess(s.tables.workspace, ending, models, s.state.samples)
            except OSError as e:
                s.say(f"The report could not be begun: {e.strerror or e}.")
                return
            self.told.object, self.give_up.visible = fragments.note(f"Writing report{ending} …"), True
            self.ready.filename, self.ready.label = f"report{ending}", f"Download report{ending}"
            self._watch = toolkit()[0].state.add_periodic_callback(self._look, POLL_MS)

        return clicked

    def _look(self) -> None:
        """Whether it is there."""
        try:
            if self._process is None or not self._process.poll():
                return
        except PrunevizError as e:
            self._end()
            self.session.say(f"The report could not be written. {e}")
            return
        self._watch.stop()
        self.told.object, self.give_up.visible, self.ready.visible = "", False, True

    def _end(self) -> None:
        """Give up or throw away the report that there is."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        if self._process is not None:
            self._process.stop()
            self._process = None
        self.told.object, self.give_up.visible, self.ready.visible = "", False, False

    def _written(self) -> io.BytesIO:
        return io.BytesIO(self._process.file.read_bytes() if self._process is not None else b"")


def tells_all(study: object) -> bool:
    """Whether it is a :class:`~pruneviz.report.reported.Reported`, by its class alone: reading tables takes a while."""
    return all(hasattr(type(study), name) for name in ("findings", "warnings", "select", "data"))


def pictures_of(session: Session) -> tuple[str, ...]:
    """The names of the pictures that the page in sight shows."""
    return pictures_at(session.tables, session.state)


def pictures_at(tables: Tables, state: ViewState) -> tuple[str, ...]:
    """The names of the pictures that the page shows which a state names."""
    if state.page == "analyses":
        found: dict[str, Any] = getattr(tables, "findings", dict)()
        return of_analysis(state.analysis if state.analysis in found else next(iter(sorted(found)), ""))
    return OF_PAGE.get(state.page, ())


def seen(state: ViewState) -> ViewState:
    """The state that the pictures of the page in sight are of: on the page Diff it is about one model."""
    return replace(state, models=(focus(state),)) if state.page == "diff" and state.models else state


def view_pdf(session: Session) -> bytes:
    """The pictures of the page in sight, one to a page of the file, as wide as two columns of a paper.

    Those that have nothing to show are left out, unless none has.
    """
    from pypdf import PdfReader, PdfWriter

    from pruneviz.views.matplotlib_renderer import TWO_COLUMNS, draw

    writer = PdfWriter()
    names = pictures_of(session)
    pictures = [p for name in names for p in find_all(name, "picture")(session.tables, seen(session.state))]
    for picture in [p for p in pictures if not p.empty] or pictures:
        drawn = draw(picture, width=TWO_COLUMNS, title=True).content("pdf")
        writer.append(PdfReader(io.BytesIO(drawn)), outline_item=picture.title)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def report_of(session: Session, ending: str) -> bytes:
    """The report about the models compared and the images selected; chosen by rule where nothing is compared."""
    from pruneviz.api import write_report
    from pruneviz.report import Layout

    study: Any = session.tables.study
    compared = on.compared(measured(session.tables), session.state)
    models = [session.reference, *compared] if compared else None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"report{ending}"
        write_report(study, file, models=models, layout=Layout(selection=session.state.samples))
        return file.read_bytes()
