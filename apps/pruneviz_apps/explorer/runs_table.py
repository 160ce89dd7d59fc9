"""The table of runs as people see it: which columns, what they are called, and what stands in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruneviz.views import runs as on
from pruneviz.views.text import elide, plain, several
from pruneviz_apps.explorer.session import Session

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 24  # characters of a name that fit its column
REFERENCE, OTHER = "★", "☆"


@dataclass(frozen=True)
class Shown:
    """A column of the table: its head, the format of its numbers, and its least width in pixels."""

    column: str
    title: str
    format: str = ""
    width: int = 96


COLUMNS = (
    Shown("mark", "★", width=44),
    Shown("method", "method", width=168),
    Shown("target", "target", width=84),
    Shown("recovery", "recovery", width=120),
    Shown("status", "status", width=92),
    Shown("model", "model", width=168),
    Shown("replicate", "dense #", "0", 78),
    Shown("seed", "seed", "0", 66),
    Shown("accuracy", "accuracy", "0.0 %", 94),
    Shown("val_accuracy", "validation", "0.0 %", 102),
    Shown("worst_class_accuracy", "worst class", "0.0 %", 106),
    Shown("parameters_nonzero", "non-zero", "0,0", 94),
    Shown("macs", "multiply-adds", "0,0", 122),
    Shown("bytes_compressed", "bytes", "0,0", 94),
    Shown("train_steps", "steps", "0,0", 80),
    Shown("sparsity_achieved", "sparsity", "0.0 %", 92),
    Shown("reason", "why", width=260),
)


def shown(session: Session) -> pd.DataFrame:
    """A row for each run that the filters leave: :data:`COLUMNS`, and ``run_id``."""
    every = session.tables.runs
    runs = on.filtered(every, session.state)
    reference = session.reference
    made = runs[["run_id"]].copy()
    made["run_id"] = made["run_id"].astype(object)
    for c in COLUMNS:
        if c.column == "mark":
            made[c.column] = [REFERENCE if r == reference else OTHER for r in runs["run_id"]]
        elif c.column == "target":
            pairs = zip(runs["target"], runs["sparsity_target"], strict=True)
            made[c.column] = ["" if on.missing(t) else on.target_text(t, s) for t, s in pairs]
        elif c.column in ("method", "recovery"):
            names = on.short(every[c.column])
            made[c.column] = [elide(names.get(str(v), ""), LONGEST) for v in runs[c.column]]
        elif c.format:
            made[c.column] = runs[c.column].astype("float64")
        else:
            long = LONGEST if c.column == "model" else 1000
            made[c.column] = ["" if on.missing(v) else elide(plain(v), long) for v in runs[c.column]]
    return made


def counted(session: Session, frame: pd.DataFrame) -> str:
    """How many runs there are, how many of them :func:`shown` has and by which filters, in sentences."""
    total, waiting = len(session.tables.runs), int((frame["status"] != "done").sum())
    some = f"{len(frame):,} of {several(total, 'run')} shown"
    said = some if len(frame) < total else several(total, "run").capitalize()
    said += f", {waiting:,} of them not measured." if waiting else "."
    filters = session.state.filters
    if filters:
        only = "; ".join(f"{c.replace('_', ' ')} is {elide(plain(' or '.join(values)), 120)}" for c, values in filters)
        stay = "; dense models stay" if any(c != "model" for c, _ in filters) else ""
        said += f" Filtered: {only}{stay}."
    return said


def empty(frame: pd.DataFrame) -> list[str]:
    """Columns in which nothing stands, or the same for every run: they would only take room."""
    always = ("mark", "method", "target", "accuracy")
    found = []
    for c in COLUMNS:
        values = {v for v in frame[c.column] if not on.missing(v) and v != ""}
        same = len(values) == 1 and c.column in ("model", "replicate", "seed", "status")
        if c.column not in always and (not values or same):
            found.append(c.column)
    return found
