"""Updates: what becomes of the weights that stay, at the moment of pruning. Others are in the methods' own modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pruneviz.pruning.parts import Given, Update

if TYPE_CHECKING:
    from torch import Tensor

    from pruneviz.core.masks import Mask


@dataclass(frozen=True)
class NoUpdate(Update):
    """What stays, stays as it is."""

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "what stays, stays as it is"
    changes: ClassVar[bool] = False

    def __call__(self, given: Given, mask: Mask) -> dict[str, Tensor]:
        """See :class:`~pruneviz.pruning.parts.Update`."""
        return {}


UPDATES: dict[str, type[Update]] = {p.name: p for p in (NoUpdate,)}
