"""The opening page: what the study holds, what was found, where to go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.views.findings import Holdings, failures, found, holdings
from pruneviz.views.pictures.tradeoff import tradeoff_info
from pruneviz.views.text import elide, listed, plain, several
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.picture_pane import PicturePane
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import WIDE, html, side_by_side, stack, toolkit
from pruneviz_apps.explorer.tradeoff_page import TRADEOFF_NEEDS

if TYPE_CHECKING:
    from panel.viewable import Viewable

SAID = 2  # sentences of each analysis on this page
_GO = (
    ("tradeoff", "What pruning costs", "Any metric over any other, a line for each method", "show_chart"),
    ("runs", "Every run", "Sort, filter, choose what to compare", "table_rows"),
    ("layers", "Where it was removed", "What each layer keeps", "layers"),
    ("compare", "What changed", "Classes, flipped predictions, the images themselves", "compare"),
)
_BEGIN = (
    ("See it work on real images, in two minutes:", "pruneviz demo"),
    ("Prune your own model: write a study file, and run it:", "pruneviz run my_study.toml --store runs/mine"),
    ("What there is to choose from:", "pruneviz methods"),
)


class Overview:
    """Tiles, findings, the way on; or how to begin."""

    def __init__(self, session: Session) -> None:
        _, pmui = toolkit()
        self.session = session
        self.head, self.tiles, self.words, self.failed, self.begin = (html() for _ in range(5))
        self.tradeoff = PicturePane(session, tradeoff_info, TRADEOFF_NEEDS)
        ways = [
            pmui.Button(
                label=label,
                description=text,
                icon=icon,
                variant="outlined",
                height=40,
                sx={"justifyContent": "flex-start"},
                on_click=lambda e, page=page: session.change(page=page),
                **WIDE,
            )
            for page, label, text, icon in _GO
        ]
        go = stack(html(fragments.section("Where to go")), *ways, gap=10, sizing_mode=None, width=230)
        found_and_go = side_by_side(self.words, go, gap=40)
        self.full = stack(self.tiles, found_and_go, self.tradeoff.panel, self.failed, gap=32)
        self.panel: Viewable = stack(self.head, self.begin, self.full, gap=24)

    def show(self) -> None:
        """Bring the page up to date."""
        tables = self.session.tables
        holds = holdings(tables)
        empty = holds.total == 0
        self.begin.visible, self.full.visible = empty, not empty
        if empty:
            self.head.object = fragments.heading(plain(tables.name), "There is nothing in this study yet. To begin:")
            self.begin.object = fragments.steps(_BEGIN)
            return
        self.head.object = fragments.heading(plain(tables.name), _summary(holds))
        self.tiles.object = fragments.tiles(_tiles(holds))
        sentences = (*found(tables, self.session.state), *_said(tables.findings()))
        nothing = fragments.note("Nothing can be said yet: no pruned model has been measured.")
        self.words.object = fragments.section("What was found") + (fragments.sentences(sentences) or nothing)
        failed = failures(tables)
        self.failed.visible = bool(failed)
        self.failed.object = fragments.section("Runs that failed") + fragments.sentences(failed, "failed")
        self.tradeoff.show()


def _said(findings: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The first sentences of each analysis, and where the others are."""
    said: list[str] = []
    for name, texts in findings.items():
        said += texts[:SAID]
        if len(texts) > SAID:
            said.append(f"{plain(name)}: {several(len(texts) - SAID, 'more finding')} on the page Analyses.")
    return said


def _summary(h: Holdings) -> str:
    methods = several(len(h.methods), "method")
    if not h.methods:
        return f"{several(h.dense, 'dense model')} of {_few(h.models)}; nothing is pruned in this study."
    if h.targets == (AS_GIVEN,):
        return (
            f"{several(len(h.methods), 'model')} as given, beside {several(h.dense, 'reference')}; none is pruned here."
        )
    dense, targets = several(h.dense, "dense model"), several(len(h.targets), "target")
    return f"{dense} of {_few(h.models)}, pruned by {methods} at {targets}."


def _tiles(h: Holdings) -> list[tuple[str, str, str]]:
    left = [several(h.failed, "failed", "failed")] if h.failed else []
    left += [f"{h.waiting:,} to come"] if h.waiting else []
    state = listed(left) if left else "none failed, none to come"
    return [
        (f"{h.done:,}", "runs measured" if h.done == h.total else f"of {h.total:,} runs measured", state),
        (str(h.dense), "dense models" if h.dense != 1 else "dense model", _few(h.models)),
        (str(len(h.methods)), "methods" if len(h.methods) != 1 else "method", _few(h.methods)),
        (str(len(h.targets)), "targets" if len(h.targets) != 1 else "target", _few(h.targets)),
        (str(len(h.recoveries)), "recoveries" if len(h.recoveries) != 1 else "recovery", _few(h.recoveries)),
    ]


def _few(names: tuple[str, ...], most: int = 5) -> str:
    shown = [elide(n, 28) for n in names[:most]]
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return listed([*shown, *more])
