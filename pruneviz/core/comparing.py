"""What ``[compare]`` asks for: models that are given as they are, laid side by side on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import SpecError, nearest
from pruneviz.core.options import build, option

if TYPE_CHECKING:
    from pruneviz.core.spec import ModelSpec

DENSE = "dense"
AS_GIVEN = "as given"  # the target of every model compared: what was asked of it, nobody here knows


@dataclass(frozen=True)
class CompareSpec:
    """The study prunes nothing itself: each model is a run, and one of them is what the others are compared with."""

    reference: str = option(DENSE, "name of the model that the others are compared with")
    others: bool = option(True, "beside [analyses], every other that these models can have and that does not take long")


def compare_from(table: Mapping[str, Any], models: Sequence[ModelSpec], where: str) -> CompareSpec:
    """The comparison that a study's ``[compare]`` table asks for.

    Args:
        table: the study's tables.
        models: those of the study.
        where: the file, for messages.

    Raises:
        SpecError: something in the study does not go with comparing, or there is no such reference.
    """
    found = build(CompareSpec, table["compare"], f"{where}: [compare]")
    for key in ("train", "prune", "recover"):
        if table.get(key):
            remedy = "Leave [compare] out to have the models pruned here."
            raise SpecError(f"{where}: [{key}]", table[key], "no such table beside [compare]", remedy)
    names = [m.label for m in models]
    if len(names) < 2:
        raise SpecError(f"{where}: [[models]]", names, "two models or more to compare", "Give another.")
    if found.reference not in names:
        remedy = nearest(found.reference, names) or "Call one of them 'dense', or name the reference."
        raise SpecError(f"{where}: [compare] reference", found.reference, ", ".join(names), remedy)
    if DENSE in names and found.reference != DENSE:
        remedy = "In every table 'dense' is what the others are compared with: give that model another name."
        raise SpecError(f"{where}: [[models]] name", DENSE, "this name for the reference alone", remedy)
    _require_replicates(models, found.reference, where)
    return found


def _require_replicates(models: Sequence[ModelSpec], reference: str, where: str) -> None:
    """Each replicate is compared with the reference's of its number."""
    own = {m.label: range(m.first, m.first + m.replicates) for m in models}
    for label, numbers in own.items():
        if lacking := sorted(set(numbers) - set(own[reference])):
            allowed = f"replicates that {reference!r} has: {', '.join(map(str, own[reference]))}"
            raise SpecError(f"{where}: [[models]] {label!r} replicates", lacking[0], allowed)


def refuse_history(models: Sequence[ModelSpec], where: str) -> None:
    """Complain about a pruning history outside a comparison, where the architecture is not cut.

    Raises:
        SpecError: a model has one.
    """
    for m in models:
        if m.history is not None:
            raise SpecError(f"{where}: [[models]] {m.label!r} history", m.history, "only in a study with [compare]")
