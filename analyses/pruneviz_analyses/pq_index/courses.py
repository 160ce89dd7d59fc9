"""Which runs are the levels of one method, and which came before which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Course:
    """An iterative method after one recovery: its runs, level by level, on every dense model that has them all.

    Attributes:
        model, method, recovery: what the runs share.
        control: whether it is the random control of another.
        dense: D dense models with every level done.
        runs: for each level from 0, the runs and the place of each one's dense model. Level 0 is the dense model after
            the same recovery, where the study has that, so that every level has had the same training; else itself.
        left_out: dense models that lack a level.
    """

    model: str
    method: str
    recovery: str
    control: bool
    dense: tuple[str, ...]
    runs: tuple[tuple[tuple[str, int], ...], ...]
    left_out: int

    @property
    def arm(self) -> str:
        """A readable name."""
        return " · ".join((self.model, self.method, self.recovery))

    def at(self, level: int, values: Mapping[str, float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The values of a level's runs, and the dense model of each."""
        found = self.runs[level]
        return np.array([values[r] for r, _ in found], np.float64), np.array([d for _, d in found], np.int64)

    def curves(self, values: Mapping[str, float]) -> npt.NDArray[np.float64]:
        """(D, levels) values, the seeds of a dense model averaged."""
        out = np.empty((len(self.dense), len(self.runs)))
        for level in range(len(self.runs)):
            v, d = self.at(level, values)
            out[:, level] = np.bincount(d, weights=v) / np.bincount(d)
        return out


def previous_runs(runs: pd.DataFrame) -> dict[str, str]:
    """By run id, the run one level before: of the same dense model, method, recovery and seed.

    The first level's is the dense model, as that of a retrained dense model is.
    """
    by_level = {_line(r): str(r["run_id"]) for r in _records(runs) if r["method"] != "dense"}
    before = {}
    for r in _records(runs):
        if r["run_id"] != r["dense_run_id"]:
            *line, level = _line(r)
            before[str(r["run_id"])] = by_level.get((*line, level - 1), str(r["dense_run_id"]))
    return before


def courses(runs: pd.DataFrame) -> tuple[Course, ...]:
    """Every method that goes through levels of its own, at least two of them, with each recovery."""
    controls = set(runs["control_run_id"].dropna())
    groups: dict[tuple[str, str, str], list[Mapping[Any, Any]]] = {}
    retrained: dict[tuple[str, str], dict[str, list[str]]] = {}
    for r in _records(runs):
        model, recovery = str(r["model"]), str(r["recovery"])
        if r["method"] != "dense":
            groups.setdefault((model, str(r["method"]), recovery), []).append(r)
        elif r["run_id"] != r["dense_run_id"] and r["status"] == "done":
            retrained.setdefault((model, recovery), {}).setdefault(str(r["dense_run_id"]), []).append(str(r["run_id"]))
    dense_done = set(runs.loc[(runs["status"] == "done") & (runs["run_id"] == runs["dense_run_id"]), "run_id"])
    found = []
    for key, rows in groups.items():
        levels = sorted({int(r["level"]) for r in rows})
        if levels != list(range(1, len(levels) + 1)) or len(levels) < 2:
            continue
        done = [r for r in rows if r["status"] == "done" and r["dense_run_id"] in dense_done]
        every = sorted({str(r["dense_run_id"]) for r in rows})
        seen = {d: {int(r["level"]) for r in done if r["dense_run_id"] == d} for d in every}
        dense = tuple(d for d in every if seen[d] == set(levels))
        if not dense:
            continue
        place = {d: i for i, d in enumerate(dense)}
        again = retrained.get((key[0], key[2]), {})
        steps = [tuple((r, i) for d, i in place.items() for r in again.get(d, (d,)))]
        for level in levels:
            own = (r for r in done if int(r["level"]) == level and r["dense_run_id"] in place)
            steps.append(tuple(sorted((str(r["run_id"]), place[str(r["dense_run_id"])]) for r in own)))
        control = any(r["run_id"] in controls for r in rows)
        found.append(Course(*key, control, dense, tuple(steps), len(every) - len(dense)))
    return tuple(found)


def _line(r: Mapping[Any, Any]) -> tuple[Any, ...]:
    seed = None if str(r["seed"]) in ("<NA>", "nan", "None") else int(r["seed"])
    return (r["dense_run_id"], r["method"], r["recovery"], seed, int(r["level"]))


def _records(runs: pd.DataFrame) -> list[dict[Any, Any]]:
    return list(runs.to_dict("records"))
