"""Every layer of one model beside every layer of another: linear CKA as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.marks import Axis, Cells, Picture, Text
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.density_map import layer_labels
from pruneviz.views.text import number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "similarity_matrix"
_TITLE = "Every layer beside every layer"
_MOST = 4  # matrices side by side
_TEXTS = 24  # columns beside each other with the number in the cell
_TICKS = ((0.0, "≤ 0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1"))


@dataclass(frozen=True, eq=False)
class _Block:
    """One pair: the columns are the layers of ``run_id``, the rows those of ``reference``."""

    run_id: str
    reference: str
    label: str
    frame: pd.DataFrame


def similarity_matrix_info(tables: Tables, state: ViewState) -> Picture:
    """Of the models compared with the reference, else another dense model, a retrained one and pruned ones."""
    seen = table_of(tables, "similarity", "similarity_seen")
    if seen is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("similarity", "the similarity of layers"), height=320)
    done = measured(tables)
    reference, chosen = on.reference(done, state), on.compared(done, state)
    candidates = chosen or _default(done, reference, state)
    blocks = [b for r in candidates if (b := _block(seen, r, reference)) is not None]
    if not blocks:
        empty = (
            "The models compared were not looked at together: each is with its dense model. Choose that as the "
            'reference, or write similarity = {compare = "all"} under [analyses] and run the study again.'
        )
        return Picture(_NAME, _TITLE, empty=empty, height=320)
    labels = on.labels(done, [b.run_id for b in blocks] + [reference])
    blocks = [_Block(b.run_id, b.reference, labels[b.run_id], b.frame) for b in blocks]
    shown = blocks[:_MOST]
    rows = list(shown[0].frame.sort_values("reference_index")["reference_layer"].astype(str).unique())
    columns, starts = _columns(shown)
    notes = [f"{_MOST} of {len(blocks)} models shown."] * (len(blocks) > _MOST)
    if lost := len(candidates) - len(blocks):
        notes.append(f"{several(lost, 'model')} not looked at beside this reference.")
    n = int(seen["images"].iloc[0])
    estimate = "HSIC without bias" if bool(seen["unbiased"].iloc[0]) else "biased HSIC, which grows with width"
    return Picture(
        _NAME,
        _TITLE,
        subtitle=f"Rows: layers of {labels[reference]}. Linear CKA on {several(n, 'test image')}, {estimate}.",
        notes=tuple(notes),
        x=Axis(kind="categories", categories=columns, upright=len(columns) > 8),
        y=Axis(kind="categories", categories=("", *layer_labels(rows)), reverse=True),
        marks=(_cells(shown, rows, starts), _titles(shown, starts)),
        height=150 + 34 * (len(rows) + 1),
    )


def _default(done: pd.DataFrame, reference: str, state: ViewState) -> tuple[str, ...]:
    """Another dense model, the reference retrained, and its pruned models that keep least."""
    if not reference:
        return ()
    model = done.set_index("run_id").loc[reference, "model"]
    same = done[(done["model"] == model) & (done["run_id"] != reference)]
    other = list(same.loc[on.is_original(same), "run_id"])[:1]
    own = on.filtered(same[same["dense_run_id"] == reference], state)
    retrained = list(own.loc[on.is_dense(own), "run_id"])[:1]
    pruned = own[~on.is_dense(own)].sort_values("density", kind="stable").drop_duplicates("method")
    return (*other, *retrained, *pruned["run_id"])


def _block(seen: pd.DataFrame, run_id: str, reference: str) -> _Block | None:
    """The pair as it was looked at, or turned round."""
    own = seen[(seen["run_id"] == run_id) & (seen["reference_run_id"] == reference)]
    if own.empty:
        turned = seen[(seen["run_id"] == reference) & (seen["reference_run_id"] == run_id)]
        names = {"layer": "reference_layer", "index": "reference_index"}
        own = turned.rename(columns={**names, **{v: k for k, v in names.items()}})
    return _Block(run_id, reference, "", own) if len(own) else None


def _layers(block: _Block) -> list[str]:
    return list(block.frame.sort_values("index")["layer"].astype(str).unique())


def _columns(blocks: Sequence[_Block]) -> tuple[tuple[str, ...], list[int]]:
    """All columns with a free one between two blocks, and where each block begins."""
    names: list[str] = []
    starts = []
    for b in blocks:
        names += [""] if names else []
        starts.append(len(names))
        names += layer_labels(_layers(b))
    return tuple(names), starts


def _cells(blocks: Sequence[_Block], rows: Sequence[str], starts: Sequence[int]) -> Cells:
    down = {name: i + 1 for i, name in enumerate(rows)}
    x, y, value, told = [], [], [], []
    hover: dict[str, list[str]] = {k: [] for k in ("model", "its layer", "reference's layer", "CKA")}
    for b, start in zip(blocks, starts, strict=True):
        across = {name: start + i for i, name in enumerate(_layers(b))}
        for r in b.frame.to_dict("records"):
            cka = float(r["cka"])
            x.append(float(across[str(r["layer"])]))
            y.append(float(down[str(r["reference_layer"])]))
            value.append(min(max(cka, 0.0), 1.0) if np.isfinite(cka) else np.nan)
            told.append(_short(cka) if np.isfinite(cka) else "✕")
            hover["model"].append(b.label)
            hover["its layer"].append(plain(r["layer"]))
            hover["reference's layer"].append(plain(r["reference_layer"]))
            hover["CKA"].append(number(cka) if np.isfinite(cka) else "none: the same outputs for all images")
    few = sum(len(_layers(b)) for b in blocks) <= _TEXTS
    text = [t if few or t == "✕" else "" for t in told]
    return Cells(np.array(x), np.array(y), np.array(value), "density", text, _TICKS, "linear CKA", hover=hover)


def _short(cka: float) -> str:
    """Two decimals in as little room as they take: ``.87``, ``1``."""
    text = f"{round(cka, 2) + 0.0:.2f}".replace("-", "−")
    return "1" if text == "1.00" else text.replace("0.", ".", 1)


def _titles(blocks: Sequence[_Block], starts: Sequence[int]) -> Text:
    """What each block is, above it."""
    at = [s + (len(_layers(b)) - 1) / 2 for b, s in zip(blocks, starts, strict=True)]
    room = min(len(_layers(b)) for b in blocks) + 0.9
    return Text(
        np.array(at), np.zeros(len(at)), [b.label for b in blocks], "ink", "center", bold=True, size=11, room=room
    )
