"""The pages, by their names in the address: those of the full explorer that can do without hearing of brushes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pruneviz_apps.explorer.session import Session
from pruneviz_apps.streamlit_ui.pages import analyses, compare, diff, layers, overview, runs, samples, tradeoff


@dataclass(frozen=True)
class Page:
    """A page of the Streamlit surface.

    Attributes:
        label: what the navigation calls it.
        show: fills the page.
    """

    label: str
    show: Callable[[Session], None]


PAGES: dict[str, Page] = {
    "overview": Page("Overview", overview.show),
    "runs": Page("Runs", runs.show),
    "tradeoff": Page("Trade-off", tradeoff.show),
    "layers": Page("Layers", layers.show),
    "compare": Page("Compare", compare.show),
    "samples": Page("Samples", samples.show),
    "diff": Page("Diff", diff.show),
    "analyses": Page("Analyses", analyses.show),
}
