"""The table of classes says of each class what counting by hand says."""

from __future__ import annotations

import numpy as np
from synthetic import HOSTILE, SyntheticTables

from pruneviz.core.viewstate import ViewState
from pruneviz.views.class_rows import CLASSES, class_rows


def test_every_row_is_what_counting_the_images_gives() -> None:
    tables = SyntheticTables(samples=300, class_count=7)
    reference, *models = (str(r) for r in tables.runs["run_id"][[0, 4, 9]])
    found = class_rows(tables, ViewState(models=tuple(models), reference=reference))
    assert list(found.columns) == CLASSES.names
    assert len(found) == 2 * 7
    frames = {r: tables.table("samples", [r]) for r in (reference, *models)}
    for row in found.to_dict("records"):
        k = tables.classes.index(row["class"])
        of = frames[reference]["label"].to_numpy() == k
        before, after = (frames[r]["prediction"].to_numpy()[of] == k for r in (reference, row["run_id"]))
        assert row["images"] == of.sum()
        assert np.isclose(row["accuracy_reference"], before.mean())
        assert np.isclose(row["accuracy"], after.mean())
        assert row["right_to_wrong"] == (before & ~after).sum()
        assert row["wrong_to_right"] == (~before & after).sum()
        assert row["low"] <= row["change"] <= row["high"]


def test_only_the_selected_images_count_and_nothing_is_compared_with_nothing() -> None:
    tables = SyntheticTables(samples=60, class_count=3, hostile=True)
    model = str(tables.runs["run_id"][5])
    ids = tuple(tables.table("samples", [model])["sample_id"][:2].astype(str))  # one of each of the first two classes
    found = class_rows(tables, ViewState(models=(model,), samples=ids))
    assert list(found["images"]) == [1, 1]
    assert found["low"].isna().all()  # too few for an interval
    assert found["class"].iloc[0] == HOSTILE
    assert class_rows(tables, ViewState()).empty
