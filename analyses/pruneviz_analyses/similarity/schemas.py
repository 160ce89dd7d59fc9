"""The tables of similarity."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import ARM, OF_ARM, RUN

_REFERENCE = Column("reference_run_id", "str", "the run it is compared with")
_LAYER = Column("layer", "str", "the module whose outputs are compared")
_KIND = Column(
    "kind",
    "str",
    "pruned (with its dense model), retrained (a dense model trained on, likewise), replicate (two dense models), "
    "or other (two runs that the study asks to compare)",
)
_CKA = "linear CKA of the two layers' outputs; null where either is the same for all images"

SEEN = Schema(
    "similarity_seen",
    "one row per pair of runs and pair of layers: the matrix of linear CKA",
    (
        RUN,
        _REFERENCE,
        _LAYER,
        Column("index", "int", "the layer's position among those compared, from 0"),
        Column("reference_layer", "str", "the reference's module"),
        Column("reference_index", "int", "its position, from 0"),
        Column("cka", "float", _CKA),
        Column("constant", "bool", "whether the run's own layer gives the same for all images"),
        Column("images", "int", "test images behind it", "images"),
        Column("unbiased", "bool", "whether HSIC is estimated without bias"),
    ),
)

MASKS = Schema(
    "similarity_masks",
    "one row per pair of masks and layer: counts of what they keep",
    (
        RUN,
        _REFERENCE,
        Column(
            "relation",
            "str",
            "methods (of one dense model at one target), seeds (of one method), levels, or at once (see turnover)",
        ),
        Column("layer", "str", "the weight's name, or the group's of channels"),
        Column("units", "int", "weights or channels of the layer", "units"),
        Column("kept", "int", "of them kept by the run", "units"),
        Column("reference_kept", "int", "kept by the reference", "units"),
        Column("both", "int", "kept by both", "units"),
    ),
)

SCORES = Schema(
    "similarity_scores",
    "one row per dense model, pair of criteria and layer: how alike they rank its units",
    (
        RUN,
        Column("criterion", "str", "a method whose scores rank the units"),
        Column("other", "str", "another; or the same, with other training images and seed"),
        Column("unit", "str", "what is ranked: weight or channel"),
        Column("layer", "str", "the weight's name, or the group's of channels; null for all units together"),
        Column("units", "int", "units ranked", "units"),
        Column("spearman", "float", "Spearman's ρ of the two scores; null where either is constant"),
        Column("kendall", "float", "Kendall's τ-b of the two scores; null where either is constant"),
    ),
)

RUNS = Schema(
    "similarity",
    "one row per pair of runs and layer: linear CKA of the same layer in both",
    (
        RUN,
        _REFERENCE,
        Column("retrained_run_id", "str", "the reference after the same recovery and seed, unpruned; may be null"),
        _KIND,
        ARM,
        _LAYER,
        Column("index", "int", "the layer's position among those compared, from 0"),
        Column("cka", "float", _CKA),
        Column("retrained_cka", "float", "that of the retrained model with the reference; may be null"),
    ),
)

_OVER = "over dense models and seeds, the images fixed; null with fewer than 5 dense models"

ARMS = Schema(
    "similarity_arms",
    "one row per arm and layer: runs that differ in dense model and seed alone; every dense model weighs the same",
    (
        ARM,
        _KIND,
        *OF_ARM,
        _LAYER,
        Column("index", "int", "the layer's position among those compared, from 0"),
        Column("pairs", "int", "pairs with a value", "pairs"),
        Column("undefined", "int", "pairs without one: the layer gives the same for all images in one of them"),
        Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
        Column("cka", "float", "mean over dense models; over pairs for replicates"),
        Column("low", "float", f"{_OVER}, and for replicates, whose pairs share models"),
        Column("high", "float", "the other end"),
        Column("least", "float", "the least of the pairs"),
        Column("most", "float", "the most of the pairs"),
        Column("retrained_runs", "int", "runs with a value that have a retrained model with one beside them", "runs"),
        Column("retrained_cka", "float", "mean of the retrained models beside these runs; null where there are none"),
        Column("change", "float", "the run's CKA minus its retrained model's, mean; below 0: further from dense"),
        Column("change_low", "float", _OVER),
        Column("change_high", "float", "the other end"),
    ),
)

_PAIR_CHANCE = (
    Column("jaccard", "float", "of the units that either keeps, the share that both keep", "fraction"),
    Column("chance", "float", "its expectation for masks drawn blindly with these counts in every layer", "fraction"),
    Column("chance_sd", "float", "standard deviation of that", "fraction"),
    Column("chance_low", "float", "where as many of such masks lie as the level asked for says", "fraction"),
    Column("chance_high", "float", "the other end", "fraction"),
    Column("p", "float", "two-sided probability that such masks share as many"),
    Column("excess", "float", "0 as by chance, 1 as much as the counts allow, negative below chance; may be null"),
)

OVERLAPS = Schema(
    "similarity_overlaps",
    "one row per pair of masks and layer, and one for all layers together: overlap beside chance",
    (
        RUN,
        _REFERENCE,
        Column(
            "relation", "str", "methods, seeds, levels, or at once (the dense model's largest weights of each layer)"
        ),
        Column("layer", "str", "the weight's name, or the group's of channels; null for all layers together"),
        Column("units", "int", "weights or channels", "units"),
        Column("kept", "int", "of them kept by the run", "units"),
        Column("reference_kept", "int", "kept by the reference", "units"),
        Column("both", "int", "kept by both", "units"),
        *_PAIR_CHANCE,
    ),
)

METHODS = Schema(
    "similarity_methods",
    "one row per two methods at one target: the overlap of their masks within the same dense model",
    (
        Column("model", "str", "the model's name"),
        Column("unit", "str", "weight or channel"),
        Column("recovery", "str", "of the runs whose masks are compared"),
        Column("target", "str", "the target as a short text"),
        Column("method", "str", "one method"),
        Column("other", "str", "the other; or the same, with another seed"),
        Column("dense_models", "int", "dense models: the unit of replication", "models"),
        Column("pairs", "int", "pairs of masks", "pairs"),
        Column("undefined", "int", "of them without an excess, since the counts leave no choice", "pairs"),
        Column("jaccard", "float", "mean over dense models", "fraction"),
        Column("chance", "float", "mean expectation given the layers' counts", "fraction"),
        Column("excess", "float", "mean; 0 as by chance, 1 as much as the counts allow; may be null"),
        Column("excess_low", "float", "over dense models and seeds; null with fewer than 5 dense models"),
        Column("excess_high", "float", "the other end"),
        Column(
            "beyond_chance", "int", "pairs outside the range in which blindly drawn masks lie, at that level", "pairs"
        ),
    ),
)

CRITERIA = Schema(
    "similarity_criteria",
    "one row per two criteria and layer: how alike they rank, over dense models",
    (
        Column("model", "str", "the model's name"),
        Column("unit", "str", "what is ranked: weight or channel"),
        Column("criterion", "str", "one criterion"),
        Column("other", "str", "the other; or the same, with other training images and seed"),
        Column("layer", "str", "the weight's name, or the group's of channels; null for all units together"),
        Column("dense_models", "int", "dense models: the unit of replication", "models"),
        Column("spearman", "float", "mean Spearman's ρ"),
        Column("spearman_low", "float", "over dense models; null with fewer than 5"),
        Column("spearman_high", "float", "the other end"),
        Column("kendall", "float", "mean Kendall's τ-b"),
        Column("kendall_low", "float", "over dense models; null with fewer than 5"),
        Column("kendall_high", "float", "the other end"),
    ),
)

TURNOVER = Schema(
    "similarity_turnover",
    "one row per run of an iterative method, beside the level before it and what would have been kept at once",
    (
        RUN,
        Column("previous_run_id", "str", "the run one level before; null for the first"),
        Column("arm", "str", "the model, method and recovery"),
        Column("model", "str", "the model's name"),
        Column("method", "str", "the pruning method"),
        Column("recovery", "str", "what happens after each level"),
        Column("level", "int", "iteration of the schedule, from 1"),
        Column("units", "int", "weights or channels", "units"),
        Column("kept", "int", "units kept", "units"),
        Column(
            "previous_kept", "int", "units kept one level before; null, as what follows from it, for the first", "units"
        ),
        Column("dropped", "int", "kept before, and no longer", "units"),
        Column("regrown", "int", "kept, and not before", "units"),
        Column("regrown_share", "float", "of the units kept, the share that was not kept before", "fraction"),
        Column("dropped_share", "float", "of the units kept before, the share that no longer is", "fraction"),
        Column(
            "at_once", "float", "Jaccard overlap with as many of each layer's largest weights, dense model", "fraction"
        ),
        Column("at_once_chance", "float", "its expectation for masks drawn blindly with these counts", "fraction"),
        Column("at_once_excess", "float", "0 as by chance, 1 as if chosen at once; null for channels"),
    ),
)
