"""Pruning by relevance: beside gradients from as few images, and beside magnitude up to where that is better."""

from __future__ import annotations

from typing import Any

from science.bases import LENET, study
from science.experiment import Experiment
from science.finished import Finished, Measure, gain

# One image of each class for every score; without recovery, as in the paper.
_WEIGHTS: dict[str, Any] = {
    "lrp": {"name": "lrp", "references": 1},
    "taylor": {"name": "taylor", "samples": 10},
    "gradient": {"name": "gradient", "samples": 10},
}
_FILTERS: dict[str, Any] = {
    "lrp": {"name": "lrp-filter", "references": 1, "allocation": "uniform"},
    "taylor": {"name": "taylor-channel", "samples": 10, "allocation": "uniform"},
    "gradient": {"name": "gradient", "unit": "channel", "samples": 10, "allocation": "uniform"},
}
_MANY = [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
_OF_WEIGHTS = study(LENET, list(_WEIGHTS.values()), [0.8])
_OF_FILTERS = study(LENET, list(_FILTERS.values()), [0.3])
_COURSE = study(LENET, ["lrp", "magnitude"], _MANY)
_COURSE_OF_FILTERS = study(LENET, [{"name": "lrp-filter", "allocation": "uniform"}, "l1-filter"], _MANY[:-1])


def _overtaken(one: Any, other: Any, sparsities: list[float]) -> Measure:
    """The least sparsity at which another method keeps a point more, per dense model; 1 where there is none."""

    def measure(done: Finished) -> list[float]:
        behind = {
            s: gain({"method": other, "target": f"{s:g}"}, {"method": one, "target": f"{s:g}"})(done)
            for s in sparsities
        }
        return [
            min((s for s in sparsities if behind[s][i] > 1), default=1.0) for i in range(len(behind[sparsities[0]]))
        ]

    return measure


def _few(kind: str, other: str, pair: dict[str, Any], base: dict[str, Any]) -> Experiment:
    names = {"taylor": "the Taylor score", "gradient": "the gradient"}
    own, others = pair["lrp"]["name"], pair[other]["name"]
    return Experiment(
        name=f"relevance-beyond-{other}-{kind}",
        methods=(own, others),
        claim=f"With few reference images, relevance tells better than {names[other]} what may go.",
        source="Yeom et al. 2021, abstract (better than previous criteria where data are scarce)",
        quantity=f"test accuracy of {own} minus that of {others}, both from one image of each class",
        unit="points",
        above=0,
        study=base,
        measure=gain(pair["lrp"], pair[other]),
        note="no recovery; the same ten images for both"
        + ("; the same fraction of every layer" if kind == "filters" else ""),
    )


EXPERIMENTS = (
    *(_few("weights", other, _WEIGHTS, _OF_WEIGHTS) for other in ("taylor", "gradient")),
    *(_few("filters", other, _FILTERS, _OF_FILTERS) for other in ("taylor", "gradient")),
    Experiment(
        name="relevance-against-magnitude-weights",
        methods=("lrp", "magnitude"),
        claim="Without fine-tuning, relevance clearly outperforms other criteria; our reading: magnitude at any rate.",
        source="Yeom et al. 2021, abstract (where data are scarce)",
        quantity="least sparsity, of 30 to 95 %, at which magnitude is more than a point better; 1 where at none",
        unit="(sparsity)",
        above=0.95,
        study=_COURSE,
        measure=_overtaken("lrp", "magnitude", _MANY),
        note="no recovery; ten references of each class; the paper: filters",
    ),
    Experiment(
        name="relevance-against-magnitude-filters",
        methods=("lrp-filter", "l1-filter"),
        claim="Without fine-tuning, relevance clearly outperforms other criteria; our reading: norms at any rate.",
        source="Yeom et al. 2021, abstract (where data are scarce)",
        quantity="least sparsity, of 30 to 90 %, at which the norm is more than a point better; 1 where at none",
        unit="(sparsity)",
        above=0.9,
        study=_COURSE_OF_FILTERS,
        measure=_overtaken({"name": "lrp-filter", "allocation": "uniform"}, "l1-filter", _MANY[:-1]),
        note="no recovery; ten references of each class; the same fraction of every layer",
    ),
    Experiment(
        name="relevance-beyond-norms-filters",
        methods=("lrp-filter", "l1-filter"),
        claim="Without fine-tuning, relevance clearly outperforms other criteria; our reading: filters' norms too.",
        source="Yeom et al. 2021, abstract (where data are scarce)",
        quantity="test accuracy of lrp-filter minus that of l1-filter, mean over six sparsities",
        unit="points",
        above=0,
        study=_COURSE_OF_FILTERS,
        measure=gain({"name": "lrp-filter", "allocation": "uniform"}, "l1-filter"),
        note="no recovery; ten references of each class; the same fraction of every layer",
    ),
)
