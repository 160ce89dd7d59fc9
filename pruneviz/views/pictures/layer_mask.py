"""One layer from inside: which of its weights each model keeps, and how large they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.masks import LayerWeights
from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.marks import Floats, Key, Maps, Mark, Picture, Text
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.density_map import Row, rows_of
from pruneviz.views.text import count, listed, number, percent, plain, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

_NAME = "layer_mask"
MOST_MODELS = 5  # beside the reference, a random control included
COLUMNS = 3
_WIDE, _GAP, _HEAD, _BETWEEN = 232, 20, 44, 22  # pixels
_LOWEST, _HIGHEST = 40, 232
_CELLS = (96, 160)  # at most, down and across: more cannot be seen
_FAINTEST = 40  # of 255, where anything is kept: 0 is what is gone


@dataclass(frozen=True, eq=False)
class _Shown:
    """A model's layer.

    Attributes:
        places: (h, w) sizes of what is kept in each cell, means over its weights; NaN where nothing is kept.
    """

    label: str
    weights: LayerWeights
    places: Floats


def layer_mask_info(tables: Tables, state: ViewState) -> Picture:
    """The weights of one layer as a table of outputs by inputs: blank where removed, darker the larger they are.

    Of the reference and the models compared with their random controls, else of a run of each method at one target.
    """
    layer = shown_layer(tables, state)
    title = f"Inside {plain(layer)}" if layer else "Inside a layer"
    rows, which = rows_of(tables, state)
    done = measured(tables)
    reference = on.reference(done, state)
    if not rows or not layer or not reference:
        return Picture(_NAME, title, empty="Nothing pruned has been measured yet.", height=200)
    own = [r for r in rows if not r.control][: MOST_MODELS - 1]
    asked = [*own, *[r for r in rows if r.control][: MOST_MODELS - len(own)]]
    ink = on.inks(tables.runs)[on.DENSE] if on.DENSE in set(tables.runs["method"]) else "dense"
    label = f"★ {on.labels(done, [reference])[reference]}"
    everything = [Row(label, (reference,), ink, False), *asked]
    found = {r.label: _inside(tables, r, layer) for r in everything}
    shape = next((s.weights.values.shape for s in found.values() if s is not None), ())
    shown = [s for s in found.values() if s is not None and s.weights.values.shape == shape]
    if not shown:
        return Picture(_NAME, title, empty="The weights of these models are not kept in this store.", height=200)
    lacking = [r.label for r in everything if found[r.label] not in shown]
    notes = [f"Without this layer, in this shape: {listed(lacking)}."] if lacking else []
    if len(asked) < len(rows):
        notes.append(f"{several(len(asked), 'model')} of {len(rows)} shown, a random control included.")
    cell = [-(-n // most) for n, most in zip(_table(np.zeros(shape)).shape, _CELLS, strict=True)]
    held = f" A cell is the mean of up to {cell[0]} × {cell[1]} weights." if max(cell) > 1 else ""
    if not on.compared(done, state):
        which = "A run of each method at one target. Choose models to compare to see them instead."
    tall = _tall(shown[0].places)
    return Picture(
        _NAME,
        title,
        subtitle=(
            f"Shape {'×'.join(map(str, shape))}: a row for each output, a column for each input and place of the "
            f"kernel.{held} {which}"
        ),
        sentences=tuple(_sentences(shown)),
        notes=tuple(notes),
        marks=tuple(_marks(shown, tall)),
        legend=(
            Key("small weights", "area", "step-1"),
            Key("large weights", "area", "step-4"),
            Key("blank: nothing is kept", "note"),
        ),
        width=COLUMNS * (_WIDE + _GAP),
        height=-(-len(shown) // COLUMNS) * (_HEAD + tall + _BETWEEN),
    )


def shown_layer(tables: Tables, state: ViewState) -> str:
    """The layer chosen, else the first; empty where there is none."""
    known = layers_of(tables, state)
    return state.layer if state.layer in known else next(iter(known), "")


def layers_of(tables: Tables, state: ViewState) -> tuple[str, ...]:
    """The names of the reference's prunable layers, in the model's order."""
    reference = on.reference(measured(tables), state)
    if not reference:
        return ()
    found = tables.table("layers", [reference]).sort_values("index", kind="stable")
    return tuple(str(n) for n in found["layer"])


def _inside(tables: Tables, row: Row, layer: str) -> _Shown | None:
    """A row's first run; None where its weights are not there."""
    read = getattr(tables, "weights", None)  # not every study has them at hand
    found: LayerWeights | None = read(row.run_ids[0], layer) if read is not None else None
    return _Shown(row.label, found, _coarse(found)) if found is not None else None


