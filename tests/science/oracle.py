"""What removing one weight does to the loss, measured; and how well scores foresee it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from science.finished import Finished, Measure

if TYPE_CHECKING:
    from pruneviz.study.execute import Loaded

IMAGES, EACH, SEED = 500, 20, 0

Floats = npt.NDArray[np.float64]


def agreement(score: str, other: str) -> Measure:
    """A measure: Spearman's ρ of a method's scores with the measured |change of loss|, minus that of another's."""

    def measure(done: Finished) -> list[float]:
        models = done.models(method="dense", recovery="none")
        return [_rho(models[k], score) - _rho(models[k], other) for k in sorted(models)]

    return measure


def _rho(model: Loaded, method: str) -> float:
    from scipy.stats import spearmanr

    places, change = _removed(_Same(model))
    scores = _scores(model, method)
    foreseen = [scores[name][i] for name, chosen in places.items() for i in chosen]
    return float(spearmanr(foreseen, change).statistic)


def _scores(model: Loaded, method: str) -> dict[str, Floats]:
    """A method's scores of all weights, by layer."""
    from pruneviz.pruning import RECIPES, Given, gather

    recipe = RECIPES[method]
    units = recipe.space(model.net, model.info, (), model.example)
    statistics = {n: gather(n, model.net, model.data, samples=IMAGES, seed=SEED) for n in recipe.passes}
    given = Given(model.net, model.info, recipe.unit, units.blocks, statistics, SEED, model.example)
    ranked = units.rank(recipe.score(given))
    return {name: r.scores.numpy().reshape(-1).astype(np.float64) for name, r in ranked.items()}


class _Same:
    """A model that is equal to another with the same weights, so that it is measured once."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.weights = tuple(float(p.detach().double().sum()) for p in model.net.parameters())

    def __hash__(self) -> int:
        return hash(self.weights)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.weights == other.weights


@cache
def _removed(same: _Same) -> tuple[dict[str, list[int]], list[float]]:
    """Weights drawn from every layer, and by how much the loss changes when each alone is zero."""
    import torch
    import torch.nn.functional as F

    from pruneviz.pruning.calibration import balanced_choice

    model = same.model
    train = model.data.train
    chosen = balanced_choice(train.labels, IMAGES, SEED)
    images = model.data.preprocess(train.images[chosen], "cpu")
    labels = torch.as_tensor(np.asarray(train.labels)[chosen], dtype=torch.long)
    rng = np.random.default_rng(SEED)
    named = dict(model.net.named_parameters())
    places: dict[str, list[int]] = {}
    change: list[float] = []
    with torch.no_grad():
        before = float(F.cross_entropy(model.net(images).double(), labels))
        for layer in model.info.layers:
            flat = named[layer.parameter].view(-1)
            places[layer.parameter] = [int(i) for i in rng.choice(len(flat), EACH, replace=False)]
            for i in places[layer.parameter]:
                was = flat[i].clone()
                flat[i] = 0.0
                change.append(abs(float(F.cross_entropy(model.net(images).double(), labels)) - before))
                flat[i] = was
    return places, change
