"""One module per published method or family of methods.

Each lists its new ``PARTS`` (scores, allocations, schedules, updates; classes) and its ``RECIPES``, and imports torch
inside functions only. A module that is put here is in the catalogue.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Protocol, cast

from pruneviz.pruning.parts import Part
from pruneviz.pruning.recipe import Recipe


class Method(Protocol):
    """What a module of this package holds."""

    PARTS: tuple[type[Part], ...]
    RECIPES: tuple[Recipe, ...]


def found() -> tuple[Method, ...]:
    """The modules of this package, by name."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    return tuple(cast(Method, import_module(f"{__name__}.{name}")) for name in names)
