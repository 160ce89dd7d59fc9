"""The tables of three_regime: what is seen of retrained models, and what is made of that."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema

_RUN = Column("run_id", "str", "the retrained model")
_OTHER = Column("other_run_id", "str", "the same pruned model retrained with another seed")
_REASON = Column("reason", "str", "why there is no value; null where there is one")

_DIAGRAM = Column("diagram", "str", "the phase diagram: model, other swept values, method and recovery")
_TEMPERATURE = Column("temperature", "float", "value of the swept training setting")
_RANK = Column("rank", "int", "place of the temperature within the diagram, 0 the coldest")
_TARGET = Column("target", "str", "the pruning target")
_DENSITY = Column("density", "float", "kept fraction of prunable parameters: the load, less being more", "fraction")
_OVER = "95 % interval over dense models; null with fewer than 5"
_JUDGED = "on the validation split; on the fixed training images where there is none"
_BY_IMAGES = (
    "its standard error at most, by the choice of images alone, as if the two errors were of different images; null "
    "where their number is not known"
)

RETRAINED = Schema(
    "three_regime_retrained",
    "one row per retrained model: its error on the fixed training images",
    (
        _RUN,
        Column("images", "int", "fixed training images", "images"),
        Column("train_error", "float", "share of them misclassified", "fraction", "low"),
        Column("guess_error", "float", "the same, were the commonest class always guessed", "fraction"),
        _REASON,
    ),
)

PAIRS = Schema(
    "three_regime_pairs",
    "one row per two retrainings of the same pruned model",
    (
        _RUN,
        _OTHER,
        Column("lmc", "float", "½ (E(0) + E(1)) − E(t*); below 0 is a barrier", "fraction of errors", "high"),
        Column("place", "float", "t*, where the line departs most from the mean of its ends"),
        Column("cka", "float", "linear CKA of output probabilities on training images, as published (biased)"),
        Column("cka_unbiased", "float", "the same by the unbiased estimate of HSIC"),
        _REASON,
    ),
)

LINES = Schema(
    "three_regime_lines",
    "one row per two retrainings and place on the straight line between them",
    (
        _RUN,
        _OTHER,
        Column("t", "float", "place, 0 the first model and 1 the other"),
        Column("train_error", "float", "E(t), batch-norm statistics measured anew there", "fraction", "low"),
    ),
)

MODELS = Schema(
    "three_regime_models",
    "one row per dense model and load: the means over its retrainings and their pairs",
    (
        Column("run_id", "str", "the dense model"),
        _DIAGRAM,
        _TEMPERATURE,
        _RANK,
        _TARGET,
        _DENSITY,
        Column("replicate", "int", "number of the dense model"),
        Column("retrainings", "int", "of the pruned model, collapsed ones left out", "runs"),
        Column("collapsed", "int", "retrainings left out, since they ended no better than guessing", "runs"),
        Column("pairs", "int", "two retrainings with a line between them"),
        Column("lmc", "float", "linear mode connectivity, mean over pairs", "fraction of errors", "high"),
        Column("cka", "float", "similarity, mean over pairs"),
        Column("train_error", "float", "on the fixed training images", "fraction", "low"),
        Column("error", "float", _JUDGED, "fraction", "low"),
        Column("test_error", "float", "on the test split, which decides nothing", "fraction", "low"),
        Column("regime", "str", "of this dense model alone; see three_regime"),
        Column("run_ids", "str", "its retrainings, with spaces between them"),
    ),
)

CELLS = Schema(
    "three_regime",
    "one row per diagram, temperature and load; every dense model weighs the same",
    (
        _DIAGRAM,
        Column("model", "str", "the model, with other swept values"),
        Column("method", "str", "the pruning method"),
        Column("recovery", "str", "the retraining"),
        Column("setting", "str", "which setting of [train] is the temperature"),
        _TEMPERATURE,
        _RANK,
        _TARGET,
        _DENSITY,
        Column("dense_models", "int", "dense models with a line: the unit of replication", "models"),
        Column("retrainings", "int", "retrainings behind the cell, collapsed ones left out", "runs"),
        Column("collapsed", "int", "retrainings left out, since they ended no better than guessing", "runs"),
        Column("pairs", "int", "two retrainings with a line between them"),
        Column("lmc", "float", "linear mode connectivity; below 0 is a barrier", "fraction of errors", "high"),
        Column("lmc_low", "float", _OVER),
        Column("lmc_high", "float", _OVER),
        Column("cka", "float", "similarity of output probabilities"),
        Column("cka_low", "float", _OVER),
        Column("cka_high", "float", _OVER),
        Column("train_error", "float", "on the fixed training images", "fraction", "low"),
        Column("error", "float", _JUDGED, "fraction", "low"),
        Column("judged", "str", "the split of that error: validation or train"),
        Column("judged_images", "int", "images of that split; null where not known", "images"),
        Column("error_se", "float", "standard error of that error at most, by the choice of these images", "fraction"),
        Column("normalised_error", "float", "that error, 0 the best and 1 the worst temperature at this load"),
        Column("test_error", "float", "on the test split, which decides nothing", "fraction", "low"),
        Column("barrier", "float", "threshold of ours: an LMC below minus this is a barrier", "fraction of errors"),
        Column("similar", "float", "threshold of ours: outputs are similar from this CKA on"),
        Column("regime", "str", "I, II-A or II-B by these thresholds; empty where not known"),
        Column("agreeing", "int", "dense models whose own regime is the same", "models"),
        Column("advice", "str", "for the temperature: raise, lower or stay; empty where there is none"),
        Column("run_ids", "str", "the retrainings behind the cell, with spaces between them"),
    ),
)

MOVES = Schema(
    "three_regime_moves",
    "one row per cell and step to the next temperature: what moving did to the error",
    (
        _DIAGRAM,
        _TARGET,
        _DENSITY,
        Column("regime", "str", "of the cell that is left"),
        Column("advice", "str", "its advice"),
        Column("from_temperature", "float", "of the cell that is left"),
        Column("to_temperature", "float", "of the next cell"),
        Column("direction", "str", "of the step: raise or lower"),
        Column("change", "float", f"of the error {_JUDGED}; below 0 the step helped", "fraction", "low"),
        Column("change_se", "float", _BY_IMAGES, "fraction"),
    ),
)

CHOICES = Schema(
    "three_regime_choices",
    "one row per diagram, load and way of choosing which of the models to prune",
    (
        _DIAGRAM,
        _TARGET,
        _DENSITY,
        Column("rule", "str", "three regimes, best dense model, any model (their mean), or best after retraining"),
        Column("temperature", "float", "the one chosen; null for the mean"),
        Column("models", "int", "temperatures to choose from"),
        Column("error", "float", f"after retraining, {_JUDGED}", "fraction", "low"),
        Column("regret", "float", "that error minus the least there is to choose", "fraction", "low"),
        Column("regret_se", "float", f"{_BY_IMAGES}, or the model is the best itself", "fraction"),
        Column("test_error", "float", "of the same models; reported only", "fraction", "low"),
        Column("test_regret", "float", "that minus the test error of the best after retraining; may be below 0"),
    ),
)
