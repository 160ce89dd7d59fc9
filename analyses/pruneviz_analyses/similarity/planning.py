"""Which runs are compared with which, from what a plan knows of them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[Any, Any]

METHODS, SEEDS, LEVELS, AT_ONCE = "methods", "seeds", "levels", "at once"
_UNITS = ("weight", "channel")  # the masks of N:M patterns are no draws of so many weights


@dataclass(frozen=True)
class MaskGroup:
    """Runs whose masks are loaded together.

    Attributes:
        run_ids: the runs.
        pairs: places of a run and its reference among them, and how they are related.
        title: for people.
    """

    run_ids: tuple[str, ...]
    pairs: tuple[tuple[int, int, str], ...]
    title: str


def layer_pairs(runs: pd.DataFrame, compare: str) -> list[tuple[str, str]]:
    """Each run with its dense model, every two dense models of one model, and what ``compare`` adds."""
    rows = records(runs)
    pairs = [(r["run_id"], r["dense_run_id"]) for r in rows if r["run_id"] != r["dense_run_id"]]
    dense: dict[str, list[str]] = defaultdict(list)
    for r in rows:
        if r["run_id"] == r["dense_run_id"]:
            dense[str(r["model"])].append(r["run_id"])
    pairs += [(b, a) for ids in dense.values() for a, b in itertools.combinations(ids, 2)]
    if compare == "methods":
        for group in _grouped(rows, "dense_run_id", "recovery", "target", "level").values():
            pruned = [r for r in group if r["method"] != "dense"]
            pairs += [(b["run_id"], a["run_id"]) for a, b in itertools.combinations(pruned, 2) if _seeds_meet(a, b)]
    elif compare == "all":
        pairs += [(b["run_id"], a["run_id"]) for a, b in itertools.combinations(rows, 2)]
    known: dict[frozenset[str], tuple[str, str]] = {}
    for pair in pairs:
        known.setdefault(frozenset(pair), pair)
    return list(known.values())


def mask_groups(runs: pd.DataFrame) -> list[MaskGroup]:
    """The masks of each dense model at each target, and those of each iterative method level by level.

    Masks along levels are compared with the level before, and with what the dense model's magnitudes would have kept at
    once of every layer: whether what is trained in between changes the choice.

    A recovery after pruning leaves a mask as it is, so masks are taken before it where the study has such runs;
    those of methods that train in between or meanwhile are taken after each recovery.
    """
    rows = [r for r in records(runs) if r["unit"] in _UNITS]
    return [*_at_targets(rows), *_along_levels(rows)]


def _at_targets(rows: list[Row]) -> list[MaskGroup]:
    bare = {_what(r) for r in rows if r["recovery"] == "none"}
    iterative = {(r["dense_run_id"], r["method"]) for r in rows if r["level"] > 1}
    found = []
    for group in _grouped(rows, "dense_run_id", "recovery", "target", "unit").values():
        pairs = []
        for (i, a), (j, b) in itertools.combinations(enumerate(group), 2):
            if group[0]["recovery"] != "none" and not any(
                _what(r) not in bare or (r["dense_run_id"], r["method"]) in iterative for r in (a, b)
            ):
                continue  # the same two masks as before the recovery
            if a["method"] != b["method"] and _seeds_meet(a, b):
                pairs.append((j, i, METHODS))
            elif a["method"] == b["method"] and a["seed"] != b["seed"]:
                pairs.append((j, i, SEEDS))
        if pairs:
            r = group[0]
            recovered = f" after {r['recovery']}" if r["recovery"] != "none" else ""
            title = f"{r['model']} #{r['replicate']} at {r['target']}{recovered}"
            found.append(MaskGroup(tuple(r["run_id"] for r in group), tuple(pairs), title))
    return found


def _along_levels(rows: list[Row]) -> list[MaskGroup]:
    found = []
    for group in _grouped(rows, "dense_run_id", "method", "recovery", "seed").values():
        by_level = {r["level"]: (i, r) for i, r in enumerate(group)}
        pairs = [(by_level[n][0], by_level[n - 1][0], LEVELS) for n in sorted(by_level) if n - 1 in by_level]
        if len(by_level) == len(group) and pairs:
            r = group[0]
            if r["unit"] == "weight":
                pairs += [(i, len(group), AT_ONCE) for _, (i, _) in sorted(by_level.items())]
            ids = (*(g["run_id"] for g in group), r["dense_run_id"])
            found.append(MaskGroup(ids, tuple(pairs), f"{r['method']}, level by level"))
    return found


def _what(r: Row) -> tuple[Any, ...]:
    return (r["dense_run_id"], r["method"], r["target"], r["level"])


def _seeds_meet(a: Row, b: Row) -> bool:
    """Whether two runs are of the same repeat, as far as they depend on it."""
    return a["seed"] is None or b["seed"] is None or bool(a["seed"] == b["seed"])


def _grouped(rows: list[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for r in rows:
        groups[tuple(r[k] for k in keys)].append(r)
    return groups


def records(runs: pd.DataFrame) -> list[Row]:
    """The rows, with None for what is missing and plain whole numbers."""
    import pandas as pd

    return [{k: None if pd.isna(v) else v for k, v in r.items()} for r in runs.to_dict("records")]
