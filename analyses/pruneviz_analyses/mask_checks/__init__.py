"""Whether it matters which weights a mask keeps: masks shuffled within layers, weights drawn anew, retrained alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import SpecError, Unsupported, located
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.mask_checks.schemas import ARMS, CHECKS, RUNS, SEEN

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.spec import Choice

UNITS = ("weight", "channel")  # a shuffled N:M pattern is none


@dataclass(frozen=True)
class MaskChecks:
    """The sanity checks of Frankle et al. 2021 and Su et al. 2020, on the study's own masks.

    A mask *shuffled* within its layers keeps as many of each layer, but others: where it retrains as well, the method's
    merit is how much it keeps of each layer, not which. *Reinitialised*, the mask is kept and every parameter drawn
    anew: where that trains as well, the weights that pruning kept were no help.
    """

    name: ClassVar[str] = "mask_checks"
    summary: ClassVar[str] = "masks shuffled within layers, and weights drawn anew, retrained alike and compared"
    reference: ClassVar[str] = (
        "Frankle et al. 2021, Pruning Neural Networks at Initialization: Why Are We Missing the Mark? (ICLR, arXiv "
        "2009.08576); Su et al. 2020, Sanity-Checking Pruning Methods: Random Tickets can Win the Jackpot (NeurIPS, "
        "arXiv 2009.11094)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (RUNS, ARMS)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN,)
    version: ClassVar[int] = 3
    observing_version: ClassVar[int] = 1

    checks: tuple[str, ...] = option(("shuffled", "reinitialised"), "what is destroyed", choices=CHECKS)
    epochs: int = option(5, "epochs of each retraining", unit="epochs", ge=1)
    batch_size: int = option(64, "images a step of retraining", unit="images", ge=1)
    lr: float = option(0.02, "peak learning rate of retraining, falling along a cosine", gt=0)
    momentum: float = option(0.9, "of retraining by stochastic gradient descent", ge=0, lt=1)
    weight_decay: float = option(5e-4, "L2 penalty of retraining", ge=0)
    repeats: int = option(1, "retrainings of each variant, averaged", unit="retrainings", ge=1)
    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    resamples: int = option(2000, "draws of the bootstrap over dense models and seeds", ge=200)
    seed: int = option(0, "of shuffling, drawing anew, retraining and those draws", ge=0)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there is no mask to check, or that weights cannot be drawn anew.

        Raises:
            Unsupported: so it is.
            SpecError: no check is asked, or one twice.
        """
        from pruneviz.pruning.recipes import resolve
        from pruneviz.training import check_training
        from pruneviz_analyses.mask_checks.variants import require_initialisers

        where = "[analyses] mask_checks"
        if not self.checks or len(set(self.checks)) < len(self.checks):
            raise SpecError(f"{where} checks", list(self.checks), f"some of {', '.join(CHECKS)}, each once")
        spec = subject.spec

        def checked(choice: Choice) -> bool:
            recipe = resolve(choice, "methods")
            return recipe.unit in UNITS and recipe.recovery is None

        bare = (c for c in spec.crossed if any(r.name == "none" for r in c.recoveries))
        if not any(checked(choice) for c in bare for choice in c.prune.methods):
            raise Unsupported(
                "mask_checks: it retrains masks by itself, from right after pruning, and there are none. Add a method "
                'of weights or channels that brings no recovery of its own, and "none" under [recover] recoveries.'
            )
        for label, seen in subject.models.items():
            with located(f"model {label!r}"):
                if seen.data.train is None:
                    raise Unsupported("mask_checks: the data has no training images, and all variants are retrained.")
                check_training(self._spec(), len(seen.data.train.labels), where)
                if set(self.checks) & {"reinitialised", "both"}:
                    require_initialisers(seen.net)

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Each mask of weights or channels before its recovery, with its dense model."""
        bare = runs[(runs["method"] != "dense") & (runs["recovery"] == "none") & runs["unit"].isin(UNITS)]
        part = {"checks": list(self.checks), "train": self.train, "repeats": self.repeats, "seed": self.seed}
        epochs = float((1 + len(self.checks)) * self.repeats * self.epochs)
        return [
            Observation((str(r["run_id"]), str(r["dense_run_id"])), part, f"check {r['name']}", epochs=epochs)
            for r in bare.to_dict("records")
        ]

    @property
    def train(self) -> dict[str, Any]:
        """The values of the retraining's :class:`~pruneviz.core.spec.TrainSpec`."""
        names = ("epochs", "batch_size", "lr", "momentum", "weight_decay")
        return {n: getattr(self, n) for n in names} | {"schedule": "cosine"}

    def _spec(self) -> Any:
        from pruneviz.core.spec import TrainSpec

        return TrainSpec(**self.train)

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """Retrain the mask and what the checks make of it."""
        from pruneviz_analyses.mask_checks.variants import retrained

        return {SEEN.name: retrained(models[0], models[1], part, progress)}

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """The original against each check, paired by dense model, seed and repeat."""
        from pruneviz_analyses.mask_checks.measuring import measure

        return measure(tables, self.level, self.resamples, self.seed)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.mask_checks.sentences import findings

        return findings(tables, frames, self.level)
