"""Pictures of studies: tables and a view's state in, plain marks out, drawn by one renderer.

Every picture there is is a function here that a notebook can call, such as ``pv.views.tradeoff(study)``. Nothing here
imports Bokeh or pandas until something is drawn.
"""

from __future__ import annotations

from typing import Any

from pruneviz.core.errors import unknown
from pruneviz.views import catalogue
from pruneviz.views.marks import Picture
from pruneviz.views.pictures import PICTURES
from pruneviz.views.shown import Shown, shower
from pruneviz.views.state import State

__all__ = ["PICTURES", "Picture", "Shown", "State"]


def __getattr__(name: str) -> Any:
    if name not in catalogue.names():
        raise AttributeError(str(unknown("pv.views", name, catalogue.names())), name=name)
    made = globals()[name] = shower(name)  # one function for each, as if it were written here
    return made


def __dir__() -> list[str]:
    return sorted([*__all__, *catalogue.names()])
