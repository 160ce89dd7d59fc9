"""Which runs are compared: those named, else a few of one dense model's, chosen without the test split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.errors import UsageError, nearest
from pruneviz.core.viewstate import MOST_MODELS, ViewState
from pruneviz.views import runs as on
from pruneviz.views.metrics import measured
from pruneviz.views.text import listed, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

AT_ONCE = 8  # as many as are read at a glance; more are compared only where there are more methods, or when named

SUGGESTED = 3  # names in an error's hint


@dataclass(frozen=True)
class Choice:
    """What is compared with what.

    Attributes:
        reference: run id; empty where there is no dense model.
        compared: run ids, at most 16.
        rule: how they were chosen, in a sentence.
        left_out: how many were not, in a sentence; empty where none were.
        samples: ids of the test samples that are selected; empty: all are shown.
    """

    reference: str
    compared: tuple[str, ...]
    rule: str
    left_out: str
    samples: tuple[str, ...] = ()

    @property
    def state(self) -> ViewState:
        """The view that shows them."""
        return ViewState(models=self.compared, reference=self.reference, samples=self.samples)


def choose(tables: Tables, wanted: Sequence[str] | None) -> Choice:
    """The runs to compare.

    Args:
        tables: the study.
        wanted: names or ids of runs (or beginnings of ids that fit one run alone); None chooses by rule: the pruned
            runs of the first dense model, narrowed until they are few.

    Raises:
        UsageError: a name that fits no run or several, a run that is not done, or more than 16.
    """
    done = measured(tables)
    return _by_rule(done, tables) if wanted is None else _named(tables.runs, done, wanted)


def _named(runs: pd.DataFrame, done: pd.DataFrame, wanted: Sequence[str]) -> Choice:
    ids = list(dict.fromkeys(find_run(runs, text) for text in wanted))
    have = set(done["run_id"])
    for run_id in ids:
        if run_id not in have:
            row = on.row(runs, run_id)
            why = f" ({plain(row['reason'])})" if not on.missing(row["reason"]) else ""
            raise UsageError(
                f"models: {plain(row['name'])!r} is {row['status']}{why}; allowed: runs that are done. "
                "Run the study again, or leave it out."
            )
    original = set(done.loc[on.is_original(done), "run_id"])
    dense = [i for i in ids if i in original]
    reference = dense[0] if dense else _own_dense(done, ids[0]) if ids else on.reference(done, ViewState())
    compared = tuple(i for i in ids if i != reference)
    if len(compared) > MOST_MODELS:
        raise UsageError(
            f"models: got {len(compared)} to compare; allowed: at most {MOST_MODELS}, since more cannot be told apart. "
            "Leave some out."
        )
    return Choice(reference, compared, "The models compared were named when the report was made.", "")


def _own_dense(done: pd.DataFrame, run_id: str) -> str:
    own = str(on.row(done, run_id)["dense_run_id"])
    return own if own in set(done["run_id"]) else on.reference(done, ViewState())


def find_run(runs: pd.DataFrame, text: str, where: str = "models") -> str:
    """The id of the run that a name, what pictures call it, an id or the beginning of an id means.

    Args:
        runs: the table of runs.
        text: what is looked for: ``magnitude 90% finetune #0``, say; what comes last may be left out where nothing
            else begins like it.
        where: for messages.

    Raises:
        UsageError: it fits no run, or several.
    """
    names = runs.loc[(runs["name"] == text).fillna(False).astype(bool), "run_id"]
    ids = [str(r) for r in runs["run_id"] if r == text] or [str(r) for r in names]
    labels = {} if ids else on.labels(runs, [str(r) for r in runs["run_id"]])
    labels = {r: label.replace("\xa0", " ") for r, label in labels.items()}
    words, called = _words(text), {r: _words(label) for r, label in labels.items()}
    ids = ids or [r for r, label in called.items() if label == words]
    ids = ids or [r for r, label in called.items() if words and label[: len(words)] == words]
    ids = ids or [str(r) for r in runs["run_id"] if text and str(r).startswith(text)]
    if len(ids) == 1:
        return ids[0]
    problem = f"fits {len(ids)} runs" if ids else "fits no run"
    every = list(dict.fromkeys([*(str(n) for n in runs["name"]), *labels.values()]))
    holding = [labels.get(r, r) for r in ids] or [n for n in every if text and text.lower() in n.lower()]
    close = "" if ids else nearest(text, every)
    hint = close or (f"Some that hold it: {listed(map(repr, holding[:SUGGESTED]))}." if holding else "")
    raise UsageError(f"{where}: {text!r} {problem}; allowed: a run's name or run_id. {hint}".strip())


def _words(label: str) -> list[str]:
    """Of a label, so that ``90%`` is ``90 %``."""
    return label.replace("%", " % ").split()


def _by_rule(done: pd.DataFrame, tables: Tables) -> Choice:
    reference = on.reference(done, ViewState())
    if not reference:
        return Choice("", (), "", "")
    pruned = done[~on.is_dense(done)]
    own = pruned[(pruned["dense_run_id"] == reference).fillna(False).astype(bool)]
    words = f"the pruned runs of {plain(on.row(done, reference)['name'])}, the first dense model"
    if len(own) <= AT_ONCE:
        return Choice(reference, _ordered(own, tables), f"Compared are {words}.", _others(len(own), len(pruned)))
    if (own["target"] == AS_GIVEN).fillna(False).all():  # there is no target at which to choose among them
        ids = _ordered(own.head(MOST_MODELS), tables)
        return Choice(reference, ids, "Compared are the models given.", _others(len(ids), len(own)))
    at = _at_one_target(own, _target(tables, own))
    words = f"of {words}, those at {_shown(at)}"
    if len(at) > AT_ONCE:
        at, recovery = _one_of_each(at, on.controls(tables.runs))
        how = "without recovery" if recovery == "none" else f"with {plain(recovery)}"
        words += f" {how}, the recovery best on the validation split by the mean over methods"
    if len(at) > MOST_MODELS:
        at = at.sort_values("val_accuracy", ascending=False, kind="stable").head(MOST_MODELS)
        words += f"; of these the {MOST_MODELS} best on the validation split"
    rule = f"Compared are, {words}. The test split had no part in this choice."
    return Choice(reference, _ordered(at, tables), rule, _others(len(at), len(pruned)))


def _others(shown: int, total: int) -> str:
    if shown == total:
        return ""
    return (
        f"{shown} of {several(total, 'pruned model')} are compared image by image; the others are in the trade-off "
        f"charts and in the tables of numbers. `--models` chooses others, up to {MOST_MODELS}."
    )


def _target(tables: Tables, own: pd.DataFrame) -> str:
    """The target of the smallest model within a point of dense, by validation; the middle one where there is none."""
    from pruneviz.measures.smallest import smallest_within
    from pruneviz.views.pictures.smallest import WITHIN

    dense = on.row(measured(tables), str(own["dense_run_id"].iloc[0]))["val_accuracy"]
    found = smallest_within(own["val_accuracy"], own["parameters_nonzero"], dense, WITHIN)
    if found.index is not None:
        return str(own["target"].iloc[found.index])
    targets = own.drop_duplicates("target").sort_values("density", ascending=False, kind="stable")["target"]
    return str(targets.iloc[len(targets) // 2])


def _at_one_target(own: pd.DataFrame, target: str) -> pd.DataFrame:
    """Of each method, the runs at this target; where it has none, those at its target of the nearest density."""
    density = float(own.loc[(own["target"] == target).fillna(False).astype(bool), "density"].mean())
    kept = []
    for _, group in own.groupby("method", sort=False):
        there = group[(group["target"] == target).fillna(False).astype(bool)]
        if there.empty:
            away = (group["density"].clip(lower=1e-9).map(math.log) - math.log(max(density, 1e-9))).abs()
            nearest_target = str(group["target"].iloc[int(away.to_numpy().argmin())])
            there = group[(group["target"] == nearest_target).fillna(False).astype(bool)]
        kept.append(there)
    rows = {str(r) for k in kept for r in k["run_id"]}
    return own[own["run_id"].isin(rows)]


def _one_of_each(at: pd.DataFrame, controls: set[str]) -> tuple[pd.DataFrame, str]:
    """One run of each method, all with one recovery, so that controls stand beside their like; and that recovery.

    A method that was not run with it (its recipe fixes its own) is there with its own best by validation.
    """
    kept = at.assign(recovery=at["recovery"].fillna("none"))
    judged = kept[~kept["method"].isin(controls)] if not kept["method"].isin(controls).all() else kept
    by_recovery = judged.groupby("recovery", sort=False)["val_accuracy"].mean().dropna()
    recovery = str(by_recovery.idxmax()) if len(by_recovery) else str(kept["recovery"].iloc[0])
    kept["_other"] = (kept["recovery"] != recovery).fillna(True).astype(bool)
    ranked = kept.sort_values(["_other", "val_accuracy"], ascending=[True, False], kind="stable", na_position="last")
    best = set(ranked.drop_duplicates("method")["run_id"])
    return at[at["run_id"].isin(best)], recovery


def _ordered(at: pd.DataFrame, tables: Tables) -> tuple[str, ...]:
    """Methods first and random controls last, each by accuracy on the validation split."""
    controls = on.controls(tables.runs)
    ranked = at.assign(_control=at["method"].isin(controls))
    ranked = ranked.sort_values(["_control", "val_accuracy"], ascending=[True, False], kind="stable")
    return tuple(str(r) for r in ranked["run_id"])


def _shown(at: pd.DataFrame) -> str:
    texts = dict.fromkeys(on.target_text(t, s) for t, s in zip(at["target"], at["sparsity_target"], strict=True))
    first, *more = texts
    return f"{first} (or what is nearest to it: {', '.join(more)})" if more else first
