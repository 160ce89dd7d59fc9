"""The tables of pq_index."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema
from pruneviz_analyses.columns import RUN

_D = Column("kept", "int", "unmasked weights: d", "parameters")
_PQI = Column("pqi", "float", "PQ index of the unmasked weights, larger is sparser; null where all of them are 0")
_REMOVED = Column(
    "pqi_removed", "float", "the same right after removing: the previous level's weights under this run's mask"
)
_GINI = Column("gini", "float", "Gini's index of the same weights, larger is sparser")
_BOUND = Column("bound", "int", "fewest weights that must stay, by the index: m", "parameters")
_ARM = Column("arm", "str", "the model, method and recovery that the runs share")
_OVER = "over dense models; null with fewer than 5"

SEEN = Schema(
    "pq_index_seen",
    "one row per run and scope: the whole model, and each layer",
    (
        RUN,
        Column("scope", "str", "model or layer"),
        Column("layer", "str", "the parameter's name; null for the model"),
        Column("index", "int", "the layer's position in the model, from 0; null for the model"),
        _D,
        _PQI,
        _REMOVED,
        _GINI,
        _BOUND,
        Column("neurons", "int", "output rows", "neurons"),
        Column("neurons_empty", "int", "output rows of which nothing is kept: their index is 0", "neurons"),
        Column("neurons_zero", "int", "output rows whose kept weights are all 0: they have no index", "neurons"),
        Column("neurons_pqi", "float", "mean PQ index of the other output rows"),
    ),
)

NEURONS = Schema(
    "pq_index_neurons",
    "one row per run and output row of a layer",
    (
        RUN,
        Column("layer", "str", "the parameter's name"),
        Column("neuron", "int", "the output row, from 0"),
        _D,
        Column("pqi", "float", "PQ index; 0 where nothing is kept, null where all that is kept is 0"),
        _GINI,
        _BOUND,
    ),
)

RUNS = Schema(
    "pq_index",
    "one row per run, beside its accuracy and density and its random control",
    (
        RUN,
        Column("previous_run_id", "str", "the run one level before; its dense model for the first; null for that"),
        _ARM,
        Column("level", "int", "iteration of an iterative schedule, from 1; 0 for a dense model"),
        Column("density", "float", "kept fraction of prunable parameters", "fraction", "low"),
        Column("accuracy", "float", "on the test split", "fraction", "high"),
        _D,
        _PQI,
        _REMOVED,
        _GINI,
        _BOUND,
        Column("bound_share", "float", "the same over the weights that are there: m / d", "fraction"),
        Column("layers_pqi", "float", "mean of the layers' PQ indices; layers without an index left out"),
        Column("neurons_pqi", "float", "mean of the neurons' PQ indices; empty and zero ones left out"),
        Column("neurons_empty", "int", "neurons of which nothing is kept", "neurons"),
        Column("neurons_zero", "int", "neurons whose kept weights are all 0", "neurons"),
        Column("previous_pqi", "float", "PQ index of the run one level before; null for a dense model"),
        Column("control_run_id", "str", "random pruning of the same unit, allocation, target, recovery and seed"),
        Column("control_pqi", "float", "PQ index of that control"),
    ),
)

_MEAN = "mean over dense models"
LEVELS = Schema(
    "pq_index_levels",
    "one row per iterative arm and level; level 0 is the dense models after the same recovery where there are such; "
    "every dense model weighs the same",
    (
        _ARM,
        Column("model", "str", "the model's name"),
        Column("method", "str", "the pruning method"),
        Column("recovery", "str", "what happens after each level"),
        Column("control", "bool", "whether it is the random control of another arm"),
        Column("level", "int", "iteration, from 1; 0 for the dense models"),
        Column("dense_models", "int", "dense models with every level done: the unit of replication", "models"),
        Column("runs", "int", "their runs at this level", "runs"),
        Column("density", "float", f"kept fraction, {_MEAN}", "fraction", "low"),
        Column("accuracy", "float", f"on the test split, {_MEAN}", "fraction", "high"),
        Column("accuracy_low", "float", _OVER, "fraction"),
        Column("accuracy_high", "float", _OVER, "fraction"),
        Column("pqi", "float", f"PQ index of the model, {_MEAN}"),
        Column("pqi_low", "float", _OVER),
        Column("pqi_high", "float", _OVER),
        Column("previous_pqi", "float", f"PQ index of what is pruned: the level before, or the dense model, {_MEAN}"),
        Column("pqi_removed", "float", f"PQ index right after removing, before any training, {_MEAN}"),
        Column("gini", "float", f"Gini's index of the model, {_MEAN}"),
        Column("gini_low", "float", _OVER),
        Column("gini_high", "float", _OVER),
        Column("bound_share", "float", f"fraction of what is there that must stay, m / d, {_MEAN}", "fraction"),
        Column("control_difference", "float", f"PQ index minus that of random pruning, {_MEAN}; may be null"),
        Column("control_difference_low", "float", _OVER),
        Column("control_difference_high", "float", _OVER),
    ),
)

PHASES = Schema(
    "pq_index_phases",
    "one row per iterative arm, index and phase of the hypothesis: a fall, a rise, and a fall again",
    (
        _ARM,
        Column("quantity", "str", "pqi, layers_pqi, neurons_pqi or gini"),
        Column("phase", "str", "first fall, rise, or last fall"),
        Column("from_level", "int", "where it begins on the mean curve"),
        Column("to_level", "int", "where it ends on the mean curve"),
        Column("change", "float", "mean change; with 5 dense models, each between the turns of the others' mean"),
        Column("low", "float", _OVER),
        Column("high", "float", _OVER),
        Column("dense_models", "int", "dense models with every level done", "models"),
        Column("found", "bool", "whether it is there, after Holm over this quantity's rows; null where not judged"),
    ),
)
