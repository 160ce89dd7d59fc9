"""How fast and how large the explorer is, in a real browser without a GPU, beside peers that run here.

    python benchmarks/explorer.py [--stores FOLDER] [--only first brush million memory]

Makes two stores (1,000 runs of 10,000 images; 6 runs of 1,000,000) and serves each by `pruneviz app`, as users do:

* ``first``: from asking for the page until its first picture is painted, the server warm. Peer: a bare Panel page with
  one scatter of as many points as there are runs.
* ``brush``: a box drawn in one of four linked scatters of 10,000 images, from letting go of the mouse until all four
  are painted, and until every other view of the page is. Peers: the same four scatters in a plain Bokeh page, and
  linked by HoloViews where that is installed.
* ``million``: the same with a million images: opened, zoomed, and a line drawn. Peers where they are installed: of the
  counting datashader, of the line two scatters that HoloViews links and datashader counts, with a box.
* ``memory``: four sessions opened, brushed and closed, one after the other, to warm up: what the server's process holds
  when they are freed is the start. Then twelve more, and what it holds when those are freed.

Bytes are those of the session's websocket, which carries everything but the scripts. Run it on a quiet machine: times
are of the clock, and beside them stands the server's share in seconds of its processor. With ``--stores`` the stores
are kept in a folder, and taken from there the next time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from _stores import write_store  # noqa: E402
from chromium import ARGS, executable  # noqa: E402

COMMAND = str(Path(sys.executable).with_name("pruneviz"))
STORES = {"many": (1000, 10_000), "million": (6, 1_000_000)}  # runs, images
SESSIONS = 12
REPEATS = 3
PATIENCE_MS = 120_000
WARMING = 4
KEEPS_CLOSED_S = 34  # Bokeh looks for closed sessions every 17 s, and frees those that are 15 s old
HELD_TO: dict[str, float] = {
    "first picture": 2.0,
    "four scatters painted": 0.5,
    "every other view": 1.0,
    "million: every view after a line": 2.0,
    "memory after 12 sessions": 1.2,
}

DONE = """() => {
    const loader = document.querySelector('#loader')
    const veiled = loader && loader.style.display != 'none' && loader.clientHeight > 10
    if (!window.Bokeh || veiled) return false
    const figures = [...Bokeh.index.all_views()].filter(v => v.model.type == 'Figure' && v.el.checkVisibility())
    return figures.length > 0 && figures.every(f => f._has_finished)
}"""
# When each figure was painted last, when the document was changed last, and when the mouse was let go.
WATCH = """() => {
    window.seen = {painted: {}, changed: 0, up: 0, asked: ""}
    for (const view of Bokeh.index.all_views()) {
        if (view.model.type != 'Figure') continue
        const paint = view._actual_paint.bind(view)
        view._actual_paint = () => { paint(); (seen.painted[view.model.name] ??= []).push(performance.now()) }
    }
    const document_ = Bokeh.documents[0], patch = document_.apply_json_patch.bind(document_)
    document_.apply_json_patch = (...given) => { patch(...given); seen.changed = performance.now() }
    const release = () => Object.assign(seen, {painted: {}, up: performance.now(), asked: location.search})
    window.addEventListener('pointerup', release, {capture: true})
}"""
# Whether nothing has happened for a while, and what was drawn stands in the address, where it has one.
QUIET = """answers => seen.up > 0 && (!answers || location.search != seen.asked)
    && Math.max(seen.changed, seen.up, ...Object.values(seen.painted).flat()) + 600 < performance.now()"""


@dataclass
class Row:
    """One line of the table."""

    name: str
    value: float
    unit: str
    more: str = ""

    @property
    def limit(self) -> float | None:
        """What it is held to."""
        return HELD_TO.get(self.name)

    def text(self) -> str:
        """As it is printed."""
        held = f"{self.limit:g} {self.unit}" if self.limit is not None else ""
        kept = "" if self.limit is None else "ok" if self.value <= self.limit else "NOT KEPT"
        return f"{self.name:36}{self.value:>9.2f} {self.unit:<4}{held:>9} {kept:9}{self.more}"


@dataclass
class Server:
    """`pruneviz app` in a process of its own."""

    address: str
    process: subprocess.Popen[str]

    def seconds(self) -> float:
        """Of the processor, so far; 0 where the system does not say."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """That it holds; 0 where the system does not say."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except OSError:
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def served(command: list[str]) -> Iterator[Server]:
    """A server that prints its address on its first line."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield Server(next(w for w in line.split() if w.startswith("http")), process)
        finally:
            process.terminate()


def app(store: Path) -> list[str]:
    return [COMMAND, "app", str(store), "--no-browser", "--port", "0"]


@dataclass
class Tab:
    """A tab of its own context, with what its websocket has brought."""

    page: Any
    received: list[int] = field(default_factory=list)

    @property
    def kilobytes(self) -> float:
        """Received so far."""
        return sum(self.received) / 1e3

    def go(self, address: str) -> float:
        """Seconds from asking for a page until everything in sight is painted."""
        begun = time.perf_counter()
        self.page.goto(address, wait_until="commit", timeout=PATIENCE_MS)
        self.page.wait_for_function(DONE, timeout=PATIENCE_MS)
        return time.perf_counter() - begun

    def watch(self) -> None:
        """Take down from now on what is painted and changed."""
        self.page.wait_for_timeout(500)
        self.page.evaluate(WATCH)

    def drag(self, figure: str, path: list[tuple[float, float]]) -> None:
        """Drag in a figure along places that are shares of its inner part, from the top left."""
        find = f"[...Bokeh.index.all_views()].find(v => v.model.name == '{figure}')"
        self.page.evaluate(f"{find}.el.scrollIntoView({{block: 'center'}})")
        self.page.wait_for_timeout(200)
        b = self.page.evaluate(
            f"(() => {{ const f = {find}, r = f.el.getBoundingClientRect(), b = f.frame.bbox;"
            " return {x: r.x + b.left, y: r.y + b.top, w: b.width, h: b.height} })()"
        )
        places = [(b["x"] + x * b["w"], b["y"] + y * b["h"]) for x, y in path]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=3)
        self.received.clear()
        self.page.mouse.up()

    def settled(self, selects: bool = True) -> dict[str, Any]:
        """What was painted and changed since the mouse was let go, in seconds, once all is quiet."""
        self.page.wait_for_function(QUIET, arg=selects, timeout=PATIENCE_MS)
        seen = self.page.evaluate("seen")
        up = seen["up"]
        return {
            "first": {name: (at[0] - up) / 1e3 for name, at in seen["painted"].items()},
            "last": max([seen["changed"], *(at[-1] for at in seen["painted"].values())]) / 1e3 - up / 1e3,
        }


@contextmanager
def tab(browser: Any, width: int = 1440, height: int = 900) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": width, "height": height})
    made = Tab(context.new_page())
    made.page.on("websocket", lambda w: w.on("framereceived", lambda payload: made.received.append(len(payload))))
    try:
        yield made
    finally:
        context.close()


def tool(page: Any, figure: str, name: str) -> None:
    """Make a tool of a figure the one that drags."""
    page.evaluate(
        f"(() => {{ const f = [...Bokeh.index.all_views()].find(v => v.model.name == '{figure}');"
        f" f.model.toolbar.tools.find(t => t.type == '{name}').active = true }})()"
    )


def runs_of(store: Path) -> list[str]:
    import pruneviz

    return [str(r) for r in pruneviz.open(store).runs["run_id"]]


def first(browser: Any, stores: Callable[[str], Path]) -> Iterator[Row]:
    store = stores("many")
    with served(app(store)) as server:
        with tab(browser) as t:
            t.go(server.address)  # warm
        taken, share = [], []
        for _ in range(REPEATS):
            with tab(browser) as t:
                before = server.seconds()
                taken.append(t.go(server.address))
                share.append(server.seconds() - before)
                size = t.kilobytes
    with served([sys.executable, str(HERE / "_peers.py"), "panel", str(len(runs_of(store)))]) as server:
        with tab(browser) as t:
            t.go(server.address)
        bare = []
        for _ in range(REPEATS):
            with tab(browser) as t:
                bare.append(t.go(server.address))
    words = (
        f"server {statistics.median(share):.2f} s; {size:,.0f} kB; a bare Panel page {statistics.median(bare):.2f} s"
    )
    yield Row("first picture", statistics.median(taken), "s", words)


def brush(browser: Any, stores: Callable[[str], Path]) -> Iterator[Row]:
    store = stores("many")
    models = runs_of(store)[5:8]
    scatters = [f"projection_{i}" for i in range(1, 5)]
    with served(app(store)) as server, tab(browser, 1440, 1400) as t:
        t.go(f"{server.address}?page=samples&models={','.join(models)}")
        t.watch()
        yield Row("page of four scatters", t.kilobytes, "kB", "all that the page was sent")
        painted, followed, share, size = [], [], [], 0.0
        for i in range(REPEATS):
            before = server.seconds()
            t.drag(scatters[i % 4], [(0.15 + 0.05 * i, 0.1), (0.7, 0.6 + 0.05 * i)])
            seen = t.settled()
            painted.append(max(seen["first"][s] for s in scatters))
            followed.append(seen["last"])
            share.append(server.seconds() - before)
            size = t.kilobytes
    bare = statistics.median(_bare_brush(browser))
    words = f"plain Bokeh {bare:.2f} s; {_holoviews(browser, 10_000, 4)}"
    yield Row("four scatters painted", statistics.median(painted), "s", words)
    words = f"server {statistics.median(share):.2f} s; {size:,.0f} kB"
    yield Row("every other view", statistics.median(followed), "s", words)


def _bare_brush(browser: Any) -> Iterator[float]:
    """Four linked scatters of 10,000 points in a page of Bokeh's own."""
    with tempfile.TemporaryDirectory() as folder, tab(browser, 1440, 1400) as t:
        page = Path(folder) / "bare.html"
        subprocess.run([sys.executable, str(HERE / "_peers.py"), "bokeh", str(page)], check=True)
        t.go(page.as_uri())
        t.watch()
        for i in range(REPEATS):
            t.drag(f"bare_{i % 4}", [(0.15 + 0.05 * i, 0.1), (0.7, 0.6 + 0.05 * i)])
            yield max(t.settled(selects=False)["first"].values())


