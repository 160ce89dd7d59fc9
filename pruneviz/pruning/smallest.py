"""Exact selection of the smallest scores over many tensors at once.

The rule everywhere in this package: what is removed are the first ``count`` entries of a *stable ascending sort* of
all scores, taken tensor after tensor in their declared order and each in flat (row-major) order. So among equal
scores the one that comes first is removed first, and the count is always exact.

Nothing is sorted to get there. A float's bits, read as an integer, rank as the float does (once negative ones are
flipped), so a histogram of the upper 16 bits finds the bucket that holds the last score to be removed, a second one
of the lower 16 bits within that bucket finds the score itself, and a third pass marks. All passes work on pieces, so
extra memory is the result's one byte per score and a few megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pruneviz.core.errors import ModelError

_HALF = 1 << 16  # buckets of each histogram: 16 bits
_INFINITY, _MINUS_INFINITY = 0x7F80 + (_HALF >> 1), 0x007F  # buckets that infinities share with NaN


@dataclass(frozen=True, eq=False)
class Ranked:
    """The scores of one block, computed a piece at a time so that they never stand in memory whole.

    Attributes:
        values: float32 of any shape.
        each: elementwise function that turns values into scores.
        gone: boolean of the same shape: already removed, so they rank before everything else.
    """

    values: Tensor
    each: Callable[[Tensor], Tensor] | None = None
    gone: Tensor | None = None

    def pieces(self) -> Iterator[tuple[int, Tensor]]:
        """Flat pieces of the scores with their offsets."""
        flat = self.values.detach().reshape(-1)
        gone = None if self.gone is None else self.gone.reshape(-1)
        step = 1 << 19 if flat.device.type == "cpu" else 1 << 24  # stays in the cache; on a GPU, few launches
        for start in range(0, flat.numel(), step):
            piece = flat[start : start + step]
            if self.each is not None:
                piece = self.each(piece)
            if gone is not None:
                piece = piece.masked_fill(gone[start : start + step], -torch.inf)
            yield start, piece

    @property
    def scores(self) -> Tensor:
        """All scores, of the shape of the values."""
        parts = [piece for _, piece in self.pieces()]
        return torch.cat(parts).reshape(self.values.shape) if parts else self.values.detach()


def smallest(blocks: Mapping[str, Ranked], count: int) -> dict[str, Tensor]:
    """Mark exactly the ``count`` smallest scores over all blocks.

    Args:
        blocks: scores by name, in the order in which ties are broken.
        count: how many to mark, from 0 to the number of scores.

    Returns:
        boolean tensors by name, of each block's shape and on its device; true where marked.

    Raises:
        ModelError: a score is NaN; the text names the block.
        ValueError: ``count`` is out of range.
    """
    total = sum(b.values.numel() for b in blocks.values())
    if not 0 <= count <= total:
        raise ValueError(f"cannot mark {count} of {total} scores")
    upper = _upper_histogram(blocks)
    if count in (0, total):
        return {k: torch.full_like(b.values, count > 0, dtype=torch.bool) for k, b in blocks.items()}
    bucket, before = _bucket_of(upper, count)
    lower = _lower_histogram(blocks, bucket)
    low, before_low = _bucket_of(lower, count - before)
    return _mark(blocks, _float_of(bucket, low), count - before - before_low)


def smallest_per_row(scores: Tensor, count: int, name: str = "scores") -> Tensor:
    """Mark exactly the ``count`` smallest scores of every row, among equals the first.

    Args:
        scores: float (rows, columns).
        count: how many to mark in each row, from 0 to the number of columns.
        name: what the scores belong to, for messages.

    Returns:
        boolean (rows, columns).

    Raises:
        ModelError: a score is NaN.
    """
    if torch.isnan(scores).any():
        raise _nan(name, int(torch.isnan(scores).sum()))
    marked = torch.zeros_like(scores, dtype=torch.bool)
    step = max(1, (1 << 22) // max(1, scores.shape[1]))
    for start in range(0, scores.shape[0], step):
        order = scores[start : start + step].argsort(dim=1, stable=True)[:, :count]
        marked[start : start + step].scatter_(1, order, True)
    return marked


def _nan(name: str, count: int) -> ModelError:
    return ModelError(
        f"{name}: {count} of its scores are NaN, so they cannot be ranked. Check that its weights, and the loss where "
        "the score needs gradients, are finite."
    )


def _keys(piece: Tensor) -> Tensor:
    """Integers (int32) that rank as the floats do; −0.0 and 0.0 are one. Works in place where it can: it is the
    greater part of all the time taken.
    """
    bits = (piece + 0.0).view(torch.int32)
    flips = bits >> 31  # all ones where negative
    flips &= 0x7FFFFFFF
    return bits.bitwise_xor_(flips)


def _float_of(bucket: int, low: int) -> float:
    """The float whose key has these upper and lower 16 bits."""
    key = ((bucket - (_HALF >> 1)) << 16) | low
    bits = key ^ (0x7FFFFFFF if key < 0 else 0)
    return float(torch.tensor([bits], dtype=torch.int32).view(torch.float32).item())


def _upper_histogram(blocks: Mapping[str, Ranked]) -> Tensor:
    total = torch.zeros(_HALF, dtype=torch.int64)
    for name, block in blocks.items():
        if block.values.dtype != torch.float32:
            raise TypeError(f"{name}: scores are float32, not {block.values.dtype}")
        counts = torch.zeros(_HALF, dtype=torch.int64, device=block.values.device)
        for _, piece in block.pieces():
            upper = _keys(piece)
            upper >>= 16
            upper += _HALF >> 1
            counts += torch.bincount(upper, minlength=_HALF)
        suspects = int(counts[_INFINITY:].sum() + counts[: _MINUS_INFINITY + 1].sum())  # infinite, or NaN
        if suspects and (nans := sum(int(torch.isnan(piece).sum()) for _, piece in block.pieces())):
            raise _nan(name, nans)
        total += counts.cpu()
    return total


def _lower_histogram(blocks: Mapping[str, Ranked], bucket: int) -> Tensor:
    first, after = _float_of(bucket, 0), _float_of(bucket + 1, 0) if bucket + 1 < _HALF else torch.nan
    total = torch.zeros(_HALF, dtype=torch.int64)
    for block in blocks.values():
        for _, piece in block.pieces():
            # Comparing floats is twice as fast as comparing keys; a bound that is NaN bounds the infinities' buckets.
            inside = piece >= first if first == first else piece == -torch.inf
            if after == after:
                inside &= piece < after
            found = _keys(piece[inside])
            if found.numel():
                total += torch.bincount(found & (_HALF - 1), minlength=_HALF).cpu()
    return total


def _bucket_of(histogram: Tensor, rank: int) -> tuple[int, int]:
    """The bucket that holds the ``rank``-th entry (from 1), and how many lie in buckets before it."""
    running = histogram.cumsum(0)
    bucket = int(torch.searchsorted(running, rank))
    return bucket, int(running[bucket] - histogram[bucket])


def _mark(blocks: Mapping[str, Ranked], threshold: float, ties: int) -> dict[str, Tensor]:
    """Mark what is below the threshold, and the first ``ties`` entries that equal it."""
    marked: dict[str, Tensor] = {}
    for name, block in blocks.items():
        flags = torch.empty(block.values.numel(), dtype=torch.bool, device=block.values.device)
        for start, piece in block.pieces():
            out = flags[start : start + piece.numel()]
            torch.lt(piece, threshold, out=out)
            if ties:
                equal = (piece == threshold).nonzero()[:ties, 0]
                out[equal] = True
                ties -= equal.numel()
        marked[name] = flags.reshape(block.values.shape)
    return marked
