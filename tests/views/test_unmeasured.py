"""What was never measured is neither a colour nor a number: cells are empty there, and say so under the pointer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import coursed
import numpy as np
import pytest
from featured import make
from looked import Looked, layered, overlapping, scored
from regimes import study as regimes

from pruneviz.core.viewstate import ViewState
from pruneviz.views import PICTURES
from pruneviz.views import marks as m
from pruneviz_analyses.feature_geometry import FeatureGeometry
from pruneviz_analyses.similarity import Similarity
from pruneviz_analyses.three_regime import ThreeRegime


class Lacking:
    """Tables in which the rows that fit have nothing in some columns."""

    def __init__(self, tables: Any, table: str, *columns: str, **fits: object) -> None:
        self._tables, self._table, self._columns, self._fits = tables, table, columns, fits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def table(self, name: str, run_ids: Any = None) -> Any:
        frame = self._tables.table(name, run_ids)
        if name == self._table:
            fit = np.ones(len(frame), bool)
            for column, value in self._fits.items():
                fit &= (frame[column] == value).fillna(False).to_numpy(bool)
            for column in self._columns:
                frame[column] = frame[column].astype("float64").where(~fit)
        return frame


def similar(given: Looked) -> Looked:
    return given.analysed(Similarity(resamples=100))


def pq() -> Any:
    given = coursed.study(models=2).analysed()
    return Lacking(given, "pq_index_seen", "pqi", "gini", "kept", "bound", run_id="magnitude0-4-0")


def geometry() -> Any:
    options = FeatureGeometry(layout="mds", resamples=100, attributed=0)
    given = make(1, options, n=64, classes=16, more=False).analysed()
    return Lacking(given, "feature_geometry_pairs", "angle", **{"run_id": "m0", "label": 3, "class": 3})


def phases() -> Any:
    given = regimes(models=1, seeds=3, collapsed=2)
    given.frames.update(ThreeRegime().measure(given))
    return given


def masks() -> Any:
    return Lacking(similar(overlapping(np.random.default_rng(0))), "similarity_methods", "excess", "excess_low")


def criteria() -> Any:
    return Lacking(similar(scored()), "similarity_criteria", "spearman", criterion="a", other="b")


def matrix() -> Any:
    return Lacking(similar(layered()), "similarity_seen", "cka", run_id="p00", index=1)


# The picture, its tables, what is looked at, and titles under the pointer that must say that there is nothing.
CASES = [
    ("pq_index_layers", pq, ViewState(models=("magnitude0-4-0", "random1-1-0")), ("PQ index", "Gini index", "kept")),
    ("similarity_masks", masks, ViewState(), ("from chance to most",)),
    ("similarity_criteria", criteria, ViewState(), ("within layers",)),
    ("similarity_matrix", matrix, ViewState(reference="d0", models=("p00",)), ("CKA",)),
    ("geometry_confusion", geometry, ViewState(reference="d0", models=("m0",)), ("further than its own by",)),
    ("three_regime", phases, ViewState(), ("LMC", "CKA")),
]


@pytest.mark.parametrize(("name", "given", "state", "titles"), CASES, ids=[c[0] for c in CASES])
def test_cells_of_what_was_not_measured_are_empty_and_say_so(
    name: str, given: Callable[[], Any], state: ViewState, titles: tuple[str, ...]
) -> None:
    picture = PICTURES[name](given(), state)
    assert not picture.empty
    cells = next(k for k in picture.marks if isinstance(k, m.Cells))
    lacking = np.flatnonzero(~np.isfinite(cells.value))
    if name == "geometry_confusion":  # a class is not told from itself: nothing is shown there, but it was measured
        lacking = lacking[cells.x[lacking] != cells.y[lacking]]
    assert len(lacking) > 0
    for i in lacking:
        assert not re.search(r"\d|nan", cells.text[i])
        for title in titles:
            assert re.match("not measured|none", cells.hover[title][i]), cells.hover[title][i]
