"""Which weights a pruned model keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """A layer of a model.

    Attributes:
        values: float32, its weights, as stored.
        kept: which of them are kept, of the same shape.
    """

    values: npt.NDArray[np.float32]
    kept: BoolArray


@dataclass(frozen=True, eq=False)
class Mask(Mapping[str, BoolArray]):
    """Kept (``True``) and removed (``False``) entries of named parameters and buffers.

    A parameter that is absent is kept whole. For channels the mask is closed: it covers the filter, its bias,
    its batch-norm scale and shift, and the matching inputs of its consumers.

    Attributes:
        kept: boolean array by parameter name, each of its parameter's shape.
        units: for structured pruning, by group name, which of the group's units are kept (1-D); else empty.
    """

    kept: Mapping[str, BoolArray]
    units: Mapping[str, BoolArray]

    @classmethod
    def of(cls, kept: Mapping[str, Any], units: Mapping[str, Any] | None = None) -> Mask:
        """Make a mask from anything array-like."""
        as_bool = {k: np.ascontiguousarray(v, dtype=np.bool_) for k, v in kept.items()}
        return cls(as_bool, {k: np.ascontiguousarray(v, dtype=np.bool_) for k, v in (units or {}).items()})

    def __getitem__(self, name: str) -> BoolArray:
        return self.kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def removed_count(self) -> int:
        """Removed entries over all covered parameters."""
        return sum(int(a.size - np.count_nonzero(a)) for a in self.kept.values())

    def same_as(self, other: Mask) -> bool:
        """Whether both keep exactly the same entries."""
        return self.kept.keys() == other.kept.keys() and all(np.array_equal(a, other[k]) for k, a in self.kept.items())

    def pack(self) -> dict[str, npt.NDArray[Any]]:
        """Bit-packed arrays with their shapes, for a safetensors file; see :meth:`unpack`."""
        packed: dict[str, npt.NDArray[Any]] = {}
        for prefix, arrays in (("mask", self.kept), ("units", self.units)):
            for name, a in arrays.items():
                packed[f"{prefix}|{name}"] = np.packbits(a.reshape(-1))
                packed[f"{prefix}-shape|{name}"] = np.asarray(a.shape, dtype=np.int64)
        return packed

    @classmethod
    def unpack(cls, packed: Mapping[str, npt.NDArray[Any]]) -> Mask:
        """The mask that :meth:`pack` wrote."""
        out: dict[str, dict[str, BoolArray]] = {"mask": {}, "units": {}}
        for prefix, arrays in out.items():
            for key, bits in packed.items():
                kind, _, name = key.partition("|")
                if kind == prefix:
                    shape = tuple(int(n) for n in packed[f"{prefix}-shape|{name}"])
                    count = int(np.prod(shape, dtype=np.int64))
                    arrays[name] = np.unpackbits(bits, count=count).astype(np.bool_).reshape(shape)
        return cls(out["mask"], out["units"])
