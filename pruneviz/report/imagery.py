"""The images of a comparison as the page's script needs them: what each model says of each, and thumbnails.

Thumbnails are packed into sheets, those first that most of the models see differently than the reference, until their
room is spent: a page with all images of a large data set would not go into a mail.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.measures.changes import Change
from pruneviz.views import runs as on
from pruneviz.views.comparison import Comparison, class_name, comparison
from pruneviz.views.metrics import measured
from pruneviz.views.text import plain

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables
    from pruneviz.views.choosing import Choice

ACROSS = 16
_SMALL = 32 * 32  # pixels up to which a thumbnail is small: many to a sheet, and grey ones kept exactly
_MANY, _FEW = 256, 64  # thumbnails a sheet, small and large ones
_QUALITY = 80


@dataclass(frozen=True, eq=False)
class Imagery:
    """What the models compared say of the samples that the scatters draw.

    Attributes:
        plain: as the script reads it.
        order: ids of the samples, in the order in which images are shown.
    """

    plain: dict[str, Any]
    order: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """The first images of an order, packed into sheets.

    Attributes:
        plain: as the script reads it.
        total: images in all.
    """

    plain: dict[str, Any]
    total: int

    @property
    def left_out(self) -> str:
        """Which thumbnails are missing, and by what rule; empty where none are."""
        if self.plain["count"] == self.total:
            return ""
        return (
            f"Thumbnails of {self.plain['count']:,} of {self.total:,} images are in this file: first those that most "
            "of the models compared see differently than the reference. What the models say is there for all of them."
        )


def imagery(tables: Tables, choice: Choice, keys: Sequence[str]) -> Imagery:
    """What each model says of the samples that the scatters draw.

    Args:
        tables: the study.
        choice: what is compared.
        keys: the samples' ids, in the order of the scatters' shared columns.
    """
    c = comparison(tables, choice.state.everything, with_baseline=False)
    at = {s: i for i, s in enumerate(c.samples.ids)}
    rows = np.array([at[k] for k in keys], dtype=np.intp)
    runs = (c.reference, *c.compared)
    labels = c.samples.labels[rows]
    says = {r: c.samples.prediction[r][rows] for r in runs}
    most = max(int(labels.max(initial=0)), *(int(p.max(initial=0)) for p in says.values()))
    order = ranked(c, rows)
    short = on.labels(measured(tables), list(c.compared)) | {c.reference: c.labels[c.reference]}
    models = [
        {
            "label": plain(short[r]),
            "says": packed(says[r]),
            "sure": packed(np.rint(100 * c.samples.confidence[r][rows])),
        }
        for r in runs
    ]
    found = {
        "names": [plain(k) for k in keys],
        "labels": packed(labels),
        "classes": [class_name(tables.classes, k) for k in range(max(len(tables.classes), most + 1))],
        "models": models,
        "order": packed(order),
    }
    return Imagery(found, tuple(keys[i] for i in order))


def ranked(c: Comparison, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Places of the samples: first those that most models see differently, then those they do worse on.

    The rule of :func:`pruneviz.views.pictures.images.images_info`, over all of them.
    """
    codes = np.array([c.codes(c.reference, r)[rows] for r in c.compared])
    flipped = (codes >= Change.RIGHT_TO_WRONG).sum(axis=0)
    worse = np.mean([c.samples.loss[r][rows] for r in c.compared], axis=0) - c.samples.loss[c.reference][rows]
    return np.lexsort((-np.nan_to_num(worse), -flipped))


def packed(values: npt.ArrayLike) -> dict[str, Any]:
    """Whole numbers ≥ 0 as base64 of the smallest type that holds them, little-endian."""
    v = np.asarray(values)
    v = np.where(np.isfinite(v), v, 0) if v.dtype.kind == "f" else v
    most = int(v.max(initial=0))
    kind = next(k for k in ("<u1", "<u2", "<u4") if most <= np.iinfo(k).max)
    return {"bits": np.dtype(kind).itemsize * 8, "data": base64.b64encode(v.astype(kind).tobytes()).decode("ascii")}


def thumbnails(tables: Tables, ids: Sequence[str], room: int) -> Thumbnails:
    """As many thumbnails as there is room for.

    Args:
        tables: the study.
        ids: of the images, the most wanted first; at least one.
        room: characters that they may take in all.
    """
    sheets: list[str] = []
    count = spent = 0
    height, width, channels = tables.pictures(ids[:1]).shape[1:]
    small = height * width <= _SMALL
    lossy, each = channels == 3 or not small, _MANY if small else _FEW
    for start in range(0, len(ids), each):
        pixels = tables.pictures(ids[start : start + each])
        address = _address(_tiled(pixels), lossy)
        if spent + len(address) > room:
            break
        sheets.append(address)
        spent += len(address)
        count += len(pixels)
    about = {"each": each, "across": ACROSS, "height": int(height), "width": int(width), "lossy": lossy}
    return Thumbnails({"sheets": sheets, "count": count, **about}, len(ids))


def _tiled(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Thumbnails (n, h, w, channels) as one picture, row by row."""
    n, h, w, channels = pixels.shape
    down = -(-n // ACROSS)
    grid: npt.NDArray[np.uint8] = np.zeros((down * ACROSS, h, w, channels), np.uint8)
    grid[:n] = pixels
    tiles = grid.reshape(down, ACROSS, h, w, channels).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(down * h, ACROSS * w, channels)


def _address(picture: npt.NDArray[np.uint8], lossy: bool) -> str:
    from PIL import Image

    made = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    out = io.BytesIO()
    if lossy:
        made.save(out, "JPEG", quality=_QUALITY, subsampling=0)
    else:
        made.save(out, "PNG", optimize=True)
    kind = "jpeg" if lossy else "png"
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
