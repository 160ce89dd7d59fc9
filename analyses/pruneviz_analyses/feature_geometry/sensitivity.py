"""Which parts of an image a metric of its features depends on: by hiding them, and by gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pruneviz.core.analysis import Seen
from pruneviz.measures import geometry
from pruneviz.models.heads import Head

Floats = npt.NDArray[np.float64]

KINDS = ("occlusion", "gradient")
_FINEST = 32  # parts a side of a gradient map: of larger images, means over parts are kept
_BATCH = 100


def sensitivity_rows(
    seen: Seen, head: Head, chosen: npt.NDArray[np.intp], part: Mapping[str, Any], told: Callable[[int], None]
) -> list[dict[str, Any]]:
    """The rows of some test images, by both ways of asking.

    Args:
        seen: the model.
        head: its linear classifier.
        chosen: test images.
        part: the observation's: ``sensitivity`` (the metric), ``patch`` (share of the image's shorter side that is
            hidden at once) and ``grid`` (parts a side).
        told: of places hidden.
    """
    rows = []
    metric, test = part["sensitivity"], seen.data.test
    for i in chosen:
        batch = seen.data.preprocess(test.images[i : i + 1], seen.device)
        label = int(test.labels[i])
        for kind in KINDS:
            found = (
                occluded(head, batch, label, metric, part["patch"], part["grid"], told)
                if kind == "occlusion"
                else steepness(head, batch, label, metric)
            )
            common = {"run_id": seen.run_id, "sample_id": str(test.ids[i]), "metric": metric, "kind": kind}
            rows += [{**common, **cell} for cell in found]
    return rows


def occluded(
    head: Head,
    image: torch.Tensor,
    label: int,
    metric: str,
    patch: float,
    grid: int,
    told: Callable[[int], None],
) -> Iterator[dict[str, Any]]:
    """The metric's fall when a square around each part is replaced by 0 in the preprocessed image (1, C, H, W).

    That is the colour ``[data] mean``: the mean of the training images where it was measured on them, and whatever was
    given where it was given; it need not be a colour that hides anything.
    """
    height, width = image.shape[2:]
    half = max(1, round(patch * min(height, width))) / 2
    tops, lefts = _parts(height, grid), _parts(width, grid)
    places = [(a, b) for a in tops for b in lefts]
    values = []
    whole = _value(head, image, label, metric)[0]
    for start in range(0, len(places), _BATCH):
        some = places[start : start + _BATCH]
        batch = image.repeat(len(some), 1, 1, 1)
        for n, ((top, bottom), (left, right)) in enumerate(some):
            middle_y, middle_x = (top + bottom) / 2, (left + right) / 2
            rows = slice(min(top, max(0, round(middle_y - half))), max(bottom, round(middle_y + half)))
            columns = slice(min(left, max(0, round(middle_x - half))), max(right, round(middle_x + half)))
            batch[n, :, rows, columns] = 0
        with np.errstate(invalid="ignore"):  # where a class has no boundary, nothing changes its distance
            values += list(whole - _value(head, batch, label, metric))
        told(len(some))
    for ((top, bottom), (left, right)), value in zip(places, values, strict=True):
        yield _cell(top, bottom, left, right, float(value))


def steepness(head: Head, image: torch.Tensor, label: int, metric: str) -> Iterator[dict[str, Any]]:
    """Mean over each part of |∂metric/∂pixel|, summed over channels, per unit of the preprocessed pixel."""
    leaf = image.clone().requires_grad_(True)
    with torch.enable_grad():
        x, _ = head.read(leaf)
        (slope,) = torch.autograd.grad(metric_of(head, metric, x, label), leaf)
    found = slope[0].abs().sum(dim=0).double().cpu().numpy()
    for top, bottom in _parts(found.shape[0], _FINEST):
        for left, right in _parts(found.shape[1], _FINEST):
            yield _cell(top, bottom, left, right, float(found[top:bottom, left:right].mean()))


def _value(head: Head, batch: torch.Tensor, label: int, metric: str) -> Floats:
    with torch.inference_mode():
        x = head.read(batch)[0].double().cpu().numpy()
    if metric == "norm":
        return geometry.norms(x)
    if metric == "angle":
        return np.asarray(geometry.angles(x, head.weight[label : label + 1])[:, 0])
    return geometry.margins(x, head.weight, head.bias, np.full(len(x), label)).margin


def _parts(length: int, most: int) -> list[tuple[int, int]]:
    """At most so many parts of equal size (the last may be smaller), by their first and behind their last pixel."""
    step = -(-length // most)
    return [(a, min(a + step, length)) for a in range(0, length, step)]


def _cell(top: int, bottom: int, left: int, right: int, value: float) -> dict[str, Any]:
    place = {"row": top, "column": left, "height": bottom - top, "width": right - left}
    return {**place, "value": value if np.isfinite(value) else None}


def metric_of(head: Head, name: str, x: Tensor, label: int) -> Tensor:
    """A metric of features as torch computes it, to be differentiated.

    Args:
        head: the classifier.
        name: ``angle``, ``norm`` or ``margin``; see :mod:`pruneviz.measures.geometry`.
        x: (1, D) features.
        label: the true class.
    """
    w = torch.as_tensor(head.weight, dtype=x.dtype, device=x.device)
    b = torch.as_tensor(head.bias, dtype=x.dtype, device=x.device)
    norm: Tensor = torch.linalg.vector_norm(x)
    if name == "norm":
        return norm
    if name == "angle":
        cosine = (x[0] @ w[label]) / (norm * torch.linalg.vector_norm(w[label]))
        return torch.arccos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))  # its slope has no bound where the two are parallel
    apart, shift = w[label] - w, b[label] - b
    length: Tensor = torch.linalg.vector_norm(apart, dim=1)
    there = length > 0
    if not there.any() or bool((~there & (shift < 0)).any()):  # no boundary, or no way to the class: nothing to follow
        return norm * float("nan")
    distance: Tensor = (apart[there] @ x[0] + shift[there]) / length[there]
    return distance.min()
