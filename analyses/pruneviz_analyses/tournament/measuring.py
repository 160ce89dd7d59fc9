"""The tables of tournament: who is compared with whom, and what comes out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.tables import Tables
from pruneviz.measures.contrasts import PLAIN_MAGNITUDE, rank_contrasts, tiers
from pruneviz.measures.statistics import friedman, holm, points_only, t_interval
from pruneviz_analyses.tournament.schemas import CONTESTANTS, FIELDS, PAIRS

if TYPE_CHECKING:
    import pandas as pd

LEAST = 3  # methods of a field, for Friedman's test
_MACS = ("channel", "block")  # units whose cost is counted in multiply-adds


@dataclass(frozen=True, eq=False)
class Contestant:
    """The runs that differ in dense model and seed alone."""

    method: str
    recovery: str
    runs: pd.DataFrame

    def mean(self, column: str) -> float:
        """Over dense models, seeds averaged within each first; NaN where some are unknown."""
        return float(self.by_dense(column).mean(skipna=False))

    def by_dense(self, column: str) -> pd.Series[float]:
        """By dense model, seeds averaged."""
        values = self.runs[column].astype("float64")
        return values.groupby(self.runs["dense_run_id"].astype(str), sort=False).mean()

    @property
    def kept(self) -> float:
        """What is kept of what costs, as a fraction: weights, or multiply-adds."""
        if str(self.runs["unit"].iloc[0]) in _MACS:
            return self.mean("macs") / self.mean("macs_dense")
        return self.mean("density")


@dataclass(frozen=True, eq=False)
class Field:
    """Contestants of one model, unit, target and cost.

    Attributes:
        name: for people.
        place: model, unit and target.
        every: all that stood for it.
        reasons: why one is not compared, by its place in ``every``; empty where it is.
        dense: the dense models that all compared have.
        values: their accuracies, (dense models, compared).
    """

    name: str
    place: tuple[str, str, str]
    every: tuple[Contestant, ...]
    reasons: tuple[str, ...]
    dense: tuple[str, ...]
    values: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def compared(self) -> tuple[Contestant, ...]:
        """Those at the field's cost."""
        return tuple(c for c, why in zip(self.every, self.reasons, strict=True) if not why)


def measure(tables: Tables, level: float, tolerance: float) -> dict[str, pd.DataFrame]:
    """All tables; see :class:`pruneviz_analyses.tournament.Tournament` for the arguments."""
    runs = tables.runs
    controls = set(runs["control_run_id"].dropna().astype(str))
    found = _fields(runs, tolerance)
    tests = [friedman(f.values, "high") if len(f.dense) and len(f.compared) >= LEAST else None for f in found]
    p = holm([np.nan if t is None or t.p is None else t.p for t in tests])
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for field, test, corrected in zip(found, tests, p, strict=True):
        reason = _why_none(field, test.reason if test is not None else "", float(corrected), level)
        ranks = test.mean_ranks if test is not None and not reason else None
        own = _contestants(field, ranks, controls, level)
        rows[CONTESTANTS.name] += own
        rows[PAIRS.name] += _pairs(field)
        rows[FIELDS.name].append(
            {
                **_head(field),
                **{k: _median([c.mean(k) for c in field.compared]) for k in ("train_steps_total", "train_steps")},
                "kept": _median([c.kept for c in field.compared]),
                "contestants": len(field.compared),
                "dense_models": len(field.dense),
                "friedman": test.statistic if test is not None else None,
                "p": test.p if test is not None else None,
                "p_holm": float(corrected) if np.isfinite(corrected) else None,
                "ranked": not reason,
                "reason": reason,
                "tiers": max((r["tier"] for r in own if r.get("tier")), default=None),
                **_dense(field, runs),
            }
        )
    return {s.name: s.frame(rows[s.name]) for s in (CONTESTANTS, FIELDS, PAIRS)}


def labels(field: Field) -> tuple[str, ...]:
    """A name for each that stood for a field: the method, with the recovery where that is needed to tell them apart."""
    methods = [c.method for c in field.every]
    return tuple(f"{c.method} · {c.recovery}" if methods.count(c.method) > 1 else c.method for c in field.every)


def _fields(runs: pd.DataFrame, tolerance: float) -> list[Field]:
    done = runs[(runs["status"] == "done") & (runs["method"] != "dense")]
    found = []
    for place, group in done.groupby(["model", "unit", "target"], sort=False, observed=True):
        arms = group.groupby(["method", "recovery", "level"], sort=False, observed=True, dropna=False)
        every = [Contestant(str(m), str(r), own) for (m, r, _), own in arms]
        steps = _steps(every)
        budgets = _budgets(steps, tolerance)
        for budget in budgets:
            model, unit, target = (str(x) for x in place)
            own = tuple(every[i] for i in budget)
            name = f"{model} · {unit} · {target}"
            name += f" · {_median([steps[i] for i in budget]):,.0f} steps" if len(budgets) > 1 else ""
            found.append(_field(name, (model, unit, target), own, tolerance))
    return found


def _steps(every: Sequence[Contestant]) -> list[float]:
    """Training steps that are matched: all of them, or what came after the dense models whose own are unknown.

    Those are the same for all that start from them, and a model that was given with its weights has no earlier step to
    start from.
    """
    totals = [c.mean("train_steps_total") for c in every]
    return totals if np.isfinite(totals).all() else [c.mean("train_steps") for c in every]


def _budgets(steps: Sequence[float], tolerance: float) -> list[list[int]]:
    """Places with about the same number of steps, at most ``tolerance`` above the least."""
    groups: list[list[int]] = []
    for i in sorted(range(len(steps)), key=lambda i: steps[i]):
        if groups and steps[i] <= steps[groups[-1][0]] * (1 + tolerance):
            groups[-1].append(i)
        else:
            groups.append([i])
    return [sorted(g) for g in groups]


