"""What one run's probabilities say of the test split, and what a calibrated model would say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz.measures.calibration import (
    BINNINGS,
    Bins,
    Floor,
    Reliability,
    binned,
    brier,
    floors,
    reliability,
    squared_error_shares,
)
from pruneviz.measures.classification import per_sample
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.calibration.schemas import BINS, SAMPLES, SEEN

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

_AT_ONCE = 2000  # images between two words of progress


def observe(model: Seen, part: Mapping[str, Any], progress: Callable[[int, int], None]) -> Mapping[str, pd.DataFrame]:
    """The tables of one run.

    Args:
        model: the run.
        part: bins, simulations, level and seed.
        progress: told of images predicted, the simulations counting as one more batch.

    Raises:
        ModelError: some outputs are NaN or infinite.
    """
    test = model.data.test
    logits = _logits(model, progress)
    each = per_sample(logits, test.labels)
    right = each.prediction == test.labels
    score = brier(logits, test.labels)
    bins = [binned(each.confidence, part["bins"], kind) for kind in BINNINGS]
    squared = squared_error_shares(each.confidence, right, bins[BINNINGS.index("mass")])
    told = [reliability(each.confidence, right, b) for b in bins]
    chance = floors(each.confidence, bins, part["simulations"], part["seed"], part["level"])
    row: dict[str, Any] = {
        "run_id": model.run_id,
        "samples": len(right),
        "accuracy": float(right.mean()),
        "confidence": float(each.confidence.mean()),
        "overconfidence": float(each.confidence.mean() - right.mean()),
        "squared_error": float(squared.mean()),
        "brier": float(score.mean()),
        "nll": float(each.loss.mean()),
    }
    for kind, found, floor in zip(BINNINGS, told, chance, strict=True):
        name = f"ece_{kind}"
        row |= {name: found.error, f"{name}_floor": floor.mean, f"{name}_p": floor.p(found.error)}
        row[f"{name}_chance"] = floor.below(part["level"])
    ids = np.zeros(len(right), np.int64)
    samples = {
        "run_id": repeated([model.run_id], ids),
        "sample_id": repeated([str(i) for i in test.ids], np.arange(len(ids))),
        "brier": score,
    }
    rows = [
        r for k, b, t, f in zip(BINNINGS, bins, told, chance, strict=True) for r in _bin_rows(model.run_id, k, b, t, f)
    ]
    return {
        SEEN.name: SEEN.frame([row]),
        BINS.name: BINS.frame(rows),
        SAMPLES.name: frame_of(SAMPLES, samples),
    }


def _logits(model: Seen, progress: Callable[[int, int], None]) -> npt.NDArray[np.float32]:
    from pruneviz.training import predict

    images, device = model.data.test.images, model.device
    total, parts = len(images) + _AT_ONCE, []
    for start in range(0, len(images), _AT_ONCE):
        progress(start, total)
        parts.append(predict(model.net, images[start : start + _AT_ONCE], model.data.preprocess, device=device))
    progress(len(images), total)
    found: npt.NDArray[np.float32] = np.concatenate(parts)
    return found


def _bin_rows(run_id: str, kind: str, bins: Bins, told: Reliability, floor: Floor) -> list[dict[str, Any]]:
    return [
        {
            "run_id": run_id,
            "binning": kind,
            "bin": i,
            "low": bins.edges[i],
            "high": bins.edges[i + 1],
            "samples": int(told.count[i]),
            "confidence": told.confidence[i],
            "accuracy": told.accuracy[i],
            "expected_low": floor.low[i],
            "expected_high": floor.high[i],
        }
        for i in range(len(told.count))
    ]
