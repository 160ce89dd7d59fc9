"""The images of which most pruned models say something else than most dense ones: pruning-identified exemplars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.viewstate import ViewState
from pruneviz.measures.exemplars import LEAST_MODELS
from pruneviz.views import runs as on
from pruneviz.views.analysed import nothing_of
from pruneviz.views.comparison import BEYOND
from pruneviz.views.marks import Boxes, Cells, Floats, Images, Key, Mark, Picture, Text
from pruneviz.views.metrics import measured
from pruneviz.views.pictures.robustness import arm_names
from pruneviz.views.pictures.sample_grid import framed
from pruneviz.views.text import number, percent, plain, several
from pruneviz.views.voted import ANALYSIS, ARMS, EXEMPLAR, arm_of, arms_with_exemplars, exemplars_of

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

COLUMNS, ROWS = 3, 8
ON_PAGE = COLUMNS * ROWS
_NAME, _TITLE = "exemplars", "Pruning-identified exemplars"
_TILE, _HIGH, _IMAGE, _EDGE = 230.0, 78.0, 60.0, 4.0
_WORDS, _SAID, _BAR = _IMAGE + 8, 93.0, 42.0  # where words begin, what a model kind says, its votes
_TOO = 12.0  # of the room for words, what stands beside the true class takes
_LABEL, _LONGEST, _LINE, _GAP = 232.0, 200.0, 22.0, 18.0  # of the counts above: words, bars, a row, and what follows
_BEYOND_LONGEST = 1.12  # of a bar that would leave too little room for the others, against the longest of these
_DENSE, _ELSE = "dense", "faint"


@dataclass(frozen=True)
class _Count:
    """A bar above the images.

    Attributes:
        label: whose exemplars.
        value: how many; None where they are not known.
        ink: of the bar.
        text: what stands behind it.
    """

    label: str
    value: float | None
    ink: str
    text: str


def exemplars_info(tables: Tables, state: ViewState) -> Picture:
    """The images on which most models of an arm predict something else than most of their dense models, surest first.

    Of the arm of the first pruned model compared, else of the one that filters and target leave. For each image both
    votes: the bar above is the dense models', the one below the pruned models'. Further up, how many exemplars there
    are, beside retraining alone, random pruning of as much, and exchanging dense and pruned models at random. The
    selected images alone, where some are selected.
    """
    arms = arms_with_exemplars(tables)
    if arms is None:
        return _empty(nothing_of(ANALYSIS, "which predictions change"))
    arms = arms[(arms["kind"] == "pruned").to_numpy(bool)]
    if arms.empty:
        return _empty(_why_none(tables))
    row, rule = _chosen(tables, state, arms)
    if row is None:
        return _empty("No arm that the filters show has exemplars. Filter less, or compare a model of another arm.")
    found = _ranked(exemplars_of(tables, str(row["arm"])))
    if state.narrowed:
        found = found[found["sample_id"].astype(str).isin(set(state.samples)).to_numpy(bool)]
        if found.empty:
            return _empty(f"None of the {several(len(state.samples), 'selected image')} is an exemplar here. {rule}")
    first = min(state.first_sample, max(len(found) - 1, 0)) // ON_PAGE * ON_PAGE
    page = found.iloc[first : first + ON_PAGE]
    label, ink = arm_names(tables, arms)[str(row["arm"])], on.inks(tables.runs)[str(row["method"])]
    counts = _counts(row, label, ink)
    top = _LINE * len(counts) + _GAP
    return Picture(
        _NAME,
        _TITLE,
        subtitle=_subtitle(row, label, len(found), first, len(page), state),
        hint=(
            "Click one, and the explorer's page Samples shows it in detail; there the column "
            f"‘{EXEMPLAR}’ selects all of them."
        ),
        notes=(rule,) if rule else (),
        marks=(*_counted(counts), *(_tiles(tables, state, page, ink, top) if len(page) else ())),
        legend=tuple(_legend(int(row["dense_models"]), ink)) if len(page) else (),
        selects="shown_sample",
        width=round(COLUMNS * _TILE),
        height=round(top + _HIGH * -(-len(page) // COLUMNS)),
    )


def _empty(why: str) -> Picture:
    return Picture(_NAME, _TITLE, empty=why, height=240)


def _why_none(tables: Tables) -> str:
    """Why nothing that was pruned has exemplars, and what to do."""
    arms = tables.table(ARMS)
    models = arms.loc[(arms["kind"] == "pruned").to_numpy(bool), "dense_models"]
    if models.empty:
        return "Nothing pruned has been compared with its dense model yet. Go on with the study."
    if models.max() >= LEAST_MODELS:
        return "An earlier version measured this study, and kept too little of its exemplars. Run the study again."
    remedy = f"Set replicates = {LEAST_MODELS} under [model] and run the study again."
    if (arms["target"] == AS_GIVEN).any():
        remedy = "Give models of as many trainings."
    return (
        f"Exemplars are about what most models say, so they need at least {LEAST_MODELS} dense models and as many "
        f"pruned ones; here there are {int(models.max())}. {remedy} What each run changes stands in the other pictures."
    )


def _chosen(tables: Tables, state: ViewState, arms: pd.DataFrame) -> tuple[Mapping[Any, Any] | None, str]:
    """The arm that is shown, and of several by which rule; random controls last, arms that were trained on first."""
    random = on.controls(tables.runs)
    ranked = arms.assign(_control=arms["method"].isin(random), _bare=arms["recovery"].isin(["", "none"]))
    ranked = ranked.sort_values(["_control", "_bare"], kind="stable")
    known = set(ranked["arm"])
    named = next((a for r in on.compared(measured(tables), state) if (a := arm_of(tables, r)) in known), None)
    if named is not None:
        rows = ranked[(ranked["arm"] == named).to_numpy(bool)]
        which = "that of the first pruned model compared"
    else:
        rows = on.filtered(ranked, state)
        targets = on.unique(rows["target"])
        target = state.target if state.target in targets else targets[len(targets) // 2] if targets else ""
        rows = rows[(rows["target"] == target).to_numpy(bool)]
        which = "compare a model of another, or filter, to see its own"
    rule = f"One of {len(arms)} arms: {which}." if len(arms) > 1 else ""
    return (rows.iloc[0].to_dict() if len(rows) else None), rule


def _ranked(found: pd.DataFrame) -> pd.DataFrame:
    """The surest disagreement first."""
    both = found[["dense_agreeing", "agreeing"]].astype(int)
    order = np.lexsort((-both.max(axis=1).to_numpy(), -both.min(axis=1).to_numpy()))
    return found.iloc[order]


def _subtitle(row: Mapping[Any, Any], label: str, total: int, first: int, shown: int, state: ViewState) -> str:
    models = int(row["dense_models"])
    what = (
        f"whose most frequent prediction among {models} pruned models ({label}) is not that among their {models} dense "
        "models"
    )
    if not shown:
        return f"There is no image {what}."
    among = f" among {several(len(state.samples), 'selected image')}" if state.narrowed else ""
    return (
        f"Images {first + 1:,} to {first + shown:,} of {total:,}{among} {what}. The surest disagreement first: ranked "
        "by the smaller of the two numbers of models that agree, then by the larger."
    )


def _counts(row: Mapping[Any, Any], label: str, ink: str) -> tuple[_Count, ...]:
    own, samples = int(row["exemplars"]), int(row["samples"])
    rows = [_Count(label, own, ink, f"{own:,} · {percent(own / samples)} of {samples:,} images")]
    if on.missing(row["retrained_exemplars"]):
        why = "without a recovery nothing is trained on" if row["recovery"] in ("", "none") else "not in this study"
        rows.append(_Count("retraining alone", None, _DENSE, why))
    else:
        alone, shared = int(row["retrained_exemplars"]), int(row["shared_exemplars"])
        rows.append(_Count("retraining alone", alone, _DENSE, f"{alone:,} · {shared:,} of them the same images"))
    if not on.missing(row["control_exemplars"]):
        control = int(row["control_exemplars"])
        rows.append(_Count("random pruning of as much", control, "control", f"{control:,}"))
    expected, p = float(row["exemplars_expected"]), float(row["exemplars_p_holm"])
    text = f"{expected:,.0f} on average · p = {number(p, 2)} (Holm)"
    return (*rows, _Count("dense and pruned exchanged", expected, "both-right", text))


def _counted(counts: tuple[_Count, ...]) -> Iterator[Mark]:
    """A bar for each count; random pruning reaches beyond where it would leave too little room for the others."""
    values = np.array([c.value or 0.0 for c in counts])
    others = max(float(values[[c.ink != "control" for c in counts]].max()), 1.0)
    beyond = values > BEYOND * others
    lengths = _LONGEST * np.where(beyond, _BEYOND_LONGEST, values / values[~beyond].max(initial=1.0))
    y, left = _LINE * (np.arange(len(counts), dtype=np.float64) + 0.5), np.full(len(counts), _LABEL)
    hover = {"exemplars": [c.label for c in counts], "images": [c.text for c in counts]}
    yield Text(np.full(len(counts), _EDGE), y, [c.label for c in counts], size=12, room=_LABEL - 2 * _EDGE)
    yield Boxes(left, left + lengths, y - 7, y + 7, [c.ink for c in counts], hover=hover)
    texts = [f"→ {c.text}" if over else c.text for c, over in zip(counts, beyond, strict=True)]
    yield Text(left + lengths + 6, y, texts, "soft", size=12)


def _legend(models: int, ink: str) -> Iterator[Key]:
    yield Key("✓ right", "area", "right-fill")
    yield Key("✗ wrong", "area", "wrong-fill")
    yield Key("votes for what most dense models say", "area", _DENSE)
    yield Key("for what most pruned ones say", "area", ink)
    yield Key("for another class", "area", _ELSE)
    yield Key(f"above: {models} dense models, below: {models} pruned", "note")


def _tiles(tables: Tables, state: ViewState, page: pd.DataFrame, ink: str, above: float) -> Iterator[Mark]:
    n = len(page)
    at = np.arange(n, dtype=np.float64)
    left, top = _EDGE + at % COLUMNS * _TILE, above + at // COLUMNS * _HIGH
    ids = tuple(page["sample_id"].astype(str))
    told = [_told(r) for r in page.to_dict("records")]
    hover = {title: [t[title] for t in told] for title in told[0]}
    wide, high = _TILE - 2 * _EDGE, _HIGH - 2 * _EDGE
    across, down, keys = left + wide / 2, top + high / 2, [(s,) for s in ids]
    nothing = np.full(n, np.nan), "density", [""] * n, (), ""
    yield Cells(across, down, *nothing, size=(wide, high), keys=keys, hover=hover)
    if state.shown_sample in ids:
        i = ids.index(state.shown_sample)
        yield framed(left[i] - _EDGE, top[i] - _EDGE, _TILE, _HIGH)
    pixels = tables.pictures(ids)
    scale = _IMAGE / max(pixels.shape[1:3])
    w, h = pixels.shape[2] * scale, pixels.shape[1] * scale
    yield Images(pixels, left + (_IMAGE - w) / 2, top + 4 + (_IMAGE - h) / 2, w, h)
    words, labels = left + _WORDS, [plain(v) for v in page["label"]]
    yield Text(words, top + 10, labels, bold=True, size=11.5, room=_SAID - _TOO)
    alone = np.flatnonzero(page["retrained_too"].fillna(False).to_numpy(bool))
    if len(alone):
        also = ["retrained too"] * len(alone)
        yield Text(left[alone] + _WORDS + _SAID - _TOO, top[alone] + 10, also, "soft", size=10)
    for side, y in ((_Side("dense_", "dense_already"), top + 20), (_Side("", "still"), top + 44)):
        yield from side.marks(page, words, y, ink)


def _told(r: Mapping[Any, Any]) -> dict[str, str]:
    """What the pointer shows of an image."""
    models, dense, pruned = r["models"], plain(r["dense_prediction"]), plain(r["prediction"])
    alone = r["retrained_too"]
    return {
        "image": plain(r["sample_id"]),
        "true class": plain(r["label"]),
        "dense models": f"{_most(r['dense_agreeing'], models, dense, r['dense_tied'])}; {r['dense_already']} {pruned}",
        "pruned models": f"{_most(r['agreeing'], models, pruned, r['tied'])}; {r['still']} {dense}",
        "retraining alone": "not known" if on.missing(alone) else "an exemplar, too" if alone else "no exemplar",
    }


def _most(agreeing: int, models: int, name: str, tied: int) -> str:
    """What most models say, and whether it is most by the order of classes alone."""
    others = {0: "", 1: " (as many another class)"}.get(tied, f" (as many each of {tied} other classes)")
    return f"{agreeing} of {models} say {name}{others}"


@dataclass(frozen=True)
class _Side:
    """One of the two votes: how its columns begin, and the column of those that say what the other side says."""

    prefix: str
    other: str

    def marks(self, page: pd.DataFrame, x: Floats, y: Floats, ink: str) -> Iterator[Mark]:
        """What most of them say, right or wrong, and how many say that, what the other side says, and neither."""
        said, most = page[f"{self.prefix}prediction"].astype(str), page[f"{self.prefix}agreeing"].to_numpy(float)
        right = (said == page["label"].astype(str)).to_numpy(bool)
        yield Boxes(x, x + _SAID, y, y + 20, ["right-fill" if r else "wrong-fill" for r in right])
        texts = [f"{'✓' if r else '✗'} {plain(s)}" for s, r in zip(said, right, strict=True)]
        yield Text(x + 5, y + 10, texts, size=11, room=_SAID - 8)
        models, other = page["models"].to_numpy(float), page[self.other].to_numpy(float)
        dense, pruned = (most, other) if self.prefix else (other, most)
        start = x + _SAID + 4
        end = start + _BAR
        low, high = start + _BAR * dense / models, end - _BAR * pruned / models
        for a, b, own in ((start, low, _DENSE), (low, high, _ELSE), (high, end, ink)):
            yield Boxes(a, b, y + 4, y + 16, own)
        yield Text(end + 4, y + 10, [f"{k:.0f}" for k in most], "soft", size=11)
