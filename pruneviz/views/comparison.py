"""What is compared with what, with what chance and retraining alone do beside it: shared by all pictures of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import Codes, changes
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.samples import Samples, aligned
from pruneviz.views.text import listed, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

Pairs = tuple[tuple[str, str], ...]
NAMED = 3  # runs in a sentence
BEYOND = 2.0  # times as long an axis would be with the controls: then they reach beyond it, with their numbers
NONE_SELECTED = "The selection holds none of this study's test images. Change or clear it."
MOST_BASELINE = 8  # dense models against which the reference is held, to know what retraining alone changes


@dataclass(frozen=True, eq=False)
class Comparison:
    """The reference, what is compared with it, and the dense models that show what retraining alone does.

    Attributes:
        reference: run id.
        compared: run ids that have samples.
        other_seeds: pairs of run ids: a dense model, and another dense model of its architecture.
        trained_on: pairs of run ids: a dense model, and the same trained on.
        controls: by run compared, the random pruning of as much that has samples, of the same dense model, recovery
            and seed; whether it is compared itself or not.
        random: the methods that are random controls.
        labels: short names of all runs named here.
        inks: by method.
        methods: of the runs.
        samples: of the reference, the compared, the controls' and the baseline's runs, of the selection where there is
            one.
        selected: how many samples are selected; 0 for none, when all are shown.
        total: samples in all.
        why_empty: why nothing can be compared; empty where something can.
    """

    reference: str
    compared: tuple[str, ...]
    other_seeds: Pairs
    trained_on: Pairs
    controls: Mapping[str, str]
    random: frozenset[str]
    labels: dict[str, str]
    inks: dict[str, str]
    methods: dict[str, str]
    samples: Samples
    selected: int
    total: int
    why_empty: str

    @property
    def baseline(self) -> Pairs:
        """All pairs of dense models."""
        return (*self.other_seeds, *self.trained_on)

    @property
    def beside(self) -> tuple[str, ...]:
        """The random controls that stand beside what is compared, each once; not those that are compared themselves."""
        return on.beside(self.controls, self.compared)

    @property
    def judged(self) -> tuple[str, ...]:
        """What findings are about: the runs compared that are no random controls, which are what they are held to.

        Where nothing else is compared, the controls.
        """
        return tuple(r for r in self.compared if not self.is_control(r)) or self.compared

    def is_control(self, run_id: str) -> bool:
        """Whether a run is a random control."""
        return self.methods[run_id] in self.random

    def drawn(self, most: int) -> tuple[str, ...]:
        """What has a drawing of its own: the first so many compared, then their controls; one more than that in all."""
        first = self.compared[:most]
        controls = [r for r in on.beside(self.controls, first) if r not in self.compared]
        return (*first, *controls)[: most + 1]

    def ink(self, run_id: str) -> str:
        """The ink of a run's method."""
        return self.inks[self.methods[run_id]]

    def codes(self, before: str, after: str) -> Codes:
        """What became of each sample's prediction from one run to another."""
        return changes(self.samples.labels, self.samples.prediction[before], self.samples.prediction[after])

    @property
    def uncontrolled(self) -> str:
        """That pruned models compared have no random control here, as a sentence; empty where all have one."""
        pruned = [r for r in self.judged if self.methods[r] != on.DENSE and not self.is_control(r)]
        lacking = [self.labels[r] for r in pruned if r not in self.controls]
        some = [*lacking[:NAMED], *([f"{len(lacking) - NAMED} more"] if len(lacking) > NAMED else [])]
        which = f" as {listed(some)}" if len(lacking) < len(pruned) else ""
        return f"No random pruning of as much{which} has been measured here." if lacking else ""

    @property
    def scope(self) -> str:
        """How many samples this is about, in words."""
        if self.selected:
            return f"{several(self.selected, 'selected image')} of {self.total:,}"
        left = f" ({self.samples.left_out} that not every model has seen left out)" if self.samples.left_out else ""
        return f"all {several(self.total, 'test image')}{left}"


def comparison(tables: Tables, state: ViewState, with_baseline: bool = True) -> Comparison:
    """Gather what is compared, and the samples of it.

    The baseline is the chosen reference's own family where it is a dense model, else the family of the dense model
    that it descends from: every other dense model of that architecture and each one's continued training.
    """
    done = measured(tables)
    reference, compared = on.reference(done, state), on.compared(done, state)
    seeds, on_from = _baseline(done, reference) if with_baseline and reference else ((), ())
    controls = {r: c for r, c in on.controls_of(done, compared).items() if c != reference}
    beside = on.beside(controls, compared)
    named = [r for r in (reference, *compared, *beside) if r]
    wanted = tuple(dict.fromkeys([*named, *(r for p in (*seeds, *on_from) for r in p)]))
    every = aligned(tables, wanted)
    keep = every.chosen(state)
    samples = every.only(keep) if state.narrowed else every
    have = set(every.runs)
    rows = done.set_index("run_id")["method"]
    return Comparison(
        reference,
        tuple(c for c in compared if c in have),
        tuple(p for p in seeds if have.issuperset(p)),
        tuple(p for p in on_from if have.issuperset(p)),
        {r: c for r, c in controls.items() if have.issuperset((r, c))},
        frozenset(on.controls(tables.runs)),
        {r: on.as_control(t) if r in beside else t for r, t in on.labels(done, named).items()},
        on.inks(tables.runs),
        {r: str(rows[r]) for r in wanted},
        samples,
        int(np.count_nonzero(keep)) if state.narrowed else 0,
        len(every.ids),
        _why_empty(done, reference, compared, have, samples),
    )


def dense_pairs(done: pd.DataFrame, reference: str) -> Pairs:
    """The pairs of dense models that show what retraining alone does, for a reference."""
    return tuple(p for pairs in _baseline(done, reference) for p in pairs)


def _baseline(done: pd.DataFrame, reference: str) -> tuple[Pairs, Pairs]:
    own = on.row(done, reference)
    same = done[(done["model"] == own["model"]).fillna(False).astype(bool)]
    original = [str(r) for r in same.loc[on.is_original(same), "run_id"]]
    anchor = str(own["dense_run_id"])
    if anchor not in original:
        return (), ()
    seeds = [(anchor, r) for r in original if r != anchor]
    retrained = same[on.is_dense(same) & ~on.is_original(same)]
    on_from = [(str(d), str(r)) for d, r in zip(retrained["dense_run_id"], retrained["run_id"], strict=True)]
    kept = [p for p in on_from if p[0] in original and p[0] != p[1]]
    return tuple(seeds[:MOST_BASELINE]), tuple(kept[:MOST_BASELINE])


def _why_empty(done: pd.DataFrame, reference: str, compared: tuple[str, ...], have: set[str], samples: Samples) -> str:
    if done.empty or not reference:
        return "No dense model has been measured yet, so there is nothing to compare with."
    if reference not in have:
        return "The reference has no table of samples, so its predictions cannot be compared. Choose another one."
    if not samples.ids:
        return NONE_SELECTED
    if not compared:
        return "Choose up to 16 models to compare with the reference, in the table of runs for instance."
    return "" if any(c in have for c in compared) else "None of the models compared has a table of samples."


def class_name(classes: tuple[str, ...], number: int) -> str:
    """A class's name, or its number where the study names fewer classes."""
    return plain(classes[number]) if 0 <= number < len(classes) else f"class {number}"
