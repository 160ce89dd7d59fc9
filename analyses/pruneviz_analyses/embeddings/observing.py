"""The features of test samples: places in the anchor's plane, and nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz.core.errors import ModelError, located
from pruneviz.measures.embedding import (
    aligned_places,
    aligned_umap_places,
    nearest_samples,
    principal_scores,
    turned_onto,
    umap_places,
)
from pruneviz.models.heads import Head, find_head
from pruneviz_analyses.arrays import frame_of, repeated, spread_order
from pruneviz_analyses.embeddings.schemas import NEIGHBOURS, SAMPLES, SEEN
from pruneviz_analyses.meanwhile import telling

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

NAMES = {"pca": "PCA", "umap": "UMAP", "aligned": "AlignedUMAP"}  # of the layouts
_BATCH = 500


def observe(
    models: Sequence[Seen],
    part: Mapping[str, Any],
    progress: Callable[[int, int], None],
    *earlier: Mapping[str, pd.DataFrame],
) -> Mapping[str, pd.DataFrame]:
    """The tables of one run.

    Args:
        models: the anchor, then the run; the anchor alone where it is the run itself.
        part: the observation's: see :meth:`Embeddings.observations`.
        progress: told of images looked at.
        earlier: with UMAP, the anchor's own tables, unless it is the run.

    Raises:
        Unsupported: the layer feeds no linear classifier.
        ModelError: too few samples have finite features.
    """
    anchor, seen = models[0], models[-1]
    test, chosen = seen.data.test, _chosen(seen, part)
    total, done = len(chosen) * len(models) + len(chosen), 0  # neighbours count as one more look

    def told(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    looked = []
    for model in models:
        with located("embeddings"):
            head = find_head(model, part["layer"], dead=True)
        looked.append((head, _features(model, head, test.images[chosen], told)))
    (_, basis), (head, own) = looked[0], looked[-1]
    finite = np.asarray(np.isfinite(np.hstack([own, basis])).all(axis=1))
    if int(finite.sum()) <= part["neighbours"]:
        raise ModelError(
            f"embeddings: {int(finite.sum())} of {len(chosen):,} test images have finite features in {seen.run_id} "
            f"and in the anchor {anchor.run_id}; {part['neighbours'] + 1} are needed. Leave out the run that diverged."
        )
    scores = principal_scores(own[finite])
    places, residual = aligned_places(scores, principal_scores(basis[finite]))
    by = NAMES[part["layout"]] if scores.size > 0 else "PCA"
    if by == "UMAP":
        ids = test.ids[chosen][finite]
        places = _by_umap(own[finite], places, ids, part, earlier[0][SAMPLES.name] if earlier else None)
    k = part["neighbours"] if scores.size > 0 else 0
    nobody = np.zeros((int(finite.sum()), 0))
    near, apart = nearest_samples(own[finite], k) if k else (nobody.astype(np.int64), nobody)
    told(len(chosen))
    row = {
        "run_id": seen.run_id,
        "anchor_run_id": anchor.run_id,
        "by": by,
        "samples": len(chosen),
        "samples_all": len(test),
        "undefined": int((~finite).sum()),
        "features": head.name,
        "dimensions": own.shape[1],
        "size": scores.size / np.sqrt(int(finite.sum())),
        "residual": residual if np.isfinite(residual) else None,
        "variance_shown": float(scores.variance[:2].sum()),
        "neighbours": k,
    }
    ids = [str(i) for i in test.ids[chosen]]
    found = {SEEN.name: SEEN.frame([row]), NEIGHBOURS.name: _neighbours(seen.run_id, ids, finite, near, apart)}
    return found if part["layout"] == "aligned" else {**found, SAMPLES.name: _places(seen.run_id, ids, finite, places)}


def together(
    models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
) -> Mapping[str, pd.DataFrame]:
    """The places of all models, laid out at once.

    Args:
        models: the anchor, then the others, in an order in which those that are alike are near each other.
        part: the observation's: see :meth:`Embeddings.observations`.
        progress: told of models looked at, a tenth of the work.
    """
    import pandas as pd

    anchor = models[0]
    test, chosen = anchor.data.test, _chosen(anchor, part)
    found = []
    for i, model in enumerate(models):
        with located("embeddings"):
            head = find_head(model, part["layer"], dead=True)
        found.append(_features(model, head, test.images[chosen], lambda more: None))
        progress(i, 10 * len(models))
    finite = [np.asarray(np.isfinite(x).all(axis=1)) for x in found]
    fit = [i for i, (x, f) in enumerate(zip(found, finite, strict=True)) if f.sum() > part["neighbours"] and x[f].std()]
    rows = [np.flatnonzero(finite[i]) for i in fit]
    start = principal_scores(found[fit[0]][rows[0]]).values[:, :2] if fit else np.zeros((0, 2))
    given = [found[i][r] for i, r in zip(fit, rows, strict=True)]
    how = start, part["umap_neighbours"], part["seed"]
    with telling(lambda: progress(len(models), 10 * len(models))):
        if len(fit) > 1:
            laid = aligned_umap_places(given, rows, *how, hold=part["hold"])
        else:
            laid = tuple(umap_places(x, *how) for x in given)
    ids = [str(i) for i in test.ids[chosen]]
    nowhere = np.zeros(len(ids), bool), np.zeros((0, 2))
    at = {i: (finite[i], places) for i, places in zip(fit, laid, strict=True)}
    frames = [_places(m.run_id, ids, *at.get(i, nowhere)) for i, m in enumerate(models)]
    progress(10 * len(models), 10 * len(models))
    return {SAMPLES.name: pd.concat(frames, ignore_index=True)}


def _chosen(seen: Seen, part: Mapping[str, Any]) -> npt.NDArray[np.int64]:
    """Which test samples are looked at."""
    order = spread_order(seen.data.test.labels, part["seed"])
    return np.sort(order[: part["samples"]])


def _by_umap(
    features: Floats, start: Floats, ids: npt.NDArray[Any], part: Mapping[str, Any], anchor: pd.DataFrame | None
) -> Floats:
    """UMAP begun at the anchor's places, and turned onto them; the anchor's own begins at its components."""
    known = None
    if anchor is not None:
        at = anchor.set_index(anchor["sample_id"].astype(str))[["x", "y"]]
        known = at.loc[[str(i) for i in ids]].to_numpy(np.float64)
    begin = start if known is None else known
    found = umap_places(features, begin, part["umap_neighbours"], part["seed"])
    return found - found.mean(axis=0) if known is None else turned_onto(found, known)


def _features(seen: Seen, head: Head, images: npt.NDArray[Any], told: Callable[[int], None]) -> Floats:
    """Features (N, D)."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            x, _ = head.read(seen.data.preprocess(images[start : start + _BATCH], seen.device))
            found.append(x.double().cpu().numpy())
            told(len(x))
    return np.concatenate(found)


def _run(run_id: str, count: int) -> Any:
    return repeated([run_id], np.zeros(count, np.int64))


def _places(run_id: str, ids: Sequence[str], finite: npt.NDArray[np.bool_], places: Floats) -> pd.DataFrame:
    at = np.full((len(ids), 2), np.nan)
    at[finite] = places
    columns = {
        "run_id": _run(run_id, len(ids)),
        "sample_id": repeated(ids, np.arange(len(ids))),
        "x": at[:, 0],
        "y": at[:, 1],
    }
    return frame_of(SAMPLES, columns)


def _neighbours(
    run_id: str, ids: Sequence[str], finite: npt.NDArray[np.bool_], near: npt.NDArray[np.int64], apart: Floats
) -> pd.DataFrame:
    where = np.flatnonzero(finite)
    n, k = near.shape
    columns = {
        "run_id": _run(run_id, n * k),
        "sample_id": repeated(ids, np.repeat(where, k)),
        "rank": np.tile(np.arange(1, k + 1), n),
        "neighbour_id": repeated(ids, where[near.reshape(-1)]),
        "distance": apart.reshape(-1),
    }
    return frame_of(NEIGHBOURS, columns)
