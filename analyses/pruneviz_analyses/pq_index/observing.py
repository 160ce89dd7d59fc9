"""The indices of one run's weights, from its network and its mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz.core.errors import ModelError
from pruneviz.measures.sparsity import gini, pq_index, retained_bound
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.pq_index.schemas import NEURONS, SEEN

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def observe(
    models: Sequence[Seen], p: float, q: float, eta: float, progress: Callable[[int, int], None]
) -> Mapping[str, pd.DataFrame]:
    """The tables of one run.

    Args:
        models: the run, and the one whose weights it was pruned from; the run alone for a dense model.
        p, q: the norms.
        eta: of the bound.
        progress: told after each layer.

    Raises:
        ModelError: some weights are NaN or infinite.
    """
    model, before = models[0], models[-1]
    weights, earlier = _matrices(model), _matrices(before)
    steps = len(weights) + 1
    rows, kept_all, neurons = [], [], []
    progress(0, steps)
    for i, (layer, own) in enumerate(weights.items()):
        kept = _kept(model, layer, own.shape)
        index, d = pq_index(own, kept, p=p, q=q), np.count_nonzero(kept, axis=1)
        neurons.append((layer, d, index, gini(own, kept), retained_bound(index, d, p=p, q=q, eta=eta)))
        told = index[(d > 0) & np.isfinite(index)]
        row = _whole(own.reshape(-1), earlier[layer].reshape(-1), kept.reshape(-1), p, q, eta)
        row |= {"scope": "layer", "layer": layer, "index": i}
        row |= _neurons(d, index) | {"neurons_pqi": float(told.mean()) if len(told) else np.nan}
        rows.append(row)
        kept_all.append(kept.reshape(-1))
        progress(i + 1, steps)
    own, before_it = (np.concatenate([m.reshape(-1) for m in each.values()]) for each in (weights, earlier))
    whole = _whole(own, before_it, np.concatenate(kept_all), p, q, eta)
    d, index = (np.concatenate([n[at] for n in neurons]) for at in (1, 2))
    told = index[(d > 0) & np.isfinite(index)]
    whole |= {"scope": "model"} | _neurons(d, index) | {"neurons_pqi": float(told.mean()) if len(told) else np.nan}
    progress(steps, steps)
    seen = SEEN.frame([{"run_id": model.run_id, **row} for row in (whole, *rows)])
    return {SEEN.name: seen, NEURONS.name: _neuron_frame(model.run_id, neurons)}


def _matrices(model: Seen) -> dict[str, Floats]:
    """The weights of each prunable layer, (output rows, inputs)."""
    named = dict(model.net.named_parameters())
    found = {}
    for layer in model.info.layers:
        w = named[layer.parameter].detach().cpu().double().numpy()
        if bad := int(np.count_nonzero(~np.isfinite(w))):
            raise ModelError(
                f"pq_index: {bad} of {w.size} weights of {layer.parameter!r} in run {model.run_id} are NaN or "
                "infinite, so they have no sparsity. Its training has diverged: train with a lower learning rate."
            )
        found[layer.parameter] = w.reshape(len(w), -1)
    return found


def _kept(model: Seen, layer: str, shape: tuple[int, ...]) -> Bools:
    if model.mask is None or layer not in model.mask:
        return np.ones(shape, np.bool_)
    return model.mask[layer].reshape(shape)


def _whole(own: Floats, earlier: Floats, kept: Bools, p: float, q: float, eta: float) -> dict[str, Any]:
    index, d = float(pq_index(own, kept, p=p, q=q)), int(np.count_nonzero(kept))
    bound = float(retained_bound(index, d, p=p, q=q, eta=eta))
    return {
        "kept": d,
        "pqi": index,
        "pqi_removed": float(pq_index(earlier, kept, p=p, q=q)),
        "gini": float(gini(own, kept)),
        "bound": int(bound) if np.isfinite(bound) else None,
    }


def _neurons(d: npt.NDArray[np.int64], index: Floats) -> dict[str, int]:
    return {
        "neurons": len(d),
        "neurons_empty": int(np.count_nonzero(d == 0)),
        "neurons_zero": int(np.count_nonzero(np.isnan(index))),
    }


def _neuron_frame(run_id: str, neurons: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    sizes = [len(n[1]) for n in neurons]
    d, index, spread, bound = (np.concatenate([n[at] for n in neurons]) for at in (1, 2, 3, 4))
    return frame_of(
        NEURONS,
        {
            "run_id": repeated([run_id], np.zeros(sum(sizes), np.int64)),
            "layer": repeated([n[0] for n in neurons], np.repeat(np.arange(len(neurons)), sizes)),
            "neuron": np.concatenate([np.arange(s) for s in sizes]),
            "kept": d,
            "pqi": index,
            "gini": spread,
            "bound": pd.array(bound, dtype="Float64").astype("Int64"),
        },
    )
