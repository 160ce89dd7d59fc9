"""Where a network's features lie, seen from its classes' directions: angle, norm and margin, clean and corrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import SpecError, Unsupported, located, unknown
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz.measures.geometry import METRICS
from pruneviz_analyses.feature_geometry.schemas import (
    ANGLES,
    ARMS,
    CLASSES,
    LAYOUT,
    PAIRS,
    RUNS,
    SAMPLES,
    SEEN,
    SENSITIVITY,
    TREE,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FeatureGeometry:
    """Angle to the true class's direction, norm of the features and signed margin of every test sample.

    Of each run, on clean and on corrupted images; which models and which corruptions look alike by these; how far
    classes lie apart, which are taken for which; and which parts of an image a metric depends on.
    """

    name: ClassVar[str] = "feature_geometry"
    summary: ClassVar[str] = "where features lie: angle to the class, norm, margin to the boundary, clean and corrupted"
    reference: ClassVar[str] = (
        'Li et al. 2022, "Understanding Robustness Lottery": A Geometric Visual Comparative Analysis of Neural Network '
        "Pruning Approaches (IEEE Transactions on Visualization and Computer Graphics, arXiv 2206.07918); McInnes, "
        "Healy & Melville 2018, UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction "
        "(arXiv 1802.03426)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (RUNS, ARMS, LAYOUT, TREE)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN, SAMPLES, CLASSES, PAIRS, ANGLES, SENSITIVITY)
    version: ClassVar[int] = 3
    observing_version: ClassVar[int] = 1

    layer: str = option("", "the module whose output is looked at; empty: what the last linear layer reads")
    corruptions: tuple[str, ...] = option((), 'corruptions of the test images, such as "fog"; empty: none')
    severities: tuple[int, ...] = option((3,), "how strong they are", ge=1, le=5)
    constants: str = option(
        "cifar10-c", "what the severities mean, for small or for large images", choices=("cifar10-c", "imagenet-c")
    )
    samples: int = option(2000, "test samples looked at; of more, so many, evenly over classes", unit="samples", ge=2)
    traced: int = option(200, "of these, samples whose angles to other classes are kept", unit="samples", ge=1)
    top: int = option(5, "nearest classes kept where there are more than 20", unit="classes", ge=1)
    images: tuple[str, ...] = option((), "ids of test samples whose pixels are asked; empty: `attributed` of them")
    attributed: int = option(4, "test samples whose pixels are asked, evenly over classes", unit="samples", ge=0)
    sensitivity: str = option("margin", "the metric asked for there", choices=METRICS)
    patch: float = option(0.15, "what is hidden at once, as a share of the image's shorter side", gt=0, le=1)
    grid: int = option(14, "places on each side where it is hidden", ge=2, le=64)
    layout: str = option(
        "auto", "auto: MDS up to 15 items, above UMAP where it is installed", choices=("auto", "mds", "umap")
    )
    neighbours: int = option(30, "of UMAP: how many each item is held to", ge=2)
    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    resamples: int = option(1000, "draws of the bootstrap over dense models, seeds and samples", ge=200)
    seed: int = option(0, "of corruptions, of the choice of samples, of layouts and of those draws", ge=0)
    sentences: int = option(12, "arms that the findings describe, those that changed most first", unit="arms", ge=1)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there are no directions of classes, or no pixels to corrupt.

        Raises:
            Unsupported: fewer than two classes, no linear classifier behind the layer, images that are no pixels, or
                no UMAP where it is asked for.
            SpecError: there is no such corruption, or one is named twice.
        """
        from pruneviz.data.corruptions import CORRUPTIONS
        from pruneviz.models.heads import find_head
        from pruneviz_analyses.feature_geometry.likeness import umap_installed

        where = "[analyses] feature_geometry"
        if len(subject.classes) < 2:
            raise Unsupported(
                f"feature_geometry: the data has {len(subject.classes)} class; a boundary needs at least 2. Use data "
                "with more classes, or leave this analysis out."
            )
        for name in self.corruptions:
            if name not in CORRUPTIONS:
                raise unknown(f"{where} corruptions", name, CORRUPTIONS)
        for option_name, values in (("corruptions", self.corruptions), ("severities", self.severities)):
            if len(set(values)) < len(values):
                raise SpecError(f"{where} {option_name}", list(values), "each once")
        if self.corruptions and not self.severities:
            raise SpecError(f"{where} severities", [], "one or more of 1, 2, 3, 4, 5")
        if self.layout == "umap" and not umap_installed():
            raise Unsupported(
                'feature_geometry: layout = "umap" needs umap-learn, which is not installed. Install it with '
                "pip install 'pruneviz[umap]', or ask for layout = \"mds\"."
            )
        for label, seen in subject.models.items():
            self._check_images(seen)
            with located(f"model {label!r}"), located("feature_geometry"):
                find_head(seen, self.layer)

    def _check_images(self, seen: Seen) -> None:
        from pruneviz.data.corruptions import corrupt

        test = seen.data.test
        if self.corruptions and not seen.data.pixels:
            raise Unsupported(
                "feature_geometry: the test images are tensors and no pixels any more, so they cannot be corrupted. "
                "Give data as uint8 images, or leave corruptions out."
            )
        if self.corruptions:  # too small, say: what the corruption itself says of it
            corrupt(test.images[:1], self.corruptions[0], 0, constants=self.constants)
        known = {str(i) for i in test.ids} if self.images else set()
        for sample in self.images:
            if sample not in known:
                raise SpecError(
                    "[analyses] feature_geometry images",
                    sample,
                    "ids of test samples",
                    f"The first is {test.ids[0]!r}.",
                )

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Each run by itself, on the test split under every condition."""
        from pruneviz_analyses.feature_geometry.conditions import conditions

        shown = conditions(self.corruptions, self.severities)
        part = {
            "layer": self.layer,
            "conditions": shown,
            "constants": self.constants,
            "samples": self.samples,
            "traced": self.traced,
            "top": self.top,
            "images": self.images,
            "attributed": 0 if self.images else self.attributed,
            "sensitivity": self.sensitivity,
            "patch": self.patch,
            "grid": self.grid,
            "seed": self.seed,
        }
        asked = len(self.images) or self.attributed
        evaluated = self.samples * len(shown) + asked * self.grid**2
        return [
            Observation((run,), part, f"features of {name}", evaluated=evaluated)
            for run, name in zip(runs["run_id"], runs["name"], strict=True)
        ]

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """One run's features on the test split; see :class:`pruneviz.core.analysis.Observing`.

        Raises:
            Unsupported: the layer feeds no linear classifier.
            ModelError: all features are NaN or infinite.
        """
        from pruneviz_analyses.feature_geometry.observing import observe

        return observe(models[0], part, progress)

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Compare every finished run with its dense model, with that model retrained alike and with random pruning."""
        from pruneviz_analyses.feature_geometry.measuring import Settings, measure

        return measure(tables, Settings(self.level, self.resamples, self.layout, self.neighbours, self.seed))

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show, arm by arm; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.feature_geometry.sentences import findings

        return findings(tables, frames, self.level, self.sentences, self.layout)
