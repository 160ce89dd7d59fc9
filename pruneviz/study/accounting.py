"""What a pruned model is worth and what it costs, measured."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.core.masks import Mask
from pruneviz.core.tables import LAYERS, SAMPLES, TIMINGS
from pruneviz.study.tensors import save_table

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruneviz.models import ModelInfo
    from pruneviz.study.execute import Loaded

CUT_TOLERANCE = 1e-3  # of the largest logit: float error grows with depth, a wrong cut is far above it
CHECKED_IMAGES = 64


def measure(at: Loaded, batch_size: int, device: str, folder: Path) -> dict[str, Any]:
    """Evaluate on the test and validation splits, count what is left, and write the layers and samples tables.

    Returns:
        The runs table's measured columns.
    """
    from pruneviz.measures.classification import per_sample, summarise
    from pruneviz.training import predict

    def logits_of(images: Any) -> Any:
        return predict(at.net, images, at.data.preprocess, batch_size=batch_size, device=device)

    test, classes = at.data.test, at.data.classes
    logits = logits_of(test.images)
    samples = per_sample(logits, test.labels)
    summary = summarise(test.labels, samples.prediction, samples.loss, len(classes))
    row: dict[str, Any] = {
        "accuracy": summary.accuracy,
        "loss": summary.loss,
        "balanced_accuracy": summary.balanced_accuracy,
        "worst_class_accuracy": summary.worst_class_accuracy,
        "worst_class": classes[summary.worst_class],
    }
    if at.data.val is not None:
        held_out = per_sample(logits_of(at.data.val.images), at.data.val.labels)
        val = summarise(at.data.val.labels, held_out.prediction, held_out.loss, len(classes))
        row |= {"val_accuracy": val.accuracy, "val_loss": val.loss}
    row |= _costs(at)
    if at.given:
        row["warnings"] += _no_better_than_chance(test.labels, samples.prediction)
    ids = [str(i) for i in test.ids]
    frame = SAMPLES.frame([])
    for name, values in {"sample_id": ids, "label": test.labels, **_columns(samples)}.items():
        frame[name] = values
    frame["run_id"] = ""  # filled in by the reader: an artifact may serve runs of several studies
    save_table(folder / "samples.parquet", SAMPLES, frame)
    save_table(folder / "layers.parquet", LAYERS, LAYERS.frame(layer_rows(at)))
    return row


def _no_better_than_chance(labels: Any, predictions: Any) -> list[str]:
    """What to think of a model that was given, and is no better than naming the most frequent class."""
    from pruneviz.measures.statistics import wilson

    n, right = len(labels), int((labels == predictions).sum())
    chance = float(np.bincount(labels).max() / n)
    low, _ = wilson(right, n)
    if float(low) > chance:
        return []
    return [
        f"its accuracy, {right / n:.1%}, is not above the {chance:.1%} of naming the most frequent class: does it "
        "order its classes, and expect its images prepared, as these data do? A model pruned to pieces looks the same"
    ]


def _columns(samples: Any) -> dict[str, Any]:
    names = ("prediction", "loss", "confidence", "margin")
    return {n: getattr(samples, n) for n in names}


def _costs(at: Loaded) -> dict[str, Any]:
    from pruneviz import models, pruning

    info = at.info
    mask = at.mask if at.mask is not None else pruning.full_mask(info)
    cost = pruning.costs(info, mask)
    prunable = sum(layer.parameters for layer in info.layers)
    row: dict[str, Any] = {
        "parameters": info.parameters,
        "parameters_prunable": prunable,
        "parameters_nonzero": cost.nonzero,
        "density": cost.prunable_kept / prunable,
        "macs_dense": info.macs,
        "macs": cost.macs,
        "bytes": saved_bytes(at.net.state_dict()),
        "bytes_compressed": saved_bytes(at.net.state_dict(), mask),
        "warnings": [],
    }
    if at.given:
        row["unit"] = at.given["unit"]
    if at.given.get("reference"):
        row |= _beside(at.given["reference"], cost.prunable_kept, info)
    if mask.units:
        cut = pruning.cut(at.net, mask, at.example)
        images = at.data.test.images[:CHECKED_IMAGES]
        batch = at.data.preprocess(images, at.example.device)
        gap = _largest_gap(at.net, cut, batch)
        cut_info = models.examine(cut, at.example, len(at.data.classes))
        row |= {
            "parameters_cut": cut_info.parameters,
            "macs_cut": cut_info.macs,
            "bytes": saved_bytes(cut.state_dict()),
            "bytes_compressed": saved_bytes(cut.state_dict()),
            "cut_gap": gap,
        }
        if gap > CUT_TOLERANCE:
            row["warnings"] = [
                f"the cut model's logits differ from the masked model's by {gap:.2g} of the largest logit"
            ]
    return row


def _beside(reference: Mapping[str, Any], kept: int, info: ModelInfo) -> dict[str, Any]:
    """The columns of a model that came cut, told by the reference that it was cut from."""
    prunable = sum(math.prod(of["shape"]) for of in reference["layers"].values())
    return {
        "parameters": reference["parameters"],
        "parameters_prunable": prunable,
        "density": kept / prunable,
        "macs_dense": reference["macs"],
        "parameters_cut": info.parameters,
        "macs_cut": info.macs,
    }


def _largest_gap(masked: nn.Module, cut: nn.Module, batch: Tensor) -> float:
    import torch

    with torch.inference_mode():
        a, b = masked(batch), cut(batch)
    scale = float(a.abs().max()) or 1.0
    return float((a - b).abs().max()) / scale


def saved_bytes(state: Mapping[str, Tensor], mask: Mask | None = None) -> int:
    """The size of the state as a safetensors file, in bytes.

    With a mask, each parameter that has removed entries is counted as its kept values and one bit per entry, where
    that is smaller.
    """
    import torch
    from safetensors.torch import save

    packed: dict[str, Tensor] = {}
    for name, value in state.items():
        dense = value.detach().cpu().contiguous().clone()
        kept = mask.get(name) if mask is not None else None
        bits = -(-dense.numel() // 8)
        if kept is not None and int(kept.sum()) * dense.element_size() + bits < dense.numel() * dense.element_size():
            packed[name] = dense[torch.from_numpy(kept)]
            packed[f"{name}.bits"] = torch.from_numpy(np.packbits(kept.reshape(-1)))
        else:
            packed[name] = dense
    return len(save(packed))


def layer_rows(at: Loaded) -> list[dict[str, Any]]:
    """The layers table of one model, without its run id; a model that came cut has its reference's shapes there."""
    weights, mask = dict(at.net.named_parameters()), at.mask
    whole_shapes = {n: of["shape"] for n, of in (at.given.get("reference") or {"layers": {}})["layers"].items()}
    rows = []
    for i, layer in enumerate(at.info.layers):
        shape = whole_shapes.get(layer.parameter, layer.shape)
        w = weights[layer.parameter].detach()
        whole = np.ones(layer.shape, dtype=np.bool_)
        kept = mask.get(layer.parameter, whole) if mask is not None else whole
        count = int(np.count_nonzero(kept))
        channels = kept.reshape(kept.shape[0], -1).any(axis=1)
        rows.append(
            {
                "run_id": "",
                "layer": layer.parameter,
                "index": i,
                "kind": layer.kind,
                "shape": "×".join(str(n) for n in shape),
                "parameters": math.prod(shape),
                "kept": count,
                "density": count / math.prod(shape),
                "channels": shape[0],
                "channels_kept": int(np.count_nonzero(channels)),
                "macs": count * layer.positions,
                "l2_norm": float(w.double().norm()),
            }
        )
    return rows


