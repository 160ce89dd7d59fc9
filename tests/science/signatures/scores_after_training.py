"""Scores of trained networks without recovery, so that nothing but the choice of weights is seen."""

from __future__ import annotations

from science.bases import LENET, study
from science.experiment import Experiment
from science.finished import gain

_CHOSEN = study(LENET, ["random", "gradient", "fisher"], [0.5])

EXPERIMENTS = (
    Experiment(
        name="gradient-beyond-random",
        methods=("gradient",),
        claim="A measure of relevance (the error's derivatives) tells which parts of a network can be trimmed.",
        source="Mozer & Smolensky 1988, abstract",
        quantity="test loss of gradient minus that of random",
        unit="nats",
        below=0,
        study=_CHOSEN,
        measure=gain("gradient", "random", "loss"),
        note="no recovery; the paper: units and not weights",
    ),
    Experiment(
        name="fisher-beyond-random",
        methods=("fisher",),
        claim="Parameters of little Fisher information can be removed at little loss.",
        source="our reading of Theis et al. 2018 (arXiv 1801.05787), who prune feature maps by it",
        quantity="test loss of fisher minus that of random",
        unit="nats",
        below=0,
        study=_CHOSEN,
        measure=gain("fisher", "random", "loss"),
        note="no recovery; the paper: feature maps and not weights",
    ),
)
