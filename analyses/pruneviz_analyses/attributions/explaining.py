"""The maps themselves: captum's GradCAM, integrated gradients and occlusion, and LRP by the project's own rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pruneviz.pruning.relevance import pixel_relevance
from pruneviz_analyses.attributions.supported import gradcam_layer

AT_ONCE = 16  # images explained between two words of progress
_VALUES = 1 << 20  # of the images in one pass of occlusion and integrated gradients, or as many as are explained


@dataclass(frozen=True, eq=False)
class Explained:
    """Maps of a batch.

    Attributes:
        maps: float32 (N, H, W), channels added up, in logits.
        expected: what each should add up to, (N,); None where nothing has to.
    """

    maps: Tensor
    expected: Tensor | None


def explain(
    net: nn.Module, images: Tensor, classes: Tensor, baseline: Tensor, part: Mapping[str, Any]
) -> Iterator[tuple[str, Explained]]:
    """Each way of attributing in turn.

    Args:
        net: in evaluation mode.
        images: preprocessed, float32 (N, C, H, W).
        classes: (N,) the classes whose logits are explained.
        baseline: the preprocessed black image, (1, C, H, W), from which integrated gradients start, and which occlusion
            puts in place.
        part: the options ``methods``, ``layer``, ``steps``, ``patch`` and ``stride``.
    """
    for name in part["methods"]:
        yield name, _WAYS[name](net, images, classes, baseline, part)


def _gradcam(net: nn.Module, images: Tensor, classes: Tensor, baseline: Tensor, part: Mapping[str, Any]) -> Explained:
    from captum.attr import LayerGradCam

    layer = net.get_submodule(gradcam_layer(net, images[:1], part["layer"]))
    found = LayerGradCam(net, layer).attribute(images, target=classes, relu_attributions=True)
    sized = F.interpolate(found.detach(), images.shape[2:], mode="bilinear", align_corners=False)
    return Explained(sized[:, 0], None)


def _integrated(
    net: nn.Module, images: Tensor, classes: Tensor, baseline: Tensor, part: Mapping[str, Any]
) -> Explained:
    from captum.attr import IntegratedGradients

    found = IntegratedGradients(net).attribute(
        images.clone().requires_grad_(True),
        baselines=baseline,
        target=classes,
        n_steps=part["steps"],
        internal_batch_size=_in_a_pass(images),
    )
    with torch.no_grad():
        change = (net(images) - net(baseline)).gather(1, classes[:, None])[:, 0]
    return Explained(found.detach().sum(1), change)


def _occlusion(net: nn.Module, images: Tensor, classes: Tensor, baseline: Tensor, part: Mapping[str, Any]) -> Explained:
    from captum.attr import Occlusion

    channels, height, width = images.shape[1:]
    size, step = ([max(1, round(part[k] * side)) for side in (height, width)] for k in ("patch", "stride"))
    with torch.no_grad():
        found = Occlusion(net).attribute(
            images,
            sliding_window_shapes=(channels, *size),
            strides=(channels, *step),
            baselines=baseline.expand(images.shape),
            target=classes,
            perturbations_per_eval=_in_a_pass(images) // len(images),
        )
    # What a patch changes stands in each channel that it covers: once is enough.
    return Explained(found.mean(1), None)


def _lrp(net: nn.Module, images: Tensor, classes: Tensor, baseline: Tensor, part: Mapping[str, Any]) -> Explained:
    with torch.no_grad():
        logit = net(images).gather(1, classes[:, None])[:, 0]
    return Explained(pixel_relevance(net, images, classes).sum(1), logit)


def _in_a_pass(images: Tensor) -> int:
    """Images in one forward pass: a multiple of those explained, fewer of large ones, whose features take memory."""
    return max(1, _VALUES // images.numel()) * len(images)


_WAYS: dict[str, Callable[[nn.Module, Tensor, Tensor, Tensor, Mapping[str, Any]], Explained]] = {
    "gradcam": _gradcam,
    "integrated_gradients": _integrated,
    "occlusion": _occlusion,
    "lrp": _lrp,
}


def smaller(maps: Tensor, most: int) -> Tensor:
    """Maps (N, H, W) with no side above ``most``: places are added up, so that sums stay as far as sides divide."""
    height, width = maps.shape[1:]
    if max(height, width) <= most:
        return maps
    shrink = most / max(height, width)
    to = max(1, round(height * shrink)), max(1, round(width * shrink))
    return F.adaptive_avg_pool2d(maps, to) * (height * width / (to[0] * to[1]))
