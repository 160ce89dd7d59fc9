"""Global magnitude: what its floor is for, and what pruning gradually changes."""

from __future__ import annotations

from science.bases import LENET, RESNET, Table, study
from science.experiment import Experiment
from science.finished import Finished, fewer_emptied, gain, paired, runs_of

_SHIPPED: Table = {**LENET, "model": {"source": "sample:resnet8-fashion", "replicates": 1}}
_LONG = {"name": "finetune", "epochs": 2, "lr": 0.02}
_GRADUAL = {"name": "global-mp-gradual", "recovery": _LONG}
_UNIFORM_GRADUAL = {"name": "gradual-magnitude", "recovery": _LONG}
_WAYS = study(LENET, [_GRADUAL, "global-mp", _UNIFORM_GRADUAL, "magnitude-uniform"], [0.98], [_LONG])
_STEPWISE = study(
    LENET,
    [{"name": "iterative-magnitude", "recovery": {"name": "finetune", "epochs": 1, "lr": 0.02}}],
    [0.95],
) | {"recover": {"recoveries": [{"name": "finetune", "epochs": 3, "lr": 0.02}]}}
_STEPWISE["prune"]["methods"].append("magnitude")


def _fewer_multiply_adds(done: Finished) -> list[float]:
    once, gradual = (done.values("macs", **runs_of(m)) for m in ("global-mp", _GRADUAL))
    whole = done.values("macs_dense", **runs_of("global-mp"))
    return paired({k: once[k] / whole[k] for k in once}, {k: gradual[k] / whole[k] for k in gradual}, 100.0)


EXPERIMENTS = (
    Experiment(
        name="floor-keeps-layers",
        methods=("global-mp",),
        claim="Without a least number of weights for each layer, global magnitude empties layers at high sparsity.",
        source="Gupta et al. 2022, abstract",
        quantity="layers that magnitude leaves empty, minus those that global-mp leaves empty",
        unit="layers",
        above=0,
        exact=True,
        study=study(RESNET, ["global-mp", "magnitude"], [0.99]),
        measure=fewer_emptied("global-mp", "magnitude"),
    ),
    Experiment(
        name="floor-keeps-layers-shipped",
        methods=("global-mp",),
        claim="Without a least number of weights for each layer, global magnitude empties layers at high sparsity.",
        source="Gupta et al. 2022, abstract",
        quantity="layers that magnitude leaves empty, minus those that global-mp leaves empty",
        unit="layers",
        above=0,
        exact=True,
        study=study(_SHIPPED, ["global-mp", "magnitude"], [0.99]),
        measure=fewer_emptied("global-mp", "magnitude"),
    ),
    Experiment(
        name="global-mp-beyond-uniform",
        methods=("global-mp",),
        claim="Global magnitude, simple as it is, is more accurate than state-of-the-art methods at every sparsity.",
        source="Gupta et al. 2022, abstract of the last version; uniform magnitude as one of them is our reading",
        quantity="test accuracy of global-mp minus that of magnitude-uniform",
        unit="points",
        above=0,
        study=_WAYS,
        measure=gain("global-mp", "magnitude-uniform"),
    ),
    Experiment(
        name="gradual-costs-less",
        methods=("global-mp-gradual",),
        claim="Global magnitude saves more multiply-adds when weights go gradually.",
        source="Gupta et al. 2022, abstract of the first version",
        quantity="multiply-adds that global-mp leaves minus those that global-mp-gradual leaves, of the dense model's",
        unit="% of the dense model's",
        above=0,
        study=_WAYS,
        measure=_fewer_multiply_adds,
    ),
    Experiment(
        name="gradual-beyond-one-shot",
        methods=("gradual-magnitude",),
        claim="Removed along a cubic curve, the network recovers while it is pruned.",
        source="Zhu & Gupta 2017 (arXiv 1710.01878)",
        quantity="test accuracy of gradual-magnitude minus that of magnitude-uniform, both trained on for as long",
        unit="points",
        above=0,
        study=_WAYS,
        measure=gain(_UNIFORM_GRADUAL, "magnitude-uniform"),
        note="the paper has no such comparison: its own is large-sparse-beyond-small-dense",
    ),
    Experiment(
        name="iterative-beyond-one-shot",
        methods=("iterative-magnitude",),
        claim="Pruned and trained on in turns, more weights can go than at once.",
        source="Han et al. 2015, section 3.4",
        quantity="test accuracy of iterative-magnitude (3 levels) minus that of magnitude, 3 epochs of training each",
        unit="points",
        above=0,
        study=_STEPWISE,
        measure=gain(_STEPWISE["prune"]["methods"][0], "magnitude"),
    ),
)
