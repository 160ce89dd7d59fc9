"""Other people's methods: by decorator in a program, or announced by an installed package.

A package announces in the entry-point group ``pruneviz.methods`` a recipe, a score, or a module that registers its own
when it is imported. It has to import torch inside functions only, since the catalogue is listed without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, overload

from pruneviz.core.errors import SpecError
from pruneviz.pruning.allocations import Global, Pattern
from pruneviz.pruning.needs import KINDS
from pruneviz.pruning.parts import UNITS, Score
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.schedules import OneShot
from pruneviz.pruning.scores import SCORES
from pruneviz.pruning.spaces import SPACES

GROUP = "pruneviz.methods"

S = TypeVar("S", bound=type[Score])


@overload
def register_score(cls: S) -> S: ...


@overload
def register_score(
    cls: None = None, *, unit: str = "", formula: str = "", reference: Reference | None = None
) -> Callable[[S], S]: ...


def register_score(cls: Any = None, *, unit: str = "", formula: str = "", reference: Reference | None = None) -> Any:
    """Make a score choosable, and a method of its name: one-shot, all layers ranked together.

    A class decorator, with or without options; written above ``@dataclass(frozen=True)``. The method then stands in
    ``pruneviz methods`` and in studies as the shipped ones do. What it promises is tested by
    :func:`pruneviz.testing.check_method`.

    Args:
        cls: a frozen dataclass that derives from :class:`~pruneviz.pruning.parts.Score`, with ``name`` and ``summary``,
            whose options all have defaults.
        unit: what the method removes; absent: the first that the score can rank.
        formula: which units are removed, as text.
        reference: where it was published.

    Raises:
        SpecError: the class is not of that form, or its name is taken.
    """

    def register(score: S) -> S:
        from pruneviz.pruning.recipes import add

        _require(score, unit)
        chosen = unit or score.units[0]
        add(
            Recipe(
                name=score.name,
                space=SPACES[chosen](),
                score=score(),
                allocation=Pattern() if chosen == "nm" else Global(),
                schedule=OneShot(),
                summary=score.summary,
                formula=formula or f"remove the units of the smallest {score.name}",
                reference=reference,
            )
        )
        return score

    return register if cls is None else register(cls)


def _require(score: Any, unit: str) -> None:
    where = f"score {getattr(score, '__qualname__', score)}"
    if not (isinstance(score, type) and issubclass(score, Score)):
        raise SpecError(where, score, "a class that derives from pruneviz.pruning.Score")
    if not getattr(getattr(score, "__dataclass_params__", None), "frozen", False):
        raise SpecError(where, score, "a frozen dataclass", "Write @dataclass(frozen=True) below @register_score.")
    for attribute in ("name", "summary"):
        if not isinstance(getattr(score, attribute, None), str):
            raise SpecError(f"{where}: {attribute}", getattr(score, attribute, None), "a text", "Set it in the class.")
    allowed = [u for u in score.units if u in UNITS]
    if len(allowed) < max(1, len(score.units)) or (unit and unit not in allowed):
        raise SpecError(f"{where}: unit", unit or score.units, f"one of {', '.join(allowed or UNITS)}")
    if unknown := [n for n in score.needs if n.partition("(")[0] not in KINDS]:
        raise SpecError(f"{where}: needs", unknown, f"some of {', '.join(KINDS)}")


def load_announced() -> dict[str, str]:
    """Import what other packages announce.

    Returns:
        why something cannot be used, by its announced name.
    """
    points: dict[tuple[str, str], EntryPoint] = {}
    for point in entry_points(group=GROUP):
        points.setdefault((point.name, point.value), point)  # a package may be seen twice: installed, and its checkout
    faults = {}
    for point in points.values():
        try:
            _take(point.load())
        except Exception as e:  # another package's code may fail in any way, which must not hide the other methods
            package = point.dist.name if point.dist is not None else point.value
            faults[point.name] = (
                f"the method {point.name!r} of the installed package {package} cannot be used: "
                f"{type(e).__name__}: {e} Update or uninstall that package."
            )
    return faults


def _take(announced: Any) -> None:
    from pruneviz.pruning.recipes import add

    if isinstance(announced, Recipe):
        add(announced)
    elif isinstance(announced, type) and SCORES.get(getattr(announced, "name", "")) is not announced:
        register_score(announced)
