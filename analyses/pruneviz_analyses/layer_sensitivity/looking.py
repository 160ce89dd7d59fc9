"""Pruning one layer at a time of one dense model."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz import pruning, training
from pruneviz.core.analysis import Seen
from pruneviz.core.errors import Unsupported
from pruneviz.core.keys import digest
from pruneviz.core.quantities import Target, count_removed
from pruneviz.core.spec import Choice
from pruneviz.measures.classification import per_sample
from pruneviz.pruning.channels import ChannelUnits
from pruneviz.pruning.recipes import Recipe
from pruneviz_analyses.layer_sensitivity.schemas import SEEN

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]


def recipes_of(criteria: Sequence[Choice], where: str) -> list[Recipe]:
    """The methods that criteria name.

    Raises:
        SpecError: there is none of a name, or an option is not allowed.
    """
    return [pruning.resolve(choice, f"{where}[{i}]") for i, choice in enumerate(criteria)]


def pieces(seen: Seen, recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """What is pruned by itself, layers or coupled groups of channels, and what is excluded meanwhile.

    Raises:
        Unsupported: the criterion cannot prune the model.
    """
    if recipe.schedule.kind == "training":
        raise Unsupported(
            f"layer_sensitivity: {recipe.name} chooses while a network is trained, and here nothing is trained. Leave "
            "it out of criteria."
        )
    units = recipe.space(seen.net, seen.info, (), seen.example)
    recipe.score.check(seen.net, units, seen.example)
    if isinstance(units, ChannelUnits):
        own = {g.name: set(g.makers) for g in units.groups}
        layers = {layer.parameter: layer.module for layer in seen.info.layers}
        return {g: tuple(_exactly(p) for p, m in layers.items() if m not in makers) for g, makers in own.items()}
    names = [layer.parameter for layer in seen.info.layers]
    return {b.name: tuple(_exactly(n) for n in names if n != b.name) for b in units.blocks}


def _exactly(name: str) -> str:
    """A shell pattern for this name alone."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def pruned_layers(seen: Seen, part: Mapping[str, Any], progress: Progress) -> pd.DataFrame:
    """The rows of one dense model and criterion.

    Args:
        seen: the dense model.
        part: ``criterion``, ``sparsities``, ``split``, ``images``, ``samples`` and ``seed``.
        progress: told of prunings measured.
    """
    (recipe,) = recipes_of([Choice(**part["criterion"])], "criteria")
    seed = int(digest([part["seed"], seen.run_id])[:8], 16) & 0x7FFFFFFF
    split = seen.data.val if part["split"] == "val" else seen.data.train
    chosen = np.sort(np.random.default_rng(part["seed"]).permutation(len(split.labels))[: part["images"]])
    images, labels = split.images[chosen], split.labels[chosen]
    statistics = {
        need: pruning.gather(
            need, seen.net, seen.data, samples=recipe.samples or part["samples"], seed=seed, device=seen.device
        )
        for need in sorted(recipe.needs)
    }

    def measured(net: Any) -> dict[str, float | None]:
        found = per_sample(training.predict(net, images, seen.data.preprocess, device=seen.device), labels)
        loss = float(found.loss.mean())
        accuracy = float(np.mean(found.prediction == labels))
        return {"accuracy": accuracy, "loss": loss if math.isfinite(loss) else None}

    parts = pieces(seen, recipe)
    dense = measured(seen.net)
    common: dict[str, Any] = {"run_id": seen.run_id, "criterion": pruning.label(recipe), "unit": recipe.unit}
    common |= {"split": part["split"], "images": len(chosen)}
    rows = []
    for at, (layer, exclude) in enumerate(parts.items()):
        units = recipe.space(seen.net, seen.info, exclude, seen.example)
        size = sum(b.size for b in units.blocks)
        most = sum(b.most for b in units.blocks)
        own = {**common, "layer": layer, "index": at, "units": size}
        rows.append({**own, "sparsity": 0.0, "achieved": 0.0, **dense})
        sparsities = [recipe.space.sparsity] if recipe.space.sparsity is not None else part["sparsities"]
        for i, sparsity in enumerate(sparsities):
            progress(at * len(sparsities) + i, len(parts) * len(sparsities))
            if not 0 < count_removed(sparsity, size) <= most:
                continue  # of few units this fraction is none, or leaves too few
            selected = pruning.select(
                seen.net,
                seen.info,
                recipe,
                Target("sparsity", sparsity),
                statistics=statistics,
                seed=seed,
                exclude=exclude,
                example=seen.example,
                units=units,
            )
            net = copy.deepcopy(seen.net)
            pruning.commit(net, selected)
            rows.append({**own, "sparsity": sparsity, "achieved": selected.achieved, **measured(net)})
    progress(1, 1)
    return SEEN.frame(rows)
