"""What masks have in common, layer by layer, as counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruneviz.core.analysis import Seen
from pruneviz_analyses.similarity.planning import AT_ONCE
from pruneviz_analyses.similarity.schemas import MASKS

if TYPE_CHECKING:
    import pandas as pd

Bools = npt.NDArray[np.bool_]


def counted(models: Sequence[Seen], pairs: Sequence[Sequence[int | str]]) -> pd.DataFrame:
    """Counts of each pair: channels where both masks remove channels, else weights.

    Args:
        models: the runs.
        pairs: places of a run and its reference among them, and how they are related.
    """
    rows = []
    for run, reference, relation in pairs:
        a, b = models[int(run)], models[int(reference)]
        own, other = _units(a), _units(b)
        if relation == AT_ONCE:
            own = _weights(a)
            other = {layer: _largest(b, layer, int(np.count_nonzero(kept))) for layer, kept in own.items()}
        elif own.keys() != other.keys():  # channels beside weights: compare what both have, the weights
            own, other = _weights(a), _weights(b)
        for layer, kept in own.items():
            rows.append(
                {
                    "run_id": a.run_id,
                    "reference_run_id": b.run_id,
                    "relation": str(relation),
                    "layer": layer,
                    "units": kept.size,
                    "kept": int(np.count_nonzero(kept)),
                    "reference_kept": int(np.count_nonzero(other[layer])),
                    "both": int(np.count_nonzero(kept & other[layer])),
                }
            )
    return MASKS.frame(rows)


def _largest(model: Seen, layer: str, count: int) -> Bools:
    """So many of a layer's weights of largest magnitude, the first of equals."""
    weight = dict(model.net.named_parameters())[layer].detach().cpu().numpy()
    kept = np.zeros(weight.size, np.bool_)
    kept[np.argsort(-np.abs(weight.reshape(-1)), kind="stable")[:count]] = True
    return kept.reshape(weight.shape)


def _units(model: Seen) -> Mapping[str, Bools]:
    """Which units of each layer or group are kept."""
    return model.mask.units if model.mask is not None and model.mask.units else _weights(model)


def _weights(model: Seen) -> dict[str, Bools]:
    mask = model.mask if model.mask is not None else {}
    return {
        layer.parameter: mask[layer.parameter] if layer.parameter in mask else np.ones(layer.shape, np.bool_)
        for layer in model.info.layers
    }
