"""Scores of channels on trained networks, mostly without recovery, so that nothing but the choice is seen."""

from __future__ import annotations

from typing import Any

from science.bases import LENET, LENET_HERE, RESNET, Table, study
from science.experiment import Experiment
from science.finished import Finished, beyond_random, gain

_UNIFORM = {
    n: {"name": n, "allocation": "uniform"} for n in ("apoz", "taylor-channel", "fisher-channel", "conductance")
}
_SECOND = {"name": "taylor-2-channel", "allocation": "uniform"}
_EVEN = {"name": "emo-pms", "allocation": "uniform"}
_ALIKE = {"name": "beta-rank", "allocation": "uniform"}
# A third of the channels of every layer, so that scores and not allocations are compared.
_CHOSEN = study(
    LENET,
    [*_UNIFORM.values(), _SECOND, _ALIKE, _EVEN, "activation-l1", "activation-l2", "l1-filter", "l2-filter"],
    [0.3],
    controls=True,
)
_TUNED = {"name": "finetune", "epochs": 3}
_RECOVERED = study(LENET_HERE, ["l1-filter", "l2-filter", _ALIKE], [0.5], [_TUNED], controls=True)
_SCALES = study(RESNET, ["bn-scale"], [0.3], [{"name": "finetune", "epochs": 2}], controls=True)
_CROPPED = study(LENET_HERE, ["precropping", "snip-at-init"], [{"parameters": 0.2}])
# Three architectures, trained on the same images.
_EVERY: Table = {
    "models": [{"source": f"sample:{name}-fashion"} for name in ("lenet5", "resnet8", "vit")],
    "data": {"source": "sample:fashion"},
}


def _gaps(done: Finished) -> list[float]:
    """Largest difference between logits of the cut and of the masked network, as a share of the largest logit."""
    import copy

    import torch

    from pruneviz import pruning

    found = []
    for run_id in done.runs(method="spa")["run_id"]:
        loaded = done.model(str(run_id))
        assert loaded.mask is not None
        masked = copy.deepcopy(loaded.net)
        pruning.apply(masked, loaded.mask)
        images = loaded.data.preprocess(loaded.data.test.images[:100])
        with torch.no_grad():
            whole = masked(images)
            cut = pruning.cut(masked, loaded.mask, loaded.example)(images)
        found.append(float((cut - whole).abs().max() / whole.abs().max()))
    return found


def _beyond_chance(name: str, method: Any, claim: str, source: str, note: str = "") -> Experiment:
    plain = method if isinstance(method, str) else method["name"]
    return Experiment(
        name=name,
        methods=(plain,),
        claim=claim,
        source=source,
        quantity=f"test accuracy of {plain} minus that of random channels",
        unit="points",
        above=0,
        study=_CHOSEN,
        measure=beyond_random(method),
        note="; ".join(["no recovery, the same fraction of every layer", *([note] if note else [])]),
    )


