"""How much to remove: one type for the ways in which people say it.

======================  =====================================================================
written                 means
======================  =====================================================================
``0.9``, ``"90%"``      sparsity: the fraction of the method's own units that is removed
``"20x"``               compression: prunable parameters over kept parameters is 20
``{macs = 0.5}``        half of the multiply-adds are kept
``{parameters = 0.1}``  a tenth of the prunable parameters are kept
======================  =====================================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pruneviz.core.errors import SpecError, unknown

ALLOWED = 'a fraction in [0, 1) such as 0.9, a percentage such as "90%", a compression such as "20x", or {macs = 0.5}'


@dataclass(frozen=True, order=True)
class Target:
    """A target amount of pruning.

    Attributes:
        kind: ``sparsity`` (fraction of units removed), ``parameters`` or ``macs`` (fraction kept); or ``level``, a
            level of a method that finds out by itself how much it removes, which no study can ask for.
        value: in [0, 1) for ``sparsity``, in (0, 1] for the kept fractions; the number of the level, from 1.
    """

    kind: str
    value: float

    @property
    def label(self) -> str:
        """A short text for people, the same however the target was written."""
        if self.kind == "sparsity":
            return f"{self.value:.6g}"
        if self.kind == "parameters":
            return f"{1 / self.value:.6g}x"
        if self.kind == "level":
            return f"level {self.value:g}"
        return f"macs={self.value:.6g}"

    @property
    def removed(self) -> float:
        """The removed fraction of whatever is counted, in [0, 1); of a level, 0: nobody knows it beforehand."""
        if self.kind == "level":
            return 0.0
        return self.value if self.kind == "sparsity" else 1.0 - self.value


def parse_target(value: Any, where: str) -> Target:
    """Read a target as a user wrote it.

    Raises:
        SpecError: anything else, such as a bare ``90``.
    """
    if isinstance(value, Target):
        return value
    if isinstance(value, bool):
        raise SpecError(where, value, ALLOWED)
    if isinstance(value, (int, float)):
        if 0 <= value < 1:
            return Target("sparsity", float(value))
        raise SpecError(where, value, ALLOWED, _remedy(value))
    if isinstance(value, str):
        text = value.strip().lower()
        number = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%|x|×)?", text)
        if number:
            amount, unit = float(number[1]), number[2]
            if unit == "%" and 0 <= amount < 100:
                return Target("sparsity", round(amount / 100, 12))
            if unit in ("x", "×") and 1 <= amount < math.inf:
                return Target("parameters", 1 / amount)
            if unit is None and amount < 1:
                return Target("sparsity", amount)
            raise SpecError(where, value, ALLOWED, _BEYOND[unit] if unit else _remedy(amount))
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, kept), *_ = value.items()
        if kind == "sparsity":
            return parse_target(kept, where)
        if kind in ("macs", "parameters"):
            if isinstance(kept, (int, float)) and not isinstance(kept, bool) and 0 < kept <= 1:
                return Target(kind, float(kept))
            raise SpecError(f"{where} {kind}", kept, "the fraction kept, in (0, 1]")
        raise unknown(where, kind, ("macs", "parameters", "sparsity"))
    raise SpecError(where, value, ALLOWED)


_BEYOND = {
    "%": "At 100% nothing would be left.",
    "x": 'A compression is 1x or more: "2x" keeps half of the parameters.',
    "×": 'A compression is 1x or more: "2x" keeps half of the parameters.',
}


def _remedy(value: float) -> str:
    """What somebody may have meant by a number outside [0, 1)."""
    if value == 1:
        return "At 1 nothing would be left."
    return f'Write "{value:g}%" or {value / 100:g} for {value:g} percent.' if 1 < value < 100 else ""


def count_removed(fraction: float, total: int) -> int:
    """How many of ``total`` units a removed fraction means: the nearest whole number, halves upwards.

    The product is taken at 14 significant digits first, so that 0.29 · 100 is 29 and not 28.999999999999996.
    """
    return int(float(f"{fraction * total:.14g}") + 0.5)
