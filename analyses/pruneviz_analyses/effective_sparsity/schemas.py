"""The tables of effective_sparsity."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import ARM, RUN

_WEIGHTS = "weights"

_COUNTS = (
    Column("weights", "int", "of the dense layer or model", _WEIGHTS),
    Column("kept", "int", "kept by the mask", _WEIGHTS, "low"),
    Column("connected", "int", "kept and on a path from input to output", _WEIGHTS, "low"),
    Column("unfed", "int", "kept, but nothing of the input arrives there", _WEIGHTS),
    Column("unheard", "int", "kept, but nothing of what leaves there reaches the output", _WEIGHTS),
)

SEEN = Schema(
    "effective_sparsity_seen",
    "one row per run and layer: which of the kept weights are connected",
    (
        RUN,
        Column("layer", "str", "the weight's name"),
        Column("index", "int", "position in the model, from 0"),
        *_COUNTS,
    ),
)

_DIRECT = "share of prunable weights that is masked"
_EFFECTIVE = "share of prunable weights that is masked or cut off"

RUNS = Schema(
    "effective_sparsity",
    "one row per pruned run, beside its random control",
    (
        RUN,
        ARM,
        *_COUNTS,
        Column("sparsity", "float", _DIRECT, "fraction"),
        Column("effective_sparsity", "float", _EFFECTIVE, "fraction"),
        Column("cut_off", "float", "share of the kept weights that is cut off; null where none is kept", "fraction"),
        Column("compression", "float", "weights over kept ones; null where none is kept", "×", "high"),
        Column("effective_compression", "float", "weights over connected ones; null where none is", "×", "high"),
        Column("disconnected", "bool", "whether no path is left at all: every image gives the same output"),
        Column("accuracy", "float", "on the test split", "fraction", "high"),
        Column("control_run_id", "str", "random pruning of the same unit, allocation, target, recovery and seed"),
        Column("control_effective_sparsity", "float", "that of the control; may be null", "fraction"),
    ),
)

_OVER = "over dense models and seeds; null with fewer than 5 dense models"

ARMS = Schema(
    "effective_sparsity_arms",
    "one row per arm: runs that differ in dense model and seed alone; every dense model weighs the same",
    (
        ARM,
        Column("model", "str", "the model's name"),
        Column("method", "str", "the pruning method"),
        Column("recovery", "str", "what happened after pruning"),
        Column("target", "str", "the target as a short text"),
        Column("level", "int", "iteration of an iterative schedule"),
        Column("control", "bool", "whether it is the random control of another"),
        Column("runs", "int", "the arm's runs", "runs"),
        Column("dense_models", "int", "dense models behind them: the unit of replication", "models"),
        Column("sparsity", "float", f"{_DIRECT}, mean", "fraction"),
        Column("effective_sparsity", "float", f"{_EFFECTIVE}, mean", "fraction"),
        Column("empty", "int", "runs that keep nothing, and so have no share that is cut off", "runs"),
        Column("cut_off", "float", "share of the kept weights that is cut off, mean; may be null", "fraction"),
        Column("cut_off_low", "float", _OVER, "fraction"),
        Column("cut_off_high", "float", "the other end", "fraction"),
        Column("least", "float", "the least share of the runs", "fraction"),
        Column("most", "float", "the most of the runs", "fraction"),
        Column("disconnected", "int", "runs without any path left", "runs"),
        Column("accuracy", "float", "on the test split, mean", "fraction", "high"),
        Column("control_runs", "int", "runs with a share that have a control with one", "runs"),
        Column("beyond_control", "float", "cut-off share minus the random control's, mean; may be null", "fraction"),
        Column("beyond_control_low", "float", _OVER, "fraction"),
        Column("beyond_control_high", "float", "the other end", "fraction"),
    ),
)
