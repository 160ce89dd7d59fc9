"""Scores that say how much the loss would change: against what it does change by, and against magnitude."""

from __future__ import annotations

from science.bases import LENET, study
from science.experiment import Experiment
from science.finished import gain
from science.oracle import agreement

# Without recovery, so that nothing but the choice of weights is seen.
_CHOSEN = study(LENET, ["magnitude", "obd", "obs", {"name": "obs", "update": "none"}], [0.8, 0.9])
_CURVED = {"name": "obd", "curvature": "hessian"}
_SINGLE = study(LENET, [], [])


def _at(method: object, target: str) -> dict[str, object]:
    return {"method": method, "target": target}


EXPERIMENTS = (
    Experiment(
        name="taylor-foresees-the-change",
        methods=("taylor",),
        claim="The first-order Taylor score agrees with what removing does to the loss, more than weights' sizes do.",
        source="Molchanov et al. 2017, section 3.2 and table 1 (within layers; across them once normalised)",
        quantity="Spearman's correlation with the measured |change of loss| of single weights, minus magnitude's",
        unit="of correlation",
        above=0,
        study=_SINGLE,
        measure=agreement("taylor", "magnitude"),
        note="100 weights, 20 of each layer, each removed alone; loss on 500 training images; the paper: feature maps",
    ),
    Experiment(
        name="taylor-2-foresees-the-change",
        methods=("taylor-2",),
        claim="Taylor scores of either order agree closely with true importance; our reading: more than sizes do.",
        source="Molchanov et al. 2019, abstract (a correlation above 93 %)",
        quantity="Spearman's correlation with the measured |change of loss| of single weights, minus magnitude's",
        unit="of correlation",
        above=0,
        study=_SINGLE,
        measure=agreement("taylor-2", "magnitude"),
        note="100 weights, 20 of each layer, each removed alone; loss on 500 training images; the paper: filters",
    ),
    Experiment(
        name="obd-beyond-magnitude",
        methods=("obd",),
        claim="Deleting by saliency raises the error much less than deleting by magnitude.",
        source="LeCun et al. 1990, section 2.3, figure 1a",
        quantity="test loss of obd minus that of magnitude",
        unit="nats",
        below=0,
        study=_CHOSEN,
        measure=gain(_at("obd", "0.8"), _at("magnitude", "0.8"), "loss"),
        note="read at 0.8, no recovery; the paper: training error",
    ),
    Experiment(
        name="obd-by-curvature-beyond-magnitude",
        methods=("obd",),
        claim="Deleting by saliency raises the error much less than deleting by magnitude.",
        source="LeCun et al. 1990, section 2.3, figure 1a",
        quantity="test loss of obd with the Hessian's own diagonal minus that of magnitude",
        unit="nats",
        below=0,
        study=study(LENET, ["magnitude", _CURVED], [0.8]),
        measure=gain(_CURVED, "magnitude", "loss"),
        note="the diagonal by Hutchinson's estimator, 10 vectors, negative entries taken as 0; no recovery",
    ),
    Experiment(
        name="obs-beyond-magnitude",
        methods=("obs",),
        claim="Optimal brain surgeon prunes more weights than magnitude for the same training error.",
        source="Hassibi & Stork 1993, abstract",
        quantity="test accuracy of obs minus that of magnitude",
        unit="points",
        above=0,
        study=_CHOSEN,
        measure=gain(_at("obs", "0.9"), _at("magnitude", "0.9")),
        note="read at 0.9, no recovery",
    ),
    Experiment(
        name="obs-beyond-obd",
        methods=("obs", "obd"),
        claim="Optimal brain surgeon prunes more weights than optimal brain damage for the same training error.",
        source="Hassibi & Stork 1993, abstract",
        quantity="test accuracy of obs minus that of obd",
        unit="points",
        above=0,
        study=_CHOSEN,
        measure=gain(_at("obs", "0.9"), _at("obd", "0.9")),
        note="read at 0.9, no recovery",
    ),
    Experiment(
        name="obs-makes-up",
        methods=("obs",),
        claim="Moving the weights that stay makes up for those that go.",
        source="our reading of Hassibi & Stork 1993, whose method moves all weights",
        quantity="test accuracy of obs minus that of the same masks with the weights left as they are",
        unit="points",
        above=0,
        study=_CHOSEN,
        measure=gain(_at("obs", "0.9"), _at({"name": "obs", "update": "none"}, "0.9")),
        note="read at 0.9, no recovery",
    ),
    Experiment(
        name="obspa-makes-up",
        methods=("obspa",),
        claim="With the update of what stays, coupled channels can be removed without fine-tuning.",
        source="Wang et al. 2024 (SPA), abstract",
        quantity="test accuracy of obspa minus that of the same channels removed with the weights left as they are",
        unit="points",
        above=0,
        study=study(LENET, ["obspa", {"name": "obspa", "update": "none"}], [0.3]),
        measure=gain("obspa", {"name": "obspa", "update": "none"}),
        note="no recovery",
    ),
)
