"""Where each test image lies among the others, in one plane for all models, and which images are its neighbours."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import Unsupported, located
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.embeddings.choosing import beside
from pruneviz_analyses.embeddings.schemas import ARMS, CHANGES, NEIGHBOURS, RUNS, SAMPLES, SEEN

if TYPE_CHECKING:
    import pandas as pd

MOST_FEATURES = 8192  # numbers an image, of which distances and components are still taken in a few seconds
MOST_TOGETHER = 64  # models that are held at once
# Seconds on one core, for the estimate: measured with 1,000 images, of a model's UMAP, of one among several laid out
# together, and of what umap-learn compiles first.
_UMAP, _TOGETHER, _COMPILED = 1.3e-3, 5.5e-3, 15.0


@dataclass(frozen=True)
class Embeddings:
    """Places of the test samples by the features that the classifier reads, and their nearest neighbours there.

    All runs are shown in the plane of one model, the anchor: the study's first dense model. Their features are turned
    onto the anchor's, so that a sample that keeps its relations to the others keeps its place; UMAP begins at the
    anchor's places, or lays all models out together.
    """

    name: ClassVar[str] = "embeddings"
    summary: ClassVar[str] = "each image's place among the others, in one plane for all models, and its neighbours"
    reference: ClassVar[str] = (
        "Schönemann 1966, A generalized solution of the orthogonal Procrustes problem (Psychometrika 31); "
        "McInnes, Healy & Melville 2018, UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction "
        "(arXiv 1802.03426)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (RUNS, ARMS, CHANGES)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN, SAMPLES, NEIGHBOURS)
    version: ClassVar[int] = 2
    observing_version: ClassVar[int] = 1

    layer: str = option("", "the module whose output is looked at; empty: what the last linear layer reads")
    samples: int = option(2000, "test samples looked at; of more, so many, evenly over classes", unit="samples", ge=3)
    neighbours: int = option(10, "nearest neighbours kept of each sample", unit="samples", ge=1, le=100)
    layout: str = option(
        "pca",
        "how the plane is made: the anchor's components; UMAP of each model, begun at the anchor's places; or aligned: "
        "AlignedUMAP of all models together, in which images move least",
        choices=("pca", "umap", "aligned"),
    )
    runs: tuple[str, ...] = option(
        (), "names of runs; just these are looked at, with what they are compared with. All when absent"
    )
    umap_neighbours: int = option(15, "of UMAP: how many each sample is held to", ge=2)
    hold: float = option(
        0.01,
        "of aligned: how strongly an image is held to its places in the other models; 0.01 is umap-learn's own",
        ge=0,
    )
    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    resamples: int = option(1000, "draws of the bootstrap over dense models and seeds", ge=200)
    seed: int = option(0, "of the choice of samples, of UMAP and of those draws", ge=0)
    sentences: int = option(12, "arms that the findings describe, those that changed most first", unit="arms", ge=1)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there are no features to look at, or too few samples.

        Raises:
            Unsupported: no more test samples than neighbours, no linear classifier behind the layer, too many
                features, or no UMAP where it is asked for.
        """
        from pruneviz.models.heads import find_head

        if min(subject.samples, self.samples) <= self.neighbours:
            raise Unsupported(
                f"embeddings: {min(subject.samples, self.samples)} test samples do not have {self.neighbours} "
                "neighbours each. Look at more samples, or at fewer neighbours, such as "
                f"embeddings = {{neighbours = {max(1, (min(subject.samples, self.samples) - 1) // 2)}}}."
            )
        if self.layout != "pca" and importlib.util.find_spec("umap") is None:
            raise Unsupported(
                f'embeddings: layout = "{self.layout}" needs umap-learn, which is not installed. Install it with '
                "pip install 'pruneviz[umap]', or ask for layout = \"pca\"."
            )
        for label, seen in subject.models.items():
            with located(f"model {label!r}"), located("embeddings"):
                width = find_head(seen, self.layer).weight.shape[1]
                if width > MOST_FEATURES:
                    raise Unsupported(
                        f"{width:,} features an image are too many to be compared; {MOST_FEATURES:,} are the most. "
                        "Name a `layer` with fewer."
                    )

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """The anchor by itself, then each other run beside it; then all together, where they are laid out so.

        Raises:
            SpecError: a name that no run has.
            Unsupported: too many runs to be laid out together.
        """
        part = {
            "layer": self.layer,
            "samples": self.samples,
            "neighbours": self.neighbours,
            "layout": self.layout,
            "umap_neighbours": self.umap_neighbours,
            "seed": self.seed,
        }
        ids = [str(r) for r in runs["run_id"]]
        if not ids:
            return []
        dense = [str(r) for r in runs.loc[runs["run_id"] == runs["dense_run_id"], "run_id"]]
        anchor = (dense or ids)[0]
        wanted = beside(runs, self.runs) if self.runs else set(ids)
        others = [r for r in ids if r in wanted and r != anchor]
        names = dict(zip(ids, runs["name"], strict=True))
        slow = _UMAP * self.samples if self.layout == "umap" else 0.0
        begun = slow + _COMPILED if slow else 0.0
        first = Observation((anchor,), part, f"places by {names[anchor]}", evaluated=self.samples, seconds=begun)
        after = (first,) if self.layout == "umap" else ()
        ways: dict[str, Any] = {"evaluated": 2 * self.samples, "seconds": slow, "after": after}
        each = [first, *(Observation((anchor, r), part, f"places by {names[r]}", **ways) for r in others)]
        return [*each, self._together((anchor, *others), part)] if self.layout == "aligned" else each

    def _together(self, run_ids: tuple[str, ...], part: Mapping[str, Any]) -> Observation:
        if len(run_ids) > MOST_TOGETHER:
            raise Unsupported(
                f'embeddings: layout = "aligned" lays out all models together; {len(run_ids)} are asked for, '
                f'{MOST_TOGETHER} are the most. Name those wanted with `runs`, or ask for layout = "umap".'
            )
        seconds, images = _COMPILED + len(run_ids) * _TOGETHER * self.samples, len(run_ids) * self.samples
        title = f"places of {len(run_ids)} models together"
        return Observation(
            run_ids, {**part, "together": True, "hold": self.hold}, title, evaluated=images, seconds=seconds
        )

    def observe(
        self,
        models: Sequence[Seen],
        part: Mapping[str, Any],
        progress: Callable[[int, int], None],
        *earlier: Mapping[str, pd.DataFrame],
    ) -> Mapping[str, pd.DataFrame]:
        """Features on the test split, in the anchor's plane; see :class:`pruneviz.core.analysis.Observing`.

        Raises:
            Unsupported: the layer feeds no linear classifier.
            ModelError: too few samples have finite features.
        """
        from pruneviz_analyses.embeddings.observing import observe, together

        if part.get("together"):
            return together(models, part, progress)
        return observe(models, part, progress, *earlier)

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Compare neighbourhoods of every finished run with its dense model's, and of dense models with each other."""
        from pruneviz_analyses.embeddings.measuring import measure

        return measure(tables, self.level, self.resamples, self.seed)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show, arm by arm; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.embeddings.sentences import findings

        return findings(tables, frames, self.level, self.sentences, all_runs=not self.runs)
