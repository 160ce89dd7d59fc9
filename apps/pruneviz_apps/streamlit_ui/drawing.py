"""Pictures in the page: drawn by the one renderer, and given to the browser again only when they have changed.

A figure that is the same object with the same data is left alone in the browser, so that what was brushed or zoomed
there stays while other parts of the page change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState
from pruneviz.views.bokeh_renderer import Sources, draw
from pruneviz.views.catalogue import find
from pruneviz.views.marks import Picture
from pruneviz_apps.explorer import fragments
from pruneviz_apps.explorer.needs import needs
from pruneviz_apps.explorer.picture_pane import MakeMany, attempt, attempts
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui.bound import bound
from pruneviz_apps.streamlit_ui.look import OWN_FIGURES

DRAWN = "drawn"
_COUNTED = (
    "Here the cells are counted once, whatever part is shown, and cannot be brushed: draw all images for that, or "
    "choose some by a rule."
)
_NEUTRAL = "light_minimal"  # the one of streamlit-bokeh's themes that leaves most to the figure
PAIRS = "repeat(auto-fit, minmax(min(max(300px, calc(50% - 14px)), 100%), 1fr))"


@dataclass(eq=False)
class _Drawn:
    """What a place in the page shows.

    Attributes:
        seen: what it was made from.
        root: the figures.
        notes: what is said below all of them.
        counted: whether images are counted in cells.
        run: which run of the page showed it last.
    """

    seen: tuple[Any, ...]
    root: Any
    notes: tuple[str, ...]
    counted: bool
    run: int


def picture(session: Session, name: str, state: ViewState | None = None) -> None:
    """A picture by its name, of the session's state or of another."""
    shown = session.state if state is None else state
    seen = (shown.models, *(getattr(shown, n) for n in needs(name)))

    def made(tables: Tables, state: ViewState) -> Picture:
        return session.tables.once((name, seen), lambda: find(name, "picture")(tables, state))

    _show(session, name, seen, lambda: [attempt(made, session.tables, shown)])


def together(session: Session, names: Sequence[str], columns: str) -> None:
    """Several pictures in one place, in these columns (of CSS's ``grid-template-columns``)."""
    seen = tuple(getattr(session.state, n) for name in names for n in needs(name))

    def make() -> Sequence[Picture]:
        return [attempt(find(n, "picture"), session.tables, session.state) for n in names]

    _show(session, "-".join(names), seen, make, columns)


def linked(session: Session, name: str, make: MakeMany) -> None:
    """Pictures that share what is selected, in pairs where there is room; and the switch that draws every image."""
    seen = tuple(getattr(session.state, n) for n in needs(name))
    place = st.container()
    shown = _show(session, name, seen, lambda: attempts(make, session.tables, session.state), PAIRS, level=True)
    if shown.counted:
        st.html(fragments.note(_COUNTED))
    if shown.counted or session.state.all_points:
        with place:
            every = session.state.all_points
            bound(st.toggle, "Draw all images", session, "all_points", every, lambda v: session.change(all_points=v))


def begin() -> None:
    """A run of the page begins."""
    st.session_state["run"] = st.session_state.get("run", 0) + 1
    st.session_state.setdefault(DRAWN, {})


def end() -> None:
    """It has ended: forget the figures that are out of sight, which the browser has forgotten, too."""
    kept = st.session_state[DRAWN]
    st.session_state[DRAWN] = {k: d for k, d in kept.items() if d.run == st.session_state["run"]}


def _show(
    session: Session,
    place: str,
    seen: tuple[Any, ...],
    make: Callable[[], Sequence[Picture]],
    columns: str = "",
    level: bool = False,
) -> _Drawn:
    from streamlit_bokeh import streamlit_bokeh

    theme = session.state.theme
    seen = (session.tables.version, theme, *seen)
    kept = st.session_state[DRAWN]
    if place not in kept or kept[place].seen != seen:
        pictures = list(make())
        notes: dict[str, None] = {}
        if level:  # then what they say below stands below all of them, or the drawings would not be level
            notes = dict.fromkeys(n for p in pictures if not p.empty for n in p.notes)
            pictures = [replace(p, notes=()) for p in pictures]
        root = _root(pictures, theme, columns, "end" if level else "start")
        kept[place] = _Drawn(seen, root, tuple(notes), any(f.counted for p in pictures for f in p.frames), 0)
    kept[place].run = st.session_state["run"]
    streamlit_bokeh(kept[place].root, theme=_NEUTRAL, key=f"picture-{place}")
    if kept[place].notes:
        st.html(fragments.note(" ".join(kept[place].notes)))
    found: _Drawn = kept[place]
    return found


def _root(pictures: Sequence[Picture], theme: str, columns: str, edge: str) -> Any:
    """Figures in one document of their own, as wide as there is room and as high as they are."""
    from bokeh.document import Document
    from bokeh.layouts import column
    from bokeh.themes import Theme

    sources = Sources()
    layouts = [draw(p, theme=theme, sources=sources).layout for p in pictures]
    for layout in layouts if columns else ():
        layout.styles = {**dict(layout.styles), "align-self": edge}  # type: ignore[arg-type]  # typed as more
    grid = {"display": "grid", "gap": "24px 28px", "grid-template-columns": columns}
    # streamlit-bokeh gives every root a height that it guesses; this policy has figures keep their own.
    root = column(
        *layouts,
        sizing_mode="stretch_width",
        height_policy="fit",
        styles=grid if columns else {},
    )
    Document(theme=Theme(json=OWN_FIGURES)).add_root(root)
    return root
