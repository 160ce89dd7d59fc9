"""What a study holds and what was found in it, in plain sentences with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.statistics import RANKING_LEAST
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured, metric
from pruneviz.views.pictures.smallest import choices, sentence
from pruneviz.views.text import percent, plain, points, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables


@dataclass(frozen=True)
class Holdings:
    """How much of what a study has.

    Attributes:
        models: names of the architectures.
        dense: dense models, measured or not.
        methods: pruning methods, or models that were given; not random controls.
        controls: random controls.
        targets: how much was removed, as shown.
        recoveries: what followed pruning.
        done, failed, waiting: runs.
    """

    models: tuple[str, ...]
    dense: int
    methods: tuple[str, ...]
    controls: tuple[str, ...]
    targets: tuple[str, ...]
    recoveries: tuple[str, ...]
    done: int
    failed: int
    waiting: int

    @property
    def total(self) -> int:
        """All planned runs."""
        return self.done + self.failed + self.waiting


def holdings(tables: Tables) -> Holdings:
    """What a study holds."""
    runs = tables.runs
    pruned = runs[~on.is_dense(runs)]
    status = runs["status"].value_counts().to_dict()
    given = set(pruned["target"].dropna()) <= {AS_GIVEN}
    random = set() if given else on.controls(runs)
    kinds = pruned.drop_duplicates("target").sort_values("sparsity_target", kind="stable")
    return Holdings(
        tuple(plain(m) for m in on.unique(runs["model"])),
        int(on.is_original(runs).sum()),
        tuple(short for name, short in on.short(pruned["method"]).items() if name not in random),
        tuple(short for name, short in on.short(pruned["method"]).items() if name in random),
        tuple(on.target_text(t, s) or AS_GIVEN for t, s in zip(kinds["target"], kinds["sparsity_target"], strict=True)),
        tuple(on.short(pruned["recovery"]).values()),
        *(int(status.get(s, 0)) for s in ("done", "failed", "waiting")),
    )


def found(tables: Tables, state: ViewState) -> tuple[str, ...]:
    """What was found so far: the smallest good enough model, and the best method beside random pruning."""
    size = metric(state.size, "view: size")
    sentences = []
    chosen = choices(tables, state)
    for c in chosen:
        who = f"{plain(c.who)}: " if len(chosen) > 1 else ""
        text = f"smallest within 1 point of dense: {sentence(c, size)}" if c.label else f"{c.reason}."
        sentences.append(who + (text if who else text[:1].upper() + text[1:]))
    return (*sentences, *_against_random(tables, state))


def failures(tables: Tables, most: int = 5) -> tuple[str, ...]:
    """The runs that failed and why, in words; of many, the first and how many more."""
    runs = tables.runs
    failed = runs[(runs["status"] == "failed").fillna(False).astype(bool)]
    lines = [
        f"{plain(n)}: {'no reason was recorded' if on.missing(r) else plain(r)}"
        for n, r in zip(failed["name"], failed["reason"], strict=True)
    ]
    more = [f"and {len(lines) - most} more"] if len(lines) > most else []
    return (*lines[:most], *more)


def _against_random(tables: Tables, state: ViewState) -> Iterator[str]:
    """For each unit, at the greatest target that has a control: the method best on validation, and its control."""
    done = on.filtered(measured(tables), state)
    pruned = done[~on.is_dense(done)]
    random = on.controls(tables.runs)
    recoveries, methods = on.short(tables.runs["recovery"]), on.short(tables.runs["method"])
    for (model, unit), group in pruned.groupby(["model", "unit"], sort=False):
        with_control = group[group["method"].isin(random)]
        if with_control.empty:
            continue
        last = with_control.sort_values("sparsity_target", kind="stable").iloc[-1]
        at = group[(group["target"] == last["target"]).fillna(False).astype(bool)]
        for recovery in on.unique(at["recovery"]):
            if text := _best(at[(at["recovery"] == recovery).fillna(False).astype(bool)], random, methods):
                who = f"{plain(model)}, at" if done["model"].nunique() > 1 else "At"
                how = "without recovery" if recovery == "none" else f"with {recoveries[recovery]}"
                of = f" of the {plain(unit)}s" if pruned["unit"].nunique() > 1 else ""
                yield f"{who} {on.target_text(last['target'], last['sparsity_target'])}{of} {how}, {text}"


def _best(at: pd.DataFrame, random: set[str], methods: dict[str, str]) -> str:
    """The method with the highest mean validation accuracy against its control, on the dense models that have both.

    Its control is the one that was made for it; of a study that made none, random pruning of the same unit.
    """
    ours, controls = at[~at["method"].isin(random)], at[at["method"].isin(random)]
    means = ours.groupby("method", sort=False)["val_accuracy"].mean().dropna()
    if means.empty:
        return ""
    best = str(means.idxmax())
    chosen = ours[ours["method"] == best]
    own = controls[controls["run_id"].isin(chosen["control_run_id"].dropna())]
    by_dense = [
        part.groupby("dense_run_id", sort=False)["accuracy"].mean() for part in (chosen, own if len(own) else controls)
    ]
    both = by_dense[0].to_frame("best").join(by_dense[1].rename("random")).dropna()
    if both.empty:
        return ""
    gain = float((both["best"] - both["random"]).mean())
    n = len(both)
    test = percent(float(np.mean(both["best"])))
    caution = "" if n >= RANKING_LEAST else f"; too few for a ranking, which needs {RANKING_LEAST}"
    return (
        f"{methods[best]} is best on the validation split: {test} on the test split, {points(gain)} points against "
        f"random pruning (mean of {several(n, 'dense model')}{caution})."
    )
