"""What models make of shifted pictures: each batch is shifted once, and every model looks at it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz.core.errors import DataError
from pruneviz.measures.calibration import binned, floors, reliability, squared_error_shares
from pruneviz.measures.classification import per_sample
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.corruption_robustness import stored
from pruneviz_analyses.corruption_robustness.schemas import SAMPLES, SEEN
from pruneviz_analyses.corruption_robustness.shifts import ATTACK, CORRUPTION, STORED, TRANSFORM, Transform, levels

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from pruneviz.data import ImageData

Pictures = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]
Progress = Callable[[int, int], None]

_BYTES = 1 << 27  # of pictures held at a time
_BATCH = 500  # pictures attacked at a time, as many as are looked at


@dataclass(frozen=True)
class Means:
    """What a part names and does not hold itself: users' functions, and the place of a folder."""

    transforms: tuple[Transform, ...]
    folder: str | None


def chosen_images(ids: Sequence[str] | npt.NDArray[np.str_], count: int, seed: int) -> Places:
    """Positions of so many images, in increasing order: those whose ids' hashes are the least.

    So the same images are chosen whatever their order, and a smaller number is part of a larger one.

    Args:
        ids: of the test split.
        count: how many; all where there are fewer.
        seed: another one chooses others.
    """
    marks = [hashlib.blake2b(f"{seed}:{i}".encode(), digest_size=8).digest() for i in ids]
    return np.sort(np.array(sorted(range(len(marks)), key=marks.__getitem__)[:count], np.intp))


