"""Training images on their way to the network: shuffled by index, augmented and normalised batch by batch.

Images stay as they are kept (bytes, for pixels) on the device. Normalising a batch costs about a thousandth of
a training step of LeNet-5, so a float copy of the whole set, four times the memory, would gain nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from pruneviz.core.spec import TrainSpec
from pruneviz.data import ImageData, Split
from pruneviz.training.schedule import derived_seed, steps_per_epoch

PADDING = 4
# The step of an epoch's first batch, and which images are in each batch: which ones to take instead, as many in each.
Arrange = Callable[[int, Sequence[Tensor]], Sequence[Tensor]]


class Batches:
    """The batches of every epoch, the same for the same seed wherever training starts.

    Args:
        data: the data set.
        split: its training split.
        spec: batch size and augmentation.
        seed: order and augmentation follow from it, each with a generator of its own.
        device: where batches are made.
    """

    def __init__(self, data: ImageData, split: Split, spec: TrainSpec, seed: int, device: str) -> None:
        self.images = torch.from_numpy(np.require(split.images, requirements=["C", "W"])).to(device)
        self.labels = torch.from_numpy(np.require(split.labels, requirements=["C", "W"])).to(device)
        self.preprocess, self.batch_size, self.augment = data.preprocess, spec.batch_size, spec.augment
        self.seed = seed
        self.per_epoch = steps_per_epoch(len(self.labels), spec.batch_size)
        black = np.zeros_like(split.images[:1])
        self.black = self.preprocess(black, device)

    def epoch(
        self, epoch: int, first: int, stop: int, arrange: Arrange | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images float32 (B, C, H, W) and labels int64 (B,) of an epoch's batches ``first`` to ``stop`` − 1."""
        count, device = len(self.labels), self.labels.device
        order = torch.randperm(count, generator=self._generator("order", epoch)).to(device)
        batches = torch.split(order[: self.per_epoch * self.batch_size], self.batch_size)
        if arrange is not None:
            batches = tuple(arrange(epoch * self.per_epoch, batches))
        changes = self._changes(epoch, count).to(device)
        for batch in range(first, stop):
            at = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            chosen = batches[batch]
            images = self.preprocess(self.images.index_select(0, chosen))
            if self.augment != "none":
                images = self._changed(images, *changes[:, at])
            yield images, self.labels.index_select(0, chosen)

    def _generator(self, purpose: str, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(derived_seed(self.seed, purpose, epoch))

    def _changes(self, epoch: int, count: int) -> Tensor:
        """Flip (0 or 1) and shifts down and right (−4 … 4 pixels) of each image, int64 (3, N)."""
        changes = torch.zeros((3, count), dtype=torch.int64)
        if self.augment != "none":
            generator = self._generator("augment", epoch)
            changes[0] = torch.randint(0, 2, (count,), generator=generator)
            if self.augment == "crop-flip":
                changes[1:] = torch.randint(-PADDING, PADDING + 1, (2, count), generator=generator)
        return changes

    def _changed(self, images: Tensor, flip: Tensor, down: Tensor, right: Tensor) -> Tensor:
        """Images shifted over black and mirrored, all by one gather."""
        n, channels, height, width = images.shape
        columns = torch.arange(width, device=images.device).expand(n, width)
        columns = torch.where(flip[:, None] == 1, width - 1 - columns, columns) + right[:, None]
        rows = torch.arange(height, device=images.device) + down[:, None]
        inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
        at = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
        taken = images.flatten(2).gather(2, at.view(n, 1, -1).expand(n, channels, -1))
        return torch.where(inside[:, None], taken.view_as(images), self.black)