def _field(name: str, place: tuple[str, str, str], every: tuple[Contestant, ...], tolerance: float) -> Field:
    kept = [c.kept for c in every]
    middle = _median(kept)
    reasons = [
        "" if abs(k - middle) <= tolerance * middle else f"it keeps {100 * k:.3g} %, the field {100 * middle:.3g} %"
        for k in kept
    ]
    means = [c.by_dense("accuracy").dropna() for c, why in zip(every, reasons, strict=True) if not why]
    dense = tuple(d for d in means[0].index if all(d in m.index for m in means)) if means else ()
    values = np.array([[float(m[d]) for m in means] for d in dense]).reshape(len(dense), len(means))
    return Field(name, place, every, tuple(reasons), dense, values)


def _why_none(field: Field, reason: str, p: float, level: float) -> str:
    if (n := len(field.compared)) < LEAST:
        return f"{n} method{'' if n == 1 else 's'} at this cost; a ranking needs at least {LEAST}"
    if not field.dense:
        return "no dense model that all methods have"
    if reason:
        return reason
    return "" if p < 1 - level else f"the methods do not differ detectably (Friedman, p = {p:.2g})"


def _contestants(
    field: Field, ranks: tuple[float, ...] | None, controls: set[str], level: float
) -> list[dict[str, Any]]:
    few = points_only(len(field.dense))
    tier = tiers(field.values, level) if not few else ()
    random, plain = _rivals(field)
    kinds = [("random", i, j) for i, j in random.items()] + [("magnitude", i, j) for i, j in plain.items()]
    p: dict[tuple[str, int], float] = {}
    if ranks is not None and kinds:
        corrected = holm(rank_contrasts(ranks, len(field.dense), [(i, j) for _, i, j in kinds]))
        p = {(kind, i): float(v) for (kind, i, _), v in zip(kinds, corrected, strict=True)}
    rows, place = [], 0
    for c, why, label in zip(field.every, field.reasons, labels(field), strict=True):
        row: dict[str, Any] = {
            **_head(field),
            "contestant": label,
            "method": c.method,
            "recovery": c.recovery,
            "control": bool(set(c.runs["run_id"].astype(str)) & controls),
            "matched": not why,
            "reason": why,
            "runs": len(c.runs),
            "dense_models": int(c.runs["dense_run_id"].nunique()),
            "sparsity": c.mean("sparsity_achieved"),
            **{k: c.mean(k) for k in ("density", "macs", "train_steps_total", "train_steps", "accuracy")},
        }
        rows.append(row)
        if why or not field.dense:
            continue
        got = t_interval(field.values[:, place], level)
        row |= {"accuracy": got.mean, "accuracy_low": got.low, "accuracy_high": got.high}
        row |= {"tier": None if few else tier[place], "mean_rank": None if ranks is None else ranks[place]}
        for kind, rivals in (("random", random), ("magnitude", plain)):
            if (other := rivals.get(place)) is not None:
                got = t_interval(field.values[:, place] - field.values[:, other], level)
                ends = {f"beyond_{kind}_low": got.low, f"beyond_{kind}_high": got.high}
                row |= {f"beyond_{kind}": got.mean, **ends, f"p_{kind}": p.get((kind, place))}
        place += 1
    return rows


def _rivals(field: Field) -> tuple[dict[int, int], dict[int, int]]:
    """Of those compared, by place: the place of its random control, and of plain magnitude."""
    compared = field.compared
    at = {str(r): i for i, c in enumerate(compared) for r in c.runs["run_id"]}
    random: dict[int, int] = {}
    for i, c in enumerate(compared):
        own = {at[str(r)] for r in c.runs["control_run_id"].dropna() if str(r) in at}
        if len(own) == 1 and (j := own.pop()) != i:
            random[i] = j
    usual = [i for i, c in enumerate(compared) if c.method == PLAIN_MAGNITUDE.get(field.place[1])]
    plain: dict[int, int] = {}
    for i, c in enumerate(compared):
        same = [j for j in usual if compared[j].recovery == c.recovery]
        j = next(iter(same or usual), i)
        if j != i:
            plain[i] = j
    return random, plain


def _pairs(field: Field) -> list[dict[str, Any]]:
    random, plain = _rivals(field)
    names = [n for n, why in zip(labels(field), field.reasons, strict=True) if not why]
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        for run_id, values in zip(field.dense, field.values, strict=True):
            row = {"field": field.name, "contestant": name, "dense_run_id": run_id, "accuracy": float(values[i])}
            for kind, rivals in (("random", random), ("magnitude", plain)):
                row[f"beyond_{kind}"] = float(values[i] - values[rivals[i]]) if i in rivals else None
            rows.append(row)
    return rows


def _dense(field: Field, runs: pd.DataFrame) -> dict[str, float | None]:
    """Accuracy of the field's dense models as they are, and trained on without pruning."""
    done = runs[(runs["status"] == "done") & (runs["method"] == "dense") & runs["dense_run_id"].isin(field.dense)]
    own = done["run_id"] == done["dense_run_id"]
    found: dict[str, float | None] = {}
    for name, part in (("dense_accuracy", done[own]), ("retrained_accuracy", done[~own])):
        means = part["accuracy"].astype("float64").groupby(part["dense_run_id"].astype(str)).mean().dropna()
        found[name] = float(means.mean()) if len(means) else None
    return found


def _head(field: Field) -> dict[str, Any]:
    model, unit, target = field.place
    return {"field": field.name, "model": model, "unit": unit, "target": target}


def _median(values: Sequence[float]) -> float:
    known = [v for v in values if np.isfinite(v)]
    return float(np.median(known)) if known else float("nan")