def latency(at: Loaded, batch: int, seconds: float, device: str, folder: Path) -> dict[str, Any]:
    """Time the forward pass, masked and (for channels) cut, and write the timings table."""
    from pruneviz import pruning

    images = np.repeat(at.data.test.images[:1], batch, axis=0)
    inputs = at.data.preprocess(images, at.example.device)
    nets = {"cut" if at.given.get("reference") else "dense" if at.mask is None else "masked": at.net}
    if at.mask is not None and at.mask.units:
        nets["cut"] = pruning.cut(at.net, at.mask, at.example)
    rows = []
    for variant, net in nets.items():
        times = timed(_forward(net, inputs, device), seconds)
        low, median, high = statistics.quantiles(times, n=4, method="inclusive")
        rows.append(
            {
                "run_id": "",
                "kind": "latency",
                "variant": variant,
                "batch": batch,
                "threads": 1,
                "device": device,
                "repeats": len(times),
                "median_s": median,
                "low_s": low,
                "high_s": high,
            }
        )
    save_table(folder / "timings.parquet", TIMINGS, TIMINGS.frame(rows))
    return {}


def _forward(net: nn.Module, inputs: Tensor, device: str) -> Callable[[], None]:
    import torch

    def call() -> None:
        with torch.inference_mode():
            net(inputs)
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    return call


def timed(call: Callable[[], None], seconds: float) -> list[float]:
    """Durations of repeated calls, after three that warm up; at least five, then until the time is used."""
    for _ in range(3):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times
