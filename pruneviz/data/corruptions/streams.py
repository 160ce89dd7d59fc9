"""Random numbers that belong to a sample: the same id gets the same ones in any batch, order or process.

Every random number of a corruption is made of 16-bit words, which is finer than what a picture of 256 levels can show:
a chance is kept to 2⁻¹⁶, a normal variable takes 65,536 equally likely values.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]
Draw = Callable[[int], Words]  # that many words for each image: uint16 (N, count); asked for once by each corruption


class Streams:
    """A stream of words for each sample.

    Philox (Salmon et al., SC 2011) turns a key and a counter into random bits. Here the key is a hash of what the
    numbers are for, the upper half of the counter a hash of the sample's id, and the lower half counts from 0.

    Args:
        purpose: what the numbers are for; other purposes have independent numbers.
        seed: any integer.
    """

    def __init__(self, purpose: str, seed: int) -> None:
        self._key = _hash(f"{seed} {purpose}")
        self._philox = np.random.Philox(0)

    def words(self, ids: Sequence[str], count: int) -> Words:
        """The first ``count`` words of each stream: uint16 (N, count)."""
        drawn = np.empty((len(ids), count), np.uint16)
        state = self._philox.state
        counter = np.zeros(4, np.uint64)
        state["state"] = {"counter": counter, "key": self._key}
        state["buffer_pos"] = 4  # nothing left in the buffer
        for name, row in zip(ids, drawn, strict=True):
            counter[2:] = _hash(name)
            self._philox.state = state
            row[:] = self._philox.random_raw(-(-count // 4)).view(np.uint16)[:count]
        return drawn


def uniform(words: Words, low: float = 0.0, high: float = 1.0) -> Floats:
    """Words as numbers spread evenly between ``low`` and ``high``, neither of which is reached."""
    step = (high - low) / 65536
    numbers = words.astype(np.float32)
    numbers *= np.float32(step)
    numbers += np.float32(low + step / 2)
    return numbers


def normal(words: Words) -> Floats:
    """Words as standard normal variables."""
    return _quantiles().take(words)


def _hash(text: str) -> npt.NDArray[np.uint64]:
    return np.frombuffer(hashlib.blake2b(text.encode(), digest_size=16).digest(), np.uint64)


@functools.cache
def _quantiles() -> Floats:
    from scipy.special import ndtri

    return np.asarray(ndtri((np.arange(65536) + 0.5) / 65536), np.float32)
