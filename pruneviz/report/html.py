"""A report as one HTML file that opens from disk, needs nothing from anywhere, and runs nothing but two scripts.

The scripts are BokehJS and one of our own, both allowed by their digests in a content-security policy that forbids
everything else, ``unsafe-eval`` and the network included. What comes from a study is text: Jinja escapes it, and data
for the script stands in blocks that no browser executes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from pruneviz.report.story import frame_keys

if TYPE_CHECKING:
    from markupsafe import Markup

    from pruneviz.report.compose import Composed
    from pruneviz.report.content import Report

LIMIT = 4_800_000  # bytes of the file that thumbnails fill up to: what a mail takes
MOST_ROOM, LEAST_ROOM = 1_600_000, 100_000  # for thumbnails, however small or large the rest is
_TEMPLATES = "templates"


@dataclass(frozen=True, eq=False)
class Rendered:
    """The page, and the story in it."""

    html: str
    report: Report
    left_out: tuple[str, ...]


def render(composed: Composed, progress: Callable[[str], None]) -> Rendered:
    """The page as text.

    Args:
        composed: the story.
        progress: told what is being done.
    """
    from bokeh.resources import Resources

    from pruneviz.report.figures import figures
    from pruneviz.report.imagery import imagery, thumbnails

    report, tables, choice = composed.report, composed.tables, composed.choice
    keys = frame_keys(report.pictures)
    images = imagery(tables, choice, keys) if keys else None
    progress("drawing the pictures")
    data = [("figures", _data(figures(report.pictures, images.plain["names"] if images else ()).plain))]
    library = Resources(mode="inline", components=["bokeh"]).js_raw[0]
    own = _file("report.js")
    fixed = {"scripts": [_script(library), _script(own)], "policy": _policy(library, own), "style": _style()}
    template = _environment().get_template("report.html")
    left_out = report.left_out
    if images is not None:
        progress("collecting the images")
        data.append(("images", _data(images.plain)))
        bare = template.render(report=report, left_out=left_out, data=data, **fixed)
        room = max(LIMIT - len(bare.encode("utf-8")), LEAST_ROOM)
        sheets = thumbnails(tables, images.order, min(room, MOST_ROOM))
        data.append(("thumbnails", _data(sheets.plain)))
        left_out += (sheets.left_out,) if sheets.left_out else ()
    progress("writing the page")
    page = template.render(report=report, left_out=left_out, data=data, **fixed)
    return Rendered(page, report, left_out)


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from pruneviz.report.words import figure_words, prose

    made = Environment(
        loader=PackageLoader("pruneviz.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["words"] = figure_words
    made.filters["prose"] = prose
    return made


def _file(name: str) -> str:
    return resources.files("pruneviz.report").joinpath(_TEMPLATES, name).read_text("utf-8")


def _style() -> Markup:
    from markupsafe import Markup

    from pruneviz.views.palette import INKS, THEMES
    from pruneviz.views.words_html import CSS

    light, dark = ("".join(f"--{name}:{pair[i]};" for name, pair in INKS.items()) for i in range(len(THEMES)))
    inks = f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
    return Markup(inks + CSS + _file("report.css"))


def _script(text: str) -> Markup:
    """A script of ours or Bokeh's; neither may hold what ends a script element."""
    from markupsafe import Markup

    if "</script" in text.lower() or "<!--" in text or "\r" in text:
        raise AssertionError("a script holds what HTML would not give back as it is")
    return Markup(text)


def _data(value: Any) -> Markup:
    """JSON for a data block: nothing in it can end the block, open a comment or end a line of script."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _policy(*scripts: str) -> str:
    digests = (base64.b64encode(hashlib.sha256(s.encode("utf-8")).digest()).decode("ascii") for s in scripts)
    allowed = " ".join(f"'sha256-{d}'" for d in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
