"""How alike models, masks and criteria are: CKA of layers, overlap of masks beside chance, agreement of rankings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.errors import SpecError, Unsupported, located, unknown
from pruneviz.core.options import option, to_plain
from pruneviz.core.spec import Choice
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.similarity.schemas import (
    ARMS,
    CRITERIA,
    MASKS,
    METHODS,
    OVERLAPS,
    RUNS,
    SCORES,
    SEEN,
    TURNOVER,
)

if TYPE_CHECKING:
    import pandas as pd

COMPARED = ("dense", "methods", "all")


def _choices(value: Any, where: str) -> tuple[Choice, ...]:
    if not isinstance(value, (list, tuple)):
        raise SpecError(where, value, "a list of methods", f"Write [{value!r}].")
    return tuple(Choice.parse(v, f"{where}[{i}]") for i, v in enumerate(value))


@dataclass(frozen=True)
class Similarity:
    """Linear CKA between layers, overlap of masks beside chance, agreement of criteria, turnover along levels.

    Representations are compared with the dense model's, beside two baselines: that dense model merely retrained, and
    other dense models. Masks are compared within one dense model, since two dense models have no units in common.
    """

    name: ClassVar[str] = "similarity"
    summary: ClassVar[str] = "how alike layers (CKA), masks (beside chance) and the criteria's rankings are"
    reference: ClassVar[str] = (
        "Kornblith et al. 2019, Similarity of Neural Network Representations Revisited (ICML, arXiv 1905.00414); "
        "Song et al. 2012, Feature Selection via Dependence Maximization (Journal of Machine Learning Research 13), "
        "for the unbiased HSIC; "
        "Nguyen, Raghu & Kornblith 2021, Do Wide and Deep Networks Learn the Same Things? Uncovering How Neural "
        "Network Representations Vary with Width and Depth (ICLR, arXiv 2010.15327)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (RUNS, ARMS, OVERLAPS, METHODS, CRITERIA, TURNOVER)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN, MASKS, SCORES)
    version: ClassVar[int] = 3
    observing_version: ClassVar[int] = 1

    layers: tuple[str, ...] = option(
        (), "modules whose outputs are compared, by name; all convolutions and linear layers when empty"
    )
    images: int = option(500, "test images on which layers are compared, the same for all models", ge=10, unit="images")
    unbiased: bool = option(True, "estimate HSIC without bias; false reproduces papers that did not")
    compare: str = option(
        "dense",
        "runs whose layers are compared: each with its dense model; the methods of a target with each other as well; "
        "or all runs with all",
        choices=COMPARED,
    )
    criteria: tuple[Choice, ...] = option(
        (), "methods whose scores of the dense models' units are ranked against each other", parse=_choices
    )
    samples: int = option(500, "training images for criteria that need data", unit="images", ge=1)
    level: float = option(0.95, "level of the intervals, and of the range of chance", ge=0.5, lt=1)
    resamples: int = option(2000, "draws of the bootstrap over dense models and seeds", ge=200)
    seed: int = option(0, "of the choice of images, of criteria that draw, and of those draws", ge=0)
    sentences: int = option(
        12, "arms and pairs of methods that the findings describe, those of random controls after all others", ge=1
    )

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there is nothing to compare, or no such layer or criterion.

        Raises:
            Unsupported: a single dense model and nothing else, or a criterion cannot score the model.
            SpecError: a layer or criterion that does not exist, or a single criterion.
        """
        spec, where = subject.spec, "[analyses] similarity"
        retrained = any(choice.name != "none" for crossed in spec.crossed for choice in crossed.recoveries)
        replicates = any(m.replicates > 1 for m in spec.models)
        if not spec.compares and not retrained and not replicates and len(self.criteria) < 2:
            raise Unsupported(
                "similarity: the study has a single model of each kind, so there is nothing to compare. Add a method "
                "under [prune], or replicates = 2 under [model]."
            )
        if subject.samples < 10:
            raise Unsupported(f"similarity: {subject.samples} test images are too few to compare layers on; 10 or more")
        for label, seen in subject.models.items():
            modules = [name for name, _ in seen.net.named_modules() if name]
            for i, layer in enumerate(self.layers):
                if layer not in modules:
                    raise unknown(f"{where} layers[{i}] (model {label!r})", layer, modules)
        self._check_criteria(subject, where)

    def _check_criteria(self, subject: Subject, where: str) -> None:
        if not self.criteria:
            return
        from pruneviz.pruning.needs import read_need
        from pruneviz_analyses.similarity.criteria import recipes_of

        recipes = recipes_of(self.criteria, where)
        by_unit: dict[str, int] = {}
        for recipe in recipes:
            by_unit[recipe.unit] = by_unit.get(recipe.unit, 0) + 1
        if lonely := [r.name for r in recipes if by_unit[r.unit] < 2]:
            remedy = f"{lonely[0]!r} is the only one of its kind of unit. Add another, or leave it out."
            raise SpecError(f"{where} criteria", [r.name for r in recipes], "two or more that rank alike units", remedy)
        for label, seen in subject.models.items():
            for recipe in recipes:
                with located(f"model {label!r}, criterion {recipe.name}"):
                    if recipe.schedule.kind == "training":
                        raise Unsupported("similarity: it scores while a network is trained, and not a dense model.")
                    if recipe.needs and seen.data.train is None:
                        needs = ", ".join(sorted(read_need(n)[0] for n in recipe.needs))
                        raise Unsupported(f"similarity: it needs {needs}, and the data has no training images.")
                    recipe.score.check(seen.net, recipe.space(seen.net, seen.info, (), seen.example), seen.example)

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Pairs of runs for their layers, groups of runs for their masks, dense models for the criteria."""
        from pruneviz_analyses.similarity.planning import layer_pairs, mask_groups

        names = dict(zip(runs["run_id"], runs["name"], strict=True))
        part = {"what": "layers", "layers": list(self.layers), "images": self.images, "unbiased": self.unbiased}
        part |= {"seed": self.seed}
        found = [
            Observation(pair, part, f"compare {names[pair[0]]} with {names[pair[1]]}", evaluated=2 * self.images)
            for pair in layer_pairs(runs, self.compare)
        ]
        for group in mask_groups(runs):
            own: dict[str, Any] = {"what": "masks", "pairs": [[*pair] for pair in group.pairs]}
            found.append(Observation(group.run_ids, own, f"masks of {group.title}"))
        if self.criteria:
            own = {"what": "scores", "criteria": to_plain(self.criteria), "samples": self.samples, "seed": self.seed}
            dense = runs[(runs["method"] == "dense") & (runs["run_id"] == runs["dense_run_id"])]
            for run_id in dense["run_id"]:
                trained = 2 * self.samples * len(self.criteria)
                found.append(Observation((str(run_id),), own, f"criteria on {names[run_id]}", trained=trained))
        return found

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """Compare the layers of two runs, the masks of some, or the criteria on one dense model.

        Raises:
            ModelError: some activations or scores are NaN or infinite.
            Unsupported: a module's outputs cannot be compared.
        """
        if part["what"] == "layers":
            from pruneviz_analyses.similarity.layers import compared

            return {SEEN.name: compared(models[0], models[1], part, progress)}
        if part["what"] == "masks":
            from pruneviz_analyses.similarity.masks import counted

            return {MASKS.name: counted(models, part["pairs"])}
        from pruneviz_analyses.similarity.criteria import ranked

        return {SCORES.name: ranked(models[0], part, progress)}

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Same-layer CKA by arm with its baselines, overlap by pair of methods, agreement by pair of criteria."""
        from pruneviz_analyses.similarity.agreeing import criteria_frame
        from pruneviz_analyses.similarity.measuring import layers_frames
        from pruneviz_analyses.similarity.overlapping import overlap_frames

        return {
            **layers_frames(tables, self.level, self.resamples, self.seed),
            **overlap_frames(tables, self.level, self.resamples, self.seed),
            CRITERIA.name: criteria_frame(tables, self.level),
        }

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.similarity.sentences import findings

        return findings(tables, frames, self)
