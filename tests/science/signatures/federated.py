"""FedTiny: its parts, on simulated clients that have images of other classes than each other."""

from __future__ import annotations

from science.bases import RESNET, study
from science.experiment import Experiment
from science.finished import gain

# 376 steps are 18 rounds of ten clients' two steps; weights are exchanged after every second round of the first third.
_SHORT = {"name": "fedtiny", "turn": 2, "every": 2}
_NO_CHOICE, _NO_EXCHANGE = {**_SHORT, "candidates": 1}, {**_SHORT, "alpha": 0.0}
_NEITHER = {**_SHORT, "candidates": 1, "alpha": 0.0}
_ROUNDS = study(RESNET, [_SHORT, _NO_CHOICE, _NO_EXCHANGE, _NEITHER], [0.95])
_NOTE = "10 clients, classes dealt with concentration 0.5, 2 steps a turn; the paper: 5 epochs a turn, 300 rounds"

EXPERIMENTS = (
    Experiment(
        name="federated-parts-beyond-neither",
        methods=("fedtiny",),
        claim="Choosing candidates and pruning on outperforms the state of the art; our reading: and doing neither.",
        source="Huang et al. 2023, abstract",
        quantity="test accuracy of fedtiny minus that of one mask by magnitude that stays",
        unit="points",
        above=0,
        study=_ROUNDS,
        measure=gain(_SHORT, _NEITHER),
        note=_NOTE,
    ),
    Experiment(
        name="candidates-beyond-one",
        methods=("fedtiny",),
        claim="Choosing by clients' batch-norm statistics mitigates bias in pruning; our reading: it beats one mask.",
        source="Huang et al. 2023, abstract",
        quantity="test accuracy of fedtiny without exchanges minus that of one mask by magnitude that stays",
        unit="points",
        above=0,
        study=_ROUNDS,
        measure=gain(_NO_EXCHANGE, _NEITHER),
        note=_NOTE,
    ),
    Experiment(
        name="exchanges-beyond-none",
        methods=("fedtiny",),
        claim="Masks are refined layer by layer between rounds; our reading: that beats a mask that stays.",
        source="Huang et al. 2023, abstract",
        quantity="test accuracy of fedtiny with one candidate minus that of the same mask that stays",
        unit="points",
        above=0,
        study=_ROUNDS,
        measure=gain(_NO_CHOICE, _NEITHER),
        note=_NOTE,
    ),
)
