"""A study's plain data written back as the TOML file that a person would have written: defaults left out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from pruneviz.core.comparing import CompareSpec
from pruneviz.core.options import to_plain
from pruneviz.core.spec import AlsoSpec, DataSpec, MeasureSpec, ModelSpec, PruneSpec, RecoverSpec, TrainSpec

_TABLES: tuple[tuple[str, type], ...] = (("prune", PruneSpec), ("recover", RecoverSpec), ("measure", MeasureSpec))


def study_toml(spec: Mapping[str, Any]) -> str:
    """The study file that asks for just this.

    Args:
        spec: as :attr:`pruneviz.core.tables.Tables.spec` gives it; parts that are absent are left out.

    Returns:
        TOML that :func:`pruneviz.core.spec.load_study` reads back to the same study.
    """
    return "\n".join(_lines(spec)) + "\n"


def _lines(spec: Mapping[str, Any]) -> Iterator[str]:
    yield f"name = {toml_value(spec.get('name', 'study'))}"
    models = spec.get("models", ())
    for model in models:
        yield from _table("[model]" if len(models) == 1 else "[[models]]", ModelSpec, model)
    if spec.get("compare") is not None:
        yield from _table("[compare]", CompareSpec, spec["compare"])
    if "data" in spec:
        yield from _table("[data]", DataSpec, spec["data"])
    if train := _train(spec.get("trains", ()), spec.get("swept", ())):
        yield from ("", "[train]", *(f"{k} = {v}" for k, v in train.items()))
    for name, cls in _TABLES:
        if name in spec:
            yield from _table(f"[{name}]", cls, spec[name], needed=False)
    for further in spec.get("also", ()):
        yield from _table("[[also]]", AlsoSpec, further)
    if analyses := spec.get("analyses", ()):
        yield from ("", "[analyses]")
        yield from (f"{_key(a['name'])} = {toml_value(a['options'])}" for a in analyses)


def _table(head: str, cls: type, values: Mapping[str, Any], needed: bool = True) -> Iterator[str]:
    defaults = _defaults(cls)
    given = {k: v for k, v in values.items() if v is not None and (k not in defaults or v != defaults[k])}
    if given or needed:
        yield from ("", head, *(f"{k} = {toml_value(_written(k, v))}" for k, v in _ordered(given, cls)))


def _ordered(given: Mapping[str, Any], cls: type) -> list[tuple[str, Any]]:
    order = [f.name for f in fields(cls)]
    return sorted(given.items(), key=lambda kv: order.index(kv[0]) if kv[0] in order else len(order))


def _defaults(cls: type) -> dict[str, Any]:
    found = {}
    for f in fields(cls):
        if f.default is not MISSING:
            found[f.name] = to_plain(f.default)
        elif f.default_factory is not MISSING:
            found[f.name] = to_plain(f.default_factory())
    return found


def _written(name: str, value: Any) -> Any:
    """Choices and targets as people write them."""
    if name in ("methods", "recoveries"):
        return [v["name"] if not v.get("options") else {"name": v["name"], **v["options"]} for v in value]
    if name == "sparsities":
        return [v["value"] if v["kind"] == "sparsity" else {v["kind"]: v["value"]} for v in value]
    return value


def _train(trains: Sequence[Mapping[str, Any]], swept: Sequence[str]) -> dict[str, str]:
    """The values of ``[train]``: those that differ from their defaults, and lists of those that were swept."""
    if not trains:
        return {}
    defaults = _defaults(TrainSpec)
    found = {}
    for f in fields(TrainSpec):
        if f.name in swept:
            values: list[Any] = []
            for t in trains:
                if t[f.name] not in values:
                    values.append(t[f.name])
            found[f.name] = toml_value(values)
        elif f.name in trains[0] and trains[0][f.name] != defaults[f.name]:
            found[f.name] = toml_value(trains[0][f.name])
    return found


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else toml_value(text)


def toml_value(value: Any) -> str:
    """A TOML value on one line, or a list of tables on several."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(str(k))} = {toml_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, (list, tuple)):
        if any(isinstance(v, Mapping) for v in value):
            return "[\n" + "".join(f"    {toml_value(v)},\n" for v in value) + "]"
        return f"[{', '.join(toml_value(v) for v in value)}]"
    if isinstance(value, float):
        text = repr(value)
        return text if re.search(r"[.e]", text) else f"{text}.0"
    if isinstance(value, int):
        return str(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
