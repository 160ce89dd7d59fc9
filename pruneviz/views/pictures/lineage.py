"""Where each model comes from: dense, pruned, recovered; each step on the way a mark of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.comparing import AS_GIVEN
from pruneviz.core.viewstate import MOST_MODELS, ViewState
from pruneviz.views import runs as on
from pruneviz.views.looks import DENSE_MARKER, REFERENCE_MARKER
from pruneviz.views.marks import Axis, Key, Line, Mark, Picture, Points, Text
from pruneviz.views.metrics import measured
from pruneviz.views.text import count, elide, percent, plain, several

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.tables import Tables

MOST_ROWS = 40
MOST_SAID = 4
_LEFT, _WORDS, _ROOM = 0.44, 0.035, 0.73  # of a column: left of its middle the marks, right of those words, their room
_STEP, _BEND = 0.7, 0.06  # of the way between columns: the step, a bend before one
_WHOLE = ("model", "replicate", "method", "target", "level", "recovery", "seed")
# How runs are laid together where there are too many: seeds and dense models first, then targets.
_TOGETHER = (
    (_WHOLE, ""),
    (("model", "method", "target", "level", "recovery"), "dense models and seeds"),
    (("model", "method", "recovery"), "dense models, seeds and targets"),
)


@dataclass
class _Node:
    """A run, or several that are shown as one.

    Attributes:
        runs: their rows; a click selects them all.
        stage: 0 dense, 1 pruned, 2 recovered.
    """

    runs: list[Mapping[str, Any]]
    stage: int
    parent: _Node | None = None
    children: list[_Node] = field(default_factory=list)
    y: float = 0.0

    @property
    def first(self) -> Mapping[str, Any]:
        return self.runs[0]

    @property
    def key(self) -> str:
        return str(self.first["run_id"])

    @property
    def alike(self) -> Mapping[str, Any]:
        """What its runs have in common, as a row; nothing where they differ."""
        if len(self.runs) == 1:
            return self.first
        same = {k: v for k, v in self.first.items() if len({str(r[k]) for r in self.runs}) == 1}
        return {**dict.fromkeys(self.first), "target": "", "status": "some not measured", **same}

    @property
    def ids(self) -> tuple[str, ...]:
        """The runs that a click compares: those that have been measured, if any have."""
        done = [r for r in self.runs if r["status"] == "done"]
        return tuple(str(r["run_id"]) for r in done or self.runs)


def lineage_info(tables: Tables, state: ViewState) -> Picture:
    """Every run with the run that it was made from; a click on a run, or on the step before it, compares it.

    Of runs that are shown as one it compares all.

    Where there would be more than :data:`MOST_ROWS` rows, runs that differ only in their dense model and seed are one,
    then those that differ in their target, too; counts say how many.
    """
    title = "Where each model comes from"
    runs = on.filtered(tables.runs, state)
    if runs.empty:
        return Picture("lineage", title, empty="There are no runs yet. The overview says how to begin.", height=220)
    rows: list[dict[str, Any]] = [{str(k): v for k, v in r.items()} for r in runs.to_dict("records")]
    nodes, together = _laid(rows)
    shown = _placed(nodes)
    height = len({n.y for n in shown if not n.children})
    reference, chosen = on.reference(measured(tables), state), set(state.models)
    given = any(r["target"] == AS_GIVEN for r in rows)
    stages = 1 + max(n.stage for n in shown)
    return Picture(
        "lineage",
        title,
        hint="A click on a model, or on the step before it, compares it with the reference; where several are shown as "
        f"one, all of them, up to {MOST_MODELS}.",
        sentences=tuple(_said(rows, state, runs)),
        notes=tuple(_notes(shown, nodes, together, len(rows))),
        x=Axis(kind="categories", categories=("reference", "as given") if given else _STAGES[:stages]),
        y=Axis(kind="categories", categories=("",) * height, reverse=True),
        marks=tuple(_marks(shown, runs, on.inks(tables.runs), reference, chosen)),
        legend=(
            Key("dense", "point", "soft", DENSE_MARKER),
            Key("reference", "point", "soft", REFERENCE_MARKER),
            Key("pruned", "point"),
            Key("not measured", "point", filled=False),
            Key("step", "point", marker="square"),
        ),
        selects="runs",
        height=90 + 24 * max(height, 4),
    )


_STAGES = ("dense", "pruned", "recovered")


def _laid(rows: list[dict[str, Any]]) -> tuple[list[_Node], str]:
    """The nodes, with no more laid together than has to be, and what that is in words."""
    for columns, together in _TOGETHER:
        nodes = _nodes(rows, columns)
        if sum(not n.children for n in nodes) <= MOST_ROWS:
            return nodes, together
    return nodes, together


def _nodes(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[_Node]:
    """The tree's nodes in the order of the runs, parents linked with children."""
    by_key: dict[tuple[str, ...], _Node] = {}
    of_run: dict[str, _Node] = {}
    for r in rows:
        key = tuple(str(r[c]) for c in columns)
        node = by_key.setdefault(key, _Node([], _stage(r)))
        node.runs.append(r)
        of_run[str(r["run_id"])] = node
    for node in by_key.values():
        parent = of_run.get(str(node.first["parent_run_id"]))
        if parent is not None and parent is not node:
            node.parent = parent
            parent.children.append(node)
    return list(by_key.values())


