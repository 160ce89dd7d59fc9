"""Whether a model that comes with its weights was trained on images normalised in another way than these are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pruneviz.core.errors import DataError
from pruneviz.core.spec import DataSpec

if TYPE_CHECKING:
    from torch import nn

    from pruneviz.data import ImageData

LOOKED_AT = 200  # images
# By channels: how models are commonly trained besides by the measured mean and standard deviation.
_COMMON = {
    1: (((0.0,), (1.0,)), ((0.5,), (0.5,)), ((0.1307,), (0.3081,))),
    3: (((0.0,) * 3, (1.0,) * 3), ((0.5,) * 3, (0.5,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
}


def require_own_normalisation(net: nn.Module, data: ImageData, spec: DataSpec) -> None:
    """Refuse a mean and standard deviation that nobody gave, with which the model is clearly worse than with others.

    Of bytes those are measured, and common ones are tried; other images are taken as they are, and a 255th is tried.

    Everything would be measured on images that the model never saw the like of, and retraining would seem to mend what
    pruning did. Validation images tell, or else training images, at most :data:`LOOKED_AT`; never test images.

    Args:
        net: with the weights that were given.
        data: the study's images.
        spec: where they come from; where it gives mean and std nothing is asked.

    Raises:
        DataError: the 95 % intervals of the two accuracies (Wilson) do not meet.
    """
    from pruneviz import training
    from pruneviz.data import Preprocess
    from pruneviz.measures.statistics import wilson

    split = data.val if data.val is not None else data.train
    if spec.mean is not None or split is None:
        return
    places = np.unique(np.linspace(0, len(split.labels) - 1, LOOKED_AT).astype(np.int64))
    images, labels = split.images[places], split.labels[places]

    def right(preprocess: Preprocess) -> int:
        logits = training.predict(net, images, preprocess)
        return int(np.count_nonzero(logits.argmax(axis=1) == labels))

    own, channels = right(data.preprocess), len(data.mean)
    pixels = images.dtype == np.uint8
    used = "measured on the training images" if pixels else "used for images that are no bytes"
    for mean, std in _COMMON.get(channels, ()) if pixels else (((0.0,) * channels, (255.0,) * channels),):
        other = right(Preprocess(mean, std))
        if float(wilson(other, len(labels))[0]) <= float(wilson(own, len(labels))[1]):
            continue
        measured = [[round(v, 4) for v in values] for values in (data.mean, data.std)]
        raise DataError(
            f"[data] mean and std are not given, and those {used}, mean = {measured[0]} and std = {measured[1]}, are "
            f"not what the model was trained with: it gets {own} of {len(labels)} images right with them, and {other} "
            f"with mean = {list(mean)} and std = {list(std)}. Give those that it was trained with, under [data] or on "
            "the command line: --set data.mean=… --set data.std=…"
        )
