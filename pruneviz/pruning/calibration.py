"""The training images that statistics are gathered on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pruneviz.data import ImageData, Split

Chosen = npt.NDArray[np.int64]
_TOGETHER = 50  # images in a batch


@dataclass(frozen=True, eq=False)
class Calibration:
    """The chosen training images, to be gone over as often as need be.

    Attributes:
        data: what they are of.
        train: its training split.
        chosen: their positions in it.
        device: where they are wanted.
        seed: of whatever else is drawn while gathering.
    """

    data: ImageData
    train: Split
    chosen: Chosen
    device: torch.device
    seed: int

    def __len__(self) -> int:
        return len(self.chosen)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Preprocessed images, float32 (n, C, H, W), and labels, int64 (n,), 50 at a time."""
        for start in range(0, len(self.chosen), _TOGETHER):
            part = self.chosen[start : start + _TOGETHER]
            images = self.data.preprocess(self.train.images[part], self.device)
            yield images, torch.from_numpy(self.train.labels[part]).to(self.device)

    def one_by_one(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The same, in batches of one."""
        for images, labels in self.batches():
            for i in range(len(images)):
                yield images[i : i + 1], labels[i : i + 1]


def balanced_choice(labels: npt.NDArray[np.int64], count: int, seed: int) -> Chosen:
    """Positions of ``count`` images, as balanced by class as can be; all positions if there are fewer."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)  # how many of its class come before an image
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        turn[members] = np.arange(len(members))
    return shuffled[np.argsort(turn[shuffled], kind="stable")][:count]
