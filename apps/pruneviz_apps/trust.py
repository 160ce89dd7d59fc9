"""Whose code the explorer may import: none that a store names, unless whoever started it said so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pruneviz.core.spec import PATH_SOURCES
from pruneviz.views.text import elide, listed, plain

_CODE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")  # package.module:function
_ASKED = ("prune", "recover", "also", "analyses")


@dataclass(frozen=True)
class Trust:
    """What was said on the command line.

    Attributes:
        everything: whatever the store names (``--trust``).
        sources: just these import paths (``--model``).
    """

    everything: bool = False
    sources: frozenset[str] = frozenset()

    def lacking(self, code: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the import paths that may not be imported."""
        return () if self.everything else tuple(c for c in code if c not in self.sources)


NOBODY = Trust()


def code_of(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """What carrying out a study would import beside pruneviz itself, and what only Python can give (``memory:NAME``).

    Args:
        spec: the study as plain data, as :attr:`pruneviz.core.tables.Tables.spec` gives it.
    """
    found = [str(m["source"]) for m in spec.get("models", ()) if not str(m["source"]).startswith("sample:")]
    data = str(spec.get("data", {}).get("source", ""))
    if data.partition(":")[0] not in ("sample", *PATH_SOURCES):
        found.append(data)
    found += [
        t for name in _ASKED for t in _texts(spec.get(name)) if _CODE.fullmatch(t) and not t.startswith("sample:")
    ]
    return tuple(dict.fromkeys(found))


def hindrance(spec: Mapping[str, Any], trust: Trust) -> str:
    """Why nothing can be pruned from the explorer, with the remedy; empty where it can."""
    if spec.get("compare") is not None:
        return (
            "The models of this study were given as they are, to be compared; nothing is pruned in it. `pruneviz "
            "prune` prunes one of them, a study file without [compare] prunes in many ways."
        )
    return out_of_reach(spec, trust, "Pruning", "prune")


def out_of_reach(spec: Mapping[str, Any], trust: Trust, doing: str, do: str) -> str:
    """Why a study's models and data cannot be made again here, with the remedy; empty where they can.

    Args:
        spec: the study as plain data.
        trust: whose code may be imported.
        doing, do: what they are wanted for, such as ``Pruning`` and ``prune``.
    """
    code = code_of(spec)
    if given := [c for c in code if c.startswith("memory:")]:
        shown = listed(plain(c.removeprefix("memory:")) for c in given)
        return f"{shown} was given in Python, which this app cannot reach: {do} more from there, with pv.new_study."
    if lacking := trust.lacking(code):
        shown = listed(elide(plain(c), 60) for c in lacking)
        return (
            f"{doing} would import code that this store names ({shown}), and a store is not trusted just because it is "
            "opened. If you trust it, start the app with --trust, or with --model and the same source."
        )
    return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
