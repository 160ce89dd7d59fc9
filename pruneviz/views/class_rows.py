"""The table of classes: how each model compared does on each class, beside the reference, on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.tables import Column, Schema
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import count_changes, paired_interval
from pruneviz.views.comparison import class_name, comparison

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

CLASSES = Schema(
    "classes",
    "one row per model compared and class",
    (
        Column("run_id", "str", "the model's run"),
        Column("run", "str", "the model, as the pictures call it"),
        Column("class", "str", "the class"),
        Column("images", "int", "of this class, that both models have seen", "images"),
        Column("accuracy_reference", "float", "the reference's, on this class", "fraction", "high"),
        Column("accuracy", "float", "the model's, on this class", "fraction", "high"),
        Column("change", "float", "the model's accuracy minus the reference's", "fraction", "high"),
        Column("low", "float", "end of the 95 % interval, paired on the same images, the models fixed", "fraction"),
        Column("high", "float", "its other end; both null for classes with few images", "fraction"),
        Column("right_to_wrong", "int", "images that the reference has right and the model wrong", "images", "low"),
        Column("wrong_to_right", "int", "images that the reference has wrong and the model right", "images", "high"),
    ),
)


def class_rows(tables: Tables, state: ViewState) -> pd.DataFrame:
    """The table :data:`CLASSES` of the models compared, over the selected images or all; empty without a comparison."""
    c = comparison(tables, state, with_baseline=False)
    if c.why_empty:
        return CLASSES.frame([])
    number = max(len(tables.classes), int(c.samples.labels.max()) + 1)
    flips = count_changes(np.array([c.codes(c.reference, r) for r in c.compared]), c.samples.labels, number)
    before, change = flips.accuracy_before, flips.accuracy_difference
    low, high = paired_interval(flips.right_to_wrong, flips.wrong_to_right, flips.n)
    rows = [
        {
            "run_id": run_id,
            "run": c.labels[run_id],
            "class": class_name(tables.classes, int(k)),
            "images": int(flips.n[i, k]),
            "accuracy_reference": float(before[i, k]),
            "accuracy": float(before[i, k] + change[i, k]),
            "change": float(change[i, k]),
            "low": float(low[i, k]),
            "high": float(high[i, k]),
            "right_to_wrong": int(flips.right_to_wrong[i, k]),
            "wrong_to_right": int(flips.wrong_to_right[i, k]),
        }
        for i, run_id in enumerate(c.compared)
        for k in np.flatnonzero(flips.n[i] > 0)
    ]
    return CLASSES.frame(rows)
