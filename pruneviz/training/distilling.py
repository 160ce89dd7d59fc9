"""The loss of distillation: labels, and what the dense model says."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pruneviz.training.kinds import Distill


class Distilling:
    """(1 − α) · CE + α · T² · KL(softmax(z_dense / T) ‖ softmax(z / T)), an objective for the trainer.

    Args:
        recovery: α and T.
        dense: in evaluation mode from now on; left as it is otherwise.
        label_smoothing: of the cross-entropy.
        device: where to compute.
    """

    def __init__(self, recovery: Distill, dense: nn.Module, label_smoothing: float, device: str) -> None:
        self.recovery, self.label_smoothing = recovery, label_smoothing
        self.dense = dense.to(device).eval()

    def __call__(self, images: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of one batch."""
        alpha, t = self.recovery.weight, self.recovery.temperature
        with torch.no_grad():
            told = F.log_softmax(self.dense(images) / t, dim=1)
        said = F.log_softmax(logits / t, dim=1)
        apart = F.kl_div(said, told, reduction="batchmean", log_target=True)
        labelled = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        return (1 - alpha) * labelled + alpha * t * t * apart
