"""A report as one HTML file that opens from disk, needs nothing from anywhere, and runs nothing but two scripts.

The scripts are BokehJS and one of our own, both allowed by their digests in a content-security policy that forbids
everything else, ``unsafe-eval`` and the network included. What comes from a study is text: Jinja escapes it, and data
for the script stands in blocks that no browser executes.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError, UsageError
from pruneviz.report.choose import choose
from pruneviz.report.once import Once, Reported
from pruneviz.report.story import frame_keys, tell

if TYPE_CHECKING:
    from markupsafe import Markup

    from pruneviz.report.content import Report

ENDING = ".html"
LIMIT = 4_800_000  # bytes of the file that thumbnails fill up to: what a mail takes
MOST_ROOM, LEAST_ROOM = 1_600_000, 100_000  # for thumbnails, however small or large the rest is
_TEMPLATES = "templates"


@dataclass(frozen=True)
class ReportSummary:
    """What was written.

    Attributes:
        path: the file.
        bytes: its size.
        compared: ids of the runs compared, the reference first.
        left_out: what the file does not hold, and by what rule.
    """

    path: Path
    bytes: int
    compared: tuple[str, ...]
    left_out: tuple[str, ...]


def write_html(
    study: Reported,
    path: str | os.PathLike[str],
    *,
    models: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> ReportSummary:
    """Write the report of a study: one file, the same bytes for the same store.

    Args:
        study: a study of a store, as :func:`pruneviz.open` gives it; nothing that it names is imported.
        path: the file, ending in ``.html``; its folder is made where there is none. One that is there is replaced.
        models: names or ids of the runs to compare, 16 at most beside the reference; the first dense model among them
            is the reference. Chosen by rule when absent, without looking at the test split.
        progress: told what is being done.

    Raises:
        UsageError: a run that does not exist or is not done, too many, or a path that is no HTML file's.
        PrunevizError: the file cannot be written.
    """
    target = html_file(path)
    text = render(study, models=models, progress=progress or (lambda what: None))
    data = text.html.encode("utf-8")
    _write(target, data)
    return ReportSummary(target, len(data), text.report.compared, text.left_out)


def html_file(path: str | os.PathLike[str]) -> Path:
    """The path of a report to write.

    Raises:
        UsageError: it has another ending, or is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{target}: is a folder. Write {target / f'report{ENDING}'}, for instance.")
    if target.suffix.lower() != ENDING:
        name = f"{target.stem or 'report'}{ENDING}"
        raise UsageError(f"report: got {str(path)!r}; allowed endings: {ENDING}. Write {name}, for instance.")
    return target


@dataclass(frozen=True, eq=False)
class Rendered:
    """The page, and the story in it."""

    html: str
    report: Report
    left_out: tuple[str, ...]


def render(study: Reported, *, models: Sequence[str] | None, progress: Callable[[str], None]) -> Rendered:
    """The page as text; see :func:`write_html`."""
    from bokeh.resources import Resources

    from pruneviz.report.figures import figures
    from pruneviz.report.imagery import imagery, thumbnails

    progress("reading the study")
    tables = Once(study)
    choice = choose(tables, models)
    report = tell(tables, study, choice, models or ())
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


def _write(path: Path, data: bytes) -> None:
    """Write a file whole; what was there stays until it is replaced."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as e:
        raise PrunevizError(f"{path}: cannot be written ({e.strerror or e}). Name another file.") from e
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
