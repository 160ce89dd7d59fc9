"""N of every M: what the pattern costs, and that any score can choose within it."""

from __future__ import annotations

from science.bases import LENET, study
from science.experiment import Experiment
from science.finished import beyond_random, gain

_TUNED = {"name": "finetune", "epochs": 1, "lr": 0.02}
_TAYLOR = {"name": "nm-magnitude", "score": "taylor"}
_HALF = study(
    LENET,
    ["nm-magnitude"],
    [0.5],
    ["none", _TUNED],
    controls=True,
    retrained=True,
)
_BY_TAYLOR = study(LENET, [_TAYLOR], [0.5], controls=True)

EXPERIMENTS = (
    Experiment(
        name="two-of-four-near-dense",
        methods=("nm-magnitude",),
        claim="With two of every four weights, trained on, a network keeps its accuracy.",
        source="Mishra et al. 2021, abstract",
        quantity="test accuracy of nm-magnitude minus that of the dense model trained on alike",
        unit="points",
        above=-1,
        study=_HALF,
        measure=gain({"method": "nm-magnitude", "recovery": _TUNED}, {"method": "dense", "recovery": _TUNED}),
        note="the claim is taken as: at most a point less",
    ),
    Experiment(
        name="two-of-four-by-magnitude",
        methods=("nm-magnitude",),
        claim="Which two of four weights stay matters: the larger ones should.",
        source="our reading of Mishra et al. 2021 (arXiv 2104.08378)",
        quantity="test accuracy of nm-magnitude minus that of two of four at random",
        unit="points",
        above=0,
        study=_HALF,
        measure=beyond_random({"method": "nm-magnitude", "recovery": "none"}),
        note="read without recovery",
    ),
    Experiment(
        name="two-of-four-by-another-score",
        methods=("nm-magnitude", "taylor"),
        claim="Any score can choose within the pattern: two of four by the first-order Taylor score beat chance.",
        source="ours; the pattern is Mishra et al.'s 2021",
        quantity="test accuracy of N:M by Taylor scores minus that of two of four at random",
        unit="points",
        above=0,
        study=_BY_TAYLOR,
        measure=beyond_random({"method": _TAYLOR, "recovery": "none"}),
        note="read without recovery",
    ),
)
