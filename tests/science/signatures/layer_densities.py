"""How the amount is divided over layers: of random sparse networks trained from the start, and of trained ones."""

from __future__ import annotations

from typing import Any

from science.bases import DIGITS, LENET, LENET_HERE, study
from science.experiment import Experiment
from science.finished import Finished, gain, paired, runs_of

_UNSCALED = {"name": "sparse-erk", "update": "none"}
_UNIFORM_PLUS = {
    "name": "random-uniform-plus",
    "at": 0,
    "update": "density-scaled",
    "recovery": "lr-rewind",
}
_TUNED = {"name": "finetune", "epochs": 1, "lr": 0.02}
_MAGNITUDES = (
    *("magnitude", "magnitude-uniform", "magnitude-uniform-plus", "magnitude-erk", "magnitude-erk-plus"),
    *("lamp", "random-uniform", "random"),
)
_TRAINED = study(LENET, list(_MAGNITUDES), [0.95], [_TUNED])
_LIU = "Liu et al. 2022, abstract, point (ii)"


def _tuned(method: str) -> dict[str, Any]:
    return {"method": method, "recovery": _TUNED}


def _lamp_over_the_others(done: Finished) -> list[float]:
    others = ("magnitude", "magnitude-uniform", "magnitude-uniform-plus", "magnitude-erk")
    each = [done.values("accuracy", **runs_of(_tuned(m))) for m in others]
    mean = {k: sum(e[k] for e in each) / len(each) for k in each[0]}
    return paired(done.values("accuracy", **runs_of(_tuned("lamp"))), mean, 100.0)


