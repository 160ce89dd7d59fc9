"""The models and data that signature experiments share; in one store, so what one has trained the others find."""

from __future__ import annotations

from typing import Any

Table = dict[str, Any]

# Six LeNet-5 on Fashion-MNIST as they ship, with their initial weights.
LENET: Table = {
    "model": {"source": "sample:lenet5-fashion", "replicates": 6},
    "data": {"source": "sample:fashion"},
    "train": {"epochs": 20, "batch_size": 64, "lr": 0.05, "augment": "flip"},
}
# The same models; what is trained is trained for a short while on fewer images, so that arms by the dozen can be.
LENET_SHORT: Table = {
    **LENET,
    "data": {"source": "sample:fashion", "train_limit": 4000},
    "train": {"epochs": 12, "batch_size": 64, "lr": 0.05},
}
# LeNet-5 trained here in that short way, with the weights of early steps (675 steps in all).
LENET_HERE: Table = {
    **LENET_SHORT,
    "model": {"source": "pruneviz_samples.nets:LeNet5", "name": "LeNet-5", "replicates": 6},
    "train": {**LENET_SHORT["train"], "keep_steps": [0, 7, 34, 68]},
}
# Residual networks with batch norm, small images: seconds to train.
RESNET: Table = {
    "model": {"source": "pruneviz_samples.nets:ResNet8", "name": "ResNet-8", "replicates": 6},
    "data": {"source": "sample:fashion", "size": [14, 14], "train_limit": 3000},
    "train": {"epochs": 8, "batch_size": 64, "lr": 0.05, "keep_steps": [0]},
}
# A perceptron on 8×8 digits: half a second to train, for methods of many levels.
DIGITS: Table = {
    "model": {"source": "pruneviz_samples.nets:MLP", "name": "perceptron", "replicates": 6},
    "data": {"source": "sample:digits"},
    "train": {"epochs": 20, "batch_size": 64, "lr": 0.05, "keep_steps": [0]},
}


def study(
    base: Table, methods: list[Any], sparsities: list[Any], recoveries: list[Any] | None = None, **more: Any
) -> Table:
    """A study on shared models; no controls and no retraining of the dense model unless ``more`` asks for them.

    Args:
        base: one of the tables above.
        methods, sparsities, recoveries: as in a study file.
        more: further values of ``[prune]``.
    """
    prune = {"methods": methods, "sparsities": sparsities, "controls": False, "retrained": False, **more}
    return {**base, "prune": prune, "recover": {"recoveries": recoveries or ["none"]}}