def _stage(r: Mapping[str, Any]) -> int:
    if not on.missing(r["recovery"]) and r["recovery"] != "none":
        return 2
    return 0 if r["method"] == on.DENSE else 1


def _placed(nodes: list[_Node]) -> list[_Node]:
    """The nodes that there is room for, each beside its children; leaves have a row each."""
    placed: list[_Node] = []
    row = 0

    def place(node: _Node) -> bool:
        nonlocal row
        if row >= MOST_ROWS:
            return False
        below = [c for c in node.children if place(c)]
        if below:
            node.y = (below[0].y + below[-1].y) / 2
        else:
            node.y, row = float(row), row + 1
        node.children = below
        placed.append(node)
        return True

    for root in (n for n in nodes if n.parent is None):
        place(root)
    return placed


def _notes(shown: list[_Node], nodes: list[_Node], together: str, total: int) -> Iterator[str]:
    if together:
        yield (
            f"{count(total)} runs are shown as {count(len(nodes))}: those that differ only in {together} are one, with "
            "their count."
        )
    if len(shown) < len(nodes):
        yield f"{len(shown)} of {count(len(nodes))} shown, in the study's order; filters show others."


def _marks(
    shown: list[_Node], runs: pd.DataFrame, inks: Mapping[str, str], reference: str, chosen: set[str]
) -> Iterator[Mark]:
    methods, recoveries = on.short(runs["method"]), on.short(runs["recovery"])
    steps = [(n, _edge(n)) for n in shown if n.parent is not None]
    for _, (x, y) in steps:
        yield Line(np.array(x), np.array(y), "soft", width=1.2, alpha=0.45)
    nodes = [*shown, *(n for n, _ in steps)]
    said = [_step(n.alike, methods, recoveries) for n in nodes]
    markers = [_marker(n, reference) for n in shown] + ["square"] * len(steps)
    yield Points(
        np.array([n.stage - _LEFT for n in shown] + [_along(x) for _, (x, _) in steps]),
        np.array([n.y for n in shown] + [_along(y) for _, (_, y) in steps]),
        [inks[str(n.first["method"])] for n in nodes],
        markers,
        [all(r["status"] == "done" for r in n.runs) for n in nodes],
        8.5,
        keys=tuple(n.key for n in nodes),
        selected=tuple(n.key for n in shown if chosen.intersection(n.ids)),
        stands_for=tuple(n.ids for n in nodes),
        hover={
            "run": [_named(n) for n in nodes],
            "step": said,
            "test accuracy": [_accuracy(n) for n in nodes],
            "runs": [_number(n, chosen) for n in nodes],
        },
    )
    texts = [_label(n, methods, recoveries) for n in shown]
    across, down = np.array([n.stage - _LEFT + _WORDS for n in shown]), np.array([n.y for n in shown])
    yield Text(across, down, texts, "ink", size=11.5, room=_ROOM)