def _holoviews(browser: Any, points: int, scatters: int) -> str:
    """What a box takes in scatters linked by HoloViews, on a page of nothing else, in words."""
    if find_spec("holoviews") is None:
        return "HoloViews is not installed"
    peer = [sys.executable, str(HERE / "_peers.py"), "holoviews", str(points), str(scatters)]
    taken = []
    with served(peer) as server, tab(browser, 1440, 1500) as t:
        t.go(server.address)
        t.watch()
        for i in range(REPEATS):
            t.drag("bare_0", [(0.15 + 0.05 * i, 0.1), (0.7, 0.6 + 0.05 * i)])
            taken.append(t.settled(selects=False)["last"])
    return f"HoloViews {statistics.median(taken):.2f} s for {scatters} scatters alone"


def million(browser: Any, stores: Callable[[str], Path]) -> Iterator[Row]:
    store = stores("million")
    runs = runs_of(store)
    with served(app(store)) as server:
        address = f"{server.address}?page=samples&models={runs[3]},{runs[5]}"
        with tab(browser) as t:
            yield Row(
                "million: opened, store read", t.go(address), "s", f"server {server.seconds():.2f} s with its start"
            )
        with tab(browser, 1440, 1400) as t:
            yield Row("million: opened again", t.go(address), "s", f"{t.kilobytes:,.0f} kB")
            t.watch()
            tool(t.page, "projection_2", "PanTool")
            t.drag("projection_2", [(0.5, 0.5), (0.35, 0.6)])
            t.page.wait_for_function("seen.changed > seen.up")
            yield Row(
                "million: counted anew after panning", t.settled(selects=False)["last"], "s", f"{t.kilobytes:,.0f} kB"
            )
            tool(t.page, "projection_2", "LassoSelectTool")
            taken, share = [], []
            for i in range(REPEATS):
                before = server.seconds()
                t.drag("projection_2", [(0.3, 0.3), (0.6 + 0.03 * i, 0.25), (0.7, 0.7), (0.3, 0.6)])
                taken.append(t.settled()["last"])
                share.append(server.seconds() - before)
            words = f"server {statistics.median(share):.2f} s; {t.kilobytes:,.0f} kB; {_holoviews(browser, 10**6, 2)}"
            yield Row("million: every view after a line", statistics.median(taken), "s", words)
            t.page.goto("about:blank")
        with tab(browser, 1440, 1400) as t:
            t.go(f"{server.address}?page=compare&models={runs[3]},{runs[5]}")
            t.watch()
            t.drag("sample_scatter_1", [(0.3, 0.3), (0.7, 0.7)])
            yield Row("million: the same on Compare", t.settled()["last"], "s", f"{t.kilobytes:,.0f} kB")
    answer = subprocess.run([sys.executable, str(HERE / "_peers.py"), "counting"], capture_output=True, text=True)
    ours, peer = (*answer.stdout.split(), "")[:2]
    words = f"datashader {peer} ms, once it is compiled" if peer else "datashader is not installed"
    yield Row("million: counting one scatter", float(ours), "ms", words)


