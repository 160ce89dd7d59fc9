"""The tables of tournament."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema

_FIELD = Column("field", "str", "the model, unit, target and cost that contestants share")
_CONTESTANT = Column("contestant", "str", "the method, with its recovery where it has several in the field")
_RUN = (
    Column("model", "str", "the model's name"),
    Column("unit", "str", "what is removed: weight, nm, channel or block"),
    Column("target", "str", "the target as a short text"),
)
_OVER = "over the paired dense models; null with fewer than 5"
_HOLM = "Holm-corrected over the field's contrasts; null where no ranking is allowed"

FIELDS = Schema(
    "tournament_fields",
    "one row per field: contestants at one target and one cost",
    (
        _FIELD,
        *_RUN,
        Column(
            "train_steps_total",
            "float",
            "with the dense model's, median of the field; null where those are unknown",
            "steps",
        ),
        Column("train_steps", "float", "training steps after the dense model's, median of the field", "steps"),
        Column("kept", "float", "kept weights (of channels, blocks: multiply-adds), median of the field", "fraction"),
        Column("contestants", "int", "methods compared, random controls among them", "methods"),
        Column("dense_models", "int", "dense models that all of them have: the pairs", "models"),
        Column("friedman", "float", "Friedman's chi-square of test accuracy; null where no ranking is allowed"),
        Column("p", "float", "its p-value"),
        Column("p_holm", "float", "the same, Holm-corrected over the fields"),
        Column("ranked", "bool", "whether they are ranked: enough pairs, and Friedman's test finds a difference"),
        Column("reason", "str", "why there is no ranking; empty where there is one"),
        Column("tiers", "int", "groups that can be told apart; null with fewer than 5 dense models", "tiers"),
        Column("dense_accuracy", "float", "of the same dense models as they are, mean", "fraction", "high"),
        Column("retrained_accuracy", "float", "of these trained on unpruned, mean; may be null", "fraction", "high"),
    ),
)

CONTESTANTS = Schema(
    "tournament",
    "one row per contestant: its accuracy, and its paired differences to its random control and to plain magnitude",
    (
        _FIELD,
        *_RUN,
        _CONTESTANT,
        Column("method", "str", "the pruning method"),
        Column("recovery", "str", "what happened after pruning"),
        Column("control", "bool", "whether it is the random control of another"),
        Column("matched", "bool", "whether its cost is that of its field, so that it is compared"),
        Column("reason", "str", "why it is not compared; empty where it is"),
        Column("runs", "int", "its runs", "runs"),
        Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
        Column("sparsity", "float", "fraction of the method's own units that was removed, mean", "fraction"),
        Column("density", "float", "kept fraction of prunable parameters, mean", "fraction", "low"),
        Column("macs", "float", "with removed weights skipped, one image, mean", "multiply-adds", "low"),
        Column(
            "train_steps_total", "float", "with the dense model's, mean; null where those are unknown", "steps", "low"
        ),
        Column("train_steps", "float", "training steps after the dense model's, mean", "steps", "low"),
        Column("accuracy", "float", "on the test split, mean", "fraction", "high"),
        Column("accuracy_low", "float", _OVER, "fraction"),
        Column("accuracy_high", "float", "the other end", "fraction"),
        Column("tier", "int", "1 the highest; null where it is not compared, or with fewer than 5 dense models"),
        Column("mean_rank", "float", "over dense models, 1 the best; null where no ranking is allowed", "", "low"),
        Column("beyond_random", "float", "accuracy minus its random control's, mean; may be null", "fraction", "high"),
        Column("beyond_random_low", "float", _OVER, "fraction"),
        Column("beyond_random_high", "float", "the other end", "fraction"),
        Column("p_random", "float", f"of the contrast of mean ranks with its random control, {_HOLM}"),
        Column("beyond_magnitude", "float", "accuracy minus plain magnitude's, mean; may be null", "fraction", "high"),
        Column("beyond_magnitude_low", "float", _OVER, "fraction"),
        Column("beyond_magnitude_high", "float", "the other end", "fraction"),
        Column("p_magnitude", "float", f"of the contrast of mean ranks with plain magnitude, {_HOLM}"),
    ),
)

PAIRS = Schema(
    "tournament_pairs",
    "one row per contestant that is compared, and dense model that all contestants of its field have",
    (
        _FIELD,
        _CONTESTANT,
        Column("dense_run_id", "str", "the dense model"),
        Column("accuracy", "float", "on the test split, seeds averaged", "fraction", "high"),
        Column("beyond_random", "float", "minus its random control's from the same dense model", "fraction", "high"),
        Column("beyond_magnitude", "float", "minus plain magnitude's from the same dense model", "fraction", "high"),
    ),
)
