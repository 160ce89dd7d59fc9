"""The trade-off chart with its axes and filters, and the smallest model that is still good enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruneviz.views import runs as on
from pruneviz.views.metrics import METRICS
from pruneviz.views.pictures.smallest import smallest_info
from pruneviz.views.pictures.tradeoff import tradeoff_info
from pruneviz.views.text import plain
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.arranging import step
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import WIDE, html, side_by_side, stack, toolkit

if TYPE_CHECKING:
    import pandas as pd
    from panel.viewable import Viewable

FILTERS = (("method", "Methods"), ("target", "Targets"), ("recovery", "Recoveries"), ("model", "Models"))
TRADEOFF_NEEDS = ("filters", "x", "y", "log_x", "log_y", "models", "reference")
SIZES = ("parameters_nonzero", "parameters_cut", "macs", "macs_cut", "bytes", "bytes_compressed", "latency")


def offered(runs: pd.DataFrame, column: str) -> dict[str, str]:
    """The values of a column that runs can be filtered by, those of pruned models, and what each is called."""
    pruned = runs[~on.is_dense(runs)]
    names = [n for n in on.unique(pruned[column]) if n]
    if column in ("method", "recovery"):
        return on.short(names)
    if column == "target":
        sparsities = dict(zip(pruned["target"], pruned["sparsity_target"], strict=True))
        return {n: on.target_text(n, sparsities.get(n)) for n in names}
    return {n: plain(n) for n in names}


class Filters:
    """Which methods, targets, recoveries and models are shown; shared by all pages through the state."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self._filling = False
        self.boxes = {
            column: pmui.MultiChoice(label=label, placeholder="all", options=[], **WIDE) for column, label in FILTERS
        }
        for column, box in self.boxes.items():
            box.param.watch(lambda e, column=column: self._chosen(column, e.new), "value")
        self.every = step("Show all", "filter_alt_off", lambda: session.change(filters=()))
        self.panel = side_by_side(*self.boxes.values(), self.every)

    def show(self) -> None:
        """Offer what the study has, and what the state has chosen of it."""
        self._filling = True
        try:
            runs = self.session.tables.runs
            for column, box in self.boxes.items():
                names = offered(runs, column)
                options = {called: n for n, called in names.items()}
                if box.options != options:
                    box.options = options
                box.value = [v for v in self.session.state.filter(column) if v in names]
                box.visible = len(names) > 1
            self.every.visible = bool(self.session.state.filters)
        finally:
            self._filling = False

    def _chosen(self, column: str, values: list[str]) -> None:
        if not self._filling:
            state = self.session.state.with_filter(column, tuple(values))
            self.session.change(filters=state.filters)


class TradeoffPage:
    """Any metric over any other."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self._filling = False
        options = {f"{m.title}": name for name, m in METRICS.items()}
        self.x = pmui.Select(label="Across", options=options, size="small", **WIDE)
        self.y = pmui.Select(label="Up", options=options, size="small", **WIDE)
        self.log_x = pmui.Switch(label="log across", margin=(6, 0, 0, 0), width=120)
        self.log_y = pmui.Switch(label="log up", margin=(6, 0, 0, 0), width=100)
        sizes = {METRICS[n].title: n for n in SIZES}
        self.size = pmui.Select(label="Small by", options=sizes, size="small", margin=(24, 0, 0, 0), width=340)
        for widget, field in (
            (self.x, "x"),
            (self.y, "y"),
            (self.log_x, "log_x"),
            (self.log_y, "log_y"),
            (self.size, "size"),
        ):
            widget.param.watch(lambda e, field=field: self._changed(field, e.new), "value")
        self.filters = Filters(session)
        self.chart = PicturePane(session, tradeoff_info, TRADEOFF_NEEDS, shared=True)
        self.smallest = PicturePane(session, smallest_info, ("filters", "size"), shared=True)
        words = "Box, lasso or click points (shift adds) to compare those runs on every page."
        self.panel: Viewable = stack(
            html(fragments.heading("Trade-off", words)),
            side_by_side(self.x, self.y, self.log_x, self.log_y),
            self.filters.panel,
            self.chart.panel,
            self.size,
            self.smallest.panel,
        )

    def show(self) -> None:
        """Bring the page up to date."""
        state = self.session.state
        self._filling = True
        try:
            known = {"x": self.x, "y": self.y, "size": self.size}
            for field, widget in known.items():
                value = getattr(state, field)
                if value in widget.options.values():
                    widget.value = value
            self.log_x.value, self.log_y.value = state.log_x, state.log_y
        finally:
            self._filling = False
        self.filters.show()
        self.chart.show()
        self.smallest.show()

    def _changed(self, field: str, value: Any) -> None:
        if self._filling:
            return
        if field in ("x", "y"):  # another metric comes with the scale on which it reads best
            self.session.change(**{field: value, f"log_{field}": METRICS[value].log})
        else:
            self.session.change(**{field: value})
