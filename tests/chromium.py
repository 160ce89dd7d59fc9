"""A Chromium for the browser tests: found, or installed with ``python tests/chromium.py --install``.

``PRUNEVIZ_CHROMIUM`` names one to use instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

# No sandbox, since containers lack what it needs; nothing that would talk to the outside by itself.
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
# Whether a page of the explorer has drawn everything that is in sight.
SETTLED = """() => {
    if (document.querySelector('#loader').style.display != 'none') return false
    const figures = [...Bokeh.index.all_views()].filter(v => v.model.type == 'Figure' && v.el.checkVisibility())
    return figures.every(f => f._has_finished)
}"""
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str | None:
    """The path of a Chromium that starts, or ``None``."""
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates() -> Iterator[str]:
    if named := os.environ.get("PRUNEVIZ_CHROMIUM"):
        yield named
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        own = p.chromium.executable_path
    yield own
    yield from filter(None, map(shutil.which, SYSTEM_NAMES))


def _starts(path: str) -> bool:
    command = [path, "--headless", *ARGS, "--dump-dom", "about:blank"]
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install() -> str | None:
    """Make sure that there is one; how it was got, or ``None`` when nothing worked."""
    if path := executable():
        return path
    playwright = [sys.executable, "-m", "playwright", "install"]
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    attempts = [
        [[*playwright, "chromium"]],
        [[*sudo, *playwright, "--with-deps", "chromium"]],
        [[*sudo, "apt-get", "update"], [*sudo, "apt-get", "install", "-y", "--no-install-recommends", "chromium"]],
    ]
    for commands in attempts:
        for command in commands:
            try:
                subprocess.run(command, capture_output=True, timeout=300, check=False)
            except (OSError, subprocess.TimeoutExpired):
                break
        if path := executable():
            return path
    return None


if __name__ == "__main__":
    found = install() if "--install" in sys.argv else executable()
    if found is None:
        sys.exit(
            "No Chromium starts here and none could be installed. Install one (apt-get install chromium), or name "
            "one: PRUNEVIZ_CHROMIUM=/path/to/chromium"
        )
    print(f"Chromium for the browser tests: {found}")