def observe(
    models: Sequence[Seen], part: Mapping[str, Any], means: Means, progress: Progress
) -> Mapping[str, pd.DataFrame]:
    """The tables of some models under one shift.

    Args:
        models: whose pictures are the same.
        part: see :mod:`pruneviz_analyses.corruption_robustness.shifts`.
        means: what the part names.
        progress: told of looks at a batch, and all.

    Raises:
        ModelError: some outputs are NaN or infinite, or a user's function fails.
        DataError: a stored folder has changed since the study was planned, or does not fit.
    """
    from pruneviz.training import predict

    data = models[0].data
    chosen = chosen_images(data.test.ids, part["images"], part["seed"])
    told = levels(part)
    found = _Outcomes(len(models), len(told), len(chosen))
    size = max(1, _BYTES // data.test.images[0].size)
    blocks = [slice(i, min(i + size, len(chosen))) for i in range(0, len(chosen), size)]
    done, total = 0, len(blocks) * len(told) * len(models)
    progress(0, total)
    for block in blocks:
        for at, (severity, epsilon) in enumerate(told):
            shared = None if part["shift"] == ATTACK else shifted(data, chosen[block], severity, part, means)
            for m, model in enumerate(models):
                if shared is None:
                    logits = _attacked_logits(model, chosen[block], float(epsilon or 0.0), part)
                else:
                    logits = predict(model.net, shared, data.preprocess, _BATCH, device=model.device)
                found.take(m, at, block, logits, data.test.labels[chosen[block]])
                done += 1
                progress(done, total)
    return {
        SEEN.name: SEEN.frame(list(_rows(models, part, found))),
        SAMPLES.name: _samples(models, part, data, chosen, found),
    }


def shifted(data: ImageData, chosen: Places, severity: int, part: Mapping[str, Any], means: Means) -> Pictures:
    """Some test images after what a part asks for, of one severity; severity 0 leaves them as they are.

    Raises:
        ModelError: a user's function fails.
        DataError: a stored folder does not fit.
    """
    from pruneviz.data.corruptions import corrupt

    images, ids = data.test.images[chosen], [str(i) for i in data.test.ids[chosen]]
    if severity == 0:
        return images
    if part["shift"] == CORRUPTION:
        return corrupt(images, part["name"], severity, constants=part["constants"], sample_ids=ids, seed=part["seed"])
    if part["shift"] == TRANSFORM:
        transform = next(t for t in means.transforms if t.title == part["name"])
        made: Pictures = transform(images, severity, ids, part["seed"])
        return made
    assert part["shift"] == STORED
    assert means.folder is not None
    return stored.Stored(means.folder, part["file"], data).of(chosen, severity)


def require_same(part: Mapping[str, Any], means: Means) -> None:
    """Refuse to look where what was planned with is something else by now.

    Raises:
        DataError: a stored folder's content, or the source of a user's function, has changed.
    """
    again = "has changed since the study was planned. Run the study again: what follows from it is then made anew."
    if part["shift"] == STORED:
        assert means.folder is not None
        if stored.content(means.folder, part["file"]) != part["digest"]:
            raise DataError(f"{stored.WHERE} {means.folder}: {part['file']} {again}")
    if part["shift"] == TRANSFORM:
        transform = next(t for t in means.transforms if t.title == part["name"])
        if transform.to_plain()["source_digest"] != part["digest"]:
            raise DataError(f"transform {part['name']}: its source {again}")


def _attacked_logits(model: Seen, chosen: Places, epsilon: float, part: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Logits for pictures that this model's own gradient changed."""
    import torch

    from pruneviz.training.predicting import evaluating
    from pruneviz_analyses.corruption_robustness.attacks import attacked

    test, parts = model.data.test, []
    means = type(model.data.preprocess)((0.0,) * model.data.channels, (1.0,) * model.data.channels)

    def preprocess(pictures: Tensor) -> Tensor:
        prepared: Tensor = model.data.preprocess(pictures, model.device)
        return prepared

    with evaluating(model.net):
        for start in range(0, len(chosen), _BATCH):
            places = chosen[start : start + _BATCH]
            pictures = means(test.images[places], model.device)
            labels = torch.as_tensor(test.labels[places], device=model.device)
            changed = attacked(model.net, pictures, labels, preprocess, epsilon, part["steps"], part["step"])
            with torch.inference_mode():
                parts.append(model.net(preprocess(changed)).float().cpu().numpy())
    found: npt.NDArray[np.float32] = np.concatenate(parts)
    return found


class _Outcomes:
    """What is kept of the logits: (models, levels, images) arrays."""

    def __init__(self, models: int, levels_: int, images: int) -> None:
        self.right = np.zeros((models, levels_, images), np.bool_)
        self.confidence = np.zeros((models, levels_, images), np.float64)
        self.loss = np.zeros((models, levels_, images), np.float64)

    def take(self, m: int, at: int, block: slice, logits: Any, labels: Any) -> None:
        """Fill in a batch."""
        each = per_sample(logits, labels)
        self.right[m, at, block] = each.prediction == labels
        self.confidence[m, at, block] = each.confidence
        self.loss[m, at, block] = each.loss


def _rows(models: Sequence[Seen], part: Mapping[str, Any], found: _Outcomes) -> Iterator[dict[str, Any]]:
    for m, model in enumerate(models):
        for at, (severity, epsilon) in enumerate(levels(part)):
            right, confidence = found.right[m, at], found.confidence[m, at]
            bins = binned(confidence, part["bins"], "mass")
            (floor,) = floors(confidence, [bins], part["simulations"], part["seed"])
            yield {
                "run_id": model.run_id,
                "corruption": part["name"],
                "shift": part["shift"],
                "severity": severity,
                "epsilon": epsilon,
                "images": len(right),
                "accuracy": float(right.mean()),
                "confidence": float(confidence.mean()),
                "loss": float(found.loss[m, at].mean()),
                "ece": reliability(confidence, right, bins).error,
                "ece_floor": floor.mean,
                "squared_error": float(squared_error_shares(confidence, right, bins).mean()),
            }


def _samples(
    models: Sequence[Seen], part: Mapping[str, Any], data: ImageData, chosen: Places, found: _Outcomes
) -> pd.DataFrame:
    count, number = len(chosen), len(levels(part))
    weights = 1 << np.arange(number - 1, -1, -1, dtype=np.int64)
    codes = np.tensordot(found.right.astype(np.int64), weights, axes=(1, 0)).reshape(-1)
    values, of = np.unique(codes, return_inverse=True)
    return frame_of(
        SAMPLES,
        {
            "run_id": repeated([m.run_id for m in models], np.repeat(np.arange(len(models)), count)),
            "corruption": repeated([part["name"]], np.zeros(len(codes), np.int64)),
            "sample_id": repeated([str(i) for i in data.test.ids[chosen]], np.tile(np.arange(count), len(models))),
            "label": np.tile(data.test.labels[chosen], len(models)),
            "right": repeated([format(v, f"0{number}b") for v in values.tolist()], of),
        },
    )
