"""The tables of retrain_correlation: what its looks at models see, and what is made of that."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema

OUTCOMES = {"test_accuracy": "high", "test_loss": "low", "train_loss": "low"}

_RUN = Column("run_id", "str", "the dense model")
_MODEL = Column("model", "str", "its model")
_LAYER = Column("layer", "str", "the layer whose filters are removed; several with + between them")
_RATIO = Column("ratio", "float", "share of each layer's filters removed", "fraction")
_SUBSET = Column("subset", "int", "number of the set of filters among those looked at, from 0")
_OUTCOME = Column("outcome", "str", "what τ is taken with: test_accuracy, test_loss or train_loss")
_OVER = "95 % interval over dense models; null with fewer than 5"

SUBSETS = Schema(
    "retrain_correlation_subsets",
    "one row per dense model, layer, ratio and set of filters: its loss right after it is removed",
    (
        _RUN,
        _LAYER,
        _RATIO,
        _SUBSET,
        Column("filters", "str", "filters of the layer, such as 10, or 10+16 of two"),
        Column("removed", "str", "the filters removed, from 0, such as 0 3 7; of several layers with + between them"),
        Column("all_subsets", "bool", "whether every set of that size is looked at, not a draw of them"),
        Column("images", "int", "fixed training images of the losses", "images"),
        Column("pruned_loss", "float", "cross-entropy on them before retraining; null where not finite", "nats", "low"),
        Column("place", "int", "turn in which it is retrained, from 0: the least loss first, then spread over losses"),
    ),
)

RETRAINED = Schema(
    "retrain_correlation_retrained",
    "one row per retraining of a set of filters' removal",
    (
        _RUN,
        _LAYER,
        _RATIO,
        _SUBSET,
        Column("repeat", "int", "which of the independent retrainings, from 0"),
        Column("epochs", "int", "epochs of the retraining", "epochs"),
        Column("train_loss", "float", "on the fixed training images, mean of the last epochs", "nats", "low"),
        Column("test_loss", "float", "mean of the last epochs", "nats", "low"),
        Column("test_accuracy", "float", "mean of the last epochs", "fraction", "high"),
        Column(
            "best_epoch", "int", "the epoch of the best test accuracy, from 1: as published, chosen on the test split"
        ),
        Column("best_train_loss", "float", "on the fixed training images, at that epoch", "nats", "low"),
        Column("best_test_loss", "float", "at that epoch", "nats", "low"),
        Column("best_test_accuracy", "float", "at that epoch", "fraction", "high"),
        Column("reason", "str", "why it failed; null where it did not"),
    ),
)

RELABELLED = Schema(
    "retrain_correlation_relabelled",
    "one row per set of filters and draw, where sets are drawn: the loss of the set that a relabelling makes of it",
    (
        _RUN,
        _LAYER,
        _RATIO,
        _SUBSET,
        Column("draw", "int", "which exchange of the filters' labels, from 0: the same for all sets of the layer"),
        Column("pruned_loss", "float", "of the set as relabelled; null where not finite", "nats", "low"),
    ),
)

CELLS = Schema(
    "retrain_correlation",
    "one row per model, layer, ratio and outcome: what the dense models say together",
    (
        _MODEL,
        _LAYER,
        _RATIO,
        _OUTCOME,
        Column("dense_models", "int", "dense models with a τ: the unit of replication", "models"),
        Column("retrained", "int", "sets of filters retrained in each, at least"),
        Column("subsets", "int", "sets of filters looked at in each"),
        Column("repeats", "int", "independent retrainings averaged"),
        Column("tau", "float", "mean Kendall τ-b between the loss before retraining and the outcome"),
        Column("tau_least", "float", "the least of the dense models"),
        Column("tau_most", "float", "the most of the dense models"),
        Column("tau_low", "float", _OVER),
        Column("tau_high", "float", _OVER),
        Column(
            "found", "int", "dense models whose p, corrected over the study, is at most 0.05, τ as expected", "models"
        ),
        Column("against", "int", "the same with τ of the other sign", "models"),
        Column("tested", "int", "dense models that have a p", "models"),
        Column("ceiling", "float", "mean noise ceiling: τ between independent retrainings of the same sets"),
        Column("anomaly_ratio", "float", "mean share that ends better than the set of least loss", "fraction"),
        Column("verdict", "str", "what may be said"),
    ),
)

MODELS = Schema(
    "retrain_correlation_models",
    "one row per dense model, layer, ratio and outcome",
    (
        _RUN,
        _MODEL,
        Column("replicate", "int", "the dense model's number"),
        _LAYER,
        _RATIO,
        _OUTCOME,
        Column("filters", "str", "filters of the layer"),
        Column("subsets", "int", "sets of filters looked at"),
        Column("all_subsets", "bool", "whether those are all of that size"),
        Column("unknown", "int", "of them without a finite loss, left out"),
        Column("retrained", "int", "sets retrained as often as asked"),
        Column("failed", "int", "sets of which a retraining failed, left out"),
        Column("waiting", "int", "sets that still lack some of their retrainings, left out"),
        Column("repeats", "int", "independent retrainings averaged"),
        Column("tau", "float", "Kendall τ-b between the loss before retraining and the outcome"),
        Column("p", "float", "two-sided, by relabelling the filters; null where the losses that takes are not known"),
        Column("relabellings", "int", "relabellings of the filters whose losses are known"),
        Column("p_holm", "float", "corrected over all dense models, layers and ratios of the study (Holm)"),
        Column(
            "p_published", "float", "SciPy's p of tau, as the paper takes it: as if sets of filters were independent"
        ),
        Column("tau_published", "float", "τ as published: with the epoch of best test accuracy"),
        Column("ceiling", "float", "noise ceiling: τ between independent retrainings of the same sets"),
        Column(
            "anomaly_ratio", "float", "share that ends better than the set of least loss; null without it", "fraction"
        ),
    ),
)

RANKINGS = Schema(
    "retrain_correlation_rankings",
    "one row per model, unit, recovery and target: whether methods rank alike before and after",
    (
        _MODEL,
        Column("unit", "str", "what the methods remove: weight, nm or channel"),
        Column("recovery", "str", "what came between before and after"),
        Column("target", "str", "how much was removed"),
        Column("level", "int", "level of an iterative schedule, 1 for one-shot"),
        Column("methods", "int", "methods ranked, without random controls, which end last before and after"),
        Column("dense_models", "int", "dense models with a τ: the unit of replication", "models"),
        Column("tau", "float", "mean Kendall τ-b of least loss before and accuracy after; 1: the same ranking"),
        Column("tau_least", "float", "the least of the dense models"),
        Column("tau_most", "float", "the most of the dense models"),
        Column("tau_low", "float", _OVER),
        Column("tau_high", "float", _OVER),
        Column("p", "float", "two-sided, by exchanging the methods' labels in all dense models alike"),
        Column("p_holm", "float", "corrected over all rows (Holm)"),
        Column("ceiling", "float", "noise ceiling: τ between retrainings with different seeds; null with one seed"),
        Column("best_stays", "int", "dense models in which the method best before is best after", "models"),
        Column("verdict", "str", "what may be said"),
    ),
)

RANKED = Schema(
    "retrain_correlation_ranked",
    "one row per dense model of a ranking",
    (
        *RANKINGS.columns[:5],
        Column("run_id", "str", "the dense model"),
        Column("tau", "float", "Kendall τ-b of least loss before and accuracy after"),
        Column("best_before", "str", "the method of least loss before"),
        Column("best_after", "str", "the method of highest accuracy after"),
    ),
)
