"""What one run's maps are, and which images flip most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz.core.errors import ModelError
from pruneviz.measures.attribution import ATTRIBUTIONS
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.attributions.schemas import FLIPPED, FLIPS, MAPS, PREDICTIONS, RANDOM

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]


def drawn(data: Any, count: int, seed: int) -> Ints:
    """Places of so many test images, drawn at random without replacement: the same for every run.

    With fewer images in the split, all of them. More of the same seed begin with fewer of it.
    """
    found: Ints = np.random.default_rng(seed).permutation(len(data.test))[:count]
    return found


def observe(model: Seen, part: Mapping[str, Any], progress: Callable[[int, int], None]) -> dict[str, pd.DataFrame]:
    """Maps of images drawn at random, and what the run says of the images among which flips are looked for.

    Raises:
        ModelError: an output or a map is NaN or infinite.
    """
    places = drawn(model.data, part["samples"], part["seed"])
    pool = drawn(model.data, part["samples"] + part["pool"], part["seed"])[part["samples"] :]
    return {
        MAPS.name: _maps(model, places, RANDOM, part, progress),
        PREDICTIONS.name: _predictions(model, pool),
    }


def observe_flipped(
    model: Seen, part: Mapping[str, Any], flipped: pd.DataFrame, progress: Callable[[int, int], None]
) -> dict[str, pd.DataFrame]:
    """Maps of the images that flip most; see :func:`observe`."""
    place = {str(s): i for i, s in enumerate(model.data.test.ids)}
    places = np.array([place[str(s)] for s in flipped.sort_values("place")["sample_id"]], np.int64)
    return {MAPS.name: _maps(model, places, FLIPS, part, progress)}


def flipped(part: Mapping[str, Any], earlier: Sequence[Mapping[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """The images whose prediction differs in most runs from that of their dense model; the first drawn of equals.

    Args:
        part: ``count`` images, and ``pairs`` of runs with their dense models.
        earlier: the predictions of all runs, in the same order of images.
    """
    said: dict[str, Ints] = {}
    ids: list[str] = []
    for frames in earlier:
        frame = frames[PREDICTIONS.name]
        for run_id, own in frame.groupby("run_id", observed=True):
            said[str(run_id)] = own["prediction"].to_numpy(np.int64)
            ids = [str(s) for s in own["sample_id"]]
    if not ids:  # the test split has no further images
        return {FLIPPED.name: FLIPPED.frame([])}
    differs = np.array([said[run] != said[dense] for run, dense in part["pairs"]])
    count = differs.sum(axis=0)
    most = np.argsort(-count, kind="stable")[: part["count"]]
    rows = [
        {"sample_id": ids[i], "place": place, "flips": int(count[i]), "runs": len(differs)}
        for place, i in enumerate(most)
        if count[i]
    ]
    return {FLIPPED.name: FLIPPED.frame(rows)}


def _maps(
    model: Seen, places: Ints, chosen: str, part: Mapping[str, Any], progress: Callable[[int, int], None]
) -> pd.DataFrame:
    from pruneviz_analyses.attributions.explaining import AT_ONCE, explain, smaller

    rows: list[dict[str, Any]] = []
    ways = len(part["methods"])
    batches = [places[i : i + AT_ONCE] for i in range(0, len(places), AT_ONCE)]
    for number, batch in enumerate(batches):
        progress(number * ways, len(batches) * ways)
        images, classes, said, logits = _asked(model, batch, part["explain"])
        black = model.data.preprocess(np.zeros_like(model.data.test.images[:1]), model.device)
        for way, (name, found) in enumerate(explain(model.net, images, classes, black, part)):
            total = found.maps.double().sum((1, 2)).cpu().numpy()
            _require_finite(model, batch, total, f"the map by {ATTRIBUTIONS[name]}")
            small = _shortened(smaller(found.maps, part["resolution"]).cpu().numpy())
            expected = None if found.expected is None else found.expected.double().cpu().numpy()
            for i, place in enumerate(batch):
                rows.append(
                    {
                        "run_id": model.run_id,
                        "sample_id": str(model.data.test.ids[place]),
                        "chosen": chosen,
                        "attribution": name,
                        "explained": int(classes[i]),
                        "prediction": int(said[i]),
                        "logit": float(logits[i]),
                        "total": float(total[i]),
                        "expected": None if expected is None else float(expected[i]),
                        "height": small.shape[1],
                        "width": small.shape[2],
                        "values": small[i].reshape(-1),
                    }
                )
            progress(number * ways + way + 1, len(batches) * ways)
    return MAPS.frame(rows)


def _asked(model: Seen, batch: Ints, explained: str) -> tuple[Any, Any, Any, Any]:
    """A batch's images, the classes to explain, what the run predicts, and the logits of the classes to explain."""
    import torch

    test = model.data.test
    images = model.data.preprocess(test.images[batch], model.device)
    with torch.no_grad():
        logits = model.net(images)
    _require_finite(model, batch, logits.sum(1).cpu().numpy(), "the output")
    said = logits.argmax(1)
    labels = torch.as_tensor(test.labels[batch], device=images.device)
    classes = labels if explained == "true" else said
    return images, classes, said, logits.gather(1, classes[:, None])[:, 0]


def _require_finite(model: Seen, batch: Ints, values: Any, what: str) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        first = model.data.test.ids[batch[bad[0]]]
        raise ModelError(
            f"attributions: {what} is NaN or infinite for {len(bad)} of {len(batch)} images (first: {first}), so it "
            "cannot be explained. Look at the run's training and warnings, or leave it out."
        )


def _shortened(maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same with 11 binary digits, about three decimal ones: half the room on disk once compressed."""
    bits = np.ascontiguousarray(maps, np.float32).view(np.uint32)
    return ((bits + 0x1000) & 0xFFFFE000).astype(np.uint32).view(np.float32)


def _predictions(model: Seen, pool: Ints) -> pd.DataFrame:
    from pruneviz.training import predict

    test = model.data.test
    if not len(pool):
        return PREDICTIONS.frame([])
    logits = predict(model.net, test.images[pool], model.data.preprocess, device=model.device)
    return frame_of(
        PREDICTIONS,
        {
            "run_id": repeated([model.run_id], np.zeros(len(pool), np.int64)),
            "sample_id": repeated([str(test.ids[i]) for i in pool], np.arange(len(pool))),
            "prediction": logits.argmax(1).astype(np.int64),
        },
    )
