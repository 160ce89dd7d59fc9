"""Writes docs/images/pages/*.png, each page of the explorer in light and dark: ``python docs/build_screenshots.py``.

Without a store it runs docs/tour.toml into runs/tour first, which takes about two minutes once. Needs a Chromium, see
tests/chromium.py.
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

OUT = HERE / "images" / "pages"
WIDE, HIGH = 1280, 800
HIGHER = {"samples": 2060}  # the scatters, and the images below them
METHODS = ("magnitude", "taylor", "snip")  # compared where pages compare
PATIENCE_MS = 120_000


def main() -> None:
    """Serve the store, look at each page, and write what is seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", nargs="?", help="of a study with embeddings; by default runs/tour, made when absent")
    parser.add_argument("--only", nargs="+", metavar="PAGE", help="these pages alone")
    given = parser.parse_args()
    store = Path(given.store or HERE.parent / "runs" / "tour")
    if given.store is None:
        _pruneviz("run", os.fspath(HERE / "tour.toml"), "--store", os.fspath(store))
    views = {p: v for p, v in asked(store).items() if given.only is None or p in given.only}
    OUT.mkdir(parents=True, exist_ok=True)
    with _served(store) as address, _browser() as browser:
        for theme in ("light", "dark"):
            for page, view in views.items():
                file = OUT / f"{page}-{theme}.png"
                file.write_bytes(small(shot(browser, f"{address}{view}&theme={theme}", page)))
                print(f"{file.relative_to(HERE.parent)}  {file.stat().st_size / 1000:.0f} kB", flush=True)
    print(f"together {sum(f.stat().st_size for f in OUT.glob('*.png')) / 1e6:.2f} MB")


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


def shot(browser: Any, address: str, page: str) -> bytes:
    """What a window shows at an address, as PNG."""
    tab = browser.new_page(viewport={"width": WIDE, "height": HIGHER.get(page, HIGH)})
    tab.set_default_timeout(PATIENCE_MS)
    try:
        tab.goto(address)
        tab.locator("h1.pv-title").first.wait_for()
        if page == "prune":
            tab.get_by_label("How much to remove").fill("0.85")  # which the study does not have
            tab.get_by_label("How much to remove").press("Tab")
            tab.get_by_role("button", name="See what it takes").click()
            tab.locator(".pv-tile").first.wait_for()
        tab.wait_for_function(SETTLED)
        tab.wait_for_timeout(500)  # for what fades in
        return bytes(tab.screenshot(animations="disabled", caret="hide"))
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
def _served(store: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "pruneviz_apps.cli", "app", os.fspath(store), "--no-browser", "--port", "0"]
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
