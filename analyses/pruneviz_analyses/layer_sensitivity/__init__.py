"""How much each layer can lose by itself, before any retraining."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import SpecError, Unsupported, located
from pruneviz.core.options import option, to_plain
from pruneviz.core.spec import Choice
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.layer_sensitivity.schemas import CURVES, LAYERS, SEEN

if TYPE_CHECKING:
    import pandas as pd


def _choices(value: Any, where: str) -> tuple[Choice, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise SpecError(where, value, "a list of methods", 'Write ["magnitude", "random"].')
    return tuple(Choice.parse(v, f"{where}[{i}]") for i, v in enumerate(value))


@dataclass(frozen=True)
class LayerSensitivity:
    """Accuracy and loss with one layer pruned at a time, at several sparsities, without retraining.

    Taken on validation or training images, since sensitivities serve for choosing how much to remove where. Random
    pruning stands beside each criterion: a layer that is hurt by that as well is merely narrow.
    """

    name: ClassVar[str] = "layer_sensitivity"
    summary: ClassVar[str] = "accuracy with one layer pruned at a time, at several sparsities, without retraining"
    reference: ClassVar[str] = (
        "Han et al. 2015, Learning both Weights and Connections for Efficient Neural Networks (NeurIPS, figure 6); "
        "Li et al. 2017, Pruning Filters for Efficient ConvNets (ICLR, figure 2)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (CURVES, LAYERS)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN,)
    version: ClassVar[int] = 2
    observing_version: ClassVar[int] = 1

    criteria: tuple[Choice, ...] = option(
        (Choice("magnitude", {}), Choice("random", {})), "methods that choose within the layer", parse=_choices
    )
    sparsities: tuple[float, ...] = option(
        (0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98), "fractions of the layer's units that go", gt=0, lt=1
    )
    split: str = option("val", "images on which it is measured", choices=("val", "train"))
    images: int = option(1000, "most images of that split", unit="images", ge=1)
    samples: int = option(500, "training images for criteria that need data", unit="images", ge=1)
    drop: float = option(0.02, "fall of accuracy that is tolerated", unit="fraction", gt=0, lt=1)
    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    seed: int = option(0, "of the choice of images, and of criteria that draw", ge=0)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there are no such images, or that a criterion cannot prune a model.

        Raises:
            Unsupported: so it is.
            SpecError: sparsities are missing or named twice.
        """
        from pruneviz_analyses.layer_sensitivity.looking import pieces, recipes_of

        where = "[analyses] layer_sensitivity"
        if not self.sparsities or len(set(self.sparsities)) < len(self.sparsities):
            raise SpecError(f"{where} sparsities", list(self.sparsities), "one or more, each once")
        for label, seen in subject.models.items():
            with located(f"model {label!r}"):
                if self.split == "val" and seen.data.val is None:
                    raise Unsupported(
                        "layer_sensitivity: the data has no validation images. Give [data] val_fraction = 0.1, or "
                        'write layer_sensitivity = {split = "train"}. Test images never serve for choosing.'
                    )
                recipes = recipes_of(self.criteria, f"{where} criteria")
                if seen.data.train is None and (self.split == "train" or any(r.needs for r in recipes)):
                    raise Unsupported("layer_sensitivity: the data has no training images, which it needs.")
                for recipe in recipes:
                    pieces(seen, recipe)

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Each dense model with each criterion."""
        dense = runs[(runs["method"] == "dense") & (runs["run_id"] == runs["dense_run_id"])]
        common = {"sparsities": sorted(self.sparsities), "split": self.split, "images": self.images}
        common |= {"samples": self.samples, "seed": self.seed}
        return [
            Observation(
                (str(run),),
                {**common, "criterion": to_plain(choice)},
                f"prune {name} layer by layer: {choice.name}",
                evaluated=8 * self.images * len(self.sparsities),  # of a network of eight layers
            )
            for run, name in zip(dense["run_id"], dense["name"], strict=True)
            for choice in self.criteria
        ]

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """Prune each layer of one dense model by one criterion, and measure."""
        from pruneviz_analyses.layer_sensitivity.looking import pruned_layers

        return {SEEN.name: pruned_layers(models[0], part, progress)}

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Curves over dense models, and what each layer tolerates."""
        from pruneviz_analyses.layer_sensitivity.measuring import measure

        return measure(tables, self.drop, self.level)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.layer_sensitivity.sentences import findings

        return findings(tables, frames, self.drop, self.level)
