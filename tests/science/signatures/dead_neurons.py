"""AP: negative weights that did not move go too, so that fewer neurons are dead."""

from __future__ import annotations

from typing import Any

from science.bases import DIGITS, study
from science.experiment import Experiment
from science.finished import Finished, gain, paired

_COURSE = study(DIGITS, ["lottery-ticket", "ap"], [0.9])
_LEVEL = 10  # 10.7 % left


def _dead(done: Finished, method: str) -> dict[int, float]:
    """Neurons that put out nothing on any of 1,000 training images, of those that have a weight left, in percent."""
    from pruneviz import pruning
    from pruneviz.pruning.methods.reactivation import dead_neurons
    from pruneviz.pruning.parts import Given

    found = {}
    for replicate, loaded in done.models(method=method, level=_LEVEL).items():
        active = pruning.gather("activations", loaded.net, loaded.data, samples=1000, seed=0)
        dead, count = dead_neurons(Given(loaded.net, loaded.info, "weight", (), {"activations": active}))
        found[replicate] = 100 * dead / count
    return found


def _fewer(done: Finished) -> list[float]:
    return paired(_dead(done, "lottery-ticket"), _dead(done, "ap"))


def _at(method: str) -> dict[str, Any]:
    return {"method": method, "level": _LEVEL}


EXPERIMENTS = (
    Experiment(
        name="fewer-dead-neurons",
        methods=("ap",),
        claim="Pruning some negative weights that hardly moved lowers the dynamic dead-neuron rate.",
        source="Liu et al. 2023 (AP), abstract; which weights go: the authors' code",
        quantity="dynamic dead-neuron rate of lottery-ticket minus that of ap",
        unit="points",
        above=0,
        study=_COURSE,
        measure=_fewer,
        note=f"at level {_LEVEL}, 10.7 % left, after training; 1,000 training images",
    ),
    Experiment(
        name="reactivated-beyond-host",
        methods=("ap",),
        claim="With it, the pruned network is more accurate than its host method leaves it.",
        source="Liu et al. 2023 (AP), abstract",
        quantity="test accuracy of ap minus that of lottery-ticket",
        unit="points",
        above=0,
        study=_COURSE,
        measure=gain(_at("ap"), _at("lottery-ticket")),
        note=f"at level {_LEVEL}, 10.7 % left",
    ),
)
