"""Two models' layers on the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pruneviz.core.analysis import Seen
from pruneviz.core.errors import ModelError, Unsupported
from pruneviz.measures.cka import cosines, direction
from pruneviz_analyses.arrays import frame_of, repeated
from pruneviz_analyses.similarity.schemas import SEEN

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]

_BATCH = 100


def compared(run: Seen, reference: Seen, part: Mapping[str, Any], progress: Progress) -> pd.DataFrame:
    """CKA of every layer of the one with every layer of the other, on test images chosen by the seed.

    Args:
        run, reference: the two.
        part: ``layers`` (module names, or none for all convolutions and linear layers), ``images``, ``unbiased``,
            ``seed``.
        progress: told of layers done.

    Raises:
        ModelError: some activations are NaN or infinite.
        Unsupported: a module gives no tensor with a row for each image.
    """
    test = run.data.test
    order = np.random.default_rng(part["seed"]).permutation(len(test.images))[: part["images"]]
    chosen = np.sort(order)
    steps, each = 2, []
    for at, seen in enumerate((run, reference)):
        progress(at, steps)
        each.append(_directions(seen, part["layers"], test.images[chosen], part["unbiased"]))
    progress(steps, steps)
    (names, own), (other_names, other) = (([*d], [*d.values()]) for d in each)
    matrix = cosines(own, other)
    i, j = (index.reshape(-1) for index in np.indices(matrix.shape))
    constant = np.array([bool(np.isnan(d[0])) for d in own])
    return frame_of(
        SEEN,
        {
            "run_id": [run.run_id] * len(i),
            "reference_run_id": [reference.run_id] * len(i),
            "layer": repeated(names, i),
            "index": i,
            "reference_layer": repeated(other_names, j),
            "reference_index": j,
            "cka": matrix.reshape(-1),
            "constant": constant[i],
            "images": np.full(len(i), len(chosen)),
            "unbiased": np.full(len(i), part["unbiased"]),
        },
    )


def _directions(seen: Seen, layers: Sequence[str], images: Any, unbiased: bool) -> dict[str, Floats]:
    """By layer, in the model's order, its centred Gram matrix as a unit vector."""
    found, held = {}, _activations(seen, layers, images)
    for layer in list(held):
        features = held.pop(layer)  # wide layers are large
        if bad := int((~torch.isfinite(features)).sum()):
            raise ModelError(
                f"similarity: {bad} of {features.numel()} activations of {layer!r} in run {seen.run_id} are NaN or "
                "infinite, so they are like nothing. Its training has diverged: train with a lower learning rate."
            )
        found[layer] = direction(features.double().numpy(), unbiased=unbiased)
    return found


def _activations(seen: Seen, layers: Sequence[str], images: Any) -> dict[str, Tensor]:
    """By layer, (images, features) float32."""
    wanted = tuple(layers) or tuple(dict.fromkeys(layer.module for layer in seen.info.layers))
    parts: dict[str, list[Tensor]] = {}
    latest: dict[str, Tensor] = {}

    def hook_for(name: str) -> Any:
        def hook(module: Any, args: Any, output: Any) -> None:
            out = output[0] if isinstance(output, tuple) and output else output  # attention gives its weights as well
            if not isinstance(out, Tensor):
                raise Unsupported(
                    f"similarity: {name!r} gives {type(out).__name__} and no tensor, so it cannot be compared. Name "
                    "other modules with layers = […]."
                )
            latest[name] = out

        return hook

    modules = dict(seen.net.named_modules())
    handles = [modules[name].register_forward_hook(hook_for(name)) for name in wanted]
    try:
        with torch.inference_mode():
            for start in range(0, len(images), _BATCH):
                batch = seen.data.preprocess(images[start : start + _BATCH], seen.device)
                latest.clear()
                seen.net(batch)
                for name, out in latest.items():
                    if out.shape[:1] != batch.shape[:1]:
                        raise Unsupported(
                            f"similarity: the outputs of {name!r} have shape {tuple(out.shape)} for {len(batch)} "
                            "images, so no row for each. Name other modules with layers = […]."
                        )
                    parts.setdefault(name, []).append(out.reshape(len(out), -1).float().cpu())
    finally:
        for handle in handles:
            handle.remove()
    # Of a module that is called twice the last outputs count; one that is never called (a projection that attention
    # reads without calling it) has none.
    return {name: torch.cat(parts[name]) for name in wanted if name in parts}
