"""How alike criteria rank a dense model's units."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz.core.errors import ModelError
from pruneviz.core.keys import digest
from pruneviz.core.spec import Choice
from pruneviz.pruning.recipes import Recipe, label, resolve
from pruneviz_analyses.similarity.schemas import SCORES

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]

_MOST = 200_000  # units ranked together; of more, so many are drawn
_AGAIN = 1  # the repeat with other images and another seed


def recipes_of(criteria: Sequence[Choice], where: str) -> list[Recipe]:
    """The methods that criteria name.

    Raises:
        SpecError: there is none of a name, or an option is not allowed.
    """
    return [resolve(choice, f"{where} criteria[{i}]") for i, choice in enumerate(criteria)]


def ranked(model: Seen, part: Mapping[str, Any], progress: Progress) -> pd.DataFrame:
    """Rank correlations of every two criteria of one kind of unit, and of those that draw with themselves.

    Args:
        model: a dense model.
        part: ``criteria``, ``samples`` and ``seed``.
        progress: told of criteria scored.

    Raises:
        ModelError: a criterion's scores are NaN.
        Unsupported: the model lacks what a criterion reads.
    """
    recipes = recipes_of([Choice(c["name"], c["options"]) for c in part["criteria"]], "criteria")
    jobs = [(r, repeat) for r in recipes for repeat in ((0, _AGAIN) if r.uses_seed else (0,))]
    scores: dict[tuple[str, int], dict[str, Floats]] = {}
    for done, (recipe, repeat) in enumerate(jobs):
        progress(done, len(jobs) + 1)
        scores[label(recipe), repeat] = _scored(model, recipe, part["samples"], (part["seed"], repeat))
    rows = []
    for a, b in itertools.combinations_with_replacement(recipes, 2):
        if a.unit == b.unit and (a is not b or a.uses_seed):
            second = scores[label(b), _AGAIN if a is b else 0]
            named = {"run_id": model.run_id, "criterion": label(a), "other": label(b), "unit": a.unit}
            rows += [{**named, **row} for row in _correlated(scores[label(a), 0], second, part["seed"])]
    progress(len(jobs) + 1, len(jobs) + 1)
    return SCORES.frame(rows)


def _scored(model: Seen, recipe: Recipe, samples: int, seed: tuple[int, int]) -> dict[str, Floats]:
    """The scores of all units, by layer or group."""
    from pruneviz import pruning

    number = int(digest([*seed, model.run_id])[:8], 16) & 0x7FFFFFFF
    gathered = {
        need: pruning.gather(
            need, model.net, model.data, samples=recipe.samples or samples, seed=number, device=model.device
        )
        for need in sorted(recipe.needs)
    }
    units = recipe.space(model.net, model.info, (), model.example)
    image = model.example if recipe.score.uses_example else None
    given = pruning.Given(model.net, model.info, recipe.unit, units.blocks, gathered, number, image)
    found = {}
    for name, block in units.rank(recipe.score(given)).items():
        values = block.scores.double().cpu().numpy().reshape(-1)
        if np.isnan(values).any():
            raise ModelError(f"similarity: scores of {label(recipe)} are NaN in {name!r} of run {model.run_id}.")
        found[name] = values
    return found


def _correlated(a: Mapping[str, Floats], b: Mapping[str, Floats], seed: int) -> Iterator[dict[str, Any]]:
    """A row for all units together, and one for each layer that both score."""
    layers = [name for name in a if name in b and a[name].shape == b[name].shape]
    if not layers:
        return
    x, y = (np.concatenate([each[name] for name in layers]) for each in (a, b))
    yield {"layer": None, "units": len(x), **_correlations(x, y, seed)}
    for name in layers:
        yield {"layer": name, "units": len(a[name]), **_correlations(a[name], b[name], seed)}


def _correlations(x: Floats, y: Floats, seed: int) -> dict[str, float]:
    from scipy.stats import kendalltau, spearmanr

    if len(x) > _MOST:
        drawn = np.random.default_rng(seed).choice(len(x), _MOST, replace=False)
        x, y = x[drawn], y[drawn]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {"spearman": math.nan, "kendall": math.nan}
    return {"spearman": float(spearmanr(x, y).statistic), "kendall": float(kendalltau(x, y).statistic)}
