"""The pictures as one Bokeh document that any browser can draw without a server, the same bytes every time.

All figures stand in one document, so that those that share a frame share its data source and are linked. Bokeh numbers
its models by a counter of the process: they are numbered anew here. The document is drawn in the light theme; what
differs in the dark one is kept beside it, as values of properties.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.report.imagery import packed
from pruneviz.views.bokeh_renderer import Sources, draw
from pruneviz.views.marks import Picture

if TYPE_CHECKING:
    from bokeh.document import Document

_FEWEST = 256  # texts of a column that are worth a dictionary
_KINDS = 256  # most different ones in it


@dataclass(frozen=True, eq=False)
class Figures:
    """The document and what the page's script has to know of it.

    Attributes:
        document: Bokeh's JSON of the light theme.
        dark: ``[model, property, column or None, value in light, value in dark]`` of all that differs.
        roots: id of each picture's figure, ``""`` where it is empty, in the pictures' order.
        frames: id of the data source of each shared frame, by the frame's name.
        runs: ids of the data sources whose points are runs, each with a column ``key``.
    """

    document: dict[str, Any]
    dark: list[list[Any]]
    roots: tuple[str, ...]
    frames: dict[str, str]
    runs: tuple[str, ...]

    @property
    def plain(self) -> dict[str, Any]:
        """As the script reads it."""
        roots = {root: f"figure-{i}" for i, root in enumerate(self.roots) if root}
        return {
            "document": self.document,
            "dark": self.dark,
            "roots": roots,
            "frames": self.frames,
            "runs": list(self.runs),
        }


@dataclass(frozen=True, eq=False)
class _Made:
    """One theme's document as Bokeh writes it, with its models numbered anew."""

    document: Document
    written: dict[str, Any]
    ids: dict[str, str]
    sources: Sources
    roots: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        """Every model's JSON, by its new number."""
        return {o["id"]: o for o in _objects(self.written)}


def figures(pictures: Sequence[Picture], names: Sequence[str] = ()) -> Figures:
    """Draw pictures into one document that needs no server.

    Args:
        pictures: any.
        names: a list of texts that the page holds already; a column that equals it is not written a second time.
    """
    light, dark = _made(pictures, "light"), _made(pictures, "dark")
    different = list(_different(light, dark))
    for model in light.objects.values():
        if model["name"] == "ColumnDataSource":
            _pack(model, list(names))
    frames = {name: light.ids[source.id] for name, source in light.sources.by_name.items()}
    return Figures(light.written, different, light.roots, frames, light.runs)


def _made(pictures: Sequence[Picture], theme: str) -> _Made:
    from bokeh.document import Document
    from bokeh.models import ColumnDataSource, SaveTool
    from bokeh.models.renderers import GlyphRenderer

    document, sources = Document(), Sources()
    drawn = [draw(p, theme=theme, sources=sources) for p in pictures]
    with document.models.freeze():  # else each new root goes through all models again
        for d in drawn:
            if d.figure is not None:
                for tool in d.figure.tools:
                    if isinstance(tool, SaveTool):
                        tool.filename = d.picture.name  # else Bokeh asks for one
                document.add_root(d.figure)
    written: Any = json.loads(json.dumps(document.to_json(deferred=False)))
    ids = {o["id"]: f"m{n}" for n, o in enumerate(_objects(written))}
    chosen = [d.figure for d in drawn if d.figure is not None and d.picture.selects == "runs"]
    shown = [r.data_source for figure in chosen for r in figure.renderers if isinstance(r, GlyphRenderer)]
    runs = [s.id for s in shown if isinstance(s, ColumnDataSource) and any(s.data.get("key", ()))]
    roots = tuple(ids[d.figure.id] if d.figure is not None else "" for d in drawn)
    _rename(written, ids)
    return _Made(document, written, ids, sources, roots, tuple(ids[r] for r in dict.fromkeys(runs)))


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every model where it is defined, in the document's order."""
    if isinstance(node, dict):
        if node.get("type") == "object" and "id" in node:
            yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


def _rename(node: Any, ids: Mapping[str, str]) -> None:
    """New numbers for models, where they are defined and where they are referred to."""
    if isinstance(node, dict):
        if node.get("id") in ids and (node.get("type") == "object" or len(node) == 1):
            node["id"] = ids[node["id"]]
        for value in node.values():
            _rename(value, ids)
    elif isinstance(node, list):
        for value in node:
            _rename(value, ids)


def _different(light: _Made, dark: _Made) -> Iterator[list[Any]]:
    before, after = light.objects, dark.objects
    if list(before) != list(after):
        raise AssertionError("the two themes draw different models")
    names = {new: old for old, new in light.ids.items()}, {new: old for old, new in dark.ids.items()}
    for number, model in before.items():
        own, other = model.get("attributes", {}), after[number].get("attributes", {})
        for key in sorted(own.keys() | other.keys()):
            if key == "data":
                yield from _different_columns(number, own[key], other[key])
                continue
            value = own[key] if key in own else _default(light.document, names[0][number], key)
            changed = other[key] if key in other else _default(dark.document, names[1][number], key)
            if value != changed and not any(_objects(value)):
                yield [number, key, None, value, changed]


def _different_columns(number: str, light: Any, dark: Any) -> Iterator[list[Any]]:
    for (name, value), (_, changed) in zip(light["entries"], dark["entries"], strict=True):
        if value != changed:
            yield [number, "data", name, value, changed]


def _default(document: Document, model: str, name: str) -> Any:
    """The value of a property that Bokeh leaves out because it is the default."""
    found = document.get_model_by_id(model)  # type: ignore[arg-type]
    return getattr(found, name)


def _pack(source: dict[str, Any], names: list[str]) -> None:
    """Long columns of few different texts as codes and a dictionary; the page's script writes them out again."""
    for entry in source["attributes"]["data"]["entries"]:
        values = entry[1]
        if names and values == names:
            entry[1] = {"type": "names"}
        elif isinstance(values, list) and len(values) >= _FEWEST and all(isinstance(v, str) for v in values):
            kinds = list(dict.fromkeys(values))
            if len(kinds) <= _KINDS:
                place = {k: i for i, k in enumerate(kinds)}
                entry[1] = {"type": "texts", "texts": kinds, **packed(np.array([place[v] for v in values]))}
