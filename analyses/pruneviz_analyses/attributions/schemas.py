"""The tables of attributions."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import ARM, OF_ARM, RUN, SAMPLE

RANDOM, FLIPS = "random", "flips"  # how an image was chosen

_CHOSEN = Column("chosen", "str", "random (seeded), or flips: looked up by what models say of it, and never averaged")
_ATTRIBUTION = Column("attribution", "str", "gradcam, integrated_gradients, occlusion or lrp")
_KIND = Column("kind", "str", "dense, pruned, retrained (a dense model trained on), or replicate (two dense models)")

PREDICTIONS = Schema(
    "attributions_predictions",
    "one row per run and image among which those that flip most are looked up",
    (RUN, SAMPLE, Column("prediction", "int", "class with the largest logit, from 0")),
)

FLIPPED = Schema(
    "attributions_flipped",
    "one row per image that flips most, over all pruned runs but random controls",
    (
        SAMPLE,
        Column("place", "int", "from 0, most flips first"),
        Column("flips", "int", "runs whose prediction is not that of their dense model", "runs"),
        Column("runs", "int", "runs looked at", "runs"),
    ),
)

MAPS = Schema(
    "attributions_maps",
    "one row per run, image and way of attributing: the map, and what it should add up to",
    (
        RUN,
        SAMPLE,
        _CHOSEN,
        _ATTRIBUTION,
        Column("explained", "int", "the class whose logit is explained, from 0"),
        Column("prediction", "int", "the run's own prediction, from 0"),
        Column("logit", "float", "of the explained class", "logits"),
        Column("total", "float", "sum of the map, before it was made smaller", "logits"),
        Column(
            "expected",
            "float",
            "what that sum should be: for integrated gradients the logit minus that of the black image; for LRP the "
            "logit, of which biases keep a part; null where nothing has to add up",
            "logits",
        ),
        Column("height", "int", "rows of the map", "places"),
        Column("width", "int", "columns of the map", "places"),
        Column(
            "values",
            "floats",
            "row by row, channels added up; above 0 what speaks for the class. Occlusion: by how much the logit falls, "
            "mean over the patches that cover the place",
            "logits",
        ),
    ),
)

_RANK = "Spearman's rank correlation of the two maps, place by place"
_COSINE = "cosine between the two maps"

PAIRS = Schema(
    "attributions_pairs",
    "one row per run, dense model, image and way of attributing: how alike their maps are",
    (
        RUN,
        Column("reference_run_id", "str", "the dense model that it is compared with"),
        _KIND,
        _ATTRIBUTION,
        SAMPLE,
        _CHOSEN,
        Column("same_class", "bool", "whether both explain the same class; where not, there is no similarity"),
        Column("rank", "float", f"{_RANK}; null where a map has one value everywhere", "", "high"),
        Column("cosine", "float", f"{_COSINE}; null where a map is 0 everywhere", "", "high"),
    ),
)

RUNS = Schema(
    "attributions",
    "one row per run and way of attributing, over the images chosen at random",
    (
        RUN,
        Column("reference_run_id", "str", "its dense model; null for a dense model"),
        Column("retrained_run_id", "str", "that model after the same recovery and seed, unpruned; may be null"),
        Column("control_run_id", "str", "random pruning alike; may be null"),
        _KIND,
        ARM,
        _ATTRIBUTION,
        Column("samples", "int", "images with a map", "images"),
        Column("flat", "int", "maps with one value everywhere, which explain nothing", "images"),
        Column("total", "float", "mean sum of a map", "logits"),
        Column("expected", "float", "mean of what it should be; null where nothing has to add up", "logits"),
        Column("gap", "float", "median of |sum − what it should be|, as a fraction of what it should be", "fraction"),
        Column("compared", "int", "images whose map can be compared with the dense model's", "images"),
        Column("rank", "float", f"mean over these of: {_RANK}", "", "high"),
        Column("cosine", "float", f"mean over these of: {_COSINE}", "", "high"),
    ),
)

_OVER = "over dense models, seeds and images; null with fewer than 5 dense models"

ARMS = Schema(
    "attributions_arms",
    "one row per arm, way of attributing and similarity: runs that differ in dense model and seed alone; every dense "
    "model weighs the same",
    (
        ARM,
        _KIND,
        *OF_ARM,
        _ATTRIBUTION,
        Column("similarity", "str", "rank or cosine"),
        Column("runs", "int", "the arm's runs; pairs of dense models, where these are compared", "runs"),
        Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
        Column(
            "images", "int", "images chosen at random; those without a similarity are left out run by run", "images"
        ),
        Column("mean", "float", "mean similarity with the dense model's maps", "", "high"),
        Column("low", "float", f"interval {_OVER}"),
        Column("high", "float", f"interval {_OVER}"),
        Column("least", "float", "the least of the runs"),
        Column("most", "float", "the most of the runs"),
        Column("retrained_runs", "int", "runs that have a retrained dense model beside them", "runs"),
        Column("retrained", "float", "mean similarity of those retrained models with their dense models", "", "high"),
        Column("beyond_retraining", "float", "mean difference of these runs from that"),
        Column("beyond_retraining_low", "float", _OVER),
        Column("beyond_retraining_high", "float", _OVER),
        Column("control_runs", "int", "runs that have random pruning alike beside them", "runs"),
        Column("control", "float", "mean similarity of random pruning alike with its dense model", "", "high"),
        Column("beyond_control", "float", "mean difference of these runs from that"),
        Column("beyond_control_low", "float", _OVER),
        Column("beyond_control_high", "float", _OVER),
    ),
)
