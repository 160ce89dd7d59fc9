"""Runs with what they are compared with, and what is averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz_analyses.corruption_robustness.reading import Floats, Outcomes
from pruneviz_analyses.corruption_robustness.shifts import CORRUPTION, STORED, catalogue
from pruneviz_analyses.pairs import PRUNED, REPLICATE, Arm, dense_models, pairs_of

if TYPE_CHECKING:
    import pandas as pd

DENSE, CONTROL, MEAN = "dense", "control", "mean"


@dataclass(frozen=True)
class Member:
    """A run of an arm.

    Attributes:
        run_id: the run.
        dense: its dense model; itself for a dense model.
        retrained: that model after the same recovery and seed, unpruned, where it is in the study.
        control: random pruning of the same kind and seed, where it is in the study.
    """

    run_id: str
    dense: str
    retrained: str | None = None
    control: str | None = None

    def against(self, kind: str) -> str | None:
        """The run to compare with, of the kind ``dense``, ``retrained`` or ``control``; None where there is none."""
        found = {"dense": self.dense, "retrained": self.retrained, "control": self.control}[kind]
        return None if found == self.run_id else found


@dataclass(frozen=True, eq=False)
class Group:
    """An arm with its runs.

    Attributes:
        arm: what they share.
        kind: dense, retrained, pruned, or control.
        members: by id.
        control_arm: the label of the arm that controls it; None without one.
    """

    arm: Arm
    kind: str
    members: tuple[Member, ...]
    control_arm: str | None

    @property
    def label(self) -> str:
        """A readable name."""
        return label(self.arm)


def label(arm: Arm) -> str:
    """An arm's readable name."""
    return f"{arm.model} · dense" if arm.kind == DENSE else arm.label


def groups_of(runs: pd.DataFrame, seen: Sequence[str]) -> list[Group]:
    """The dense models of each model, then the runs that are compared with them.

    Args:
        runs: the study's.
        seen: the runs that were looked at; others are left out.
    """
    known = runs[runs["run_id"].isin(list(seen))]
    made = dict(zip(runs["run_id"].astype(str), runs["control_run_id"], strict=True))
    controls = {str(c) for c in runs["control_run_id"].dropna()}
    arms: dict[Arm, list[Member]] = {}
    dense = dense_models(known)
    for run_id, model in zip(dense["run_id"], dense["model"], strict=True):
        arms.setdefault(Arm(DENSE, str(model), DENSE, "none", "", 0), []).append(Member(str(run_id), str(run_id)))
    for p in pairs_of(known):
        if p.arm.kind != REPLICATE:
            control = made[p.run_id]
            own = control if isinstance(control, str) and control in set(seen) else None
            arms.setdefault(p.arm, []).append(Member(p.run_id, p.reference_run_id, p.retrained_run_id, own))
    of_run = {m.run_id: label(a) for a, own in arms.items() for m in own}
    return [
        Group(
            arm,
            CONTROL if arm.kind == PRUNED and any(m.run_id in controls for m in own) else arm.kind,
            tuple(sorted(own, key=lambda m: m.run_id)),
            next((of_run[m.control] for m in own if m.control is not None and m.control != m.run_id), None),
        )
        for arm, own in arms.items()
    ]


def weights_of(dense: Sequence[str]) -> Floats:
    """(R,) weights of runs for a mean in which every dense model weighs the same, and its runs among themselves."""
    _, code = np.unique(np.asarray(dense), return_inverse=True)
    size = np.bincount(code)
    weights: Floats = 1.0 / (size[code] * len(size))
    return weights


@dataclass(frozen=True)
class Item:
    """A corruption, or several whose mean is taken.

    Attributes:
        scope: corruption, family or mean.
        name: of it.
        sort: of its corruptions.
        members: places among the shifts.
    """

    scope: str
    name: str
    sort: str
    members: tuple[int, ...]


def items_of(outcomes: Outcomes) -> list[Item]:
    """Every corruption by itself, then families, then the means; frost is in no mean."""
    place = {n: i for i, n in enumerate(outcomes.shifts)}
    found = [Item("corruption", n, outcomes.sorts[n], (i,)) for n, i in place.items()]
    made = [n for n in outcomes.shifts if outcomes.sorts[n] == CORRUPTION and outcomes.faithful(n)]
    families: dict[str, list[int]] = {}
    for name in made:
        families.setdefault(catalogue()[name].family, []).append(place[name])
    found += [Item("family", f, CORRUPTION, tuple(own)) for f, own in families.items() if len(own) > 1]
    if made:
        found.append(Item(MEAN, MEAN, CORRUPTION, tuple(place[n] for n in made)))
    if kept := [i for n, i in place.items() if outcomes.sorts[n] == STORED]:
        found.append(Item(MEAN, f"{STORED} {MEAN}", STORED, tuple(kept)))
    return found
