"""Where models look: images, and beside them the attribution maps of the reference and of the models compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.attribution import ATTRIBUTIONS, rank_correlation
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of, table_of
from pruneviz.views.comparison import class_name
from pruneviz.views.marks import Floats, Images, Key, Maps, Mark, Picture, Text
from pruneviz.views.metrics import measured
from pruneviz.views.text import MINUS, elide, number, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

_NAME = "attribution_maps"
_TITLE = "Where models look"
MOST_MODELS = 4  # beside the reference: more do not fit
IMAGES = 3  # on a page, which then fits on one of paper, too
_FULL = 0.99  # quantile of a map's absolute values that has the strongest colour
_TILE, _NAMES, _PAIR, _BESIDE = (
    66.0,
    92.0,
    4.0,
    18.0,
)  # a tile, the room for names, between the two of a model, and after
_HEAD, _BLOCK, _ROW, _FOOT = 54.0, 34.0, 82.0, 10.0  # models' names, an image's words, a row of maps, after an image


@dataclass(frozen=True, eq=False)
class _Seen:
    """What is shown.

    Attributes:
        reference: run id.
        compared: run ids, at most :data:`MOST_MODELS`.
        labels: names of all these.
        rows: of the table, by run, sample and way of attributing.
        ways: of attributing.
        page: ids of the images.
    """

    reference: str
    compared: tuple[str, ...]
    labels: dict[str, str]
    rows: Mapping[tuple[str, str, str], Mapping[Any, Any]]
    ways: tuple[str, ...]
    page: tuple[str, ...]

    def place(self, run_id: str, sample: str, way: str) -> Floats | None:
        """A map (h, w) with its strongest colour at ±1; None where there is none."""
        row = self.rows.get((run_id, sample, way))
        if row is None:
            return None
        values = np.asarray(row["values"], np.float64).reshape(int(row["height"]), int(row["width"]))
        full = float(np.quantile(np.abs(values), _FULL)) or float(np.abs(values).max()) or 1.0
        return values / full


def attribution_maps_info(tables: Tables, state: ViewState) -> Picture:
    """For each image a row for each way of attributing: the reference's map, then each model's and what differs.

    The selected images that have maps, or all of them: those that flip most and random ones in turn. A map's colours
    reach up to the 99th percentile of its own absolute values, so that shapes are compared and not strengths.
    """
    maps = table_of(tables, "attributions", "attributions_maps")
    if maps is None:
        return Picture(_NAME, _TITLE, empty=nothing_of("attributions", "where models look"), height=240)
    seen, total, notes = _seen(tables, state, maps)
    if not seen.page:
        empty = "Neither the reference nor the models compared have maps here. Choose others, or run the study again."
        return Picture(_NAME, _TITLE, empty=empty, height=240)
    tall = _BLOCK + _ROW * len(seen.ways) + _FOOT
    left = _TILE + 14 + _NAMES
    return Picture(
        _NAME,
        _TITLE,
        subtitle=(
            f"{several(len(seen.page), 'image')} of {total}. Beside each model's map: what differs from the dense "
            "model's, and their rank correlation. Colours are full at the 99th percentile of each map's own values, so "
            "shapes are compared, not strengths."
        ),
        notes=tuple(notes),
        marks=tuple(_marks(tables, seen, left, tall)),
        legend=(
            Key("for the class; more than dense", "area", "gained"),
            Key("against it; less than dense", "area", "lost"),
        ),
        width=round(left + _TILE + _BESIDE + (2 * _TILE + _PAIR + _BESIDE) * len(seen.compared)),
        height=round(_HEAD + tall * len(seen.page)),
    )


def _seen(tables: Tables, state: ViewState, maps: pd.DataFrame) -> tuple[_Seen, int, list[str]]:
    """What is shown, of how many images, and what is left out by which rule."""
    done = measured(tables)
    have = set(maps["run_id"].astype(str))
    reference = on.reference(done, state)
    asked = on.compared(done, state)
    compared = [r for r in asked or _suggested(done, reference) if r in have]
    shown = tuple(compared[:MOST_MODELS])
    notes = []
    if len(compared) > MOST_MODELS:
        notes.append(f"The first {MOST_MODELS} of {len(compared)} models compared are shown.")
    if lacking := len(asked) - len([r for r in asked if r in have]):
        notes.append(f"{several(lacking, 'model')} compared {'has' if lacking == 1 else 'have'} no maps yet.")
    if not asked:
        notes.append(
            "Choose models to compare to see others; select images, and those of them that have maps are shown."
        )
    own = maps[maps["run_id"].astype(str).isin({reference, *shown})]
    own = own.assign(**{c: own[c].astype(str) for c in ("run_id", "sample_id", "attribution", "chosen")})
    order = _order(own[own["run_id"] == reference] if reference in have else own)
    if state.narrowed:
        picked = [s for s in order if s in set(state.samples)]
        notes.append(f"{len(picked)} of {several(len(state.samples), 'selected image')} have maps.")
        order = picked or order
    first = min(state.first_sample, max(len(order) - 1, 0)) // IMAGES * IMAGES
    ways = tuple(w for w in ATTRIBUTIONS if w in set(own["attribution"]))
    page = tuple(order[first : first + IMAGES])
    rows = own[own["sample_id"].isin(page)].to_dict("records")
    known = {(str(r["run_id"]), str(r["sample_id"]), str(r["attribution"])): r for r in rows}
    return _Seen(reference, shown, on.labels(done, [reference, *shown]), known, ways, page), len(order), notes


def _suggested(done: pd.DataFrame, reference: str) -> list[str]:
    """Of the reference's dense model: it trained on, then each method at the middle target, recovered if any are."""
    if not reference:
        return []
    family = done[(done["dense_run_id"] == on.row(done, reference)["dense_run_id"]).fillna(False).astype(bool)]
    dense = on.is_dense(family)
    found = [str(r) for r in family.loc[dense & (family["run_id"] != reference), "run_id"]][:1]
    pruned = family[~dense]
    targets = on.unique(pruned.sort_values("density", ascending=False, kind="stable")["target"])
    middle = targets[len(targets) // 2] if targets else ""
    recovered = on.unique(pruned["recovery"])[-1:] or [""]
    at = pruned[(pruned["target"] == middle) & (pruned["recovery"] == recovered[0])]
    return found + [str(r) for r in at.drop_duplicates("method")["run_id"]]


def _order(maps: pd.DataFrame) -> list[str]:
    """Images that flip most and random ones in turn, each in their own order."""
    flips, drawn = (on.unique(maps.loc[maps["chosen"] == c, "sample_id"]) for c in ("flips", "random"))
    in_turn = [s for pair in zip(flips, drawn, strict=False) for s in pair]
    return list(dict.fromkeys([*in_turn, *flips, *drawn]))


def _marks(tables: Tables, seen: _Seen, left: float, tall: float) -> Iterator[Mark]:
    step = 2 * _TILE + _PAIR + _BESIDE
    columns = [left, *(left + _TILE + _BESIDE + step * i for i in range(len(seen.compared)))]
    names = [f"★ {seen.labels[seen.reference]}", *(seen.labels[r] for r in seen.compared)]
    lines = [_lines(n, 13 if i == 0 else 22) for i, n in enumerate(names)]
    for i, y in enumerate((12.0, 28.0)):
        texts = [own[i] for own in lines]
        yield Text(np.array(columns), np.full(len(columns), y), texts, "soft" if i else "ink", bold=not i, size=11.5)
    tiles = np.array([columns[0], *(x for left in columns[1:] for x in (left, left + _TILE + _PAIR))])
    what = ["map", *["map", "difference"] * len(seen.compared)]
    yield Text(tiles, np.full(len(tiles), 46.0), what, "soft", size=10.5)
    tops = _HEAD + tall * np.arange(len(seen.page), dtype=np.float64)
    yield from _images(tables, seen, tops, float(tiles[-1]) + _TILE)
    yield from _tiles(tables, seen, columns, tops)


def _lines(name: str, most: int) -> tuple[str, str]:
    """A name in up to two lines."""
    words, first = name.split(" "), ""
    while words and (not first or len(first) + len(words[0]) < most):
        first = f"{first} {words.pop(0)}".strip()
    return elide(first, most + 2), elide(" ".join(words), most + 2)


def _images(tables: Tables, seen: _Seen, tops: Floats, wide: float) -> Iterator[Mark]:
    pixels = tables.pictures(seen.page)
    shrink = max(1, max(pixels.shape[1:3]) // 64)  # a tile has no more pixels than that
    pixels = pixels[:, ::shrink, ::shrink]
    scale = _TILE / max(pixels.shape[1:3])
    height, width = (side * scale for side in pixels.shape[1:3])
    words = [_about(tables, seen, sample) for sample in seen.page]
    hover = {
        "image": [plain(s) for s in seen.page],
        "explained": [w for w, _ in words],
        "chosen": [c for _, c in words],
    }
    n = len(seen.page)
    yield Images(pixels, np.zeros(n), tops + _BLOCK, width, height, hover)
    yield Text(np.zeros(n), tops + 18, [f"{w} · {c}" for w, c in words], bold=True, room=wide)
    under = [plain(s) for s in seen.page]
    yield Text(np.zeros(n), tops + _BLOCK + _TILE + 10, under, "soft", size=10.5, room=_TILE + 8.0)


def _about(tables: Tables, seen: _Seen, sample: str) -> tuple[str, str]:
    """What is explained of an image, and how it was chosen."""
    own = [r for (_, s, _), r in seen.rows.items() if s == sample]
    classes = sorted({int(r["explained"]) for r in own})
    shown = " or ".join(class_name(tables.classes, k) for k in classes)
    flips = any(r["chosen"] == "flips" for r in own)
    return shown, "one of those that flip most" if flips else "drawn at random"


def _tiles(tables: Tables, seen: _Seen, columns: Sequence[float], tops: Floats) -> Iterator[Mark]:
    at: list[tuple[float, float]] = []
    places: list[Floats] = []
    hover: dict[str, list[str]] = {"model": [], "shown": [], "image": [], "says": [], "sum of the map": []}
    alike: list[tuple[float, float, str]] = []

    def add(x: float, y: float, values: Floats, run_id: str, sample: str, way: str, what: str) -> None:
        row = seen.rows[run_id, sample, way]
        at.append((x, y))
        places.append(values)
        said = (seen.labels[run_id], what, plain(sample), class_name(tables.classes, int(row["prediction"])))
        for title, text in zip(hover, (*said, f"{number(float(row['total']))} logits"), strict=True):
            hover[title].append(text)

    for top, sample in zip(tops, seen.page, strict=True):
        for i, way in enumerate(seen.ways):
            y = top + _BLOCK + _ROW * i
            own = seen.place(seen.reference, sample, way)
            if own is not None:
                add(columns[0], y, own, seen.reference, sample, way, ATTRIBUTIONS[way])
            for x, run_id in zip(columns[1:], seen.compared, strict=True):
                values = seen.place(run_id, sample, way)
                if values is None:
                    continue
                add(x, y, values, run_id, sample, way, ATTRIBUTIONS[way])
                if own is not None and own.shape == values.shape:
                    beside = x + _TILE + _PAIR
                    add(beside, y, values - own, run_id, sample, way, f"{ATTRIBUTIONS[way]}, minus the dense model's")
                    rank = float(rank_correlation(own.reshape(1, -1), values.reshape(1, -1))[0])
                    alike.append((beside + _TILE, y + _TILE + 7, two(rank)))
    yield from _row_names(seen, columns[0], tops)
    if places:
        shape = places[0].shape
        scale = _TILE / max(shape)
        coded = np.clip(np.rint(127.5 + 127.5 * np.stack(places)), 0, 255).astype(np.uint8)
        left, top_ = (np.array([p[i] for p in at]) for i in (0, 1))
        yield Maps(coded, "change", left, top_, shape[1] * scale, shape[0] * scale, hover)
    if alike:
        right, under = (np.array([a[i] for a in alike], np.float64) for i in (0, 1))
        yield Text(right, under, [t for _, _, t in alike], "soft", "right", size=10.5)


def _row_names(seen: _Seen, left: float, tops: Floats) -> Iterator[Text]:
    words = [ATTRIBUTIONS[w].split(" ") for w in seen.ways]
    y = np.add.outer(tops + _BLOCK + _TILE / 2, _ROW * np.arange(len(seen.ways))).reshape(-1)
    x = np.full(len(y), left - 10)
    first = [w[0] for w in words] * len(tops)
    rest = [" ".join(w[1:]) for w in words] * len(tops)
    shift = np.array([7.0 if r else 0.0 for r in rest])
    yield Text(x, y - shift, first, "soft", "right", size=11.5)
    yield Text(x, y + shift, rest, "soft", "right", size=11.5)


def two(value: float) -> str:
    """A correlation with two decimals and a true minus; a map with one value everywhere has none."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS) if np.isfinite(value) else "flat"