def _edge(n: _Node) -> tuple[list[float], list[float]]:
    """The line from a node's parent; where it passes a column, it does so in the node's own row."""
    assert n.parent is not None
    begin, y = n.parent.stage - _LEFT + _WORDS + _ROOM, n.parent.y
    bends = [s - _LEFT - _BEND for s in range(n.parent.stage + 1, n.stage)]
    return [begin, *bends, n.stage - _LEFT], [y, *(n.y for _ in bends), n.y]


def _along(values: list[float]) -> float:
    """Where the step stands on the last part of its edge."""
    return values[-2] + _STEP * (values[-1] - values[-2])


def _marker(n: _Node, reference: str) -> str:
    if any(r["run_id"] == reference for r in n.runs):
        return REFERENCE_MARKER
    return DENSE_MARKER if n.first["method"] == on.DENSE else "circle"


def _named(n: _Node) -> str:
    """What its runs are called; of several two, which show what differs."""
    names = [elide(plain(r["name"]), 90) for r in n.runs[:2]]
    return ", ".join(names) + (" …" if len(n.runs) > 2 else "")


def _accuracy(n: _Node) -> str:
    known = [float(r["accuracy"]) for r in n.runs if not on.missing(r["accuracy"])]
    if not known:
        return "not measured"
    return percent(known[0]) if len(known) == 1 else f"{percent(min(known))} to {percent(max(known))}"


def _number(n: _Node, chosen: set[str]) -> str:
    """How many runs it is, and how many of several are compared."""
    some = len(chosen.intersection(str(r["run_id"]) for r in n.runs))
    return count(len(n.runs)) + (f", {some} of them compared" if some and len(n.runs) > 1 else "")


def _label(n: _Node, methods: Mapping[str, str], recoveries: Mapping[str, str]) -> str:
    r = n.first
    alone = n.parent is None or n.stage - n.parent.stage > 1
    parts = []
    if n.stage == 0:
        parts.append(plain(r["model"]) if len(n.runs) > 1 else f"{plain(r['model'])} #{r['replicate']}")
    elif n.stage == 1 or alone:
        parts.append(methods[str(r["method"])])
        if len({str(of["target"]) for of in n.runs}) == 1 and not on.missing(r["target"]) and r["target"] != AS_GIVEN:
            parts[-1] = f"{parts[-1]} {on.target_text(r['target'], r['sparsity_target'])}".strip()
    if n.stage == 2:
        parts.append(recoveries[str(r["recovery"])])
    if len(n.runs) == 1 and not on.missing(r["seed"]) and int(r["seed"]) > 0:
        parts.append(f"seed {r['seed']}")
    return " · ".join(parts) + (f" ×{len(n.runs)}" if len(n.runs) > 1 else "")


def _step(r: Mapping[str, Any], methods: Mapping[str, str], recoveries: Mapping[str, str]) -> str:
    """What was done to get a run, in words."""
    done = (
        []
        if r["method"] == on.DENSE
        else [f"{methods[str(r['method'])]} {on.at_target(r['target'], r['sparsity_target'])}".strip()]
    )
    if not on.missing(r["recovery"]) and r["recovery"] != "none":
        done.append(recoveries[str(r["recovery"])])
    parts = [", then ".join(done) or "trained or loaded, and not pruned"]
    if not on.missing(r["seed"]):
        parts.append(f"seed {r['seed']}")
    if not on.missing(r["train_steps"]) and int(r["train_steps"]) > 0:
        parts.append(f"{several(int(r['train_steps']), 'optimiser step')}")
    if r["status"] != "done":
        parts.append(str(r["status"]))
    return ", ".join(parts)


def _said(rows: list[dict[str, Any]], state: ViewState, runs: pd.DataFrame) -> Iterator[str]:
    """What the steps of the models compared were."""
    methods, recoveries = on.short(runs["method"]), on.short(runs["recovery"])
    by_id = {str(r["run_id"]): r for r in rows}
    there = [m for m in state.models if m in by_id]
    for m in there[:MOST_SAID]:
        r = by_id[m]
        parent = by_id.get(str(r["parent_run_id"]))
        begun = f" From {plain(parent['name'])}." if parent is not None else ""
        yield f"{plain(r['name'])}: {_step(r, methods, recoveries)}.{begun}"
    if len(there) > MOST_SAID:
        yield f"And {several(len(there) - MOST_SAID, 'other')} of the models compared."