EXPERIMENTS = (
    _beyond_chance(
        "apoz-beyond-random",
        _UNIFORM["apoz"],
        "Channels that are mostly zero behind ReLU are redundant and can be removed without affecting accuracy.",
        "Hu et al. 2016, abstract",
        "the paper: with retraining, and without affecting accuracy, not only better than chance",
    ),
    _beyond_chance(
        "activation-beyond-random",
        "activation-l1",
        "It is reasonable to assume that channels of small activations are not important for the prediction.",
        "Molchanov et al. 2017, section 2.2",
    ),
    _beyond_chance(
        "activation-l2-beyond-random",
        "activation-l2",
        "It is reasonable to assume that channels of small activations are not important for the prediction.",
        "Molchanov et al. 2017, section 2.2",
    ),
    Experiment(
        name="taylor-channel-beyond-activations",
        methods=("taylor-channel", "activation-l1"),
        claim="Of criteria for channels, the first-order Taylor expansion does better than mean activations.",
        source="Molchanov et al. 2017, abstract and sections 3.2 and 3.3 (with fine-tuning)",
        quantity="test accuracy of taylor-channel minus that of activation-l1",
        unit="points",
        above=0,
        study=_CHOSEN,
        measure=gain(_UNIFORM["taylor-channel"], "activation-l1"),
        note="no recovery, the same fraction of every layer",
    ),
    _beyond_chance(
        "fisher-channel-beyond-random",
        _UNIFORM["fisher-channel"],
        "Feature maps of little Fisher information can be removed at little loss.",
        "our reading of Theis et al. 2018 (arXiv 1801.05787), who prune feature maps by it",
    ),
    _beyond_chance(
        "taylor-2-channel-beyond-random",
        _SECOND,
        "Second-order Taylor scores approximate what a filter contributes to the loss; the smallest can go.",
        "Molchanov et al. 2019, abstract",
    ),
    _beyond_chance(
        "conductance-beyond-random",
        _UNIFORM["conductance"],
        "Conductance tells how much a hidden unit matters for the prediction.",
        "Dhamdhere et al. 2019, abstract (not for pruning; that others harm less is our reading)",
        "the paper ablates the units of highest conductance",
    ),
    _beyond_chance(
        "emo-pms-beyond-random",
        _EVEN,
        "Filter masks that are evolved and merged by how much they impair balance pruning rate and accuracy.",
        "Shang et al. 2023, abstract",
    ),
    Experiment(
        name="emo-pms-beyond-norms",
        methods=("emo-pms", "l1-filter"),
        claim="Evolved masks of sub-networks are effective beside fifteen other methods; our reading: they beat norms.",
        source="Shang et al. 2023, abstract of the first version (of the last: comparable to the state of the art)",
        quantity="test accuracy of emo-pms minus that of l1-filter",
        unit="points",
        above=0,
        study=_CHOSEN,
        measure=gain(_EVEN, "l1-filter"),
        note="no recovery, the same fraction of every layer; the paper: with fine-tuning, against others",
    ),
    Experiment(
        name="smallest-filters-beyond-random",
        methods=("l1-filter",),
        claim="Pruning the smallest filters works better than pruning random ones, in most layers.",
        source="Li et al. 2017, section 4.4 and figure 8",
        quantity="test accuracy of l1-filter minus that of random channels, both fine-tuned",
        unit="points",
        above=0,
        study=_RECOVERED,
        measure=beyond_random("l1-filter"),
    ),
    Experiment(
        name="smallest-filters-beyond-random-untuned",
        methods=("l1-filter",),
        claim="Pruning the smallest filters works better than pruning random ones, in most layers.",
        source="Li et al. 2017, section 4.4 and figure 8",
        quantity="test accuracy of l1-filter minus that of random channels",
        unit="points",
        above=0,
        study=_CHOSEN,
        measure=beyond_random("l1-filter"),
        note="no recovery",
    ),
    Experiment(
        name="norms-alike",
        methods=("l1-filter", "l2-filter"),
        claim="Between the L1 and the L2 norm of filters there is no noticeable difference.",
        source="Li et al. 2017 (arXiv 1608.08710)",
        quantity="test accuracy of l1-filter minus that of l2-filter, both fine-tuned",
        unit="points",
        above=-0.5,
        below=0.5,
        study=_RECOVERED,
        measure=gain("l1-filter", "l2-filter"),
        note="the claim is taken as: within half a point",
    ),
    Experiment(
        name="beta-rank-beyond-norms",
        methods=("beta-rank", "l1-filter"),
        claim="Ranking filters by what they do to the data prunes better, for imbalanced medical images.",
        source="Homayounfar et al. 2023, abstract (that it beats norms on any images is our reading)",
        quantity="test accuracy of beta-rank minus that of l1-filter, both fine-tuned",
        unit="points",
        above=0,
        study=_RECOVERED,
        measure=gain(_ALIKE, "l1-filter"),
        note="balanced images; the paper: imbalanced medical ones above all",
    ),
    Experiment(
        name="beta-rank-beyond-norms-untuned",
        methods=("beta-rank", "l1-filter"),
        claim="Ranking filters by what they do to the data prunes better, for imbalanced medical images.",
        source="Homayounfar et al. 2023, abstract (that it beats norms on any images is our reading)",
        quantity="test accuracy of beta-rank minus that of l1-filter",
        unit="points",
        above=0,
        study=_CHOSEN,
        measure=gain(_ALIKE, "l1-filter"),
        note="no recovery; balanced images; the paper: imbalanced medical ones above all",
    ),
    Experiment(
        name="small-scales-beyond-random",
        methods=("bn-scale",),
        claim="Channels with small batch-norm scales can be pruned, and fine-tuning makes up for it.",
        source="Liu et al. 2017 (network slimming, arXiv 1708.06519), figure 1",
        quantity="test accuracy of bn-scale minus that of random channels, both fine-tuned",
        unit="points",
        above=0,
        study=_SCALES,
        measure=beyond_random("bn-scale"),
        note="the paper trains with an L1 penalty on the scales first; here there is none",
    ),
    Experiment(
        name="groups-cut-as-masked",
        methods=("spa",),
        claim="Groups of coupled channels, found in the graph, can be removed from any architecture.",
        source="Wang et al. 2024 (SPA), abstract",
        quantity="largest difference between logits of the cut and of the masked network, over the largest logit",
        unit="(ratio)",
        below=1e-5,
        exact=True,
        study=study(_EVERY, ["spa"], [0.5]),
        measure=_gaps,
        note="a CNN, a residual network and a vision transformer; 100 test images",
    ),
    Experiment(
        name="cropped-near-weight-pruning",
        methods=("precropping",),
        claim="Cropping channels by layer densities before training needs no fine-grained pruning at initialisation.",
        source="Cai et al. 2022, abstract (without sacrificing accuracy)",
        quantity="test accuracy of precropping minus that of snip-at-init at equal parameters",
        unit="points",
        above=-1,
        study=_CROPPED,
        measure=gain("precropping", "snip-at-init"),
        note="the claim is taken as: at most a point less",
    ),
)
