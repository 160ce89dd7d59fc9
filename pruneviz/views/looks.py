"""One look for each recovery, as one hue for each method: by dash and marker, so that no meaning hangs on colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pruneviz.views.marks import Key
from pruneviz.views.runs import short

REFERENCE_MARKER = "star"
DENSE_MARKER = "diamond"


@dataclass(frozen=True)
class Look:
    """How the lines and points of a recovery look."""

    dash: str
    marker: str
    filled: bool


_TRAINED = (
    Look("solid", "circle", True),
    Look("dotdash", "square", True),
    Look("dotted", "triangle", True),
    Look("dashdot", "inverted_triangle", True),
    Look("solid", "diamond", False),
    Look("dotdash", "square", False),
    Look("dotted", "triangle", False),
)


def recovery_looks(recoveries: Sequence[str]) -> dict[str, Look]:
    """The look of each recovery, by the order in which the study names them; ``none`` is always dashed and hollow."""
    trained = [r for r in dict.fromkeys(recoveries) if r != "none"]
    looks = {r: _TRAINED[i % len(_TRAINED)] for i, r in enumerate(trained)}
    return {**looks, "none": Look("dashed", "circle", False)}


def method_keys(inks: dict[str, str], shown: set[str]) -> tuple[Key, ...]:
    """The legend's lines for methods: one colour each."""
    names = short(inks)
    found = [Key(_method(names[m], ink), "area", ink) for m, ink in inks.items() if m in shown and m != "dense"]
    return (Key("Method", "heading"), *found) if found else ()


def _method(method: str, ink: str) -> str:
    return f"{method} (control)" if ink.startswith("control") else method


def recovery_keys(looks: dict[str, Look], shown: Sequence[str]) -> tuple[Key, ...]:
    """The legend's lines for recoveries: one dash and marker each."""
    words = {**short(looks), "none": "no recovery"}
    found = [
        Key(words[r], "line", "soft", look.marker, look.filled, look.dash) for r, look in looks.items() if r in shown
    ]
    return (Key("Recovery", "heading"), *found) if found else ()
