"""Where models look: attribution maps of dense and pruned models side by side, and how alike they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import SpecError, Unsupported, located
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz.measures.attribution import ATTRIBUTIONS
from pruneviz_analyses.attributions.schemas import ARMS, FLIPPED, FLIPS, MAPS, PAIRS, PREDICTIONS, RANDOM, RUNS

if TYPE_CHECKING:
    import pandas as pd

LEAST = 2  # images
POOL = 1000  # further images, among which those that flip most are looked up


@dataclass(frozen=True)
class Attributions:
    """Which places of an image speak for a class, by several methods, for every run; and how far pruning moves that.

    Two networks trained alike do not look at the same places either, and images draw maps of their own: so every
    similarity stands beside that of the dense model merely trained on, of random pruning, and of other dense models.
    """

    name: ClassVar[str] = "attributions"
    summary: ClassVar[str] = "where models look: GradCAM, integrated gradients, occlusion, LRP, dense against pruned"
    reference: ClassVar[str] = (
        "Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization "
        "(ICCV); "
        "Sundararajan, Taly & Yan 2017, Axiomatic Attribution for Deep Networks (ICML); "
        "Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks (ECCV); "
        "Bach et al. 2015, On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance "
        "Propagation (PLoS ONE 10); "
        "Adebayo et al. 2018, Sanity Checks for Saliency Maps (NeurIPS)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (RUNS, PAIRS, ARMS)
    observed: ClassVar[tuple[Schema, ...]] = (MAPS, PREDICTIONS, FLIPPED)
    version: ClassVar[int] = 3
    observing_version: ClassVar[int] = 1

    methods: tuple[str, ...] = option(tuple(ATTRIBUTIONS), "ways of attributing", choices=tuple(ATTRIBUTIONS))
    explain: str = option(
        "true", "the class explained: the true one, or each model's own prediction", choices=("true", "predicted")
    )
    samples: int = option(
        64, "test images drawn at random, on which everything said here rests", unit="images", ge=LEAST
    )
    flips: int = option(
        4,
        "further images, those that most runs see differently, random controls aside; shown alone",
        unit="images",
        ge=0,
    )
    steps: int = option(32, "steps of integrated gradients, from the black image", unit="steps", ge=2, le=1000)
    patch: float = option(0.2, "side of the black patch of occlusion", unit="of the image's side", gt=0, le=1)
    stride: float = option(0.1, "how far the patch moves", unit="of the image's side", gt=0, le=1)
    layer: str = option("", "module whose outputs GradCAM weighs; empty: the last convolution with several places")
    resolution: int = option(32, "longest side of the maps that are kept", unit="places", ge=2, le=256)
    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    resamples: int = option(1000, "draws of the bootstrap over dense models, seeds and images", ge=200)
    seed: int = option(0, "seed of the images drawn, and of the bootstrap", ge=0)
    sentences: int = option(12, "arms that the findings describe, those least alike first", unit="arms", ge=1)

    def check(self, subject: Subject) -> None:
        """Say before anything starts which layers are in the way.

        Raises:
            SpecError: no method, a method twice, a stride that leaves places out, or a module that is not there.
            Unsupported: a method that a model does not support, or too few images.
        """
        where = "[analyses] attributions"
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise SpecError(f"{where} methods", list(self.methods), "one or more, each once")
        if self.stride > self.patch:
            raise SpecError(
                f"{where} stride", self.stride, f"at most patch = {self.patch:g}, so that no place is left out"
            )
        if subject.samples < LEAST:
            raise Unsupported(
                f"attributions: the test split has {subject.samples} image; it needs at least {LEAST}. "
                "Use a larger test split."
            )
        for label, seen in subject.models.items():
            with located(f"model {label!r}"):
                self._check_model(seen)

    def _check_model(self, seen: Seen) -> None:
        from pruneviz_analyses.attributions.supported import gradcam_layer, require_lrp

        net = seen.net.eval()
        if "gradcam" in self.methods:
            gradcam_layer(net, seen.example, self.layer)
        if "lrp" in self.methods:
            require_lrp(net, seen.example)

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Each run by itself; then all of them on the images that most of them see differently.

        Random controls see nearly all images differently, whichever a method changes, so they do not choose.
        """
        controls = set(runs["control_run_id"].dropna())
        choosing = runs[(runs["method"] != "dense") & ~runs["run_id"].isin(controls)]
        pairs = [[str(r), str(d)] for r, d in zip(choosing["run_id"], choosing["dense_run_id"], strict=True)]
        flips = self.flips if pairs else 0
        how = {
            "methods": self.methods,
            "explain": self.explain,
            "steps": self.steps,
            "patch": self.patch,
            "stride": self.stride,
            "layer": self.layer,
            "resolution": self.resolution,
        }
        part = {**how, "images": RANDOM, "samples": self.samples, "seed": self.seed, "pool": POOL if flips else 0}
        names = list(zip(runs["run_id"], runs["name"], strict=True))
        each = self._passes
        looks = [Observation((r,), part, f"maps of {n}", evaluated=each * self.samples) for r, n in names]
        if not flips:
            return looks
        count = {"count": flips, "pairs": pairs}
        found = Observation((pairs[0][1],), count, "images that flip most", after=tuple(looks))
        return [
            *looks,
            found,
            *(
                Observation((r,), {**how, "images": FLIPS}, f"flips of {n}", evaluated=each * flips, after=(found,))
                for r, n in names
            ),
        ]

    @property
    def _passes(self) -> int:
        """About how many forward passes the maps of an image take."""
        windows = (1 + (1 - self.patch) / self.stride) ** 2
        cost = {"gradcam": 3.0, "integrated_gradients": 3.0 * self.steps, "occlusion": windows, "lrp": 8.0}
        return round(sum(cost[m] for m in self.methods))

    def observe(
        self,
        models: Sequence[Seen],
        part: Mapping[str, Any],
        progress: Callable[[int, int], None],
        *earlier: Mapping[str, pd.DataFrame],
    ) -> Mapping[str, pd.DataFrame]:
        """One run's maps, or the images that flip most; see :class:`pruneviz.core.analysis.Observing`.

        Raises:
            ModelError: an output or a map is NaN or infinite.
        """
        from pruneviz_analyses.attributions.observing import flipped, observe, observe_flipped

        if "pairs" in part:
            return flipped(part, earlier)
        if part["images"] == FLIPS:
            return observe_flipped(models[0], part, earlier[0][FLIPPED.name], progress)
        return observe(models[0], part, progress)

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Compare the maps of every finished run with those of its dense model, and of dense models with each other."""
        from pruneviz_analyses.attributions.measuring import measure

        return measure(tables, self.level, self.resamples, self.seed)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show, arm by arm; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.attributions.sentences import findings

        return findings(tables, frames, self)
