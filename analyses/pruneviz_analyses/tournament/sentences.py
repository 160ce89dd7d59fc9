"""What tournament found, in sentences that rank only where that is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pruneviz.core.tables import Tables
from pruneviz_analyses.tournament.schemas import CONTESTANTS, FIELDS
from pruneviz_analyses.words import counted, percent, points

if TYPE_CHECKING:
    import pandas as pd


def findings(tables: Tables, frames: Mapping[str, pd.DataFrame], level: float) -> tuple[str, ...]:
    """Field by field, what was left out at its end."""
    contestants = frames[CONTESTANTS.name].to_dict("records")
    said: list[str] = []
    for field in frames[FIELDS.name].to_dict("records"):
        own = [r for r in contestants if r["field"] == field["field"]]
        said += _field(field, own, level)
    status = tables.runs["status"]
    for name, words in (("failed", "failed"), ("waiting", "not done yet")):
        if count := int((status == name).sum()):
            said.append(f"{counted(count, 'run')} {'is' if count == 1 else 'are'} left out: {words}.")
    return tuple(said)


def _field(field: Mapping[Any, Any], own: list[dict[Any, Any]], level: float) -> Iterator[str]:
    compared = sorted((r for r in own if r["matched"]), key=lambda r: -r["accuracy"])
    name = field["field"]
    if len(compared) >= 2 and field["dense_models"]:
        yield (
            f"{name}: {counted(len(compared), 'method')} at {_steps(field)}, and {100 * field['kept']:.3g} % kept; "
            f"{counted(int(field['dense_models']), 'dense model')} in pairs. {_tests(field, level)}"
        )
        yield from _tiers(field, compared)
        for kind, words in (("random", "its random control"), ("magnitude", "plain magnitude")):
            yield from _against(name, compared, kind, words, level)
        yield from _beside_dense(field, compared)
    elif compared:
        alone = ", ".join(r["contestant"] for r in compared)
        yield (
            f"{name}: nothing is compared with {alone}, at {_steps(compared[0])}: no other method costs the "
            "same, or has the same dense models."
        )
    yield from _left_out(name, own)


def _steps(row: Mapping[Any, Any]) -> str:
    if _known(row["train_steps_total"]):
        return f"{row['train_steps_total']:,.0f} training steps, the dense model's included"
    return f"{row['train_steps']:,.0f} training steps after the dense model's, which are unknown and the same for all"


def _left_out(name: str, own: list[dict[Any, Any]]) -> Iterator[str]:
    """Once for all that are not compared, those together that have the same reason."""
    why: dict[str, list[str]] = {}
    for r in own:
        if not r["matched"]:
            why.setdefault(str(r["reason"]), []).append(r["contestant"])
    if why:
        yield f"{name}: not compared: {'; '.join(f'{_listed(names)} ({reason})' for reason, names in why.items())}."


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _tests(field: Mapping[Any, Any], level: float) -> str:
    if not field["ranked"]:
        return f"No ranking: {field['reason']}."
    return f"They differ (Friedman, p = {_p(field['p_holm'])} after Holm, level {1 - level:.2g})."


def _tiers(field: Mapping[Any, Any], compared: list[dict[Any, Any]]) -> Iterator[str]:
    name = field["field"]
    if not _known(field["tiers"]):
        means = ", ".join(f"{r['contestant']} {percent(r['accuracy'])}" for r in compared)
        yield f"{name}: means, too few dense models for intervals: {means}."
        return
    if field["tiers"] == 1:
        yield f"{name}: one tier, nothing can be told apart from the highest mean ({compared[0]['contestant']})."
        return
    for tier in range(1, int(field["tiers"]) + 1):
        own = [r for r in compared if r["tier"] == tier]
        span = " to ".join(dict.fromkeys((percent(own[0]["accuracy"]), percent(own[-1]["accuracy"]))))
        yield f"{name}: tier {tier} ({span}): {', '.join(r['contestant'] for r in own)}."


def _against(name: str, compared: list[dict[Any, Any]], kind: str, words: str, level: float) -> Iterator[str]:
    tested = [r for r in compared if _known(r[f"p_{kind}"])]
    if not tested:
        return
    found = [r for r in tested if r[f"p_{kind}"] < 1 - level]
    if not found:
        yield f"{name}: none of {counted(len(tested), 'method')} differs detectably from {words} in mean rank (Holm)."
        return
    told = ", ".join(f"{r['contestant']} {_difference(r, kind)} p = {_p(r[f'p_{kind}'])}" for r in found)
    rest = len(tested) - len(found)
    others = f"; of {counted(rest, 'other')} none is detected" if rest else ""
    yield (
        f"{name}: against {words}, in points, with {100 * level:g} % intervals of the pairs: {told} "
        f"(contrasts of mean ranks, Holm){others}."
    )


def _difference(r: Mapping[Any, Any], kind: str) -> str:
    low, high = r[f"beyond_{kind}_low"], r[f"beyond_{kind}_high"]
    return f"{points(r[f'beyond_{kind}'])} ({points(low)} … {points(high)})"


def _beside_dense(field: Mapping[Any, Any], compared: list[dict[Any, Any]]) -> Iterator[str]:
    if _known(field["dense_accuracy"]):
        retrained = field["retrained_accuracy"]
        further = f", trained on without pruning {percent(retrained)}" if _known(retrained) else ""
        yield f"{field['field']}: the same dense models have {percent(field['dense_accuracy'])}{further}."


def _known(value: Any) -> bool:
    return value is not None and str(value) not in ("<NA>", "nan") and math.isfinite(value)


def _p(p: float) -> str:
    return f"{p:.2g}"
