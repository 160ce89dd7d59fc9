"""How far images' neighbourhoods have changed, in words: beside random pruning of as much and training on alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import POINTS_BELOW, t_interval
from pruneviz.views import runs as on
from pruneviz.views.analysed import table_of
from pruneviz.views.embedded import ANALYSIS, changes_of
from pruneviz.views.metrics import measured
from pruneviz.views.text import NBSP, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables


def neighbourhoods(tables: Tables, run_ids: Iterable[str], state: ViewState) -> dict[str, str]:
    """A sentence for each run that the analysis has compared with its dense model, by run.

    Means over the selected images, where a selection is made, else over all that were looked at. Where the same was
    done to several dense models, what that varied: their interval, or of fewer than five their range.
    """
    found = table_of(tables, ANALYSIS)
    if found is None:
        return {}
    own = found[(found["kind"] != "replicate").to_numpy(bool)]
    rows = {str(r["run_id"]): r for r in own.to_dict("records")}
    dense = dict(zip(measured(tables)["run_id"], measured(tables)["dense_run_id"], strict=True))
    seen: dict[str, tuple[float, int]] = {}

    def change(run: object) -> tuple[float, int]:
        """The mean change and of how many images; NaN of none."""
        if run not in rows:
            return math.nan, 0
        name = str(run)
        if name not in seen:
            if state.narrowed:
                each = changes_of(tables, name, state.samples)
                known = each[np.isfinite(each)]
                seen[name] = (float(known.mean()) if len(known) else math.nan), len(known)
            else:
                seen[name] = float(rows[name]["change"]), int(rows[name]["samples"])
        return seen[name]

    said = {}
    for run in run_ids:
        if run not in rows:
            continue
        value, n = change(run)
        if not n:
            said[run] = "None of the selected images has a neighbourhood here."
            continue
        alike = [r for r, row in rows.items() if row["arm"] == rows[run]["arm"]]
        by_model: dict[str, list[float]] = {}
        for r in alike:
            by_model.setdefault(str(dense.get(r, r)), []).append(change(r)[0])
        means = [float(np.mean(v)) for v in by_model.values() if np.isfinite(v).all()]
        of = several(n, "selected image" if state.narrowed else "image")
        text = f"Neighbourhoods changed against its dense model: {value:.2f} (mean over {of}{_over(means)})."
        for words, other in (
            ("Random pruning of as much", rows[run]["control_run_id"]),
            ("Training on alone", rows[run]["retrained_run_id"]),
        ):
            if not on.missing(other) and math.isfinite(change(other)[0]):
                text += f" {words}: {change(other)[0]:.2f}."
        said[run] = text
    return said


def _over(means: Sequence[float]) -> str:
    """What the dense model varies; nothing of one alone."""
    n = len(means)
    if n < 2:
        return ""
    over = f"; over {n} dense models "
    if n < POINTS_BELOW:
        return f"{over}{min(means):.2f} to {max(means):.2f}"
    ends = t_interval(means)
    return f"{over}{ends.mean:.2f}, 95{NBSP}% interval {ends.low:.2f} to {ends.high:.2f}"
