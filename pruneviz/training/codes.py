"""What a function given in Python does, as far as can be seen without running it. Imports no torch."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from pruneviz.core.keys import digest


def code_digest(function: Callable[..., Any]) -> str:
    """Digest of a function's source text, byte code, defaults, and enclosed plain values.

    Globals that it reads and functions that it calls are not looked into. Equal in every process of one Python
    version.
    """
    return digest(_seen(function))


def _seen(function: Any) -> Any:
    if isinstance(function, functools.partial):
        return {"partial": _seen(function.func), "args": _value([*function.args, function.keywords])}
    routine = function if inspect.isroutine(function) or inspect.isclass(function) else type(function)
    try:
        text = inspect.getsource(routine)
    except (OSError, TypeError):  # typed at a prompt, or not written in Python
        text = f"{routine.__module__}.{routine.__qualname__}"
    seen = {"text": text, "state": _value(vars(function)) if routine is not function else None}
    code = getattr(function, "__code__", None)
    if code is not None:
        cells = [_value(cell.cell_contents) for cell in function.__closure__ or ()]
        # The text alone would not do: two lambdas may stand on one line.
        seen |= {"code": _code(code), "cells": cells, "defaults": _value(function.__defaults__)}
        seen["keywords"] = _value(function.__kwdefaults__)
    return seen


def _code(code: CodeType) -> list[Any]:
    return [code.co_code.hex(), list(code.co_names), [_value(c) for c in code.co_consts]]


def _value(value: Any) -> Any:
    """Plain data as text; of anything else the type only, since its ``repr`` may hold an address."""
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, Mapping):
        return {str(k): _value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(_value(v)) for v in value)
    plain = isinstance(value, (str, bytes, int, float, complex)) or value is None
    return repr(value) if plain else f"{type(value).__module__}.{type(value).__qualname__}"
