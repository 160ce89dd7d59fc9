"""Which predictions flipped, beside what retraining alone and random pruning of as much flip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.viewstate import ViewState
from pruneviz.measures.changes import count_changes
from pruneviz.views.comparison import BEYOND, Comparison, comparison
from pruneviz.views.marks import Axis, Bars, Floats, Key, Mark, Picture, Points, Text
from pruneviz.views.outcomes import FLIPPED
from pruneviz.views.text import elide, percent, points, several

if TYPE_CHECKING:
    from pruneviz.core.tables import Tables

_LABEL = 32
_FAINT = 0.45  # of controls


@dataclass(frozen=True, eq=False)
class _Row:
    """One bar: a model against the reference, or the mean of several dense pairs with each pair's churn."""

    run_id: str  # empty where it is several
    label: str
    shares: tuple[float, ...]  # of each kind of flip, in FLIPPED's order
    counts: tuple[str, ...]
    accuracy: float
    pairs: tuple[float, ...] = ()

    @property
    def churn(self) -> float:
        return sum(self.shares)


def flips_info(tables: Tables, state: ViewState) -> Picture:
    """Shares of the images whose prediction changed, by what became of it, for each model compared.

    The bars above are dense models against dense models: the mean over pairs, with a point for each pair. They are
    what changing nothing but the training seed, or training on, does to the same images. The faint ones below them are
    the random controls: what removing as much blindly does.
    """
    title = "Predictions that flipped"
    c = comparison(tables, state)
    if c.why_empty:
        return Picture("flips", title, empty=c.why_empty, height=240)
    rows = [*_baselines(c), *(_row(c, r) for r in (*c.beside, *c.compared))]
    baselines = len(rows) - len(c.beside) - len(c.compared)
    names = tuple(elide(r.label, _LABEL) for r in rows)
    return Picture(
        "flips",
        title,
        subtitle=f"Against {c.labels[c.reference]} (the reference), over {c.scope}. {_baseline_words(c)}",
        sentences=tuple(_sentences(c, rows)),
        x=Axis("images whose prediction changed (%)\nlower is closer to the reference", low=0, high=_top(c, rows)),
        y=Axis(kind="categories", categories=names, reverse=True),
        marks=tuple(_marks(c, rows, baselines)),
        legend=(
            *(o.key("area") for o in FLIPPED),
            *((Key("one pair of dense models", "point", "ink", "circle", False),) if baselines else ()),
            *((Key("faint: random pruning of as much, the control", "note"),) if c.beside else ()),
        ),
        height=130 + 32 * len(rows),
    )


def _counted(c: Comparison, before: str, after: str) -> tuple[tuple[float, ...], tuple[int, ...], float]:
    flips = count_changes(c.codes(before, after)[None], c.samples.labels, int(c.samples.labels.max()) + 1).overall
    counts = tuple(int(flips.counts[0, o.change]) for o in FLIPPED)
    return tuple(k / int(flips.n[0]) for k in counts), counts, float(flips.accuracy_difference[0])


def _row(c: Comparison, run_id: str) -> _Row:
    shares, counts, accuracy = _counted(c, c.reference, run_id)
    return _Row(run_id, c.labels[run_id], shares, tuple(several(n, "image") for n in counts), accuracy)


def _baselines(c: Comparison) -> Iterator[_Row]:
    for label, pairs in (("dense, other seed", c.other_seeds), ("dense, trained on", c.trained_on)):
        if pairs:
            found = [_counted(c, *p) for p in pairs]
            shares = np.mean([f[0] for f in found], axis=0)
            means = tuple(f"{np.mean([f[1][i] for f in found]):.1f} images, mean" for i in range(len(FLIPPED)))
            each = tuple(sum(f[0]) for f in found)
            accuracy = float(np.mean([f[2] for f in found]))
            yield _Row("", f"{label} (n = {len(pairs)})", tuple(float(s) for s in shares), means, accuracy, each)


def _baseline_words(c: Comparison) -> str:
    alone = "The first bars are dense models against dense models: what retraining alone changes."
    if not c.baseline:
        alone = "This study has no second dense model, so what retraining alone would change is not known."
    return f"{alone} {c.uncontrolled}".rstrip()


def _sentences(c: Comparison, rows: list[_Row]) -> Iterator[str]:
    judged = [r for r in rows if r.run_id in c.judged]
    most = max(judged, key=lambda r: r.churn)
    text = (
        f"{most.label} flips {percent(most.churn)} of these images, {percent(most.shares[0])} from right to wrong; "
        f"its accuracy on them differs by {points(most.accuracy)} points"
    )
    if most.run_id in c.controls:
        control = next(r for r in rows if r.run_id == c.controls[most.run_id])
        text += f". Random pruning of as much flips {percent(control.churn)}"
    if pairs := [p for r in rows for p in r.pairs]:
        least, largest = min(pairs), max(pairs)
        span = percent(largest) if least == largest else f"{percent(least)} to {percent(largest)}"
        within = sum(r.churn <= largest for r in judged)
        text += (
            f". Dense models flip {span} among themselves; {several(within, 'model')} of the {len(judged)} compared "
            f"{'flips' if within == 1 else 'flip'} no more than that"
        )
    yield text + "."


def _top(c: Comparison, rows: list[_Row]) -> float:
    """The axis's end. Controls that would leave too little room for what they stand beside reach beyond it."""

    def end(among: list[_Row]) -> float:
        return 118 * max([r.churn for r in among] + [p for r in among for p in r.pairs] + [0.005])

    own = end([r for r in rows if r.run_id not in c.beside])
    return own if end(rows) > BEYOND * own else end(rows)


def _marks(c: Comparison, rows: list[_Row], baselines: int) -> Iterator[Mark]:
    y, top = np.arange(len(rows), dtype=float), _top(c, rows)
    faint = np.array([r.run_id in c.beside for r in rows])
    for among, alpha in ((~faint, 1.0), (faint, _FAINT)):
        if among.any():
            yield from _bars([r for r, shown in zip(rows, among, strict=True) if shown], y[among], alpha)
    ends = 100 * np.array([r.churn for r in rows])
    within = ends < top
    yield Text(ends[within] + top * 0.008, y[within], [percent(r.churn) for r in rows if 100 * r.churn < top], "soft")
    if not within.all():
        beyond = [f"{percent(r.churn)} →" for r in rows if 100 * r.churn >= top]
        yield Text(np.full(len(beyond), 0.99 * top), y[~within], beyond, "ink", "right")
    if baselines:
        pairs = [(100 * p, float(i)) for i, r in enumerate(rows) for p in r.pairs]
        yield Points(np.array([p[0] for p in pairs]), np.array([p[1] + 0.42 for p in pairs]), "ink", "circle", False, 6)


def _bars(rows: list[_Row], y: Floats, alpha: float) -> Iterator[Mark]:
    left = np.zeros(len(rows))
    for i, outcome in enumerate(FLIPPED):
        share = np.array([100 * r.shares[i] for r in rows])
        yield Bars(
            y,
            left,
            left + share,
            outcome.ink,
            hatch=outcome.hatch,
            alpha=alpha,
            hover={
                "model": [r.label for r in rows],
                outcome.label: [f"{percent(r.shares[i])} · {r.counts[i]}" for r in rows],
                "all flips": [percent(r.churn) for r in rows],
                "accuracy": [f"{points(r.accuracy)} points" for r in rows],
            },
        )
        left = left + share
