"""What recovers a pruned network: few parameters, the dense model's outputs, or training from nothing."""

from __future__ import annotations

from typing import Any

from science.bases import LENET_HERE, study
from science.experiment import Experiment
from science.finished import Finished, Measure, gain, runs_of

_TUNED = {"name": "finetune", "epochs": 3}
_FEW = {"name": "perp", "epochs": 3, "adapters": "none"}
_ADAPTED = {"name": "perp", "epochs": 3}
_DISTILLED = {"name": "distill", "epochs": 3}
_ALL = study(LENET_HERE, ["magnitude"], [0.95], ["none", _TUNED, _FEW, _ADAPTED, _DISTILLED])
_SCRATCH = study(LENET_HERE, ["scratch-e", "scratch-b", {"name": "l1-filter", "recovery": _TUNED}], [0.3])
_FINE = {"name": "l1-filter", "recovery": _TUNED}


def _by(recovery: str) -> dict[str, Any]:
    return {"method": "magnitude", "recovery": recovery}


def _closed(recovery: str) -> Measure:
    """How much of what fine-tuning all weights gains another recovery gains, in percent."""

    def measure(done: Finished) -> list[float]:
        none, whole, own = (
            done.values("accuracy", **runs_of(_by(r))) for r in ("none", "finetune(epochs=3)", recovery)
        )
        return [100 * (own[k] - none[k]) / (whole[k] - none[k]) for k in sorted(none)]

    return measure


def _share(name: str, recovery: str, what: str, note: str) -> Experiment:
    return Experiment(
        name=name,
        methods=("perp",),
        claim=f"Retraining {what} can recover what pruning costs.",
        source="Zimmer et al. 2023, abstract",
        quantity="accuracy that it brings back, of what fine-tuning all weights for as long brings back",
        unit="%",
        above=50,
        study=_ALL,
        measure=_closed(recovery),
        note=f"{note}; the claim is taken as: more than half",
    )


EXPERIMENTS = (
    _share(
        "few-parameters-close-the-gap",
        "perp(epochs=3, adapters=none)",
        "a small, expressive part of the parameters (here biases and the head)",
        "1.7 % of the parameters",
    ),
    _share(
        "adapters-close-the-gap",
        "perp(epochs=3)",
        "few parameters and low-rank changes that keep the sparsity",
        "ranks are at most 3 in so small layers",
    ),
    Experiment(
        name="distilled-beyond-labels",
        methods=("distill",),
        claim="The knowledge of an ensemble can be distilled into one model; our reading: that beats labels alone.",
        source="Hinton et al. 2015, abstract",
        quantity="test accuracy of magnitude recovered by distill minus that recovered by finetune",
        unit="points",
        above=0,
        study=_ALL,
        measure=gain(_by("distill(epochs=3)"), _by("finetune(epochs=3)")),
        note="the dense model is no ensemble and has seen the same images",
    ),
    Experiment(
        name="scratch-e-near-fine-tuned",
        methods=("scratch-e",),
        claim="Fine-tuning what is left of pruned channels is comparable to training it anew, or worse.",
        source="Liu et al. 2019, abstract (here for as many epochs, Scratch-E)",
        quantity="test accuracy of scratch-e minus that of l1-filter fine-tuned",
        unit="points",
        above=-1,
        study=_SCRATCH,
        measure=gain("scratch-e", _FINE),
        note="the claim is taken as: at most a point less",
    ),
    Experiment(
        name="scratch-b-at-least-fine-tuned",
        methods=("scratch-b",),
        claim="Trained anew for as many multiply-adds, the pruned architecture is as good as fine-tuned, or better.",
        source="Liu et al. 2019, abstract (here with the same computation, Scratch-B)",
        quantity="test accuracy of scratch-b minus that of l1-filter fine-tuned",
        unit="points",
        above=0,
        study=_SCRATCH,
        measure=gain("scratch-b", _FINE),
    ),
)
