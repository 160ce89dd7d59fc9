"""The tables of layer_sensitivity."""

from __future__ import annotations

from pruneviz.core.tables import Column, Schema

_LAYER = Column("layer", "str", "the weight's name, or the group's of channels: the only one that is pruned")
_CRITERION = Column("criterion", "str", "the method that chooses what goes")
_UNIT = Column("unit", "str", "what is removed: weight, nm or channel")
_INDEX = Column("index", "int", "the layer's position in the model, from 0")

SEEN = Schema(
    "layer_sensitivity_seen",
    "one row per dense model, criterion, layer and sparsity: the network with this layer alone pruned, not retrained",
    (
        Column("run_id", "str", "the dense model"),
        _CRITERION,
        _UNIT,
        _LAYER,
        _INDEX,
        Column("sparsity", "float", "asked of the layer; 0 for the dense model", "fraction"),
        Column("achieved", "float", "removed fraction of the layer's units", "fraction"),
        Column("units", "int", "the layer's", "units"),
        Column("split", "str", "the images: val or train, never test"),
        Column("images", "int", "how many", "images"),
        Column("accuracy", "float", "on them", "fraction", "high"),
        Column("loss", "float", "mean cross-entropy on them; null where it is not finite", "nats", "low"),
    ),
)

_OVER = "over dense models; null with fewer than 5"

CURVES = Schema(
    "layer_sensitivity",
    "one row per model, criterion, layer and sparsity: means over dense models",
    (
        Column("model", "str", "the model's name"),
        _CRITERION,
        _UNIT,
        _LAYER,
        _INDEX,
        Column("sparsity", "float", "asked of the layer; 0 for the dense model", "fraction"),
        Column("achieved", "float", "removed fraction of the layer's units", "fraction"),
        Column("dense_models", "int", "dense models: the unit of replication", "models"),
        Column("split", "str", "the images: val or train, never test"),
        Column("images", "int", "how many", "images"),
        Column("accuracy", "float", "mean", "fraction", "high"),
        Column("loss", "float", "mean; null where one is not finite", "nats", "low"),
        Column("change", "float", "of accuracy, from the dense model's", "fraction", "high"),
        Column("change_low", "float", _OVER, "fraction"),
        Column("change_high", "float", "the other end", "fraction"),
        Column("least", "float", "the least change of the dense models", "fraction"),
        Column("most", "float", "the most", "fraction"),
        Column("loss_change", "float", "of the loss, from the dense model's; may be null", "nats", "low"),
    ),
)

LAYERS = Schema(
    "layer_sensitivity_layers",
    "one row per model, criterion and layer: how sensitive it is",
    (
        Column("model", "str", "the model's name"),
        _CRITERION,
        _UNIT,
        _LAYER,
        _INDEX,
        Column("dense_models", "int", "dense models: the unit of replication", "models"),
        Column("units", "int", "the layer's", "units"),
        Column("up_to", "float", "the largest removed fraction that this criterion reached in every layer", "fraction"),
        Column(
            "area", "float", "mean fall of accuracy from nothing removed up to that; may be null", "fraction", "low"
        ),
        Column("area_low", "float", _OVER, "fraction"),
        Column("area_high", "float", "the other end", "fraction"),
        Column("rank", "int", "1 for the largest area of this model and criterion; null where nothing could go"),
        Column("tolerated", "float", "largest sparsity tried up to which the mean falls by `drop` at most", "fraction"),
        Column("tolerated_least", "float", "of the dense models, each by itself", "fraction"),
        Column("tolerated_most", "float", "of the dense models, each by itself", "fraction"),
        Column(
            "beyond_random", "float", "area minus that of random pruning of the same fractions; may be null", "fraction"
        ),
        Column("beyond_random_low", "float", _OVER, "fraction"),
        Column("beyond_random_high", "float", "the other end", "fraction"),
    ),
)
