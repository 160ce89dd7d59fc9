"""What the commands accept that take a study's results away: report, figure, export."""

from __future__ import annotations

import argparse
from typing import Any


def add_results(command: Any) -> None:
    """Add them; ``command`` makes a parser of its name, handler, summary, example and detail."""
    p = command(
        "report",
        "report:report",
        "write a study's story as a file: HTML, PDF, Markdown or LaTeX",
        "  pruneviz report runs/mine -o mine.html\n  pruneviz report runs/mine -o mine.pdf --layout mine-report.toml",
        "The ending decides the format: .html (one file, linked pictures, no server and no network), .pdf, .md (SVG\n"
        "pictures beside it), .tex (tables with booktabs, PDF pictures and BibTeX beside it).",
    )
    p.add_argument("store", metavar="STORE", help="the store's folder")
    p.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write")
    p.add_argument(
        "--layout",
        metavar="FILE.toml",
        help="your own words, models, selection, sections and their order; docs/reports.md tells what may stand in it",
    )
    p.add_argument(
        "--models",
        metavar="RUN",
        nargs="+",
        help="compare these runs, by run_id or name, 16 at most (default: a few, chosen without the test split)",
    )
    p.add_argument("--study", metavar="NAME", help="which of the store's studies (default: the latest)")

    p = command(
        "figure",
        "figure:figure",
        "draw one picture of a study for a paper: PDF, SVG or PNG",
        "  pruneviz figure runs/mine tradeoff -o tradeoff.pdf\n"
        "  pruneviz figure runs/mine flips -o flips.svg --columns 2 --models 'magnitude 0.9' 'random 0.9'",
        "Fonts are embedded, and the same store gives the same bytes. Words for a caption are printed.",
    )
    p.add_argument("store", metavar="STORE", help="the store's folder")
    p.add_argument("picture", metavar="PICTURE", help="its name, such as tradeoff; a wrong one lists them all")
    p.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write")
    p.add_argument("--columns", type=int, choices=(1, 2), default=1, help="of a paper that it spans: 85 or 175 mm")
    p.add_argument("--width", metavar="W", help="instead of that, a length such as 84mm or 3.3in")
    p.add_argument("--height", metavar="H", help="likewise (default: what suits the picture)")
    p.add_argument("--font", metavar="NAME", help="a font that is installed (default: the one of matplotlib)")
    p.add_argument("--title", action="store_true", help="set title and subtitle above it, not in the caption alone")
    p.add_argument("--models", metavar="RUN", nargs="+", help="compare these runs, by run_id or name, 16 at most")
    p.add_argument(
        "--view", metavar="VIEW", help="show a saved view, by its name, or a page of the explorer, by its address"
    )
    p.add_argument("--study", metavar="NAME", help="which of the store's studies (default: the latest)")

    p = command(
        "export",
        "export:export",
        "write one table of a study to a file, or its runs for a tracker of experiments",
        "  pruneviz export runs/mine runs -o runs.csv\n"
        "  pruneviz export runs/mine runs -o runs.tex --columns name accuracy density --digits 3\n"
        "  pruneviz export runs/mine --to tensorboard -o logs",
        "The ending decides the format: .csv, .parquet, .json or .tex.",
    )
    p.add_argument("store", metavar="STORE", help="the store's folder")
    p.add_argument(
        "table", metavar="TABLE", nargs="?", help="runs, layers, samples, timings, history, or a table of an analysis"
    )
    p.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write; with --to, a folder")
    p.add_argument("--columns", metavar="COLUMN", nargs="+", help="only these columns, in this order")
    p.add_argument("--digits", type=_digits, metavar="N", help="in .tex, round to so many significant digits")
    p.add_argument(
        "--to",
        choices=("mlflow", "wandb", "tensorboard"),
        help="write the runs with their settings, results and histories for this tracker instead",
    )
    p.add_argument("--study", metavar="NAME", help="which of the store's studies (default: the latest)")


def _digits(text: str) -> int:
    if text.isdigit() and 1 <= int(text) <= 17:
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a whole number from 1 to 17")
