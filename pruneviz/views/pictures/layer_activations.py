"""What each layer says: how alike the activations of the models compared are to the reference's, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.marks import MARKERS, Axis, Band, Floats, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.density_map import FEW_LAYERS, Row, layer_labels, rows_of
from pruneviz.views.pictures.layer_weights import FAINT, shifts
from pruneviz.views.pictures.similarity_layers import similarity_layers_info
from pruneviz.views.text import elide, listed, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "layer_activations"
_TITLE = "How alike each layer's activations are"
_BETWEEN_DENSE = ("retrained", "replicate")


@dataclass(frozen=True, eq=False)
class _Arm:
    """A model's linear CKA with the reference, (layers,): NaN where it is not known; and where a layer has none."""

    row: Row
    cka: Floats
    dead: npt.NDArray[np.bool_]


def layer_activations_info(tables: Tables, state: ViewState) -> Picture:
    """Linear CKA of each layer's outputs with the reference's, of the models compared; else of each method.

    Needs the analysis ``similarity``. The area is what dense models have among themselves; a layer that says the same
    for every image (all its units dead, say) has no CKA and is marked.
    """
    table = table_of(tables, "similarity")
    if table is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("similarity", "what layers say"), height=200)
    done = measured(tables)
    if not on.compared(done, state):
        return replace(similarity_layers_info(tables, state), name=_NAME)
    reference = on.reference(done, state)
    rows, which = rows_of(tables, state)
    ids = table["run_id"].astype(str), table["reference_run_id"].astype(str)
    with_it = table[(ids[0] == reference) | (ids[1] == reference)]
    model = on.row(done, reference)["model"]
    alike = set(done.loc[(done["model"] == model).fillna(False).astype(bool), "run_id"])
    dense = table[table["kind"].isin(_BETWEEN_DENSE) & ids[0].isin(alike)]
    order = with_it if len(with_it) else dense
    names = list(order.sort_values("index", kind="stable")["layer"].astype(str).unique())
    found = {r.run_ids[0]: _arm(r, with_it, names) for r in rows}
    arms = [a for a in found.values() if a is not None]
    lacking = [plain(r.label) for r in rows if found[r.run_ids[0]] is None]
    if not arms:
        empty = (
            "The activations of these models are not compared with this reference. Take their own dense model as the "
            "reference, or extend the analysis similarity."
        )
        return Picture(_NAME, _TITLE, empty=empty, height=200)
    alone = _alone(dense, names)
    return Picture(
        _NAME,
        _TITLE,
        subtitle=f"{which} Linear CKA of the same layer's outputs with the reference's, on the same test images.",
        sentences=tuple(_sentences(arms, names, alone)),
        notes=(f"Not compared with this reference: {listed(lacking)}.",) if lacking else (),
        x=Axis(kind="categories", categories=layer_labels(names), upright=len(names) > FEW_LAYERS),
        y=Axis("linear CKA with the reference\n1: the same but for a rotation", low=_low(arms, alone), high=1.04),
        marks=tuple(_marks(arms, names, alone)),
        legend=tuple(_legend(arms, len(alone))),
        height=380,
    )


def _arm(row: Row, with_it: pd.DataFrame, names: Sequence[str]) -> _Arm | None:
    run = row.run_ids[0]
    own = with_it[(with_it["run_id"] == run) | (with_it["reference_run_id"] == run)].drop_duplicates("layer")
    if own.empty:
        return None
    values = own.set_index(own["layer"].astype(str))["cka"].astype("float64")
    there = np.array([n in values.index for n in names])
    cka = np.asarray(values.reindex(list(names)), np.float64)
    return _Arm(row, cka, there & ~np.isfinite(cka))


def _alone(dense: pd.DataFrame, names: Sequence[str]) -> Floats:
    """(pairs, layers) the same between dense models; pairs in which a layer has none are left out."""
    pairs = dense.groupby(["run_id", "reference_run_id"], observed=True)
    values = [g.set_index(g["layer"].astype(str))["cka"].astype("float64").reindex(list(names)) for _, g in pairs]
    known = [v for v in (np.asarray(v, np.float64) for v in values) if np.isfinite(v).all()]
    return np.array(known, np.float64).reshape(len(known), len(names))


def _low(arms: Sequence[_Arm], alone: Floats) -> float:
    every = np.concatenate([*(a.cka for a in arms), alone.reshape(-1)])
    known = every[np.isfinite(every)]
    dead = any(a.dead.any() for a in arms)
    return 0.0 if dead or not len(known) else min(0.9, float(known.min()) - 0.04)


def _marks(arms: Sequence[_Arm], names: Sequence[str], alone: Floats) -> Iterator[Mark]:
    at = np.arange(len(names), dtype=float)
    if len(alone):
        yield Band(at, alone.min(axis=0), alone.max(axis=0), "soft")
    for i, (arm, shift) in enumerate(zip(arms, shifts(len(arms)), strict=True)):
        x, ink, known = at + shift, arm.row.ink, np.isfinite(arm.cka)
        alpha = FAINT if arm.row.control else 1.0
        yield Line(x[known], arm.cka[known], ink, "dotted" if arm.row.control else "solid", 1.2, 0.55)
        hover = {
            "layer": [plain(n) for n, k in zip(names, known, strict=True) if k],
            "model": [arm.row.label] * int(known.sum()),
            "CKA with the reference": [number(v) for v in arm.cka[known]],
        }
        yield Points(x[known], arm.cka[known], ink, MARKERS[i % 6], not arm.row.control, 8, alpha, hover=hover)
        if arm.dead.any():
            yield Text(x[arm.dead], np.full(int(arm.dead.sum()), 0.02), ["✕"] * int(arm.dead.sum()), ink, "center")


def _sentences(arms: Sequence[_Arm], names: Sequence[str], alone: Floats) -> Iterator[str]:
    judged = [a for a in arms if not a.row.control] or list(arms)
    values = np.array([a.cka for a in judged])
    if np.isfinite(values).any():
        which, layer = map(int, np.unravel_index(int(np.nanargmin(values)), values.shape))
        where = elide(plain(names[layer]), 36)
        text = f"The least alike is {where} of {judged[which].row.label}: CKA {number(float(values[which, layer]))}"
        controls = [float(a.cka[layer]) for a in arms if a.row.control and a not in judged]
        controls = [v for v in controls if np.isfinite(v)]
        if controls:
            ends = [number(v) for v in (min(controls), max(controls))]
            text += f"; random pruning: {' to '.join(dict.fromkeys(ends))}"
        if len(alone):
            ends = [number(float(v)) for v in (alone[:, layer].min(), alone[:, layer].max())]
            text += f"; dense models among themselves: {' to '.join(ends)} ({several(len(alone), 'pair')})"
        yield f"{text}."
    for a in arms:
        if a.dead.any():
            gone = [elide(plain(n), 36) for n, d in zip(names, a.dead, strict=True) if d]
            yield f"In {a.row.label}, or in the reference, {listed(gone[:3])} says the same for every image."


def _legend(arms: Sequence[_Arm], pairs: int) -> Iterator[Key]:
    if pairs:
        yield Key(f"range of {several(pairs, 'pair')} of dense models", "area", "soft", alpha=0.16)
    for i, a in enumerate(arms):
        yield Key(a.row.label, "line", a.row.ink, MARKERS[i % 6], not a.row.control)
    if any(a.dead.any() for a in arms):
        yield Key("✕: says the same for every image", "note")
