"""Pruned before training: what scores taken at the initial weights are good for."""

from __future__ import annotations

import math
from typing import Any

from science.bases import DIGITS, LENET_HERE, RESNET, study
from science.experiment import Experiment
from science.finished import Finished, beyond_random, fewer_emptied, gain, paired, runs_of

_AT_INIT = study(DIGITS, ["snip-at-init", "grasp-at-init", "synflow-at-init"], [0.95], controls=True)
_MODERATE = study(DIGITS, ["snip-at-init"], [0.9])


def _untrained(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "at": 0, "recovery": "none", **more}


_SNIP, _GRASP = _untrained("snip", samples=100), _untrained("grasp", samples=100)
_FLOW, _FLOW_AT_ONCE = _untrained("synflow"), _untrained("synflow-one-shot")


def _gradient_flow(done: Finished) -> list[float]:
    one, other = ({k: math.log10(_squared(m)) for k, m in done.models(**runs_of(w)).items()} for w in (_GRASP, _SNIP))
    return paired(one, other)


def _squared(model: Any) -> float:
    """‖g‖² of the kept weights on 1,000 training images."""
    import numpy as np
    import torch
    import torch.nn.functional as F

    train = model.data.train
    images = model.data.preprocess(train.images[:1000], "cpu")
    labels = torch.as_tensor(np.asarray(train.labels)[:1000], dtype=torch.long)
    named = {n: p for n, p in model.net.named_parameters() if n in model.mask.kept}
    with torch.enable_grad():
        loss = F.cross_entropy(model.net.requires_grad_(True)(images), labels)
        found = torch.autograd.grad(loss, list(named.values()))
    kept = [torch.from_numpy(model.mask[n]) for n in named]
    return sum(float((g[k].double() ** 2).sum()) for g, k in zip(found, kept, strict=True))


def _largest_difference_of_totals(done: Finished) -> list[float]:
    """Of SynFlow's scores at the initial weights, summed by layer: how far they are apart, of the largest."""
    from pruneviz.pruning import RECIPES, Given

    found = []
    for model in done.models(**runs_of(_untrained("random"))).values():
        recipe = RECIPES["synflow"]
        units = recipe.space(model.net, model.info, (), model.example)
        scores = recipe.score(Given(model.net, model.info, "weight", units.blocks, example=model.example))
        totals = [float(v.double().sum()) for v in scores.values.values()]
        found.append((max(totals) - min(totals)) / max(totals))
    return found


def _reached(done: Finished) -> list[float]:
    """Kept weights of the classifier that lie on a path from the input to the output."""
    from pruneviz.pruning.connectivity import connectivity

    found = []
    for _, model in sorted(done.models(**runs_of(_FLOW)).items()):
        last = model.info.layers[-1].parameter
        found.append(float(connectivity(model.net, model.mask, model.example)[last].connected.sum()))
    return found


EXPERIMENTS = (
    Experiment(
        name="snip-beyond-random",
        methods=("snip", "snip-at-init"),
        claim="Connection sensitivity at initialisation finds networks that train well at extreme sparsity.",
        source="Lee et al. 2019, abstract",
        quantity="test accuracy of snip-at-init minus that of random weights removed at initialisation",
        unit="points",
        above=0,
        study=_AT_INIT,
        measure=beyond_random("snip-at-init"),
    ),
    Experiment(
        name="snip-near-dense",
        methods=("snip", "snip-at-init"),
        claim="Networks pruned at initialisation by connection sensitivity are virtually as good as the dense network.",
        source="Lee et al. 2019, abstract",
        quantity="test accuracy of snip-at-init minus that of the dense model trained alike",
        unit="points",
        above=-1,
        study=_MODERATE,
        measure=gain("snip-at-init", "dense"),
        note="'virtually' is taken as: within a point",
    ),
    Experiment(
        name="grasp-keeps-gradient-flow",
        methods=("grasp", "grasp-at-init"),
        claim="What GraSP leaves has a larger gradient than what SNIP leaves.",
        source="our reading of Wang et al. 2020, abstract: pruning should preserve the gradient flow",
        quantity="log10 of the squared gradient of the weights that grasp leaves, minus the same of snip",
        unit="decades",
        above=0,
        study=study(LENET_HERE, [_SNIP, _GRASP], [0.98]),
        measure=_gradient_flow,
        note="at initialisation, on 1,000 training images",
    ),
    Experiment(
        name="grasp-beyond-snip",
        methods=("grasp", "grasp-at-init"),
        claim="At extreme sparsity GraSP trains better than SNIP.",
        source="Wang et al. 2020, abstract (against the baseline, at extreme sparsity)",
        quantity="test accuracy of grasp-at-init minus that of snip-at-init",
        unit="points",
        above=0,
        study=_AT_INIT,
        measure=gain("grasp-at-init", "snip-at-init"),
    ),
    Experiment(
        name="flow-is-conserved",
        methods=("synflow", "synflow-at-init", "synflow-one-shot"),
        claim="Synaptic flow is conserved: every layer's scores add up to the same.",
        source="Tanaka et al. 2020, theorem 2 (of weights that separate input from output)",
        quantity="largest difference of the layers' totals, of the largest total",
        unit="of the largest",
        below=1e-5,
        exact=True,
        study=study(LENET_HERE, [_untrained("random")], [0.5]),
        measure=_largest_difference_of_totals,
        note="half of the initial weights of a sequential network, no biases in the score; 1e-5 allows for rounding",
    ),
    Experiment(
        name="rounds-keep-layers",
        methods=("synflow", "synflow-at-init", "synflow-one-shot"),
        claim="Scored anew often enough (here in 100 rounds) no layer is emptied, where scored once layers are.",
        source="Tanaka et al. 2020, theorem 3 (scored anew after every weight)",
        quantity="layers that synflow-one-shot leaves empty, minus those that synflow leaves empty",
        unit="layers",
        above=0,
        exact=True,
        study=study(LENET_HERE, [_FLOW, _FLOW_AT_ONCE], [0.99]),
        measure=fewer_emptied(_FLOW, _FLOW_AT_ONCE),
        note="at initialisation",
    ),
    Experiment(
        name="synflow-never-disconnects",
        methods=("synflow", "synflow-at-init"),
        claim="SynFlow never cuts the input off from the output, however sparse the network.",
        source="our reading of Tanaka et al. 2020, theorem 3: no collapse of layers that could be avoided",
        quantity="kept weights of the output layer that lie on a path from the input",
        unit="weights",
        above=0,
        exact=True,
        study=study(RESNET, [_FLOW], [0.995]),
        measure=_reached,
        note="at initialisation; a residual network, in which single layers may be emptied",
    ),
    Experiment(
        name="synflow-beyond-snip",
        methods=("synflow", "synflow-at-init"),
        claim="SynFlow consistently competes with or outperforms other methods at initialisation.",
        source="Tanaka et al. 2020, abstract",
        quantity="test accuracy of synflow-at-init minus that of snip-at-init",
        unit="points",
        above=0,
        study=_AT_INIT,
        measure=gain("synflow-at-init", "snip-at-init"),
    ),
)
