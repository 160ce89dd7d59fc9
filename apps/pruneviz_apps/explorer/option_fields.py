"""Widgets for options, made from what the options say of themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from pruneviz.report.study_file import toml_value
from pruneviz.views.text import elide, plain
from pruneviz_apps.explorer.toolkit import toolkit

Told = Mapping[str, Mapping[str, Any]]  # by option: default, doc, allowed, choices


class OptionFields:
    """One field for each option; gives those that differ from their defaults."""

    def __init__(self, changed: Callable[[], None]) -> None:
        pn, _ = toolkit()
        self._changed = changed
        self._options: Told = {}
        self._fields: dict[str, Any] = {}
        self.panel = pn.FlexBox(gap="14px", margin=0, sizing_mode="stretch_width")

    def offer(self, options: Told, values: Mapping[str, Any] | None = None) -> None:
        """Show fields for these options, holding these values or the defaults; the same options stay as they are."""
        if options == self._options:
            return
        self._options = options
        self._fields = {name: _field(name, told, (values or {}).get(name)) for name, told in options.items()}
        for field in self._fields.values():
            field.param.watch(lambda e: self._changed(), "value")
        self.panel[:] = list(self._fields.values())

    def given(self) -> dict[str, Any]:
        """The options that differ from their defaults, as a study file has them."""
        values = {name: _read(field.value) for name, field in self._fields.items()}
        defaults = {name: _read(_shown(told["default"])) for name, told in self._options.items()}
        return {name: v for name, v in values.items() if v is not None and v != defaults[name]}


def _field(name: str, told: Mapping[str, Any], value: Any) -> Any:
    _, pmui = toolkit()
    value, choices = told["default"] if value is None else value, told.get("choices")
    about = elide(f"{plain(told['doc'])}. Allowed: {plain(told['allowed'])}.", 500)
    common: dict[str, Any] = {"label": name, "description": about, "margin": 0}
    if choices and isinstance(told["default"], (list, tuple)):
        offered = {plain(c): c for c in choices}
        return pmui.MultiChoice(options=offered, value=list(value), placeholder="none", width=330, **common)
    if choices:
        return pmui.Select(options={plain(c): c for c in choices}, value=value, size="small", width=210, **common)
    if isinstance(told["default"], bool):
        return pmui.Checkbox(value=value, width=150, **common)
    return pmui.TextInput(value=_shown(value), placeholder="by default", size="small", width=210, **common)


def _shown(value: Any) -> Any:
    """A value as its field holds it."""
    return value if isinstance(value, (bool, str)) else "" if value is None else toml_value(value)


def _read(text: Any) -> Any:
    """A field's value: TOML where it is that, else text; None for an empty field."""
    if not isinstance(text, str):
        return text
    if not text.strip():
        return None
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text.strip()
