"""Options that carry their own doc, unit and bounds.

A frozen dataclass whose fields are made with :func:`option` can be built from plain data with checks
(:func:`build`), described (:func:`describe`) and written back (:func:`to_plain`). The command line, the app's
widgets and the catalogues are derived from these descriptions, so nothing about an option is written twice.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, TypeVar

from pruneviz.core.errors import SpecError, unknown

T = TypeVar("T")


def option(
    default: Any = MISSING,
    doc: str = "",
    *,
    unit: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: Sequence[Any] | None = None,
    parse: Callable[[Any, str], Any] | None = None,
) -> Any:
    """A dataclass field with its documentation, unit and bounds.

    Args:
        default: the default; absent means required.
        doc: one sentence.
        unit: physical or counting unit, e.g. ``epochs``; empty for none.
        ge, gt, le, lt: bounds for numbers (applied to each item of a tuple).
        choices: the allowed values.
        parse: turns a plain value into the field's value, called as ``parse(value, where)``; replaces type checks.
    """
    meta = {
        "doc": doc,
        "unit": unit,
        "ge": ge,
        "gt": gt,
        "le": le,
        "lt": lt,
        "choices": tuple(choices) if choices is not None else None,
        "parse": parse,
    }
    if default is MISSING:
        return dataclasses.field(metadata=meta)
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=meta)
    return dataclasses.field(default=default, metadata=meta)


@dataclass(frozen=True)
class OptionInfo:
    """One option as a person or a widget needs to know it."""

    name: str
    type: str
    default: Any
    required: bool
    doc: str
    unit: str
    allowed: str
    choices: tuple[Any, ...] | None
    low: float | None
    high: float | None


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def describe(cls: type) -> tuple[OptionInfo, ...]:
    """The options of a dataclass, in the order in which it declares them."""
    hints = _hints(cls)
    found = []
    for f in dataclasses.fields(cls):
        m = f.metadata
        low = m.get("ge") if m.get("ge") is not None else m.get("gt")
        high = m.get("le") if m.get("le") is not None else m.get("lt")
        found.append(
            OptionInfo(
                name=f.name,
                type=_type_name(hints[f.name]),
                default=None if f.default is MISSING else f.default,
                required=f.default is MISSING and f.default_factory is MISSING,
                doc=m.get("doc", ""),
                unit=m.get("unit", ""),
                allowed=_allowed(hints[f.name], m),
                choices=m.get("choices"),
                low=low,
                high=high,
            )
        )
    return tuple(found)


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Make a dataclass from plain data.

    Args:
        cls: a dataclass whose fields were made with :func:`option`.
        values: plain values by field name.
        where: the place the values came from, for messages.

    Raises:
        SpecError: an unknown or missing key, a wrong type, or a value out of bounds.
    """
    if not isinstance(values, Mapping):
        raise SpecError(where, values, "a table of options", f"Write {{{_example(cls)}}}.")
    hints = _hints(typing.cast(Any, cls))
    by_name = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls)) if f.init}
    for key in values:
        if key not in by_name:
            raise unknown(f"{where}: key", key, by_name)
    made: dict[str, Any] = {}
    for name, f in by_name.items():
        if name in values:
            made[name] = check(values[name], hints[name], f.metadata, f"{where} {name}")
        elif f.default is MISSING and f.default_factory is MISSING:
            raise SpecError(where, dict(values), f"a table with the key {name!r}", f.metadata.get("doc", ""))
    return cls(**made)


def check(value: Any, hint: Any, meta: Mapping[str, Any], where: str) -> Any:
    """Check one plain value against a type hint and an option's bounds; return it in the hint's type."""
    parse = meta.get("parse")
    if parse is not None:
        return parse(value, where)
    return _bounds(_convert(value, hint, meta, where), meta, hint, where)


def to_plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings as dictionaries, lists and scalars, all fields included."""
    if hasattr(value, "to_plain"):
        return value.to_plain()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, frozenset, set)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [to_plain(v) for v in items]
    return value


def _convert(value: Any, hint: Any, meta: Mapping[str, Any], where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        for arm in (a for a in args if a is not type(None)):
            try:
                return _convert(value, arm, meta, where)
            except SpecError:
                continue
        raise SpecError(where, value, _allowed(hint, meta))
    if origin is tuple:
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            raise SpecError(where, value, _allowed(hint, meta), f"Write [{value!r}].")
        return tuple(_convert(v, args[0], meta, f"{where}[{i}]") for i, v in enumerate(value))
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint is int and hasattr(value, "__index__") and not isinstance(value, bool):
        return int(value)  # of NumPy, say
    if isinstance(value, bool) is not (hint is bool) or not isinstance(value, hint):
        raise SpecError(where, value, _allowed(hint, meta))
    return value


def _bounds(value: Any, meta: Mapping[str, Any], hint: Any, where: str) -> Any:
    choices = meta.get("choices")
    for item in value if isinstance(value, tuple) else (value,):
        if item is None:
            continue
        if choices is not None and item not in choices:
            if isinstance(item, str):
                raise unknown(where, item, [str(c) for c in choices])
            raise SpecError(where, item, _allowed(hint, meta))
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            ok = math.isfinite(item)  # keys are made of JSON, which knows no infinity
            ok = ok and (meta.get("ge") is None or item >= meta["ge"])
            ok = ok and (meta.get("gt") is None or item > meta["gt"])
            ok = ok and (meta.get("le") is None or item <= meta["le"])
            ok = ok and (meta.get("lt") is None or item < meta["lt"])
            if not ok:
                raise SpecError(where, item, _allowed(hint, meta))
    return value


_NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def _type_name(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("nothing" if a is type(None) else _type_name(a) for a in args)
    if origin is tuple:
        return f"list of {_type_name(args[0])}"
    return _NAMES.get(hint, getattr(hint, "__name__", str(hint)))


def _allowed(hint: Any, meta: Mapping[str, Any]) -> str:
    if meta.get("choices") is not None:
        return "one of " + ", ".join(str(c) for c in meta["choices"])
    text = _type_name(hint)
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [f"{sign} {meta[k]:g}" for k, sign in signs.items() if meta.get(k) is not None]
    unit = f" ({meta['unit']})" if meta.get("unit") else ""
    return " ".join([text, *([" and ".join(limits)] if limits else [])]) + unit


def _example(cls: type) -> str:
    names = [f.name for f in dataclasses.fields(cls)][:2]
    return ", ".join(f"{n} = …" for n in names)
