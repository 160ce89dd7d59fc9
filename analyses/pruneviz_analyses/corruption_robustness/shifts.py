"""What models are looked at under: pictures as they are, corruptions, users' transforms, stored folders, attacks.

Each is written as plain values, the ``part`` of an observation, which with the models and their images decides what
comes out. Whatever is not plain (a function, a folder's place) is known by a digest there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import DataError, ModelError, SpecError, unknown
from pruneviz.models import imports
from pruneviz.training.codes import code_digest
from pruneviz_analyses.corruption_robustness.schemas import CLEAN

if TYPE_CHECKING:
    from pruneviz.data.corruptions import Corruption

ALL = "all"
CORRUPTION, TRANSFORM, STORED, ATTACK = "corruption", "transform", "stored", "attack"
SORTS = (CLEAN, CORRUPTION, TRANSFORM, STORED, ATTACK)
ATTACKS = ("fgsm", "pgd")
WHERE = "[analyses] corruption_robustness transforms"
_CALLED = "(images, severity, sample_ids, seed)"


def catalogue() -> Mapping[str, Corruption]:
    """The 19 corruptions; what they need is imported here."""
    from pruneviz.data.corruptions import CORRUPTIONS

    return CORRUPTIONS


@dataclass(frozen=True)
class Transform:
    """A user's function of (images, severity, sample_ids, seed).

    Attributes:
        function: ``package.module:function``, or the function itself.
    """

    function: Any

    @property
    def title(self) -> str:
        """The function's name."""
        if isinstance(self.function, str):
            return self.function
        kind = type(self.function)
        return str(getattr(self.function, "__name__", kind.__qualname__))

    def to_plain(self) -> dict[str, Any]:
        """Name and digest of its source; see :func:`~pruneviz.training.codes.code_digest`."""
        named = isinstance(self.function, str)
        source = imports.source_digest(self.function, {}, WHERE) if named else code_digest(self.function)
        return {"function": self.title, "source_digest": source}

    def loaded(self) -> Any:
        """The function, imported where it is named.

        Raises:
            ModelError: it is not there, or cannot be called.
        """
        if not isinstance(self.function, str):
            return self.function
        found = imports.load(self.function, WHERE)
        if not callable(found):
            raise ModelError(f"{WHERE}: {self.function} cannot be called; allowed: a function of {_CALLED}.")
        return found

    def __call__(self, images: Any, severity: int, sample_ids: Sequence[str], seed: int) -> Any:
        """The pictures that the function makes, checked to be such.

        Raises:
            ModelError: the function fails.
            DataError: what it returns are no pictures of the same number and size.
        """
        import numpy as np

        function = self.loaded()
        try:
            made = function(images.copy(), severity, list(sample_ids), seed)
        except Exception as e:  # a user's function may raise anything
            raise ModelError(f"transform {self.title}{_CALLED} at severity {severity} raised {imports.said(e)}.") from e
        found = np.asarray(made)
        if found.dtype != np.uint8 or found.shape != images.shape:
            raise DataError(
                f"transform {self.title} at severity {severity} returned {found.dtype} {found.shape}; allowed: uint8 "
                f"{images.shape}, pixels in 0..255 of as many pictures as it was given, of the same size."
            )
        return found


def transforms(value: Any, where: str) -> tuple[Transform, ...]:
    """Parse the option: names, or in Python functions."""
    allowed = f'a list of "package.module:function", or in Python of functions of {_CALLED}'
    if isinstance(value, str) or callable(value) or not isinstance(value, (list, tuple)):
        raise SpecError(where, value, allowed)
    found = []
    for i, item in enumerate(value):
        at = f"{where}[{i}]"
        if isinstance(item, Transform):
            item = item.function
        if isinstance(item, str):
            imports.module_file(imports.split(item, at, ("memory",))[0], at)
        elif not callable(item):
            raise SpecError(at, item, allowed)
        found.append(Transform(item))
    titles = [t.title for t in found]
    taken = {*catalogue(), *ATTACKS, CLEAN} if found else set()
    for title in titles:
        if titles.count(title) > 1 or title in taken:
            raise SpecError(where, title, "functions whose names are their own", "Give it another name.")
    return tuple(found)


def corruption_names(value: Any, where: str) -> tuple[str, ...]:
    """Parse the option: names of corruptions; ``all`` stands for all of them."""
    if not isinstance(value, (list, tuple)):
        raise SpecError(where, value, "a list of names", f"Write [{value!r}].")
    for i, name in enumerate(value):
        if name != ALL and (not isinstance(name, str) or name not in catalogue()):
            raise unknown(f"{where}[{i}]", name, (ALL, *catalogue()))
    return tuple(dict.fromkeys(value))


def expanded(names: Sequence[str]) -> tuple[str, ...]:
    """The corruptions meant, in the order of the catalogue."""
    return tuple(c for c in catalogue() if ALL in names or c in names)


def increasing(value: Sequence[float], where: str) -> None:
    """Refuse values that are not in increasing order.

    Raises:
        SpecError: they are not.
    """
    if list(value) != sorted(set(value)):
        raise SpecError(where, list(value), "different values in increasing order")


def levels(part: Mapping[str, Any]) -> list[tuple[int, float | None]]:
    """Severity and ε of each level of a part."""
    if part["shift"] == ATTACK:
        return [(i + 1, float(e)) for i, e in enumerate(part["epsilons"])]
    return [(int(s), None) for s in part["severities"]]


def order(names: Iterable[tuple[str, str]]) -> list[str]:
    """Names of shifts in the order in which they are always told: by sort, then as in the catalogue, then by name.

    Args:
        names: each with its sort.
    """
    known = {n: i for i, n in enumerate((*catalogue(), *ATTACKS))}

    def key(named: tuple[str, str]) -> tuple[int, int, str]:
        name, sort = named
        return SORTS.index(sort), known.get(name.removeprefix(f"{STORED} "), len(known)), name

    return [name for name, _ in sorted(set(names), key=key)]
