"""Small pieces of HTML. Every value that is put into one is escaped, whatever it came from."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.views.text import several

if TYPE_CHECKING:
    import pandas as pd


def fill(template: str, **values: object) -> str:
    """A template of this project's own with escaped values in its ``{fields}``."""
    return template.format(**{name: escape(str(value)) for name, value in values.items()})


def heading(title: str, text: str = "") -> str:
    """A page's title and what it is for."""
    return fill("<h1 class='pv-title'>{title}</h1>", title=title) + (lead(text) if text else "")


def lead(text: str) -> str:
    """What stands below a title."""
    return fill("<p class='pv-lead'>{text}</p>", text=text)


def section(title: str) -> str:
    """A title within a page."""
    return fill("<h2 class='pv-section'>{title}</h2>", title=title)


def sentences(texts: Iterable[str], kind: str = "found") -> str:
    """A list of sentences."""
    items = "".join(fill("<li>{text}</li>", text=t) for t in texts)
    return f"<ul class='pv-{kind}'>{items}</ul>" if items else ""


def labelled(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of sentences, each with a word for what it is about."""
    items = "".join(fill("<dt>{about}</dt><dd>{text}</dd>", about=a, text=t) for a, t in pairs)
    return f"<dl class='pv-labelled'>{items}</dl>"


def folded_sentences(title: str, texts: Iterable[str]) -> str:
    """A list of sentences that opens on a click; nothing where there are none."""
    items = sentences(texts)
    opening = fill("<details class='pv-folded'><summary>{title}</summary>", title=title)
    return f"{opening}{items}</details>" if items else ""


def tiles(pairs: Iterable[tuple[str, str, str]]) -> str:
    """Numbers in a row: value, what it counts, and details below."""
    made = "".join(
        fill(
            "<div class='pv-tile'><div class='v'>{value}</div><div class='k'>{what}</div>"
            "<div class='d'>{more}</div></div>",
            value=value,
            what=what,
            more=more,
        )
        for value, what, more in pairs
    )
    return f"<div class='pv-tiles'>{made}</div>"


def steps(items: Iterable[tuple[str, str]]) -> str:
    """What to do, each with the line to type."""
    made = "".join(
        fill("<li><span>{text}</span>", text=t) + (fill("<code>{line}</code>", line=c) if c else "") + "</li>"
        for t, c in items
    )
    return f"<ol class='pv-steps'>{made}</ol>"


def notice(text: str, kind: str = "info") -> str:
    """A sentence that wants to be seen: ``info``, ``error``, or ``over`` for one that lies over the page."""
    role = "alert" if kind == "error" else "status"
    return fill("<div class='pv-notice {kind}' role='{role}'>{text}</div>", kind=kind, role=role, text=text)


def folded(title: str, frame: pd.DataFrame) -> str:
    """A table that opens on a click."""
    head = "".join(fill("<th scope='col'>{name}</th>", name=name) for name in frame.columns)
    rows = "".join(
        "<tr>" + "".join(fill("<td>{value}</td>", value=_cell(v)) for v in row) + "</tr>"
        for row in frame.itertuples(index=False)
    )
    table = f"<table class='pv-table'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    opening = fill("<details class='pv-folded'><summary>{title}</summary>", title=title)
    return f"{opening}<div class='pv-scroll'>{table}</div></details>"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}"
    if isinstance(value, np.ndarray):
        return several(np.size(value), "number")
    return "–" if value is None or str(value) == "<NA>" else str(value)


def note(text: str) -> str:
    """A quiet sentence."""
    return fill("<p class='pv-note'>{text}</p>", text=text)
