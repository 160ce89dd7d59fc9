"""The tables of embeddings."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import ARM, OF_ARM, RUN, SAMPLE

_KIND = Column("kind", "str", "pruned, retrained (a dense model trained on), or replicate (two dense models)")
_CHANGE = "mean over images of 1 − Jaccard's index of the two sets of nearest neighbours"

SEEN = Schema(
    "embeddings_seen",
    "one row per run: its features, and how far they could be turned onto the anchor's",
    (
        RUN,
        Column("anchor_run_id", "str", "the model whose plane all are shown in"),
        Column("by", "str", "PCA (the anchor's first two components), UMAP or AlignedUMAP"),
        Column("samples", "int", "test samples looked at", "samples"),
        Column("samples_all", "int", "test samples there are", "samples"),
        Column("undefined", "int", "of those looked at, with features that are NaN or infinite: they have no place"),
        Column("features", "str", "what was looked at"),
        Column("dimensions", "int", "numbers an image"),
        Column("size", "float", "spread of the features: root of their mean squared distance from their mean"),
        Column("residual", "float", "share of the anchor's squared spread that the turned features miss; null: none"),
        Column("variance_shown", "float", "share of the run's own variance along its first two components", "fraction"),
        Column("neighbours", "int", "nearest neighbours kept of each image; 0 where all features are the same"),
    ),
)

SAMPLES = Schema(
    "embeddings_samples",
    "one row per run and test sample: its place in the plane, the same for all runs",
    (
        RUN,
        SAMPLE,
        Column("x", "float", "first coordinate; null where features are NaN, infinite or all the same"),
        Column("y", "float", "second coordinate"),
    ),
)

NEIGHBOURS = Schema(
    "embeddings_neighbours",
    "one row per run, test sample and neighbour: the nearest by all features",
    (
        RUN,
        SAMPLE,
        Column("rank", "int", "1 for the nearest"),
        Column("neighbour_id", "str", "the id of that test sample"),
        Column("distance", "float", "Euclidean, between features"),
    ),
)

CHANGES = Schema(
    "embeddings_changes",
    "one row per run and test sample: how far its neighbourhood is another one than in the run's dense model",
    (
        RUN,
        SAMPLE,
        Column("change", "float", "1 − Jaccard's index of the two sets of nearest neighbours", "fraction", "low"),
    ),
)

RUNS = Schema(
    "embeddings",
    "one row per pair of runs: a run and its dense model, or two dense models of one kind",
    (
        RUN,
        Column("reference_run_id", "str", "what it is compared with"),
        Column("retrained_run_id", "str", "that model after the same recovery and seed, unpruned; may be null"),
        Column("control_run_id", "str", "random pruning of the same amount, recovery and seed; may be null"),
        _KIND,
        ARM,
        Column("samples", "int", "test samples whose neighbours are known of both", "samples"),
        Column("neighbours", "int", "nearest neighbours compared"),
        Column("change", "float", _CHANGE, "fraction", "low"),
        Column("by_chance", "float", "the same where neighbours have nothing to do with each other", "fraction"),
        Column("residual", "float", "of the run, see embeddings_seen"),
    ),
)

_OVER = "over dense models and seeds, these images fixed; null with fewer than 5 dense models"

ARMS = Schema(
    "embeddings_arms",
    "one row per arm: pairs that differ in dense model and seed alone; every dense model weighs the same",
    (
        ARM,
        _KIND,
        *OF_ARM,
        Column("runs", "int", "pairs in the arm", "runs"),
        Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
        Column("samples", "int", "the fewest test samples of a pair", "samples"),
        Column("change", "float", f"mean over dense models of the {_CHANGE}", "fraction", "low"),
        Column("change_low", "float", _OVER),
        Column("change_high", "float", _OVER),
        Column("by_chance", "float", "mean of what chance gives", "fraction"),
        Column("retrained_runs", "int", "runs that have a retrained dense model beside them", "runs"),
        Column("retrained_change", "float", "mean change of those retrained models", "fraction"),
        Column("excess", "float", "mean of the run's change minus that of the retrained model"),
        Column("excess_low", "float", _OVER),
        Column("excess_high", "float", _OVER),
        Column("control_runs", "int", "runs that have a random control beside them", "runs"),
        Column("control_change", "float", "mean change of those controls", "fraction"),
        Column("against_control", "float", "mean of the run's change minus that of its control"),
        Column("against_control_low", "float", _OVER),
        Column("against_control_high", "float", _OVER),
    ),
)
