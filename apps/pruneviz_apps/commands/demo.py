"""``pruneviz demo``: the study that ships, run and shown."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz.shipped import find_study
from pruneviz_apps.commands.app import serve
from pruneviz_apps.commands.report import write
from pruneviz_apps.commands.run import carry_out, code_of, say, summary_of

if TYPE_CHECKING:
    import argparse


def demo(arguments: argparse.Namespace) -> int:
    """Run what is not done yet, then serve the explorer or write the report; 1 when any run failed."""
    from pruneviz.api import read_study

    store = Path(arguments.store)
    asked = read_study(find_study("demo"))
    started = time.monotonic()
    result = carry_out(asked, store)
    summary = summary_of(result, store, time.monotonic() - started)
    say(summary)
    if arguments.no_serve:
        write(result.study, store / "report.html")
    else:
        serve(store, arguments.port, not arguments.no_browser)
    return code_of(summary)
