"""What the study's analyses found: sentences, their pictures, and the tables behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruneviz.views.catalogue import find, of_analysis
from pruneviz.views.text import count, plain, several
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.measure_form import MeasureForm
from pruneviz_apps.explorer.needs import needs
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.selection_bar import SelectionLine
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import html, stack, toolkit

if TYPE_CHECKING:
    from panel.viewable import Viewable

SHOWN_ROWS = 200
LEAD = "What the study's analyses found. A study file asks for them under [analyses]; pruneviz analyses lists them."
HERE = "Others can be measured from here."
SAID = 3  # findings in sight; the others open on a click
NONE = (
    "This study asks for no analysis, or none is finished yet. Add one to the study file, such as [analyses] "
    "prediction_changes = {}, and run it again: only what is new is made."
)


class AnalysesPage:
    """One analysis at a time: its findings, its pictures, its tables."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self._filling = False
        self.chosen = pmui.RadioButtonGroup(label="Analysis", options=[], size="small", margin=0)
        self.chosen.param.watch(self._changed, "value")
        self.none = html(fragments.notice(f"{NONE} {HERE}"))
        self.body = stack(gap=24)
        self.selected = SelectionLine(session)
        self.unfit = html()
        self.more = MeasureForm(session, "Measure more")
        parts = (self.chosen, self.selected.panel, self.none, self.more.open, self.more.panel, self.body, self.unfit)
        self.panel: Viewable = stack(html(fragments.heading("Analyses", f"{LEAD} {HERE}")), *parts)
        self._shown: dict[str, _Analysis] = {}

    def show(self) -> None:
        """Bring the page up to date."""
        self.selected.show()
        names = sorted(self.session.tables.findings())
        wanted = self.session.state.analysis
        name = wanted if wanted in names else next(iter(names), "")
        self._filling = True
        try:
            self.chosen.options = {plain(n): n for n in names}
            self.chosen.value = name or None
            self.chosen.visible, self.none.visible = len(names) > 1, not names
        finally:
            self._filling = False
        if name and name not in self._shown:
            self._shown[name] = _Analysis(self.session, name)
        one = self._shown.get(name)
        wanted_panels = [one.panel] if one is not None else []
        if list(self.body.objects) != wanted_panels:
            self.body.objects = wanted_panels
        if one is not None:
            one.show()
        reasons = [f"{plain(n)}: {plain(why)}" for n, why in self.session.tables.unfit().items()]
        title = fragments.section("Analyses that these models do not have, and why") if reasons else ""
        self.unfit.object = title + fragments.sentences(reasons)
        self.more.show()

    def _changed(self, event: Any) -> None:
        if not self._filling and event.new is not None:
            self.session.change(analysis=event.new)


class _Analysis:
    """One analysis."""

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.name = session, name
        self.found = html()
        self.pictures = [PicturePane(session, find(p, "picture"), needs(p)) for p in of_analysis(name)]
        self.tables = html()
        self.panel = stack(self.found, *(p.panel for p in self.pictures), self.tables, gap=24)
        self._seen: object = self  # which no version is

    def show(self) -> None:
        """Bring it up to date."""
        tables = self.session.tables
        for picture in self.pictures:
            picture.show()
        if self._seen == tables.version:
            return
        self._seen = tables.version
        said = tables.findings().get(self.name, ())
        more = fragments.folded_sentences(several(len(said) - SAID, "more finding"), said[SAID:])
        self.found.object = fragments.section(plain(self.name)) + fragments.sentences(said[:SAID]) + more
        names = tables.tables_of(self.name)
        store = f"pruneviz export STORE {names[0]} -o FILE.csv" if names else ""
        parts = [fragments.section("Tables")] if names else []
        for name in names:
            frame = tables.table(name)
            rest = f"; the first {SHOWN_ROWS} are shown" if len(frame) > SHOWN_ROWS else ""
            parts.append(fragments.folded(f"{name}: {count(len(frame))} rows{rest}", frame.head(SHOWN_ROWS)))
        parts += [fragments.note(f"Whole, with names: {store}")] if store else []
        self.tables.object = "".join(parts)
