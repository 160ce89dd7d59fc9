"""What the pictures of one session share: data sources on the screen, and rows that are counted and stay here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from pruneviz.core.selection import Polygon
from pruneviz.views import marks as m
from pruneviz.views.samples import held
from pruneviz.views.selecting import within

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource

    from pruneviz.views.bokeh_renderer import Drawn

Bools = npt.NDArray[np.bool_]
OnSelect = Callable[[str, tuple[str, ...]], None]
OnOutline = Callable[[m.Picture, Polygon, tuple[str, ...]], None]

# What a line drawn by hand does to what is selected, by Bokeh's name for it.
_WAYS: Mapping[str, Callable[[Bools, Bools], Bools]] = {
    "replace": lambda had, drawn: drawn,
    "append": np.logical_or,
    "intersect": np.logical_and,
    "subtract": lambda had, drawn: had & ~drawn,
    "xor": np.logical_xor,
}


@dataclass(eq=False)
class Sources:
    """The data sources that pictures share, by the names of their frames; one for each session.

    Attributes:
        on_select: called with a frame's name and the selected keys when a person has changed the selection; of a frame
            that is drawn in a plane, where ``on_outline`` hears of lines, only when nothing is selected any more.
        on_outline: called with a picture that has a plane, the corners of what a person has drawn there (none for a
            click), and the keys that are selected since.
        by_name: the sources of frames whose rows are drawn.
        counted: the frames whose rows are counted.
    """

    on_select: OnSelect | None = None
    on_outline: OnOutline | None = None
    by_name: dict[str, ColumnDataSource] = field(default_factory=dict)
    counted: dict[str, m.Frame] = field(default_factory=dict)
    _keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _planes: set[str] = field(default_factory=set)  # frames whose lines are heard, which tell more than their keys
    _own: bool = False  # whether the selection is being changed from here, and not by a person
    _masks: dict[str, tuple[m.Frame, Bools]] = field(default_factory=dict)
    _watching: dict[str, WeakSet[Drawn]] = field(default_factory=dict)

    @property
    def heard(self) -> bool:
        """Whether somebody hears of what a person does in its pictures."""
        return self.on_select is not None

    def of(self, frame: m.Frame) -> ColumnDataSource:
        """The frame's source, holding its columns; what is there already is not sent again."""
        from bokeh.models import ColumnDataSource

        data = {name: _small(values) for name, values in frame.columns.items()}
        source = self.by_name.get(frame.name)
        self.counted.pop(frame.name, None)
        if source is None:
            source = self.by_name[frame.name] = ColumnDataSource(data=data)
            if self.on_select is not None:
                source.selected.on_change("indices", partial(self._heard, frame.name))
        elif self._keys[frame.name] != frame.keys:
            source.data = data
        else:
            for name, values in data.items():
                if name not in source.data or not np.array_equal(source.data[name], values):
                    source.data[name] = values
            for name in source.data.keys() - data.keys():
                del source.data[name]
        self._keys[frame.name] = frame.keys
        self.select(frame.name, frame.selected)
        return source

    def hear_lines(self, picture: m.Picture) -> bool:
        """Whether what a person draws in a picture is heard as a line."""
        heard = picture.plane is not None and self.on_outline is not None
        if heard:
            self._planes |= {f.name for f in picture.frames}
        return heard

    def count(self, frame: m.Frame, drawn: Drawn) -> None:
        """Keep a frame whose rows are counted, and tell a picture that counts them of each new selection."""
        self.by_name.pop(frame.name, None)
        self.counted[frame.name] = frame
        self._watching.setdefault(frame.name, WeakSet()).add(drawn)

    def chosen(self, name: str) -> Bools | None:
        """(N,) which rows of a counted frame are selected; None where none are."""
        frame = self.counted[name]
        if not frame.selected:
            return None
        before, found = self._masks.get(name, (frame, None))
        if found is None or before.keys is not frame.keys or before.selected is not frame.selected:
            found = held(frame.keys, frame.selected)
            self._masks[name] = frame, found
        return found

    def select(self, name: str, selected: tuple[str, ...]) -> None:
        """Select rows of a frame by their keys, where the frame is shown already."""
        if name in self.by_name:
            self._own = True
            try:
                select_rows(self.by_name[name], self._keys[name], selected)
            finally:
                self._own = False
        elif name in self.counted and self.counted[name].selected != selected:
            self.counted[name] = replace(self.counted[name], selected=selected)
            for drawn in self._watching[name]:
                drawn.recount()

    def selected(self, name: str) -> tuple[str, ...]:
        """The keys of the rows of a frame that are selected on the screen."""
        if name in self.counted:
            return self.counted[name].selected
        return tuple(self._keys[name][i] for i in self.by_name[name].selected.indices)

    def outlined(self, mark: m.Counted, corners: Polygon, way: str) -> tuple[str, ...]:
        """The keys of the rows that are selected after a person has drawn a line around cells; none after a click.

        Args:
            mark: what counts them.
            corners: of the line.
            way: what it does to the rows that were selected, as Bokeh's tools name it.
        """
        frame = self.counted[mark.frame]
        if len(corners) < 3:
            return ()
        drawn = within(np.asarray(frame.columns[mark.x]), np.asarray(frame.columns[mark.y]), corners)
        had = self.chosen(mark.frame)
        kept = _WAYS[way](had, drawn) if had is not None else drawn
        return tuple(itertools.compress(frame.keys, kept.tolist()))

    def _heard(self, name: str, attr: str, old: object, indices: list[int]) -> None:
        if self.on_select is not None and not self._own and name in self.by_name:
            keys = self.selected(name)
            if not keys or name not in self._planes:
                self.on_select(name, keys)


def select_rows(source: ColumnDataSource, keys: tuple[str, ...], selected: tuple[str, ...]) -> None:
    """Select the rows of the given keys, where they are not selected already."""
    wanted = set(selected)
    indices = [i for i, k in enumerate(keys) if k in wanted] if wanted else []
    if sorted(source.selected.indices) != indices:
        source.selected.indices = indices


def _small(values: Any) -> Any:
    """Numbers as 4 bytes each: screens show no more."""
    if isinstance(values, np.ndarray) and values.dtype == np.float64:
        return values.astype(np.float32)
    return values
