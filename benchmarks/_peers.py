"""What the explorer is measured beside: pages of what it is built on, and HoloViews and datashader where installed.

python benchmarks/_peers.py panel POINTS | bokeh FILE | holoviews POINTS SCATTERS | counting
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPEATS = 5


def panel(points: int) -> None:
    """Serve one scatter on a page of Panel's own; prints the address."""
    import panel as pn
    from bokeh.plotting import figure

    def page() -> pn.pane.Bokeh:
        rng = np.random.default_rng(0)
        made = figure(width=800, height=420, name="bare")
        made.scatter(rng.normal(size=points), rng.normal(size=points))
        return pn.pane.Bokeh(made)

    server = pn.serve({"/": page}, port=0, address="127.0.0.1", show=False, start=False, verbose=False)
    print(f"http://127.0.0.1:{server.port}/", flush=True)
    server.io_loop.start()


def bokeh(path: Path) -> None:
    """Write a page of four linked scatters of 10,000 points, as large as the explorer's."""
    from bokeh.embed import file_html
    from bokeh.layouts import gridplot
    from bokeh.models import BoxSelectTool, ColumnDataSource
    from bokeh.plotting import figure
    from bokeh.resources import INLINE

    rng = np.random.default_rng(0)
    source = ColumnDataSource({f"{a}{i}": rng.normal(size=10_000).astype("f4") for i in range(4) for a in "xy"})
    made = []
    for i in range(4):
        own = figure(width=340, height=340, name=f"bare_{i}", tools=[BoxSelectTool()])
        own.toolbar.active_drag = own.tools[0]
        own.scatter(f"x{i}", f"y{i}", source=source, alpha=0.75, nonselection_alpha=0.05)
        made.append(own)
    path.write_text(file_html(gridplot([made[:2], made[2:]]), INLINE, "bare"), "utf-8")


def holoviews(points: int, scatters: int) -> None:
    """Serve scatters that HoloViews links, and datashader counts from 100,000 on; prints the address."""
    import holoviews as hv
    import pandas as pd
    import panel as pn

    hv.extension("bokeh")
    hv.renderer("bokeh").webgl = False  # there is no GPU here, and drawing without is faster then
    pn.extension()
    rng = np.random.default_rng(0)
    columns = {f"{a}{i}": rng.normal(size=points).astype("f4") for i in range(scatters) for a in "xy"}
    data = hv.Dataset(pd.DataFrame(columns))

    def scatter(i: int) -> Any:
        own = hv.Points(data, [f"x{i}", f"y{i}"])
        if points >= 100_000:
            from holoviews.operation.datashader import rasterize

            own = rasterize(own)
        return own

    def named(i: int) -> Callable[[Any, Any], None]:
        return lambda plot, element: plot.state.update(name=f"bare_{i}")

    def page() -> Any:
        linked = hv.link_selections.instance()
        each = (linked(scatter(i)) for i in range(scatters))
        common = {"width": 340, "height": 340, "tools": ["box_select"], "active_tools": ["box_select"]}
        made = [own.opts(hv.opts.Points(**common), hv.opts.Image(**common)) for own in each]
        return pn.Column(*(pn.pane.HoloViews(own.opts(hooks=[named(i)])) for i, own in enumerate(made)))

    server = pn.serve({"/": page}, port=0, address="127.0.0.1", show=False, start=False, verbose=False)
    print(f"http://127.0.0.1:{server.port}/", flush=True)
    server.io_loop.start()


def counting() -> None:
    """Print the milliseconds of processor time that a million points take to be counted: ours, and datashader's."""
    from pruneviz.views.counting import counts
    from pruneviz.views.marks import Counted, Frame

    rng = np.random.default_rng(0)
    x, y, group = rng.normal(size=10**6), rng.normal(size=10**6), rng.integers(0, 5, 10**6).astype(np.uint8)
    frame = Frame("rows", (), {"x": x, "y": y, "group": group}, counted=True)
    mark = Counted("rows", "x", "y", "group", tuple(f"hue-{i}" for i in range(5)))
    found = [_milliseconds(lambda: counts(frame, mark, (-4.0, 4.0, -4.0, 4.0)))]
    try:
        import datashader as ds
    except ImportError:
        pass
    else:
        import pandas as pd

        rows = pd.DataFrame({"x": x, "y": y, "group": pd.Categorical(group)})
        canvas = ds.Canvas(*mark.cells, x_range=(-4, 4), y_range=(-4, 4))
        found.append(_milliseconds(lambda: canvas.points(rows, "x", "y", ds.by("group", ds.count()))))
    print(*(f"{m:.1f}" for m in found))


def _milliseconds(work: Callable[[], object]) -> float:
    work()
    begun = time.process_time()
    for _ in range(REPEATS):
        work()
    return (time.process_time() - begun) / REPEATS * 1e3


if __name__ == "__main__":
    kind, *given = sys.argv[1:]
    if kind == "panel":
        panel(int(given[0]))
    elif kind == "bokeh":
        bokeh(Path(given[0]))
    elif kind == "holoviews":
        holoviews(*map(int, given))
    else:
        counting()
