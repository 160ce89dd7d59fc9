"""What became of a prediction: one name, ink, marker and hatching for each outcome, in every picture."""

from __future__ import annotations

from dataclasses import dataclass

from pruneviz.measures.changes import Change
from pruneviz.views.marks import Key


@dataclass(frozen=True)
class Outcome:
    """How an outcome is named and drawn."""

    change: Change
    label: str
    ink: str
    marker: str
    filled: bool
    hatch: str

    def key(self, kind: str) -> Key:
        """Its line in a legend."""
        return Key(self.label, kind, self.ink, self.marker, self.filled, hatch=self.hatch)


OUTCOMES = (
    Outcome(Change.STAYED_RIGHT, "right in both", "both-right", "circle", True, ""),
    Outcome(Change.STAYED_WRONG, "same wrong class in both", "both-wrong", "circle", False, ""),
    Outcome(Change.WRONG_TO_WRONG, "wrong to another wrong class", "other-wrong", "square", True, "x"),
    Outcome(Change.WRONG_TO_RIGHT, "wrong to right", "gained", "triangle", True, "."),
    Outcome(Change.RIGHT_TO_WRONG, "right to wrong", "lost", "inverted_triangle", True, "/"),
)
FLIPPED = tuple(o for o in reversed(OUTCOMES) if o.change not in (Change.STAYED_RIGHT, Change.STAYED_WRONG))
