"""Signatures: for a method, an experiment that looks for the effect its paper claims, and what came of it.

What was found ships with the samples as one file, so that catalogues show it without running anything. The experiments
themselves are in ``tests/science``; ``make science`` runs them and writes the file.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

SHOWS, CONTRADICTS, UNRESOLVED = "shows", "contradicts", "unresolved"
NONE = "no signature experiment yet"
LEVEL = 0.95


@dataclass(frozen=True)
class Signature:
    """One experiment and its outcome.

    Attributes:
        name: what ``make science ARGS="-k NAME"`` calls it.
        methods: the methods of the catalogue whose claim it is about.
        claim: what the paper says, as a sentence.
        source: where it says so.
        quantity: what is measured, such as a difference of test accuracies.
        unit: of the numbers.
        above, below: the claim in numbers: the quantity lies between them; infinite where there is no such end.
        exact: whether the numbers are facts of these models (a count, say), from which nothing is inferred about
            others; ``low`` and ``high`` are then the least and the largest.
        conditions: model, data, training, amount removed.
        values: one number for each dense model (or each model looked at).
        estimate: their mean.
        low, high: ends of the 95 % interval of that mean over dense models; NaN where only points may be shown.
        varied: what varied and how often, such as ``6 dense models``.
    """

    name: str
    methods: tuple[str, ...]
    claim: str
    source: str
    quantity: str
    unit: str
    above: float
    below: float
    exact: bool
    conditions: str
    values: tuple[float, ...]
    estimate: float
    low: float
    high: float
    varied: str

    @property
    def verdict(self) -> str:
        """What may be said of the claim; see :func:`verdict`."""
        return verdict(self.low, self.high, self.above, self.below)

    @property
    def expected(self) -> str:
        """The claim in numbers, for people."""
        ends = [(f"above {_shown(self.above)}", self.above), (f"below {_shown(self.below)}", self.below)]
        return " and ".join(text for text, end in ends if math.isfinite(end))

    @property
    def found(self) -> str:
        """The numbers with their unit, for people."""
        low, high, estimate = (_shown(v) for v in (self.low, self.high, self.estimate))
        unit = self.unit.removesuffix("s") if self.low == self.high == 1 else self.unit
        if self.exact and self.low == self.high:
            return f"{low} {unit}" + (f" (on each of {self.varied})" if len(self.values) > 1 else "")
        if self.exact:
            return f"{low} to {high} {unit} (over {self.varied})"
        if not math.isfinite(self.low):
            return f"{estimate} {unit} ({self.varied}, points only: {', '.join(map(_shown, self.values))})"
        return f"{estimate} {unit} ({low} … {high}; {self.varied})"

    @property
    def sentence(self) -> str:
        """All of it in a paragraph."""
        return (
            f"{self.verdict}. The claim: {self.claim.removesuffix('.')} ({self.source}). Measured: {self.quantity}; "
            f"claimed {self.expected}, found {self.found}. On {self.conditions}."
        )


def verdict(low: float, high: float, above: float, below: float) -> str:
    """What an interval says of a claim: ``shows``, ``contradicts`` or ``unresolved``, never more than it holds.

    Args:
        low, high: the interval's ends; NaN where there is none.
        above, below: the claim: the quantity lies strictly between them.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return UNRESOLVED
    if above < low and high < below:
        return SHOWS
    return CONTRADICTS if high <= above or low >= below else UNRESOLVED


def path() -> Path:
    """The file of results, which ships with the samples."""
    return Path(str(resources.files("pruneviz_samples"))) / "signatures.csv"


@lru_cache(maxsize=1)
def _shipped() -> tuple[Signature, ...]:
    return read(path())


def of(method: str) -> tuple[Signature, ...]:
    """The shipped signatures of a method, by its name in the catalogue."""
    return tuple(s for s in _shipped() if method in s.methods)


def told(method: str) -> Mapping[str, str]:
    """A sentence for each signature of a method, by the signature's name."""
    return {s.name: s.sentence for s in of(method)}


COLUMNS = (
    *("name", "methods", "verdict", "estimate", "low", "high", "unit", "quantity", "above", "below", "exact"),
    *("varied", "values", "claim", "source", "conditions"),
)


def read(file: Path) -> tuple[Signature, ...]:
    """The signatures of a file, by name; none where there is no file."""
    if not file.is_file():
        return ()
    with file.open(encoding="utf-8", newline="") as f:
        return tuple(_from_row(row) for row in csv.DictReader(f))


def write(file: Path, signatures: Mapping[str, Signature]) -> None:
    """Write signatures as text, ordered by name, numbers with six digits."""
    part = file.with_name(f".{file.name}.part")
    with part.open("w", encoding="utf-8", newline="") as f:
        rows = csv.DictWriter(f, COLUMNS, lineterminator="\n")
        rows.writeheader()
        for _, s in sorted(signatures.items()):
            rows.writerow(_to_row(s))
    part.replace(file)  # whole, for whoever reads meanwhile


def _to_row(s: Signature) -> dict[str, str]:
    texts = ("name", "verdict", "unit", "quantity", "varied", "claim", "source", "conditions")
    own = {k: str(getattr(s, k)) for k in texts}
    numbers = {k: _number(getattr(s, k)) for k in ("above", "below", "estimate", "low", "high")}
    values = " ".join(_number(v) for v in s.values)
    return {**own, **numbers, "methods": " ".join(s.methods), "values": values, "exact": "yes" if s.exact else "no"}


def _from_row(row: Mapping[str, str]) -> Signature:
    def number(name: str, absent: float = math.nan) -> float:
        return float(row[name]) if row[name] else absent

    return Signature(
        name=row["name"],
        methods=tuple(row["methods"].split(" ")),
        claim=row["claim"],
        source=row["source"],
        quantity=row["quantity"],
        unit=row["unit"],
        above=number("above", -math.inf),
        below=number("below", math.inf),
        exact=row["exact"] == "yes",
        conditions=row["conditions"],
        values=tuple(float(v) for v in row["values"].split(" ")),
        estimate=number("estimate"),
        low=number("low"),
        high=number("high"),
        varied=row["varied"],
    )


def _shown(value: float) -> str:
    """Three digits, with a minus sign that is one."""
    return ("−" if value < 0 else "") + f"{abs(value):.3g}"


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