def memory(browser: Any, stores: Callable[[str], Path]) -> Iterator[Row]:
    store = stores("many")
    models = ",".join(runs_of(store)[5:8])

    def sessions(count: int) -> float:
        """Megabytes that the server holds after so many more sessions, when they are closed."""
        for _ in range(count):
            with tab(browser) as t:
                t.go(f"{server.address}?page=samples&models={models}")
                t.watch()
                t.drag("projection_2", [(0.2, 0.2), (0.7, 0.7)])
                t.settled()
        return server.megabytes()

    with served(app(store)) as server:
        sessions(WARMING)
        time.sleep(KEEPS_CLOSED_S)
        start = server.megabytes()
        during = sessions(SESSIONS)
        time.sleep(KEEPS_CLOSED_S)
        end = server.megabytes()
    words = f"{start:,.0f} → {end:,.0f} MB; {during:,.0f} MB as the last of them was closed"
    yield Row("memory after 12 sessions", end / start if start else 0.0, "×", words)


PARTS = {"first": first, "brush": brush, "million": million, "memory": memory}


def main() -> int:
    """Print the table; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    kept, chromium = True, executable()
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as p:

        def stores(name: str) -> Path:
            folder = (asked.stores or Path(temporary)) / name
            if not (folder / "studies").exists() or not any((folder / "studies").iterdir()):
                write_store(folder, *STORES[name], places=True)
            return folder

        browser = p.chromium.launch(executable_path=chromium, args=ARGS)
        print(f"{'':36}{'':>14}{'held to':>9}", flush=True)
        for name in asked.only:
            for row in PARTS[name](browser, stores):
                kept &= row.limit is None or row.value <= row.limit
                print(row.text(), flush=True)
        browser.close()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
