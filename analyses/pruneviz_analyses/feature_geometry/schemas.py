"""The tables of feature geometry."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import ARM, KIND, OF_ARM, RUN, SAMPLE

CLEAN = "clean"
COMPARED = ("accuracy", "angle", "margin_scaled", "between_share", "distance")  # what arms are compared by
PER_SAMPLE = ("accuracy", "angle", "margin_scaled")  # those of them that are means over samples

_CONDITION = Column("condition", "str", "clean, or a corruption with its severity")
_LABEL = Column("label", "int", "true class, from 0")
_ANGLE = "angle between the features and the direction of the true class"
_NORM = "length of the feature vector"
_MARGIN = (
    "distance of the features to the nearest boundary of the true class: exact where it is right; negative where it is "
    "wrong, and then a bound"
)
_VALUES = (
    Column("samples", "int", "test samples looked at", "samples"),
    Column("accuracy", "float", "over these samples", "fraction", "high"),
    Column("angle", "float", f"mean {_ANGLE}", "rad", "low"),
    Column("norm", "float", f"mean {_NORM}", "features"),
    Column("margin", "float", f"mean {_MARGIN}", "features", "high"),
    Column(
        "margin_scaled",
        "float",
        "mean margin over mean norm: depends on the features' scale only by way of the biases",
        "",
        "high",
    ),
    Column("within", "float", "root mean squared distance of features from their class's mean", "features"),
    Column("between", "float", "the same of the classes' means from the mean of all", "features"),
    Column("between_share", "float", "share of the features' variance that lies between classes", "fraction", "high"),
)

SEEN = Schema(
    "feature_geometry_seen",
    "one row per run and condition: where its features lie",
    (
        RUN,
        _CONDITION,
        *_VALUES,
        Column("features", "str", "what the features are"),
        Column("dimensions", "int", "of the features", "features"),
        Column("constant_features", "int", "of these, with one value on all samples", "features"),
        Column("constant_metrics", "str", "metrics with one value on all samples, which have no z-scores"),
        Column(
            "dead_classes",
            "int",
            "classes whose direction is 0, all their weights being gone",
            "classes",
        ),
        Column(
            "undefined",
            "int",
            "samples without an angle or a margin: features 0, NaN or infinite, or a class without its own direction",
            "samples",
        ),
    ),
)

SAMPLES = Schema(
    "feature_geometry_samples",
    "one row per run, condition and test sample",
    (
        RUN,
        _CONDITION,
        SAMPLE,
        _LABEL,
        Column("prediction", "int", "class with the largest logit, the first of equals"),
        Column("angle", "float", f"{_ANGLE}; null where that is not defined", "rad", "low"),
        Column("norm", "float", _NORM, "features"),
        Column("margin", "float", _MARGIN, "features", "high"),
        Column("rival", "int", "the class behind that boundary"),
    ),
)

CLASSES = Schema(
    "feature_geometry_classes",
    "one row per run, condition and class that has samples",
    (
        RUN,
        _CONDITION,
        _LABEL,
        Column("samples", "int", "test samples of the class", "samples"),
        Column("accuracy", "float", "of these", "fraction", "high"),
        Column("angle", "float", f"mean {_ANGLE}", "rad", "low"),
        Column("norm", "float", f"mean {_NORM}", "features"),
        Column("margin", "float", f"mean {_MARGIN}", "features", "high"),
        Column("spread", "float", "root mean squared distance of the class's features from their mean", "features"),
        Column("apart", "float", "distance of that mean from the nearest other class's", "features"),
        Column("nearest", "int", "that other class"),
        Column("apart_over_spread", "float", "the one over the other: does not depend on the scale", "", "high"),
    ),
)

PAIRS = Schema(
    "feature_geometry_pairs",
    "one row per run, condition, true class and class it may be taken for; of many classes the nearest ones only",
    (
        RUN,
        _CONDITION,
        _LABEL,
        Column("class", "int", "the class whose direction is meant"),
        Column("samples", "int", "test samples of the true class", "samples"),
        Column("angle", "float", "mean angle of their features to that direction", "rad"),
        Column("predicted", "int", "how many of them are taken for it", "samples"),
    ),
)

ANGLES = Schema(
    "feature_geometry_angles",
    "one row per run, traced clean sample and class; of many classes the true one and those nearest to the sample",
    (
        RUN,
        SAMPLE,
        _LABEL,
        Column("class", "int", "the class whose direction is meant"),
        Column("angle", "float", "between the features and that direction", "rad"),
    ),
)

SENSITIVITY = Schema(
    "feature_geometry_sensitivity",
    "one row per run, chosen sample, way of asking and part of the image: what the metric depends on",
    (
        RUN,
        SAMPLE,
        Column("metric", "str", "angle, norm or margin"),
        Column(
            "kind", "str", "occlusion (the metric's fall when the part is hidden) or gradient (its steepness there)"
        ),
        Column("row", "int", "the part's first row of pixels", "pixels"),
        Column("column", "int", "the part's first column of pixels", "pixels"),
        Column("height", "int", "of the part", "pixels"),
        Column("width", "int", "of the part", "pixels"),
        Column(
            "value", "float", "occlusion: metric without minus with the part hidden; gradient: mean |∂metric/∂pixel|"
        ),
    ),
)

RUNS = Schema(
    "feature_geometry",
    "one row per run and condition, with what it is compared with",
    (
        RUN,
        _CONDITION,
        Column("reference_run_id", "str", "its dense model; null for a dense model"),
        Column("retrained_run_id", "str", "that model after the same recovery and seed, unpruned; may be null"),
        Column("control_run_id", "str", "random pruning of the same target, recovery and seed; may be null"),
        KIND,
        ARM,
        *_VALUES,
        Column(
            "distance", "float", "of its geometry vector from its dense model's: 0 the same, √2 unrelated", "", "low"
        ),
    ),
)

_OVER = "over dense models, seeds and, for means over samples, test samples; null with fewer than 5 dense models"

ARMS = Schema(
    "feature_geometry_arms",
    "one row per arm, condition and metric: runs that differ in dense model and seed; dense models weigh the same",
    (
        ARM,
        KIND,
        *OF_ARM,
        _CONDITION,
        Column(
            "metric",
            "str",
            "accuracy, angle, margin_scaled, between_share, or distance (from the dense model; of dense ones from the "
            "others)",
        ),
        Column("runs", "int", "the arm's runs", "runs"),
        Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
        Column("samples", "int", "test samples compared", "samples"),
        Column("mean", "float", "mean over dense models"),
        Column("least", "float", "the least of the runs"),
        Column("most", "float", "the most of the runs"),
        Column("difference", "float", "mean difference from the dense model; null for dense models and distances"),
        Column("difference_low", "float", _OVER),
        Column("difference_high", "float", _OVER),
        Column("retrained_runs", "int", "runs that have a retrained dense model beside them", "runs"),
        Column("retrained_mean", "float", "mean of those retrained models"),
        Column("excess", "float", "mean difference of those runs from their retrained models"),
        Column("excess_low", "float", _OVER),
        Column("excess_high", "float", _OVER),
        Column("control_runs", "int", "runs that have random pruning beside them", "runs"),
        Column("control_mean", "float", "mean of that random pruning"),
        Column("control_difference", "float", "mean difference of those runs from it"),
        Column("control_low", "float", _OVER),
        Column("control_high", "float", _OVER),
    ),
)

LAYOUT = Schema(
    "feature_geometry_layout",
    "one row per model, and one per condition: its place among the others",
    (
        Column("kind", "str", "models (runs, over all conditions) or conditions (over all runs)"),
        Column("item", "str", "the run's id, or the condition"),
        Column("x", "float", "place; only who is near whom means anything"),
        Column("y", "float", "place"),
        Column("by", "str", "MDS or UMAP"),
        Column("stress", "float", "of MDS: 0 where the plane shows the distances as they are"),
        Column("nearest", "str", "the item that is nearest by the original distances"),
        Column("nearest_distance", "float", "its distance: root mean squared difference of geometry vectors"),
    ),
)

TREE = Schema(
    "feature_geometry_tree",
    "one row per edge of the minimum spanning tree of the original distances",
    (
        Column("kind", "str", "models or conditions"),
        Column("first", "str", "the one item"),
        Column("second", "str", "the other"),
        Column("distance", "float", "root mean squared difference of geometry vectors: 0 the same, √2 unrelated"),
    ),
)