EXPERIMENTS = (
    Experiment(
        name="erk-beyond-uniform",
        methods=("erk", "sparse-erk", "sparse-uniform", "random-uniform"),
        claim="Layer densities by the Erdős-Rényi-Kernel rule train better than the same density in every layer.",
        source="Evci et al. 2020, section 4.1, figure 2",
        quantity="test accuracy of sparse-erk minus that of sparse-uniform",
        unit="points",
        above=0,
        study=study(LENET_HERE, ["sparse-erk", "sparse-uniform"], [0.95]),
        measure=gain("sparse-erk", "sparse-uniform"),
        note="initial weights scaled by density",
    ),
    Experiment(
        name="erk-plus-beyond-uniform",
        methods=("random-erk-plus", "sparse-erk-plus"),
        claim="Appropriate layer densities chosen beforehand boost the training of randomly pruned networks.",
        source=_LIU,
        quantity="test accuracy of sparse-erk-plus minus that of sparse-uniform",
        unit="points",
        above=0,
        study=study(LENET_HERE, ["sparse-erk-plus", "sparse-uniform"], [0.95]),
        measure=gain("sparse-erk-plus", "sparse-uniform"),
        note="initial weights scaled by density",
    ),
    Experiment(
        name="uniform-plus-beyond-uniform",
        methods=("random-uniform-plus",),
        claim="Appropriate layer densities chosen beforehand boost the training of randomly pruned networks.",
        source=_LIU,
        quantity="test accuracy of random-uniform-plus, pruned at the start and trained, minus that of sparse-uniform",
        unit="points",
        above=0,
        study=study(LENET_HERE, [_UNIFORM_PLUS, "sparse-uniform"], [0.95]),
        measure=gain(_UNIFORM_PLUS, "sparse-uniform"),
        note="initial weights scaled by density",
    ),
    Experiment(
        name="scaled-beyond-unscaled",
        methods=("sparse-erk", "sparse-uniform", "sparse-erk-plus"),
        claim="Initial weights scaled by how many inputs are left are important for training sparse networks.",
        source="Evci et al. 2022 (gradient flow in sparse neural networks, arXiv 2010.03533), abstract",
        quantity="test accuracy of sparse-erk minus that without the scaling",
        unit="points",
        above=0,
        study=study(LENET_HERE, ["sparse-erk", _UNSCALED], [0.95]),
        measure=gain("sparse-erk", _UNSCALED),
    ),
    Experiment(
        name="random-near-dense",
        methods=("sparse-uniform", "random-uniform"),
        claim="A randomly pruned network trained from the start can match the dense one.",
        source="Liu et al. 2022, abstract (of wide and deep networks)",
        quantity="test accuracy of sparse-uniform minus that of the dense model trained alike",
        unit="points",
        above=-1,
        study=study(DIGITS, ["sparse-uniform"], [0.5]),
        measure=gain("sparse-uniform", "dense"),
    ),
    Experiment(
        name="magnitude-beyond-random",
        methods=("magnitude",),
        claim="The smallest weights can be removed at little loss, once what is left is trained on.",
        source="Han et al. 2015, section 3",
        quantity="test accuracy of magnitude minus that of random",
        unit="points",
        above=0,
        study=_TRAINED,
        measure=gain(_tuned("magnitude"), _tuned("random")),
        note="read after fine-tuning",
    ),
    Experiment(
        name="uniform-magnitude-beyond-random",
        methods=("magnitude-uniform",),
        claim="Simple magnitude pruning is comparable to complex methods or better; our reading: it beats chance.",
        source="Gale et al. 2019, abstract",
        quantity="test accuracy of magnitude-uniform minus that of random-uniform",
        unit="points",
        above=0,
        study=_TRAINED,
        measure=gain(_tuned("magnitude-uniform"), _tuned("random-uniform")),
        note="read after fine-tuning; the paper prunes during training",
    ),
    Experiment(
        name="uniform-plus-magnitude-beyond-uniform",
        methods=("magnitude-uniform-plus",),
        claim="Sparing the first convolution and the last layer helps magnitude pruning to keep accuracy.",
        source="Gale et al. 2019 (arXiv 1902.09574), as told by Lee et al. 2021, section 1",
        quantity="test accuracy of magnitude-uniform-plus minus that of magnitude-uniform",
        unit="points",
        above=0,
        study=_TRAINED,
        measure=gain(_tuned("magnitude-uniform-plus"), _tuned("magnitude-uniform")),
        note="read after fine-tuning; the paper prunes during training",
    ),
    Experiment(
        name="erk-magnitude-beyond-uniform",
        methods=("magnitude-erk",),
        claim="Layer densities by the Erdős-Rényi-Kernel rule keep more accuracy than equal ones.",
        source="Evci et al. 2020, sections 4.1 and 4.4, figures 2 and 5",
        quantity="test accuracy of magnitude-erk minus that of magnitude-uniform",
        unit="points",
        above=0,
        study=_TRAINED,
        measure=gain(_tuned("magnitude-erk"), _tuned("magnitude-uniform")),
        note="read after fine-tuning; the paper trains sparse networks",
    ),
    Experiment(
        name="erk-plus-magnitude-beyond-uniform",
        methods=("magnitude-erk-plus",),
        claim="Layer densities chosen beforehand matter; our reading: ERK with a dense last layer beats equal ones.",
        source=_LIU,
        quantity="test accuracy of magnitude-erk-plus minus that of magnitude-uniform",
        unit="points",
        above=0,
        study=_TRAINED,
        measure=gain(_tuned("magnitude-erk-plus"), _tuned("magnitude-uniform")),
        note="read after fine-tuning; the paper trains random sparse networks",
    ),
    Experiment(
        name="lamp-beyond-others",
        methods=("lamp",),
        claim="LAMP's layer sparsities consistently outperform other ways of choosing them.",
        source="Lee et al. 2021, abstract",
        quantity="test accuracy of lamp minus the mean of magnitude under global, uniform, uniform-plus and erk",
        unit="points",
        above=0,
        study=_TRAINED,
        measure=_lamp_over_the_others,
        note="read after fine-tuning",
    ),
)
