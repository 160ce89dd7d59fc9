"""What steps read from outside the store: images and models, checked to be those that the plan was made with.

Steps are named by the digests of these. A file that is changed while a study runs, or between two studies of one
process, must never give results under the name of the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pruneviz.core.errors import DataError, ModelError
from pruneviz.core.spec import DataSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.data import ImageData
    from pruneviz.models import ModelInfo

AGAIN = "Run the study again: what follows from it is then made anew."
KEPT = 2  # data sets kept in this process for the next step

_IMAGES: dict[tuple[DataSpec, str], ImageData] = {}
_SAME: set[str] = set()
_INFOS: dict[tuple[str, str], ModelInfo] = {}


def images(spec: DataSpec, digest: str, live: Mapping[str, Any]) -> ImageData:
    """The study's images; kept in this process for the next step.

    Args:
        spec: where they come from.
        digest: what they were when the study was planned.
        live: objects given in Python, by name.

    Raises:
        DataError: they cannot be read, or are others by now.
    """
    from pruneviz import data

    if (spec, digest) not in _IMAGES:
        loaded = data.load(spec, live)
        if data.identity(spec, live) != digest:
            raise DataError(f"data source {spec.source!r}: has changed since the study was planned. {AGAIN}")
        while len(_IMAGES) >= KEPT:
            del _IMAGES[next(iter(_IMAGES))]
        _IMAGES[spec, digest] = loaded
    return _IMAGES[spec, digest]


def require_same_model(context: Mapping[str, Any], dense: str, live: Mapping[str, Any]) -> None:
    """Check once in a process and dense model that its code and checkpoint are those of the plan.

    Args:
        context: the step's.
        dense: key of the step that makes the dense model.
        live: objects given in Python, by name.

    Raises:
        ModelError: they are others by now.
    """
    from pruneviz import models

    if dense in _SAME:
        return
    if models.identity(context["model"], context["replicate"], live) != context["identity"]:
        raise ModelError(f"[model] source: {context['model'].source} has changed since the study was planned. {AGAIN}")
    _SAME.add(dense)


def seen_in_training(context: Mapping[str, Any], data: ImageData) -> list[str]:
    """What to think of validation images on which a model that ships was trained; nothing where there are none.

    Args:
        context: a step's of the model.
        data: the study's.
    """
    import numpy as np

    from pruneviz import models
    from pruneviz.data import load

    own = models.trained_on(context["model"])
    if own is None or own.source != data.name or data.val is None:
        return []
    trained = load(own).train
    seen = int(np.isin(data.val.ids, trained.ids).sum()) if trained is not None else 0
    if not seen:
        return []
    return [
        f"{seen:,} of the {len(data.val.ids):,} validation images are among those that {context['model'].source} was "
        "trained on, so what is said of the validation split is too good. Under [data] leave train_limit out, with "
        f"split_seed = {own.split_seed} and val_fraction = {own.val_fraction:g} as it was trained, or train your own"
    ]


def examined(net: nn.Module, example: Tensor, classes: int, dense: str, data_digest: str) -> ModelInfo:
    """The model's layers and costs: they depend on the images' size, not on the weights, so once in a process."""
    from pruneviz import models

    if (dense, data_digest) not in _INFOS:
        _INFOS[dense, data_digest] = models.examine(net, example, classes)
    return _INFOS[dense, data_digest]
