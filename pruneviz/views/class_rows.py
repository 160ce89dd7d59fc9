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
    n, lost, gained = flips.n, flips.right_to_wrong, flips.wrong_to_right
    before, change = flips.accuracy_before, flips.accuracy_difference
    low, high = paired_interval(lost, gained, n)
    model, k = np.nonzero(n)  # of each row
    names = [class_name(tables.classes, j) for j in range(number)]
    columns = {
        "run_id": [c.compared[i] for i in model],
        "run": [c.labels[c.compared[i]] for i in model],
        "class": [names[j] for j in k],
        "images": n[model, k],
        "accuracy_reference": before[model, k],
        "accuracy": (before + change)[model, k],
        "change": change[model, k],
        "low": low[model, k],
        "high": high[model, k],
        "right_to_wrong": lost[model, k],
        "wrong_to_right": gained[model, k],
    }
    return CLASSES.frame([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
