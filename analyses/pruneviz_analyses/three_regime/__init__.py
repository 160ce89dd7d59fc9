"""Temperature and load: in which regime a pruned model is, and which way to move its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import SpecError, Unsupported
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.three_regime.schemas import CELLS, CHOICES, LINES, MODELS, MOVES, PAIRS, RETRAINED
from pruneviz_analyses.three_regime.temperature import FEWER, MORE, temperature_of

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.core.spec import Choice

_LINES_EACH = 9  # places strictly between two models


@dataclass(frozen=True)
class ThreeRegime:
    """Phase diagrams of pruning over the temperature of the dense training and the density after pruning.

    The same pruned model is retrained with several seeds; whether a straight line between two retrainings crosses a
    barrier, and how alike their outputs are, says in which of three regimes it is, and so whether the dense training
    should have been hotter or colder. The paper gives no thresholds between the regimes: ``barrier`` and ``similar``
    are this project's own.
    """

    name: ClassVar[str] = "three_regime"
    summary: ClassVar[str] = "phase diagrams of temperature and density: connectivity, similarity, and what they advise"
    reference: ClassVar[str] = (
        "Zhou, Yang, Chang & Mahoney 2023, A Three-regime Model of Network Pruning (ICML, arXiv 2305.18383); "
        "Frankle et al. 2020, Linear Mode Connectivity and the Lottery Ticket Hypothesis (ICML, arXiv 1912.05671); "
        "Kornblith et al. 2019, Similarity of Neural Network Representations Revisited (ICML, arXiv 1905.00414)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (CELLS, MODELS, MOVES, CHOICES)
    observed: ClassVar[tuple[Schema, ...]] = (RETRAINED, PAIRS, LINES)
    version: ClassVar[int] = 3
    observing_version: ClassVar[int] = 2

    temperature: str = option("", "the swept value of [train] that is the temperature; empty: the only one swept")
    hotter: str = option(
        "",
        f"which way is hotter; empty: less of {', '.join(FEWER)}, more of {', '.join(MORE)}",
        choices=("", "more", "less"),
    )
    images: int = option(5000, "fixed training images on which errors are taken", unit="images", ge=10)
    similar_images: int = option(2000, "of these, for the similarity of outputs", unit="images", ge=10, le=10_000)
    barrier: float = option(0.02, "threshold of ours: an LMC below minus this is a barrier", gt=0, lt=1)
    similar: float = option(0.95, "threshold of ours: outputs are similar from this CKA on", gt=0, le=1)
    unbiased: bool = option(False, "CKA by unbiased HSIC instead of as published, for the regimes")
    collapsed: float = option(
        0.9,
        "retrainings whose train error is at least this share of always guessing one class are left out",
        gt=0,
        le=1,
    )
    seed: int = option(0, "of the choice of images", ge=0)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there would be no diagram.

        Raises:
            Unsupported: no temperature, fewer than two, models that are not trained here, one retraining only, no
                method that prunes alike whatever the seed, or no training images.
            SpecError: it is not clear what the temperature is.
        """
        from pruneviz.models import has_weights
        from pruneviz.pruning.recipes import resolve
        from pruneviz.training import RECOVERIES

        spec = subject.spec
        temperature = temperature_of(spec, self.temperature, self.hotter)
        values = {p.value for p in temperature.places.values()}
        if len(values) < 2:
            raise SpecError(f"[train] {temperature.name}", sorted(values), "two different values or more")
        given = [m.label for m in spec.models if has_weights(m)]
        if given:
            raise Unsupported(
                f"three_regime: {given[0]} comes with its weights, so [train] sets no temperature. Let [train] train "
                "it: name a factory without checkpoint."
            )

        def prunes_alike(choice: Choice) -> bool:
            recipe = resolve(choice, "methods")
            return not recipe.uses_seed and recipe.schedule.kind == "one-shot"

        alike = [c for c in spec.crossed if any(map(prunes_alike, c.prune.methods))]
        if not alike:
            raise Unsupported(
                "three_regime: retrainings start from the same pruned model, and no method here prunes once and alike "
                'whatever its seed. Use a score without data, such as methods = ["magnitude"].'
            )

        def retrains(choice: Choice) -> bool:
            return RECOVERIES[choice.name].trains and choice.name != "scratch"

        if not any(c.prune.seeds >= 2 and any(map(retrains, c.recoveries)) for c in alike):
            raise Unsupported(
                "three_regime: two retrainings or more are compared. Write seeds = 2 under [prune], and a recovery "
                'that trains under [recover], such as {name = "finetune", epochs = 10, lr = 0.05}.'
            )
        for seen in subject.models.values():
            if seen.data.train is None:
                raise Unsupported("three_regime: the data has no training images, on which errors are taken.")

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """The retrainings of each pruned model together."""
        pruned = runs[(runs["method"] != "dense") & runs["seed"].notna() & ~runs["recovery"].isin(["none", "scratch"])]
        part = {"images": self.images, "similar_images": self.similar_images, "seed": self.seed}
        found = []
        for _, own in pruned.groupby(["dense_run_id", "method", "recovery", "target", "level"], sort=False):
            ids = tuple(str(r) for r in own["run_id"])
            pairs = len(ids) * (len(ids) - 1) // 2
            if pairs:
                looks = 2 * (2 * len(ids) + _LINES_EACH * pairs)  # statistics are measured anew before most of them
                title = str(own["name"].iloc[0]).rpartition(" · seed")[0]
                found.append(Observation(ids, part, f"lines between {title}", evaluated=looks * self.images))
        return found

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """Errors on the lines between retrainings, and the similarity of their outputs."""
        from pruneviz_analyses.three_regime.looking import look

        return look(models, part, progress)

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """The diagrams, and what follows from them."""
        from pruneviz_analyses.three_regime.cases import choices_frame, moves_frame
        from pruneviz_analyses.three_regime.diagrams import cells_frame, models_frame

        models = models_frame(tables, self)
        cells = cells_frame(tables, models, self)
        return {
            CELLS.name: cells,
            MODELS.name: models,
            MOVES.name: moves_frame(cells),
            CHOICES.name: choices_frame(tables, cells, self),
        }

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show, diagram by diagram; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.three_regime.sentences import findings

        return findings(self, tables, frames)
