"""Masks that change while the network is trained, and the sizes of networks they are compared with."""

from __future__ import annotations

from science.bases import DIGITS, LENET, Table, study
from science.experiment import Experiment
from science.finished import beyond_random, gain

_RIGL = {"name": "rigl", "every": 20}
_GLOBALLY = {"name": "large-sparse", "allocation": "global"}
_SPARSE = study(DIGITS, [_RIGL, "granet", "sparse-erk", _GLOBALLY], [0.95])
_TENTH = {"parameters": 0.1}
# From clothes to digits: a network is fine-tuned for other images than it was trained on.
_ELSEWHERE: Table = {**LENET, "data": {"source": "sample:digits", "size": [28, 28]}}
_TUNED = {"name": "finetune", "epochs": 15, "lr": 0.02}
_MOVING = {"name": "movement", "recovery": _TUNED}
_GRADUAL = {"name": "gradual-magnitude", "allocation": "global", "recovery": _TUNED}

EXPERIMENTS = (
    Experiment(
        name="rigl-beyond-static",
        methods=("rigl",),
        claim="Growing weights where gradients are large trains better than a mask that stays.",
        source="Evci et al. 2020, section 4.1",
        quantity="test accuracy of rigl minus that of sparse-erk",
        unit="points",
        above=0,
        study=_SPARSE,
        measure=gain(_RIGL, "sparse-erk"),
        note="exchanged every 20 steps, not 100, since there are 460; sparse-erk begins scaled by density",
    ),
    Experiment(
        name="granet-beyond-rigl",
        methods=("granet", "rigl"),
        claim="Gradual pruning with regrowth advances the state of the art; our reading: it beats RigL.",
        source="Liu et al. 2021, abstract",
        quantity="test accuracy of granet minus that of rigl",
        unit="points",
        above=0,
        study=_SPARSE,
        measure=gain("granet", _RIGL),
        note="granet begins dense and rigl sparse, so granet trains more weights for the same steps",
    ),
    Experiment(
        name="regrowth-beyond-gradual",
        methods=("granet",),
        claim="Regrowing as many weights as were pruned substantially improves how pruned networks recover.",
        source="Liu et al. 2021, abstract (zero-cost neuroregeneration)",
        quantity="test accuracy of granet minus that of the same curve without regrowth",
        unit="points",
        above=0,
        study=_SPARSE,
        measure=gain("granet", _GLOBALLY),
    ),
    Experiment(
        name="large-sparse-beyond-small-dense",
        methods=("large-sparse", "small-dense", "gradual-magnitude"),
        claim="Large sparse models consistently outperform small dense ones of as many non-zero parameters.",
        source="Zhu & Gupta 2017, abstract",
        quantity="test accuracy of large-sparse minus that of small-dense",
        unit="points",
        above=0,
        study=study(DIGITS, ["large-sparse", "small-dense"], [_TENTH]),
        measure=gain("large-sparse", "small-dense"),
    ),
    Experiment(
        name="movement-beyond-magnitude",
        methods=("movement",),
        claim="In transfer learning, movement keeps more accuracy than magnitude at high sparsity.",
        source="Sanh et al. 2020, abstract (of pretrained language models)",
        quantity="test accuracy of movement minus that of global magnitude along the same curve",
        unit="points",
        above=0,
        study=study(_ELSEWHERE, [_MOVING, _GRADUAL], [0.97]),
        measure=gain(_MOVING, _GRADUAL),
        note="networks trained on Fashion-MNIST, fine-tuned on digits enlarged to 28×28",
    ),
    Experiment(
        name="untrained-beyond-random",
        methods=("multi-prize",),
        claim="Networks of random weights hold subnetworks that do well though no weight is trained.",
        source="Diffenderfer & Kailkhura 2021, abstract",
        quantity="test accuracy of multi-prize minus that of random subnetworks of the same weights",
        unit="points",
        above=0,
        study=study(DIGITS, ["multi-prize"], [0.5], controls=True),
        measure=beyond_random("multi-prize"),
    ),
    Experiment(
        name="untrained-near-dense",
        methods=("multi-prize",),
        claim="Subnetworks of random weights reach the accuracy of the trained dense network.",
        source="Diffenderfer & Kailkhura 2021, abstract (of networks of sufficient size)",
        quantity="test accuracy of multi-prize minus that of the dense model trained for as long",
        unit="points",
        above=-1,
        study=study(DIGITS, ["multi-prize"], [0.5], controls=True),
        measure=gain("multi-prize", "dense"),
        note="the claim is taken as: at most a point less",
    ),
)
