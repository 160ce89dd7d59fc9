"""A picture in a page: drawn once, then updated where it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from pruneviz.core.errors import PrunevizError
from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState
from pruneviz.views.bokeh_renderer import Drawn, draw, update
from pruneviz.views.marks import Picture
from pruneviz_apps.explorer.session import Session
from pruneviz_apps.explorer.toolkit import WIDE, toolkit

log = logging.getLogger(__name__)

Make = Callable[[Tables, ViewState], Picture]
MakeMany = Callable[[Tables, ViewState], Sequence[Picture]]


class PicturePane:
    """Shows what ``make`` makes of the session's state, whenever one of the fields it ``needs`` has changed.

    Args:
        session: the tab's.
        make: makes the picture, of nothing else than the tables and those fields.
        needs: names of fields of the state.
        shared: whether the picture is kept for other sessions that look at the same, ``make`` being a plain function.
    """

    def __init__(self, session: Session, make: Make, needs: tuple[str, ...], *, shared: bool = False) -> None:
        pn, _ = toolkit()
        self.session, self.make, self.needs, self.shared = session, make, (*needs, "theme"), shared
        self.panel = pn.pane.Bokeh(**WIDE)
        self._drawn: Drawn | None = None
        self._seen: tuple[Any, ...] = ()

    @property
    def picture(self) -> Picture | None:
        """What is shown; None before anything is."""
        return self._drawn.picture if self._drawn is not None else None

    def show(self) -> None:
        """Bring the picture up to date."""
        seen = (self.session.tables.version, *(getattr(self.session.state, n) for n in self.needs))
        if seen == self._seen:
            self._mark_again()
            return
        self._seen = seen
        self.put(attempt(self._made, self.session.tables, self.session.state))

    def _made(self, tables: Tables, state: ViewState) -> Picture:
        if not self.shared:
            return self.make(tables, state)
        return self.session.tables.once((self.make, self._seen), lambda: self.make(tables, state))

    def put(self, picture: Picture) -> None:
        """Show a picture that was made already."""
        theme = self.session.state.theme
        if self._drawn is None:
            self._drawn = draw(picture, theme=theme, sources=self.session.sources)
        else:
            self._drawn = update(self._drawn, picture, theme=theme)
        if self.panel.object is not self._drawn.layout:
            self.panel.object = self._drawn.layout

    def _mark_again(self) -> None:
        """Select again what the state says is selected, should the browser have cleared it."""
        if self._drawn is not None and self._drawn.picture.selects == "runs":
            self._drawn = update(self._drawn, self._drawn.picture)


def attempt(make: Make, tables: Tables, state: ViewState) -> Picture:
    """What ``make`` makes, or why that cannot be shown."""
    return attempts(lambda t, s: (make(t, s),), tables, state)[0]


def attempts(make: MakeMany, tables: Tables, state: ViewState) -> Sequence[Picture]:
    """The pictures that ``make`` makes, one at least, or why they cannot be shown."""
    try:
        return make(tables, state)
    except PrunevizError as e:
        return (Picture("error", "This picture cannot be shown", empty=str(e)),)
    except Exception as e:
        log.exception("a picture could not be made")
        return (Picture("error", "This picture cannot be shown", empty=f"{type(e).__name__}: {e}"),)