def _table(values: Floats) -> Floats:
    """Outputs by everything else."""
    return values.reshape(values.shape[0], -1) if values.ndim > 1 else values.reshape(1, -1)


def _coarse(weights: LayerWeights) -> Floats:
    """(h, w) mean size in each cell, removed weights counted as 0; NaN where nothing is kept."""
    sizes, kept = _table(np.abs(weights.values) * weights.kept), _table(weights.kept.astype(float))
    steps = [-(-n // most) for n, most in zip(sizes.shape, _CELLS, strict=True)]
    edges = [np.arange(0, n, step) for n, step in zip(sizes.shape, steps, strict=True)]

    def summed(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(np.add.reduceat(values, edges[0], axis=0), edges[1], axis=1))

    whole = summed(np.ones_like(kept))
    return np.where(summed(kept) > 0, summed(sizes) / whole, np.nan)


def _tall(places: Floats) -> int:
    h, w = places.shape
    return int(min(max(_WIDE * h / w, _LOWEST), _HIGHEST))


def _marks(shown: Sequence[_Shown], tall: int) -> Iterator[Mark]:
    known = [s.places[np.isfinite(s.places)] for s in shown]
    largest = next((float(np.quantile(k, 0.99)) for k in known if len(k)), 0.0) or 1.0
    coded = []
    for s in shown:
        size = np.clip(np.nan_to_num(s.places) / largest, 0, 1)
        coded.append(np.where(np.isfinite(s.places), _FAINTEST + (255 - _FAINTEST) * size, 0).astype(np.uint8))
    left = np.array([(i % COLUMNS) * (_WIDE + _GAP) for i in range(len(shown))], dtype=float)
    top = np.array([(i // COLUMNS) * (_HEAD + tall + _BETWEEN) for i in range(len(shown))], dtype=float)
    hover = {
        "model": [s.label for s in shown],
        "kept": [_kept(s) for s in shown],
        "norm of what is kept": [number(float(np.linalg.norm(s.weights.values * s.weights.kept))) for s in shown],
    }
    yield Maps(np.stack(coded), "density", left, top + _HEAD, float(_WIDE), float(tall), hover)
    yield Text(left, top + 12, [s.label for s in shown], bold=True, size=11.5, room=float(_WIDE))
    yield Text(left, top + 29, [_kept(s) for s in shown], "soft", size=11.0, room=float(_WIDE))


def _kept(shown: _Shown) -> str:
    kept = shown.weights.kept
    return f"keeps {count(float(kept.sum()))} of {count(float(kept.size))} ({percent(float(kept.mean()))})"


def _sentences(shown: Sequence[_Shown]) -> Iterator[str]:
    """Outputs and inputs of which nothing is left."""
    for s in shown:
        kept = s.weights.kept.reshape(*s.weights.kept.shape[:2], -1) if s.weights.kept.ndim > 1 else None
        if kept is None:
            continue
        outputs, inputs = (int((~kept.any(axis=a)).sum()) for a in ((1, 2), (0, 2)))
        if outputs or inputs:
            parts = [f"{several(outputs, 'output')} of {kept.shape[0]:,}"] if outputs else []
            parts += [f"{several(inputs, 'input')} of {kept.shape[1]:,}"] if inputs else []
            yield f"{s.label} has nothing left of {listed(parts)}."
