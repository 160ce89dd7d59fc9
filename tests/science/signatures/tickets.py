"""Lottery tickets: what their initial weights and their masks are good for, and how stable their training is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from science.bases import DIGITS, LENET_HERE, RESNET, study
from science.experiment import Experiment
from science.finished import Finished, beyond_random, gain, paired, runs_of

_EARLY = 34


def _once(recovery: Any) -> dict[str, Any]:
    """A ticket whose mask is drawn at once, so that recoveries have the same mask."""
    return {"name": "lottery-ticket", "schedule": "one-shot", "recovery": recovery}


_FIRST, _ANEW = _once({"name": "weight-rewind", "to": 0}), _once("scratch")
_REWOUND = {
    step: {
        "name": "stabilised-lottery-ticket",
        "schedule": "one-shot",
        "recovery": {"name": "weight-rewind", "to": step},
    }
    for step in (0, _EARLY)
}
_SAPS = {
    scope: {"name": f"sap-{scope}", "schedule": {"name": "levels", "rounds": 6}}
    for scope in ("neuron", "layer", "global")
}


def _barriers(done: Finished, step: int) -> dict[int, float]:
    """Test error on the line between two trainings from one point, at its highest above its ends, in points."""
    runs = done.runs(**runs_of(_REWOUND[step]))
    return {int(k): 100 * _barrier(done, [str(r) for r in own["run_id"]]) for k, own in runs.groupby("replicate")}


def _barrier(done: Finished, run_ids: list[str]) -> float:
    import torch

    from pruneviz.measures.regimes import PLACES
    from pruneviz.training import predict

    one, other = (done.model(r) for r in run_ids)
    net, images, labels = copy.deepcopy(one.net), one.data.test.images, np.asarray(one.data.test.labels)
    start, end = one.net.state_dict(), other.net.state_dict()
    errors = []
    for t in PLACES:
        with torch.no_grad():
            net.load_state_dict({n: torch.lerp(start[n], end[n], t) for n in start})
        errors.append(float(np.mean(predict(net, images, one.data.preprocess).argmax(1) != labels)))
    return max(errors) - (errors[0] + errors[-1]) / 2


def _steadier(done: Finished) -> list[float]:
    return paired(_barriers(done, 0), _barriers(done, _EARLY))


def _first_against_last_level(which: Any) -> Any:
    def measure(done: Finished) -> list[float]:
        runs = done.runs(**runs_of(which))
        found = []
        for _, own in sorted(runs.groupby("replicate"), key=lambda pair: int(pair[0])):
            kept = own.sort_values("level")["density"].to_numpy(float)
            found.append(100 * ((1 - kept[0]) - (1 - kept[-1] / kept[-2])))
        return found

    return measure


# Larger steps than the paper's, so that four levels are enough: half of what is left, of the output layer a quarter.
_GLOBAL = {"name": "lottery-ticket", "rate": 0.5, "rounds": 4}
_BY_LAYER = {"name": "lottery-ticket-layers", "rate": 0.5, "output": 0.25, "rounds": 4}
_COURSES = study(DIGITS, [_GLOBAL, _BY_LAYER], [0.9], controls=True)

EXPERIMENTS = (
    Experiment(
        name="ticket-beyond-new-weights",
        methods=("lottery-ticket",),
        claim="A winning ticket with its own initial weights trains better than the same mask with new ones.",
        source="Frankle & Carbin 2019, sections 1 and 2, figure 4",
        quantity="test accuracy of the ticket rewound to its initial weights minus that of the mask trained anew",
        unit="points",
        above=0,
        study=study(DIGITS, [_FIRST, _ANEW], [0.9]),
        measure=gain(_FIRST, _ANEW),
        note="the mask drawn at once; the paper: in levels",
    ),
    Experiment(
        name="ticket-beyond-random-mask",
        methods=("lottery-ticket",),
        claim="Tickets found by magnitude train better than random sparse networks.",
        source="Frankle & Carbin 2019, section 1, figure 1 (tickets found layer by layer)",
        quantity="test accuracy at level 4 (6.25 % left) minus that of random weights removed level by level",
        unit="points",
        above=0,
        study=_COURSES,
        measure=beyond_random({"method": _GLOBAL, "level": 4}),
        note="half of what is left goes at each level; the paper: a fifth",
    ),
    Experiment(
        name="layerwise-ticket-beyond-random-mask",
        methods=("lottery-ticket-layers",),
        claim="Tickets found layer by layer by magnitude train better than random sparse networks.",
        source="Frankle & Carbin 2019, section 1, figure 1; how by layer: section 2",
        quantity="test accuracy at level 4 minus that of as many random weights of each layer removed level by level",
        unit="points",
        above=0,
        study=_COURSES,
        measure=beyond_random({"method": _BY_LAYER, "level": 4}),
        note="at each level goes half of what is left, of the output layer a quarter; the paper: a fifth and a tenth",
    ),
    Experiment(
        name="rewinding-early-steadies",
        methods=("stabilised-lottery-ticket", "lottery-ticket"),
        claim="Put back to an early step and not to the initialisation, a ticket's trainings end closer together.",
        source="Frankle et al. 2019 (1903.01611), abstract; measured as by Frankle et al. 2020 (1912.05671)",
        quantity="barrier of test error between two trainings from step 0 minus that between two from step 34",
        unit="points",
        above=0,
        study=study(LENET_HERE, list(_REWOUND.values()), [0.9], seeds=2),
        measure=_steadier,
        note=f"the mask drawn at once; step {_EARLY} is 4.5 % of training",
    ),
    Experiment(
        name="layers-out-near-dense",
        methods=("layer-lottery",),
        claim="Networks without some of their layers from the start train to the accuracy of the whole one.",
        source="Jordao et al. 2023, abstract",
        quantity="test accuracy of layer-lottery minus that of the dense model trained alike",
        unit="points",
        above=-1,
        study=study(RESNET, ["layer-lottery"], [0.34]),
        measure=gain("layer-lottery", "dense"),
        note="one residual branch of three; the claim is taken as: at most a point less",
    ),
    Experiment(
        name="sap-slows-down",
        methods=("sap-global",),
        claim="How much is pruned follows how compressible the rest is; our reading: less and less goes.",
        source="Diao et al. 2023 (arXiv 2302.05601), abstract",
        quantity="removed of what is left at level 1 minus at level 6",
        unit="points",
        above=0,
        study=study(DIGITS, [_SAPS["global"]], [0.9]),
        measure=_first_against_last_level(_SAPS["global"]),
        note="how the PQ index itself goes: docs/analyses/pq_index.md",
    ),
    Experiment(
        name="sap-layer-slows-down",
        methods=("sap-layer",),
        claim="How much is pruned follows how compressible the rest is; our reading: less and less goes.",
        source="Diao et al. 2023 (arXiv 2302.05601), abstract",
        quantity="removed of what is left at level 1 minus at level 6",
        unit="points",
        above=0,
        study=study(DIGITS, [_SAPS["layer"]], [0.9]),
        measure=_first_against_last_level(_SAPS["layer"]),
    ),
    Experiment(
        name="sap-neuron-slows-down",
        methods=("sap-neuron",),
        claim="How much is pruned follows how compressible the rest is; our reading: less and less goes.",
        source="Diao et al. 2023 (arXiv 2302.05601), abstract",
        quantity="removed of what is left at level 1 minus at level 6",
        unit="points",
        above=0,
        study=study(DIGITS, [_SAPS["neuron"]], [0.9]),
        measure=_first_against_last_level(_SAPS["neuron"]),
    ),
)
