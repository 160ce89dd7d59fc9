"""Choices that are learned while the network is trained: gates, thresholds, scales, scores, and edited weights."""

from __future__ import annotations

from science.bases import LENET_HERE, RESNET, study
from science.experiment import Experiment
from science.finished import beyond_random, gain

# All of these train for as long as the dense model did, from its weights or from its initial ones.
_AGAIN = {"name": "lr-rewind"}
_ONE_SHOT = {"name": "magnitude", "recovery": _AGAIN}
_FILTERS = {"name": "l1-filter", "recovery": _AGAIN}
_HALFWAY = {"name": "l1-filter", "schedule": {"name": "once", "end": 0.5}, "recovery": _AGAIN, "at": 0}
_SCALES = {"name": "bn-scale", "recovery": _AGAIN}
_PARTED = study(RESNET, ["mask-sparsity", "polarization", _SCALES], [0.5])
_UNEDITED = {"name": "graph-metanetwork", "edits": 0, "recovery": {"name": "finetune", "epochs": 3}}
_EDITED = {**_UNEDITED, "edits": 100}

EXPERIMENTS = (
    Experiment(
        name="bilevel-beyond-one-shot",
        methods=("bip",),
        claim="Learning mask and weights in turns mostly finds better winning tickets, as cheaply as one-shot pruning.",
        source="Zhang et al. 2022, abstract (than iterative magnitude pruning; than one-shot is our reading)",
        quantity="test accuracy of bip minus that of one-shot magnitude trained on for as long",
        unit="points",
        above=0,
        study=study(LENET_HERE, ["bip", _ONE_SHOT], [0.9]),
        measure=gain("bip", _ONE_SHOT),
        note="of the same steps, bip's are of weights and scores in turns",
    ),
    Experiment(
        name="bilevel-beyond-one-shot-channels",
        methods=("bip-channel",),
        claim="Learning mask and weights in turns mostly finds better winning tickets, of filters too, and as cheaply.",
        source="Zhang et al. 2022, abstract (than iterative magnitude pruning; than one-shot is our reading)",
        quantity="test accuracy of bip-channel (uniform) minus that of l1-filter trained on for as long",
        unit="points",
        above=0,
        study=study(LENET_HERE, [{"name": "bip-channel", "allocation": "uniform"}, _FILTERS], [0.5]),
        measure=gain({"name": "bip-channel", "allocation": "uniform"}, _FILTERS),
        note="of the same steps, bip's are of weights and scores in turns; the same fraction of every layer",
    ),
    Experiment(
        name="thresholds-beyond-uniform",
        methods=("lapp",),
        claim="Thresholds learned for each layer under a bound on the cost find appropriate pruning rates.",
        source="Zhai et al. 2023, abstract (that they beat equal rates is our reading)",
        quantity="test accuracy of lapp minus that of equal rates by norms, pruned at the same step",
        unit="points",
        above=0,
        study=study(LENET_HERE, ["lapp", _HALFWAY], [{"macs": 0.5}]),
        measure=gain("lapp", _HALFWAY),
        note="both from the initial weights, pruned halfway; a channel of LeNet-5 costs much: lapp ends at 43 to "
        "48 % of the multiply-adds, equal rates at 49 %: see thresholds-beyond-uniform-residual",
    ),
    Experiment(
        name="thresholds-beyond-uniform-residual",
        methods=("lapp",),
        claim="Thresholds learned for each layer under a bound on the cost find appropriate pruning rates.",
        source="Zhai et al. 2023, abstract (that they beat equal rates is our reading)",
        quantity="test accuracy of lapp minus that of equal rates by norms, pruned at the same step",
        unit="points",
        above=0,
        study=study(RESNET, ["lapp", _HALFWAY], [{"macs": 0.5}]),
        measure=gain("lapp", _HALFWAY),
        note="both from the initial weights, pruned halfway, at about half of the multiply-adds",
    ),
    Experiment(
        name="consensus-beyond-random",
        methods=("consensus",),
        claim="One training with polarised gates finds a good sub-network.",
        source="Zhi et al. 2023, abstract",
        quantity="test accuracy of consensus minus that of random channels removed at the same step",
        unit="points",
        above=0,
        study=study(LENET_HERE, ["consensus"], [0.5], controls=True),
        measure=beyond_random("consensus"),
        note="from the initial weights, pruned halfway",
    ),
    Experiment(
        name="consensus-near-dense",
        methods=("consensus",),
        claim="One training with polarised gates removes half of the connections for less than a point of accuracy.",
        source="Zhi et al. 2023, abstract",
        quantity="test accuracy of consensus minus that of the dense model trained for as long",
        unit="points",
        above=-1,
        study=study(LENET_HERE, ["consensus"], [0.5], controls=True),
        measure=gain("consensus", "dense"),
        note="from the initial weights, pruned halfway; half of the channels, which is more than half of the weights",
    ),
    Experiment(
        name="doomed-scales-beyond-plain",
        methods=("mask-sparsity", "bn-scale"),
        claim="Pulling to zero the scales of just those channels that will go, and not of all, avoids under-fitting.",
        source="Jiang et al. 2023, abstract (that it beats no pull is our reading)",
        quantity="test accuracy of mask-sparsity minus that of bn-scale trained on for as long",
        unit="points",
        above=0,
        study=_PARTED,
        measure=gain("mask-sparsity", _SCALES),
        note="the pull takes up the first half of the steps, which are few: most scales are not near zero when they go",
    ),
    Experiment(
        name="polarised-scales-beyond-plain",
        methods=("polarization", "bn-scale"),
        claim="Scales that are driven apart prune better than scales that are all pulled to zero.",
        source="Zhuang et al. 2020, abstract (that they beat scales as they are is our reading)",
        quantity="test accuracy of polarization minus that of bn-scale trained on for as long",
        unit="points",
        above=0,
        study=_PARTED,
        measure=gain("polarization", _SCALES),
        note="the penalty takes up the first half of the steps; the paper compares with an L1 penalty on all scales",
    ),
    Experiment(
        name="edited-beyond-unedited",
        methods=("graph-metanetwork",),
        claim="A network whose weights a graph network has edited is easier to prune.",
        source="Liu et al. 2025, abstract",
        quantity="test accuracy of graph-metanetwork minus that of the same without editing, both fine-tuned",
        unit="points",
        above=0,
        study=study(LENET_HERE, [_EDITED, _UNEDITED], [0.5]),
        measure=gain(_EDITED, _UNEDITED),
        note="the graph network is trained on this network alone",
    ),
)
