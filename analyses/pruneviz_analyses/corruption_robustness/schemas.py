"""The tables of corruption_robustness."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import ARM, OF_ARM, RUN

CLEAN = "clean"
METRICS = ("accuracy", "drop", "squared_error")
AGAINST = ("dense", "retrained", "control")

_KIND = Column("kind", "str", "dense, retrained (a dense model trained on), pruned, or control (pruned at random)")
_SHIFT = Column("corruption", "str", "its name; 'clean' for the pictures as they are; a user's function by its name")
_SORT = Column("shift", "str", "clean, corruption, transform (a user's), stored (a folder's), or attack")
_SEVERITY = Column("severity", "int", "1 to 5; 0 for clean; for an attack the place of its ε among those asked")
_STRENGTH = Column("epsilon", "float", "an attack's largest change of a pixel; null for others", "of [0, 1]")
_SCOPE = Column("scope", "str", "corruption, family (mean of its corruptions), or mean (of all but unfaithful ones)")
_OF = Column("corruption", "str", "the corruption; for a family or a mean, its name")
_IMAGES = Column("images", "int", "test images compared", "images")

_ECE = "expected calibration error, bins of equal numbers of samples"
_FLOOR = "what a perfectly calibrated model of the same confidences shows on so many images, simulated mean"
_SQUARED = "squared calibration error without bias, bins of equal numbers of images; about 0 for a calibrated model"

_VALUES = (
    Column("accuracy", "float", "share of the images that is right", "fraction", "high"),
    Column("confidence", "float", "mean of the largest softmax probability", "probability"),
    Column("loss", "float", "mean cross-entropy", "nats", "low"),
    Column("ece", "float", _ECE, "fraction", "low"),
    Column("ece_floor", "float", _FLOOR, "fraction"),
    Column("squared_error", "float", _SQUARED, "", "low"),
)

SEEN = Schema(
    "corruption_robustness_seen",
    "one row per run, corruption and severity: what the model makes of it",
    (RUN, _SHIFT, _SORT, _SEVERITY, _STRENGTH, _IMAGES, *_VALUES),
)

SAMPLES = Schema(
    "corruption_robustness_samples",
    "one row per run, corruption and image",
    (
        RUN,
        _SHIFT,
        Column("sample_id", "str", "the image's path, or split:index"),
        Column("label", "int", "true class, from 0"),
        Column("right", "str", "a digit for each severity, from the least: 1 where the model is right, else 0"),
    ),
)

CELLS = Schema(
    "corruption_robustness",
    "one row per run, corruption and severity, beside its dense model on the same images",
    (
        RUN,
        Column("reference_run_id", "str", "its dense model; null for a dense model"),
        _KIND,
        ARM,
        _SHIFT,
        _SORT,
        Column("family", "str", "noise, blur, weather, digital or extra; null for what is none of the 19"),
        Column("faithful", "bool", "whether it is made as published; frost is not, and stands apart"),
        _SEVERITY,
        _STRENGTH,
        _IMAGES,
        *_VALUES,
        Column("accuracy_low", "float", "95 % interval over test images, this model fixed", "fraction"),
        Column("accuracy_high", "float", "95 % interval over test images, this model fixed", "fraction"),
        Column("difference", "float", "accuracy minus the dense model's; null for a dense model", "fraction", "high"),
        Column("difference_low", "float", "interval over the same test images, these two models fixed", "fraction"),
        Column("difference_high", "float", "interval over the same test images, these two models fixed", "fraction"),
    ),
)

_FIXED = "interval over test images, these two models fixed"
_CE = "its error over the dense model's, each summed over severities; null where that one is too near 0"
_RELATIVE = (
    "the same of what corruption adds to the error on clean images; null also where a model keeps less than half of "
    "its dense model's accuracy above chance, and so has little left to lose"
)

RUNS = Schema(
    "corruption_robustness_runs",
    "one row per run and corruption, family or mean: errors relative to its dense model",
    (
        RUN,
        _KIND,
        ARM,
        _SCOPE,
        _OF,
        _SORT,
        Column("corruptions", "int", "corruptions in the means", "corruptions"),
        Column("clean_accuracy", "float", "on the same images, uncorrupted", "fraction", "high"),
        Column("accuracy", "float", "mean over severities", "fraction", "high"),
        Column("drop", "float", "loss to corruption: clean accuracy minus that", "fraction", "low"),
        Column("ece", "float", f"{_ECE}, mean over severities", "fraction", "low"),
        Column("ece_floor", "float", "mean of the floors", "fraction"),
        Column("squared_error", "float", f"{_SQUARED}, mean over severities", "", "low"),
        Column("accuracy_difference", "float", "accuracy minus the dense model's", "fraction", "high"),
        Column("accuracy_difference_low", "float", _FIXED, "fraction"),
        Column("accuracy_difference_high", "float", _FIXED, "fraction"),
        Column("drop_difference", "float", "loss to corruption minus the dense model's", "fraction", "low"),
        Column("drop_difference_low", "float", _FIXED, "fraction"),
        Column("drop_difference_high", "float", _FIXED, "fraction"),
        Column("error", "float", f"corruption error: {_CE}", "", "low"),
        Column("error_low", "float", _FIXED),
        Column("error_high", "float", _FIXED),
        Column("relative_error", "float", f"relative corruption error: {_RELATIVE}", "", "low"),
        Column("relative_error_low", "float", _FIXED),
        Column("relative_error_high", "float", _FIXED),
        Column("relative_left_out", "int", "corruptions that the mean relative error leaves out", "corruptions"),
    ),
)

_OVER = "over dense models, seeds and test images; null with fewer than 5 dense models"

_ARM_COLUMNS = (
    ARM,
    _KIND,
    *OF_ARM,
    Column("control_arm", "str", "the arm of random pruning that controls it; null without one"),
    _SCOPE,
    _OF,
    _SORT,
    Column("corruptions", "int", "corruptions in the means", "corruptions"),
    Column("runs", "int", "the arm's runs", "runs"),
    Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
    _IMAGES,
)

ARMS = Schema(
    "corruption_robustness_arms",
    "one row per arm and corruption, family or mean; every dense model weighs the same",
    (
        *_ARM_COLUMNS,
        Column("clean_accuracy", "float", "on the same images, uncorrupted", "fraction", "high"),
        Column("accuracy", "float", "mean over severities", "fraction", "high"),
        Column("accuracy_least", "float", "the least of the runs", "fraction"),
        Column("accuracy_most", "float", "the most of the runs", "fraction"),
        Column("collapsed", "int", "runs that keep less than half of their dense model's clean accuracy above chance"),
        Column("drop", "float", "loss to corruption: clean accuracy minus accuracy", "fraction", "low"),
        Column("ece", "float", f"{_ECE}, mean over severities", "fraction", "low"),
        Column("ece_floor", "float", "mean of the floors", "fraction"),
        Column("squared_error", "float", f"{_SQUARED}, mean over severities", "", "low"),
        Column("error", "float", f"corruption error: {_CE}", "", "low"),
        Column("error_low", "float", f"interval {_OVER}"),
        Column("error_high", "float", f"interval {_OVER}"),
        Column("relative_error", "float", f"relative corruption error: {_RELATIVE}", "", "low"),
        Column("relative_error_low", "float", f"interval {_OVER}"),
        Column("relative_error_high", "float", f"interval {_OVER}"),
        Column("relative_left_out", "int", "corruptions that the mean relative error leaves out", "corruptions"),
    ),
)

DIFFERENCES = Schema(
    "corruption_robustness_differences",
    "one row per arm, corruption (family, mean), metric and reference: paired by dense model, on the same images",
    (
        *_ARM_COLUMNS,
        Column("metric", "str", "accuracy, drop (loss to corruption), or squared_error (of calibration)"),
        Column("against", "str", "dense, retrained (that model trained on, unpruned), or control (pruned at random)"),
        Column("difference", "float", "the arm's minus the reference's, mean over dense models"),
        Column("low", "float", f"interval {_OVER}; of squared_error, the images held fixed"),
        Column("high", "float", f"interval {_OVER}; of squared_error, the images held fixed"),
    ),
)

PAIRS = Schema(
    "corruption_robustness_pairs",
    "one row per pair of corruptions: how alike they are, taken for each dense model by itself",
    (
        _SHIFT,
        Column("other", "str", "another, or 'clean'"),
        Column("over", "str", "images (the same fail) or models (the same models suffer)"),
        Column("dense_models", "int", "dense models behind it: the unit of replication", "models"),
        Column("n", "int", "images that a dense model has right, or models that descend from it; the fewest"),
        Column(
            "correlation",
            "float",
            "images: Pearson's, of the number of severities at which an image is wrong, over images right when clean; "
            "models: Spearman's, of the accuracies of the models descending from one dense model; mean over these",
        ),
        Column("low", "float", "interval over dense models; null with fewer than 5"),
        Column("high", "float", "interval over dense models; null with fewer than 5"),
    ),
)

CORRUPTIONS = Schema(
    "corruption_robustness_corruptions",
    "one row per corruption: which ones fail the same images of the dense models",
    (
        _SHIFT,
        _SORT,
        Column("family", "str", "noise, blur, weather, digital or extra; null for what is none of the 19"),
        Column("faithful", "bool", "whether it is made as published"),
        Column("accuracy", "float", "mean over the dense models and severities", "fraction", "high"),
        Column("drop", "float", "clean accuracy minus that", "fraction", "low"),
        Column("place", "int", "in an order in which those that are alike stand together, from 0"),
        Column("cluster", "int", "the group it belongs to, from 0"),
        Column("cluster_size", "int", "corruptions in that group", "corruptions"),
        Column("nearest", "str", "the corruption it is most alike; null where it fails too few images to say"),
        Column("nearest_correlation", "float", "the correlation with that one"),
    ),
)

IMAGES = Schema(
    "corruption_robustness_images",
    "one row per image and kind of model: how much corruption it survives; frost, attacks and the like left out",
    (
        Column("sample_id", "str", "the image's path, or split:index"),
        Column("label", "int", "true class, from 0"),
        Column("kind", "str", "dense, retrained, pruned or control: every dense model weighs the same"),
        Column("runs", "int", "models of that kind", "runs"),
        Column("clean", "float", "share of them that has the uncorrupted image right", "fraction", "high"),
        Column("survival", "float", "share of models, corruptions and severities right", "fraction", "high"),
        Column("worst", "str", "the corruption with the least share right, the first of equals"),
        Column("worst_survival", "float", "that share", "fraction", "high"),
    ),
)
