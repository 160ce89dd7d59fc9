"""Looking at the retrainings of one pruned model: the lines between them, and how alike their outputs are."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pruneviz import training
from pruneviz.core.analysis import Seen
from pruneviz.measures.cka import cosines, direction
from pruneviz.measures.regimes import PLACES, linear_mode_connectivity
from pruneviz.models import has_batch_norm
from pruneviz_analyses.three_regime.schemas import LINES, PAIRS, RETRAINED

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

BATCH = 500
PRUNED_APART = "the models were not pruned alike, so that a line between them means nothing"
_NOT_FINITE = "outputs are NaN or infinite"


def look(
    models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
) -> Mapping[str, pd.DataFrame]:
    """The tables of one pruned model's retrainings.

    Args:
        models: retrainings of the same pruned model that differ in their seed; two or more.
        part: the observation's: ``images``, ``similar_images`` and ``seed``.
        progress: told of batches done, and all.
    """
    if any(not _pruned_alike(models[0], m) for m in models[1:]):
        return {RETRAINED.name: RETRAINED.frame([{"run_id": m.run_id, "reason": PRUNED_APART} for m in models])}
    train = models[0].data.train
    chosen = np.sort(np.random.default_rng(part["seed"]).permutation(len(train))[: part["images"]])
    images, labels = train.images[chosen], np.asarray(train.labels)[chosen]
    pairs = list(itertools.combinations(range(len(models)), 2))
    lines_at = len(models) + len(pairs) * (len(PLACES) - 2)  # networks whose error on a line is taken
    passes = len(models) + lines_at * (1 + has_batch_norm(models[0].net))
    work = _Work(progress, passes * -(-len(images) // BATCH))
    guess = 1 - float(np.bincount(labels).max()) / len(labels)
    retrained: list[dict[str, Any]] = []
    outputs: list[Floats | None] = []
    for m in models:
        logits = _logits(m, m.net, images, work)
        fine = bool(np.isfinite(logits).all())
        row: dict[str, Any] = {"run_id": m.run_id, "images": len(labels), "guess_error": guess}
        if fine:
            row["train_error"] = float(np.mean(logits.argmax(1) != labels))
        else:
            row["reason"] = _NOT_FINITE
        retrained.append(row)
        outputs.append(_probabilities(logits[: part["similar_images"]]) if fine else None)
    ends = [_error(m, copy.deepcopy(m.net), images, labels, work) for m in models]
    alike = [_similarities(outputs, unbiased) for unbiased in (False, True)]
    rows: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for i, j in pairs:
        errors = [ends[i], *_between(models[i], models[j], images, labels, work), ends[j]]
        names = {"run_id": models[i].run_id, "other_run_id": models[j].run_id}
        lines += [{**names, "t": t, "train_error": e} for t, e in zip(PLACES, errors, strict=True)]
        row = {**names, "cka": alike[0][i, j], "cka_unbiased": alike[1][i, j]}
        known = [e for e in errors if e is not None]
        if len(known) < len(errors):
            rows.append({**row, "reason": f"{_NOT_FINITE} at t = {PLACES[errors.index(None)]:g}"})
        else:
            found = linear_mode_connectivity(known)
            rows.append({**row, "lmc": found.value, "place": found.place})
    return {
        RETRAINED.name: RETRAINED.frame(retrained),
        PAIRS.name: PAIRS.frame(rows),
        LINES.name: LINES.frame(lines),
    }


class _Work:
    """Counts batches."""

    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def step(self) -> None:
        """One more."""
        self.done += 1
        self.progress(self.done, self.total)


def _pruned_alike(one: Seen, other: Seen) -> bool:
    if one.mask is None or other.mask is None:
        return one.mask is other.mask
    return one.mask.same_as(other.mask)


def _probabilities(logits: npt.NDArray[np.float32]) -> Floats:
    found: Floats = torch.from_numpy(logits).double().softmax(dim=1).numpy()
    return found


def _similarities(outputs: Sequence[Floats | None], unbiased: bool) -> Floats:
    """CKA of every two; NaN where outputs are the same for all images, or not finite."""
    known = [o for o in outputs if o is not None]
    found = np.full((len(outputs), len(outputs)), np.nan)
    if known:
        directions = [direction(o, unbiased=unbiased) for o in known]
        at = [i for i, o in enumerate(outputs) if o is not None]
        found[np.ix_(at, at)] = cosines(directions, directions)
    return found


def _between(one: Seen, other: Seen, images: Any, labels: Any, work: _Work) -> Iterator[float | None]:
    """E(t) strictly between two models, None where outputs are not finite."""
    net = copy.deepcopy(one.net)
    start, end, state = one.net.state_dict(), other.net.state_dict(), net.state_dict()
    for t in PLACES[1:-1]:
        with torch.no_grad():
            for name, tensor in state.items():
                if tensor.is_floating_point():
                    tensor.copy_(torch.lerp(start[name], end[name].to(start[name].device), t))
        yield _error(one, net, images, labels, work)


def _logits(seen: Seen, net: nn.Module, images: Any, work: _Work) -> npt.NDArray[np.float32]:
    parts = []
    for first in range(0, len(images), BATCH):
        parts.append(training.predict(net, images[first : first + BATCH], seen.data.preprocess, BATCH, seen.device))
        work.step()
    found: npt.NDArray[np.float32] = np.concatenate(parts)
    return found


def _error(seen: Seen, net: nn.Module, images: Any, labels: Any, work: _Work) -> float | None:
    """Train error of a network, its batch-norm statistics measured anew first; None where outputs are not finite."""

    def batches() -> Iterator[Tensor]:
        for first in range(0, len(images), BATCH):
            yield seen.data.preprocess(images[first : first + BATCH], seen.device)
            work.step()

    training.remeasure(net, batches())
    logits = _logits(seen, net, images, work)
    return float(np.mean(logits.argmax(1) != labels)) if np.isfinite(logits).all() else None
