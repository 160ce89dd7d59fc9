"""Words in HTML: those around a picture, once for each theme, and sentences that name commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pruneviz.views.palette import THEMES
from pruneviz.views.words_html import footing, heading

if TYPE_CHECKING:
    from markupsafe import Markup

    from pruneviz.views.marks import Picture


def figure_words(picture: Picture, where: str) -> Markup:
    """What stands above (``head``) or below (``foot``) a picture, in both themes; escaped by the views."""
    from markupsafe import Markup

    write = heading if where == "head" else footing
    return Markup("".join(f'<div class="only-{t}">{w}</div>' for t in THEMES if (w := write(picture, t))))


def prose(text: str) -> Markup:
    """A sentence, escaped, with what stands between backticks set as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
