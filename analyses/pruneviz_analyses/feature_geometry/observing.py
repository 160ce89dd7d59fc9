"""Where one network's features lie, under every condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz.core.errors import ModelError, located
from pruneviz.measures import geometry
from pruneviz.models.heads import Head, find_head
from pruneviz_analyses.arrays import frame_of, repeated, spread_order
from pruneviz_analyses.feature_geometry.conditions import under
from pruneviz_analyses.feature_geometry.schemas import (
    ANGLES,
    CLASSES,
    CLEAN,
    PAIRS,
    SAMPLES,
    SEEN,
    SENSITIVITY,
)
from pruneviz_analyses.feature_geometry.sensitivity import sensitivity_rows

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ALL_CLASSES = 20  # so many classes are kept with all their pairs; of more, the nearest
_BATCH = 500


def observe(seen: Seen, part: Mapping[str, Any], progress: Callable[[int, int], None]) -> Mapping[str, pd.DataFrame]:
    """The tables of one run.

    Args:
        seen: the run's model.
        part: the observation's: see :meth:`FeatureGeometry.observations`.
        progress: told of images looked at, each hidden place of one being an image.

    Raises:
        Unsupported: the layer feeds no linear classifier.
        ModelError: the features are NaN or infinite for every image.
    """
    import pandas as pd

    test = seen.data.test
    with located("feature_geometry"):
        head = find_head(seen, part["layer"], dead=True)
    order = spread_order(test.labels, part["seed"])
    chosen = np.sort(order[: part["samples"]])
    traced = np.isin(chosen, order[: part["traced"]])
    rows: list[dict[str, Any]] = []
    parts: dict[str, list[pd.DataFrame]] = {s.name: [] for s in (SAMPLES, CLASSES, PAIRS, ANGLES)}
    at = order[: part["attributed"]] if not part["images"] else _placed(test.ids, part["images"])
    total = len(part["conditions"]) * len(chosen) + len(at) * part["grid"] ** 2
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        progress(min(done, total), total)

    for condition in part["conditions"]:
        images = under(seen, condition, chosen, part["constants"], part["seed"])
        looked = _Look(seen, head, condition, chosen, images, part["top"], told)
        rows.append(looked.row())
        parts[SAMPLES.name].append(looked.samples())
        parts[CLASSES.name].append(looked.classes())
        parts[PAIRS.name].append(looked.pairs())
        if condition == CLEAN:
            parts[ANGLES.name].append(looked.traced(traced))
    sensitivity = sensitivity_rows(seen, head, np.asarray(at, np.intp), part, told)
    frames = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    return {**frames, SEEN.name: SEEN.frame(rows), SENSITIVITY.name: SENSITIVITY.frame(sensitivity)}


def _placed(ids: npt.NDArray[np.str_], wanted: tuple[str, ...]) -> list[int]:
    at = {str(s): i for i, s in enumerate(ids)}
    return [at[w] for w in wanted if w in at]


class _Look:
    """One condition's features and what follows from them."""

    def __init__(
        self,
        seen: Seen,
        head: Head,
        condition: str,
        chosen: npt.NDArray[np.intp],
        images: npt.NDArray[Any],
        top: int,
        told: Callable[[int], None],
    ) -> None:
        test = seen.data.test
        self.run_id, self.head, self.condition, self.top = seen.run_id, head, condition, top
        self.labels = np.asarray(test.labels[chosen], np.int64)
        self.ids = [str(test.ids[i]) for i in chosen]
        self.x, logits = _features(seen, head, images, told)
        finite = np.isfinite(self.x).all(axis=1) & np.isfinite(logits).all(axis=1)
        if not finite.any():
            raise ModelError(
                f"feature_geometry: the {head.name} is NaN or infinite for each of {len(self.x):,} images "
                f"({condition}). Look at how the run {seen.run_id} was trained."
            )
        self.finite = finite
        self.prediction = np.where(finite, np.argmax(logits, axis=1), -1)
        self.angles = geometry.angles(self.x, head.weight)
        self.angle = self.angles[np.arange(len(self.x)), self.labels]
        self.norm = np.where(finite, geometry.norms(self.x), np.nan)
        found = geometry.margins(self.x, head.weight, head.bias, self.labels)
        self.margin, self.rival = np.where(np.isfinite(found.margin), found.margin, np.nan), found.rival
        self.spread = geometry.separation(self.x[finite], self.labels[finite], len(head.weight))

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.prediction == self.labels)

    def row(self) -> dict[str, Any]:
        """The run's row under this condition."""
        norm, margin = _mean(self.norm), _mean(self.margin)
        each = dict(zip(geometry.METRICS, (self.angle, self.norm, self.margin), strict=True))
        flat = [name for name, values in each.items() if geometry.constant(values[:, None])[0]]
        return {
            "run_id": self.run_id,
            "condition": self.condition,
            "samples": len(self.x),
            "accuracy": float(self.right.mean()),
            "angle": _mean(self.angle),
            "norm": norm,
            "margin": margin,
            "margin_scaled": margin / norm if norm and norm > 0 and margin is not None else None,
            "within": self.spread.within,
            "between": self.spread.between,
            "between_share": self.spread.share if np.isfinite(self.spread.share) else None,
            "features": self.head.name,
            "dimensions": self.x.shape[1],
            "constant_features": int(geometry.constant(self.x[self.finite]).sum()),
            "constant_metrics": ", ".join(flat),
            "dead_classes": int((geometry.norms(self.head.weight) == 0).sum()),
            "undefined": int((~np.isfinite(self.angle) | ~np.isfinite(self.margin)).sum()),
        }

    def samples(self) -> pd.DataFrame:
        """A row for each image."""
        known = self.rival >= 0
        columns = {
            "label": self.labels,
            "prediction": self.prediction,
            "angle": self.angle,
            "norm": self.norm,
            "margin": self.margin,
            "rival": np.where(known, self.rival, 0),
        }
        frame = frame_of(
            SAMPLES, {**self._named(len(self.x)), "sample_id": repeated(self.ids, np.arange(len(self.x))), **columns}
        )
        frame.loc[~known, "rival"] = None
        return frame

    def classes(self) -> pd.DataFrame:
        """A row for each class that has images."""
        rows = []
        s = self.spread
        for k in np.unique(self.labels):
            own = self.labels == k
            known = s.nearest[k] >= 0
            apart = float(s.apart[k]) if known else None
            rows.append(
                {
                    **self._where,
                    "label": int(k),
                    "samples": int(own.sum()),
                    "accuracy": float(self.right[own].mean()),
                    "angle": _mean(self.angle[own]),
                    "norm": _mean(self.norm[own]),
                    "margin": _mean(self.margin[own]),
                    "spread": float(s.spread[k]) if s.count[k] else None,
                    "apart": apart,
                    "nearest": int(s.nearest[k]) if known else None,
                    "apart_over_spread": apart / float(s.spread[k]) if apart is not None and s.spread[k] > 0 else None,
                }
            )
        return CLASSES.frame(rows)

    def pairs(self) -> pd.DataFrame:
        """A row for each true class and each class that it may be taken for, or the nearest of those."""
        rows = []
        for k in np.unique(self.labels):
            own = self.labels == k
            with np.errstate(invalid="ignore"):
                known = np.isfinite(self.angles[own])
                mean = np.where(known, self.angles[own], 0).sum(axis=0) / known.sum(axis=0)
            taken = np.bincount(self.prediction[own & self.finite], minlength=self.angles.shape[1])
            for j in _kept(mean, int(k), self.top):
                angle = float(mean[j]) if np.isfinite(mean[j]) else None
                row = {"label": int(k), "class": int(j), "samples": int(own.sum())}
                rows.append({**self._where, **row, "angle": angle, "predicted": int(taken[j])})
        return PAIRS.frame(rows)

    def traced(self, some: npt.NDArray[np.bool_]) -> pd.DataFrame:
        """The angles of some images to all classes, or to the nearest of them."""
        found: list[tuple[int, int]] = []
        for i in np.flatnonzero(some & np.isfinite(self.angle)):
            found += [(int(i), j) for j in _kept(self.angles[i], int(self.labels[i]), self.top)]
        at, classes = np.array(found, np.int64).reshape(-1, 2).T
        columns = {"label": self.labels[at], "class": classes, "angle": self.angles[at, classes]}
        run = repeated([self.run_id], np.zeros(len(at), np.int64))
        return frame_of(ANGLES, {"run_id": run, "sample_id": repeated(self.ids, at), **columns})

    @property
    def _where(self) -> dict[str, str]:
        return {"run_id": self.run_id, "condition": self.condition}

    def _named(self, n: int) -> dict[str, Any]:
        return {name: repeated([text], np.zeros(n, np.int64)) for name, text in self._where.items()}


def _features(
    seen: Seen, head: Head, images: npt.NDArray[Any], told: Callable[[int], None]
) -> tuple[Floats, npt.NDArray[np.float32]]:
    """Features (N, D) and logits (N, K)."""
    import torch

    features, logits = [], []
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            x, z = head.read(seen.data.preprocess(images[start : start + _BATCH], seen.device))
            features.append(x.double().cpu().numpy())
            logits.append(z.float().cpu().numpy())
            told(len(x))
    return np.concatenate(features), np.concatenate(logits)


def _kept(angles: Floats, own: int, top: int) -> list[int]:
    """The classes of which angles are kept: all where there are few, else the true one and the nearest."""
    if len(angles) <= ALL_CLASSES:
        return list(range(len(angles)))
    order = [int(j) for j in np.argsort(np.where(np.isfinite(angles), angles, np.inf), kind="stable") if j != own]
    return [own, *order[:top]]


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
