"""Which analyses there are: those of this package, and other people's, announced by entry point.

An analysis is a frozen dataclass of options (:func:`pruneviz.core.options.option`) with the members of
:class:`pruneviz.study.Analysis`. Other packages announce theirs in the entry-point group ``pruneviz.analyses``.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import PrunevizError, unknown
from pruneviz.core.options import build

if TYPE_CHECKING:
    from pruneviz.core.spec import Choice
    from pruneviz.study import Analysis

GROUP = "pruneviz.analyses"
BUILT_IN: dict[str, str] = {}  # class by name, as "module:Class"; imported when asked for


def names() -> tuple[str, ...]:
    """The analyses there are."""
    return tuple(sorted({*BUILT_IN, *_others()}))


def find(name: str, where: str) -> type[Analysis]:
    """The class of an analysis.

    Raises:
        SpecError: there is none of that name.
        PrunevizError: another package's analysis cannot be imported.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: type[Analysis] = getattr(importlib.import_module(module), attribute)
        return found
    others = _others()
    if name not in others:
        raise unknown(where, name, names())
    try:
        loaded: Any = others[name].load()
    except Exception as e:
        raise PrunevizError(
            f"{where}: {others[name].value}, which another package announces, cannot be imported: {e}. "
            "Mend or uninstall that package."
        ) from e
    return loaded  # type: ignore[no-any-return]


def resolve(choice: Choice, where: str) -> Analysis:
    """The analysis that a study asks for, with its options.

    Raises:
        SpecError: its name or an option is not allowed.
    """
    return build(find(choice.name, where), choice.options, where)


def _others() -> dict[str, EntryPoint]:
    return {e.name: e for e in entry_points(group=GROUP)}
