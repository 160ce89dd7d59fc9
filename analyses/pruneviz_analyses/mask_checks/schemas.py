"""The tables of mask_checks."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema

ORIGINAL = "original"
CHECKS = ("shuffled", "reinitialised", "both")

_RUN = Column("run_id", "str", "the pruned run whose mask is checked")
_CHECK = Column(
    "check",
    "str",
    "shuffled (as many of every layer kept, drawn anew), reinitialised (the same mask, weights drawn anew), or both",
)

SEEN = Schema(
    "mask_checks_seen",
    "one row per run, variant and repeat: what equal retraining makes of it",
    (
        _RUN,
        Column("variant", "str", "original, shuffled, reinitialised, or both"),
        Column("repeat", "int", "from 0; all variants of one see the images in the same order"),
        Column("epochs", "int", "of retraining", "epochs"),
        Column(
            "accuracy", "float", "on the test split, after the last epoch; null where training diverged", "fraction"
        ),
        Column("loss", "float", "mean cross-entropy on the test split", "nats", "low"),
        Column("accuracy_before", "float", "on the test split before retraining", "fraction", "high"),
        Column("reason", "str", "why there is no result"),
    ),
)

RUNS = Schema(
    "mask_checks",
    "one row per run and check: the original against it, both retrained alike",
    (
        _RUN,
        Column("arm", "str", "the model, method and target that the run shares with its repeats"),
        _CHECK,
        Column("repeats", "int", "retrainings of each that are compared", "retrainings"),
        Column("original", "float", "accuracy of the original on the test split, mean of repeats", "fraction", "high"),
        Column("accuracy", "float", "that of the check", "fraction", "high"),
        Column("difference", "float", "original minus check; above 0: what was destroyed had mattered", "fraction"),
    ),
)

_OVER = "over dense models, seeds and repeats, paired; null with fewer than 5 dense models"

ARMS = Schema(
    "mask_checks_arms",
    "one row per arm and check: runs that differ in dense model and seed alone; every dense model weighs the same",
    (
        Column("arm", "str", "the model, method and target that the runs share"),
        Column("model", "str", "the model's name"),
        Column("method", "str", "the pruning method"),
        Column("target", "str", "the target as a short text"),
        Column("control", "bool", "whether it is the random control of another"),
        _CHECK,
        Column("dense_models", "int", "dense models: the unit of replication", "models"),
        Column("runs", "int", "the arm's runs", "runs"),
        Column("repeats", "int", "retrainings of each", "retrainings"),
        Column("epochs", "int", "of each retraining", "epochs"),
        Column("original", "float", "mean accuracy of the original, test split", "fraction", "high"),
        Column("accuracy", "float", "mean accuracy of the check, test split", "fraction", "high"),
        Column("difference", "float", "original minus check, mean", "fraction"),
        Column("low", "float", _OVER, "fraction"),
        Column("high", "float", "the other end", "fraction"),
        Column("least", "float", "the least of the runs", "fraction"),
        Column("most", "float", "the most of the runs", "fraction"),
        Column("p", "float", "two-sided, from the same interval; null with fewer than 5 dense models"),
        Column("p_holm", "float", "corrected over all arms and checks of the study (Holm)"),
    ),
)
