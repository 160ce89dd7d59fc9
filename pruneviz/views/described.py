"""A picture in words, for people who hear it and do not see it."""

from __future__ import annotations

from collections.abc import Iterator

from pruneviz.views import marks as m
from pruneviz.views.text import elide, listed, several

LONGEST = 900  # characters: more is not listened to
_MOST_NAMES = 6  # of a category axis, or of the legend
_KINDS: tuple[tuple[type, str], ...] = (
    (m.Points, "point"),
    (m.Line, "line"),
    (m.Cells, "cell"),
    (m.Bars, "bar"),
    (m.Intervals, "interval"),
    (m.Images, "image"),
    (m.Maps, "map"),
)


def described(picture: m.Picture) -> str:
    """What a picture shows: its title, what was found, what stands along its axes, and how many marks of which kind."""
    if picture.empty:
        return f"{_ended(picture.title)} {picture.empty}"
    parts = [picture.title, *picture.sentences, *_axes(picture), _drawn(picture), *_legend(picture), picture.subtitle]
    return elide(" ".join(_ended(p) for p in parts if p), LONGEST)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _axes(picture: m.Picture) -> Iterator[str]:
    for where, axis in (("Across", picture.x), ("Up", picture.y)):
        names = [n for n in axis.categories if n]
        what = ": ".join(filter(None, (axis.title.replace("\n", " · "), _few(names))))
        if what:
            yield f"{where}: {what}{' (logarithmic)' if axis.kind == 'log' else ''}"


def _few(names: list[str]) -> str:
    more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return listed([*names[:_MOST_NAMES], *more])


def _drawn(picture: m.Picture) -> str:
    counts = []
    for kind, word in _KINDS:
        found = [k for k in picture.marks if isinstance(k, kind)]
        n = sum(1 if isinstance(k, m.Line) else _size(k) for k in found)
        counts += [several(n, word)] if n else []
    linked = {k.frame for k in picture.marks if isinstance(k, m.LinkedPoints | m.Counted)}
    shown = [f for f in picture.frames if f.name in linked]
    counts += [several(len(f.keys), "point") + (" counted in cells" if f.counted else "") for f in shown]
    return listed(counts) if counts else ""


def _size(mark: m.Mark) -> int:
    if isinstance(mark, m.Images):
        return len(mark.pixels)
    if isinstance(mark, m.Maps):
        return len(mark.places)
    return len(getattr(mark, "y", ()))


def _legend(picture: m.Picture) -> Iterator[str]:
    """The looks and what they mean, group by group."""
    groups: list[tuple[str, list[str]]] = [("", [])]
    for key in picture.legend:
        if key.kind == "heading":
            groups.append((key.label, []))
        elif key.kind != "note":
            groups[-1][1].append(key.label)
    for title, labels in groups:
        if labels:
            yield f"{title or 'Told apart'}: {_few(labels)}"
