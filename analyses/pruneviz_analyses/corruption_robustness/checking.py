"""What is said before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.analysis import Seen, Subject
from pruneviz.core.errors import ModelError, Unsupported
from pruneviz.models import imports
from pruneviz_analyses.corruption_robustness.observing import chosen_images
from pruneviz_analyses.corruption_robustness.shifts import WHERE
from pruneviz_analyses.corruption_robustness.stored import Stored, names

if TYPE_CHECKING:
    from pruneviz.data import ImageData
    from pruneviz_analyses.corruption_robustness import CorruptionRobustness

_LEAST_SIDE = 8
_NAME = "corruption_robustness"


def check(asked: CorruptionRobustness, subject: Subject) -> None:
    """Refuse what cannot be done; see :meth:`CorruptionRobustness.check`."""
    if len(subject.classes) < 2:
        raise Unsupported(
            f"{_NAME}: the data has {len(subject.classes)} class; it needs at least 2, for a model to be able to be "
            "wrong. Use data with more classes, or leave this analysis out."
        )
    if not ((asked.corruptions and asked.severities) or asked.transforms or asked.stored or asked.fgsm or asked.pgd):
        raise Unsupported(
            f"{_NAME}: there is nothing to look at: no corruptions with severities, transforms, stored folder or "
            f'attacks. Write {_NAME} = {{}} for all 19 corruptions, or name some, such as corruptions = ["fog"].'
        )
    for label, seen in subject.models.items():
        _check_data(seen.data)
        if asked.fgsm or asked.pgd:
            _check_gradient(label, seen)
    if subject.models:
        _check_pictures(asked, next(iter(subject.models.values())).data)


def _check_data(data: ImageData) -> None:
    if not data.pixels:
        raise Unsupported(
            f"{_NAME}: the images of {data.name} are float tensors, which are no pixels any more and cannot be "
            "corrupted. Give uint8 images and let [data] normalise them with mean and std."
        )
    if min(data.height, data.width) < _LEAST_SIDE:
        raise Unsupported(
            f"{_NAME}: the images of {data.name} are {data.height} × {data.width}; corruptions need sides of at least "
            f"{_LEAST_SIDE} pixels. Give [data] a size, such as size = [16, 16]."
        )


def _check_pictures(asked: CorruptionRobustness, data: ImageData) -> None:
    """Let every function make two pictures of each severity, and look for every stored one."""
    chosen = chosen_images(data.test.ids, asked.images, asked.seed)
    images, ids = data.test.images[chosen[:2]], [str(i) for i in data.test.ids[chosen[:2]]]
    for transform in asked.transforms:
        if isinstance(transform.function, str):
            imports.refresh(transform.function, WHERE)
        for severity in asked.severities:
            transform(images, severity, ids, asked.seed)
    for name in names(asked.stored) if asked.stored is not None else ():
        Stored(str(asked.stored), name, data).check(chosen, asked.severities)


def _check_gradient(label: str, seen: Seen) -> None:
    """Ask the model once for its gradient with respect to an image."""
    import torch

    from pruneviz_analyses.corruption_robustness.attacks import attacked

    test: Any = seen.data.test
    plain = type(seen.data.preprocess)((0.0,) * seen.data.channels, (1.0,) * seen.data.channels)
    labels = torch.as_tensor(np.asarray(test.labels[:1]), device=seen.device)
    try:
        pictures = plain(test.images[:1], seen.device)
        attacked(seen.net, pictures, labels, lambda x: seen.data.preprocess(x, seen.device), 0.01)
    except (RuntimeError, NotImplementedError) as e:  # an operation without a gradient, or none through the input
        raise ModelError(
            f"{_NAME}: model {label!r} gives no gradient with respect to its input, so it cannot be attacked: "
            f"{imports.said(e)}. Leave fgsm and pgd out."
        ) from e
