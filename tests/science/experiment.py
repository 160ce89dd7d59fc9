"""What a signature experiment is: a claim, the study that it needs, and one number for each dense model out of it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from science.finished import Finished, Measure

from pruneviz.api import Asked
from pruneviz.core.spec import StudySpec, study_from_plain
from pruneviz.measures.statistics import t_interval
from pruneviz.pruning import resolve
from pruneviz.signatures import LEVEL, Signature, read, write

if TYPE_CHECKING:
    from pruneviz.core.spec import Choice

STORE = Path(__file__).parents[2] / "runs" / "signatures"
WHOLE = ("lr-rewind", "weight-rewind", "scratch")  # recoveries that repeat the training of [train]
_SAME = ("name", "methods", "claim", "source", "quantity", "unit", "exact")


@dataclass(frozen=True)
class Experiment:
    """A signature as it is looked for; see :class:`pruneviz.signatures.Signature` for what is not said here.

    Attributes:
        study: as a study file has it. All studies are kept in one store, so steps that they share are done once.
        measure: from the finished study, one number for each dense model.
        note: of the conditions, what the study's own words do not say.
    """

    name: str
    methods: tuple[str, ...]
    claim: str
    source: str
    quantity: str
    unit: str
    study: Mapping[str, Any]
    measure: Measure
    above: float = -math.inf
    below: float = math.inf
    exact: bool = False
    note: str = ""

    @property
    def spec(self) -> StudySpec:
        """The study."""
        plain = {"name": self.name, "measure": {"latency": False}, **self.study}
        return study_from_plain(plain, f"signature {self.name}")

    def run(self, store: Path = STORE) -> Signature:
        """Carry out what is not in the store yet, and measure.

        Raises:
            RuntimeError: some of its runs failed.
        """
        study = Asked(self.spec).run(store)
        if study.failed:
            raise RuntimeError(f"{self.name}: {next(iter(study.failed.values()))}")
        return self.outcome(self.measure(Finished(study, self.spec)))

    def outcome(self, values: Sequence[float]) -> Signature:
        """What the numbers come to: their range where they are facts, else Student's interval over dense models."""
        kept = tuple(_rounded(v) for v in values)
        found = t_interval(kept, LEVEL)
        low, high = (min(kept), max(kept)) if self.exact else (found.low, found.high)
        numbers = {"above": self.above, "below": self.below, "estimate": found.mean, "low": low, "high": high}
        return Signature(
            **{name: getattr(self, name) for name in _SAME},
            **{name: _rounded(value) for name, value in numbers.items()},
            conditions=conditions(self.spec, self.note),
            values=kept,
            varied=f"{len(kept)} {'' if self.exact else 'dense '}model{'' if len(kept) == 1 else 's'}",
        )


def keep(signature: Signature, file: Path) -> None:
    """Put one outcome into the file, in place of an older one."""
    with FileLock(Path(tempfile.gettempdir()) / "pruneviz-signatures.lock"):  # several may run at once
        write(file, {s.name: s for s in read(file)} | {signature.name: signature})


def conditions(spec: StudySpec, note: str = "") -> str:
    """A study in a line: models, data, training, amounts removed."""
    models = ", ".join(f"{m.label} × {m.replicates}" for m in spec.models)
    data = spec.data.source
    data += f", {spec.data.train_limit:,} training images" if spec.data.train_limit else ""
    data += f" of {spec.data.size[0]}×{spec.data.size[1]} pixels" if spec.data.size else ""
    trained = any(not m.source.startswith("sample:") for m in spec.models)
    recipes = [resolve(c, "signature") for c in spec.prune.methods]
    recoveries = [r for r in (*spec.recover.recoveries, *(recipe.recovery for recipe in recipes)) if r is not None]
    parts = [models, data]
    if spec.trains[0].epochs and (trained or any(r.name in WHOLE for r in recoveries)):
        parts.append(f"trained for {spec.trains[0].epochs} epochs at {spec.trains[0].lr:g}")
    for text in dict.fromkeys(_tuned(r) for r in recoveries):
        parts += [text] if text else []
    targets = dict.fromkeys(t for recipe in recipes for t in recipe.targets(spec.prune.sparsities))
    removed = ", ".join(t.label for t in targets if t.kind == "sparsity")
    parts += [f"removed {removed}"] if removed else []
    parts += [f"pruned to {t.label}" for t in targets if t.kind != "sparsity"]
    parts += [f"{spec.prune.seeds} seeds of each"] if spec.prune.seeds > 1 else []
    return "; ".join([*parts, *([note] if note else [])])


def _tuned(recovery: Choice) -> str:
    epochs = recovery.options.get("epochs")
    return f"{recovery.name} for {epochs} epoch{'' if epochs == 1 else 's'}" if epochs else ""


def _rounded(value: float) -> float:
    """To the digits that the file keeps, so that what is read is what was made."""
    return float(f"{value:.6g}") + 0.0 if math.isfinite(value) else float(value)
