"""Writes docs/images/pages and docs/images/streamlit: each page of the explorer, and of its sister, in light and dark.

``python docs/build_screenshots.py``. Without a store it runs docs/tour.toml into runs/tour first, which takes about two
minutes once. Needs a Chromium, see tests/chromium.py.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from chromium import ARGS, SETTLED, executable  # noqa: E402  # the tests' own finder

OUT = {"panel": HERE / "images" / "pages", "streamlit": HERE / "images" / "streamlit"}
WIDE, HIGH = 1280, 800
HIGHER = {("panel", "samples"): 2960}  # the scatters, and the images below them
NO_SIGN = "[data-testid=stStatusWidget] { visibility: hidden; }"  # of the look for new runs, every few seconds
# streamlit-bokeh leaves views behind of figures that it has replaced.
DRAWN = """() => {
    const views = window.Bokeh ? [...Bokeh.index.all_views()] : []
    const figures = views.filter(v => v.model.type == 'Figure' && v.el.isConnected)
    return figures.length > 0 && figures.every(f => f._has_finished)  // every page has one
}"""
METHODS = ("magnitude", "taylor", "snip")  # compared where pages compare
PATIENCE_MS = 120_000


def main() -> None:
    """Serve the store, look at each page, and write what is seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", nargs="?", help="of a study with embeddings; by default runs/tour, made when absent")
    parser.add_argument("--only", nargs="+", metavar="PAGE", help="these pages alone")
    parser.add_argument("--ui", choices=tuple(OUT), help="of this surface alone")
    given = parser.parse_args()
    store = Path(given.store or HERE.parent / "runs" / "tour")
    if given.store is None:
        _pruneviz("run", os.fspath(HERE / "tour.toml"), "--store", os.fspath(store))
    views = {p: v for p, v in asked(store).items() if given.only is None or p in given.only}
    for ui, folder in OUT.items():
        if given.ui not in (None, ui):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        with _served(store, ui) as address, _browser() as browser:
            for theme in ("light", "dark"):
                for page in [p for p in views if p in _pages(ui)]:
                    file = folder / f"{page}-{theme}.png"
                    file.write_bytes(small(shot(browser, ui, f"{address}{views[page]}", page, theme)))
                    print(f"{file.relative_to(HERE.parent)}  {file.stat().st_size / 1000:.0f} kB", flush=True)
        print(f"together {sum(f.stat().st_size for f in folder.glob('*.png')) / 1e6:.2f} MB")


def _pages(ui: str) -> tuple[str, ...]:
    """The pages that a surface has."""
    from pruneviz_apps.explorer.sidebar import PAGES
    from pruneviz_apps.streamlit_ui import navigation

    return tuple(navigation.PAGES) if ui == "streamlit" else tuple(page for page, _, _ in PAGES)


def asked(store: Path) -> dict[str, str]:
    """The address of each page: some models compared, and on the page Samples what the first of them gets wrong now."""
    import pruneviz as pv
    from pruneviz.core.selection import Became, Selection
    from pruneviz_apps.explorer.sidebar import PAGES

    runs = pv.open(store).runs
    dense = str(runs["run_id"].iloc[0])
    of_it = runs[(runs["dense_run_id"] == dense) & (runs["recovery"] != "none") & (runs["sparsity_target"] == 0.9)]
    models = tuple(str(of_it.loc[of_it["method"] == m, "run_id"].iloc[0]) for m in METHODS)
    wronged = Selection("samples", Became(models[0], dense, ("right to wrong",)))
    more: dict[str, dict[str, Any]] = {
        "compare": {"models": models},
        "samples": {"models": models, "selection": wronged, "shown_sample": _first(store, wronged)},
        "diff": {"models": models[:1]},
        "analyses": {"analysis": "calibration", "models": models},
        "methods": {"method": "taylor"},
    }
    return {page: pv.ViewState(page=page, **more.get(page, {})).to_query() or "?page=overview" for page, _, _ in PAGES}


def _first(store: Path, selection: Any) -> str:
    """The first image selected whose neighbours are known."""
    import pruneviz as pv

    study = pv.open(store)
    known = set(study.table("embeddings_samples")["sample_id"].astype(str))
    return next((i for i in study.select(selection) if i in known), "")


def shot(browser: Any, ui: str, address: str, page: str, theme: str) -> bytes:
    """What a window shows at an address, as PNG."""
    size = {"width": WIDE, "height": HIGHER.get((ui, page), HIGH)}
    tab = browser.new_page(viewport=size, color_scheme=theme)  # which Streamlit follows
    tab.set_default_timeout(PATIENCE_MS)
    try:
        tab.goto(f"{address}&theme={theme}")
        tab.locator("h1.pv-title").first.wait_for()
        if page == "prune":
            tab.get_by_label("How much to remove").fill("0.85")  # which the study does not have
            tab.get_by_label("How much to remove").press("Tab")
            tab.get_by_role("button", name="See what it takes").click()
            tab.locator(".pv-tile").first.wait_for()
        for _ in range(3 if ui == "streamlit" else 1):  # whose figures come one after the other
            tab.wait_for_function(SETTLED if ui == "panel" else DRAWN)
            tab.wait_for_timeout(1500 if ui == "streamlit" else 0)
        tab.wait_for_timeout(500)  # for what fades in
        return bytes(tab.screenshot(animations="disabled", caret="hide", style=NO_SIGN))
    finally:
        tab.close()


def small(png: bytes) -> bytes:
    """The same picture with a palette."""
    from PIL import Image

    made = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    flat = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE, kmeans=2)
    flat.save(made, "PNG", optimize=True)
    return made.getvalue()


def _pruneviz(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pruneviz_apps.cli", *arguments], check=True)


@contextmanager
def _served(store: Path, ui: str) -> Iterator[str]:
    command = [sys.executable, "-m", "pruneviz_apps.cli", "app", os.fspath(store), "--ui", ui]
    command += ["--no-browser", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+/", process.stdout.readline())
        if found is None:
            sys.exit("The explorer did not start.")
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = executable()
    if path is None:
        sys.exit("No Chromium starts here: python tests/chromium.py --install")
    with sync_playwright() as p:
        found = p.chromium.launch(executable_path=path, args=ARGS)
        yield found
        found.close()


if __name__ == "__main__":
    main()
