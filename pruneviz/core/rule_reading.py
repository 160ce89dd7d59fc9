"""Rules read back from their plain form: out of an address or a file, so nothing about it is trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pruneviz.core.errors import SpecError, unknown
from pruneviz.core.selection import (
    OUTCOMES,
    AllOf,
    AnyOf,
    Became,
    Column,
    Contains,
    Ids,
    Inside,
    Named,
    Not,
    Polygon,
    Range,
    Rule,
    Values,
)

MOST_DEEP = 40  # rules within rules: what comes from an address is not trusted to end

_FORMS = (
    "ids; column with values, contains, or low and high; became with run and reference; inside with x and y; named; "
    "not; all; any"
)


def rule_from(value: Any, where: str = "rule", depth: int = 0) -> Rule:
    """The rule that :meth:`Rule.to_plain` wrote.

    Raises:
        SpecError: it is none, with the forms there are.
    """
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        raise SpecError(where, value, f"a table of one of these forms: {_FORMS}")
    if depth > MOST_DEEP:
        raise SpecError(where, "…", f"rules within rules at most {MOST_DEEP} deep")
    keys = set(value)
    if keys == {"ids"}:
        return Ids(tuple(dict.fromkeys(_texts(value["ids"], f"{where} ids"))))
    if keys == {"named"}:
        return Named(_text(value["named"], f"{where} named"))
    if keys == {"not"}:
        return Not(rule_from(value["not"], f"{where} not", depth + 1))
    for key, kind in (("all", AllOf), ("any", AnyOf)):
        if keys == {key}:
            rules = value[key]
            if not isinstance(rules, (list, tuple)):
                raise SpecError(f"{where} {key}", rules, "a list of rules")
            return kind(tuple(rule_from(r, f"{where} {key}[{i}]", depth + 1) for i, r in enumerate(rules)))
    if keys == {"became", "run", "reference"}:
        outcomes = _texts(value["became"], f"{where} became")
        for outcome in outcomes:
            if outcome not in OUTCOMES:
                raise unknown(f"{where} became", outcome, OUTCOMES)
        run, reference = (_text(value[k], f"{where} {k}") for k in ("run", "reference"))
        return Became(run, reference, tuple(dict.fromkeys(outcomes)))
    if keys == {"inside", "x", "y"}:
        x, y = (_column(value[k], f"{where} {k}", {"column", "run", "plane"}) for k in ("x", "y"))
        return Inside(x, y, _polygon(value["inside"], f"{where} inside"))
    if "column" in keys and "values" in keys:
        column = _column(value, where, {"column", "run", "plane", "values"})
        return Values(column, tuple(dict.fromkeys(_texts(value["values"], f"{where} values"))))
    if "column" in keys and "contains" in keys:
        column = _column(value, where, {"column", "run", "plane", "contains"})
        return Contains(column, _text(value["contains"], f"{where} contains"))
    if "column" in keys:
        column = _column(value, where, {"column", "run", "plane", "low", "high"})
        low, high = (_number(value.get(k), f"{where} {k}") for k in ("low", "high"))
        return Range(column, low, high)
    raise SpecError(where, dict(value), f"one of these forms: {_FORMS}")


def _column(value: Any, where: str, allowed: set[str]) -> Column:
    if not isinstance(value, Mapping) or "column" not in value:
        raise SpecError(where, value, 'a column, such as {"column": "margin", "run": "1a2b3c4d5e6f"}')
    if extra := sorted(set(value) - allowed):
        raise unknown(f"{where}: key", extra[0], sorted(allowed))
    run, plane = (_text(value.get(k, ""), f"{where} {k}") for k in ("run", "plane"))
    return Column(_text(value["column"], f"{where} column"), run, plane)


def _polygon(value: Any, where: str) -> Polygon:
    if not isinstance(value, (list, tuple)) or len(value) < 3:
        raise SpecError(where, value, "a list of three corners or more, each [x, y]")
    return tuple(_corner(p, f"{where}[{i}]") for i, p in enumerate(value))


def _corner(value: Any, where: str) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise SpecError(where, value, "a corner [x, y]")
    x, y = (_number(v, where) for v in value)
    if x is None or y is None:
        raise SpecError(where, value, "two numbers")
    return x, y


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise SpecError(where, value, "a number")
    return float(value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise SpecError(where, value, "a text")
    return value


def _texts(value: Any, where: str) -> Sequence[str]:
    if not isinstance(value, (list, tuple)):
        raise SpecError(where, value, "a list of texts")
    return [_text(v, f"{where}[{i}]") for i, v in enumerate(value)]
