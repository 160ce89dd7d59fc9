"""What models make of corrupted pictures: accuracy, corruption errors, calibration, and which images are lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Observation, Seen, Subject
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.corruption_robustness.schemas import (
    ARMS,
    CELLS,
    CLEAN,
    CORRUPTIONS,
    DIFFERENCES,
    IMAGES,
    PAIRS,
    RUNS,
    SAMPLES,
    SEEN,
)
from pruneviz_analyses.corruption_robustness.shifts import (
    ALL,
    ATTACK,
    CORRUPTION,
    STORED,
    TRANSFORM,
    Transform,
    corruption_names,
    expanded,
    increasing,
    transforms,
)

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz_analyses.corruption_robustness.observing import Means

_BACKWARD = 3  # passes forward that one with its gradient takes, roughly
_SIMULATIONS = 100  # calibrated models behind each floor: their mean is known to about 3 %


@dataclass(frozen=True)
class CorruptionRobustness:
    """Accuracy and calibration of each model under each corruption and severity, beside its dense model.

    Errors are those of Hendrycks & Dietterich with the dense model in the place of AlexNet. A ratio is given only
    where what it divides by is neither small nor uncertain. Frost is not made as published and enters no mean.
    """

    name: ClassVar[str] = "corruption_robustness"
    summary: ClassVar[str] = "accuracy, corruption errors and calibration of each model on corrupted images"
    reference: ClassVar[str] = (
        "Hendrycks & Dietterich 2019, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations "
        "(ICLR); Goodfellow et al. 2015, Explaining and Harnessing Adversarial Examples (ICLR); "
        "Madry et al. 2018, Towards Deep Learning Models Resistant to Adversarial Attacks (ICLR)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (CELLS, RUNS, ARMS, DIFFERENCES, PAIRS, CORRUPTIONS, IMAGES)
    observed: ClassVar[tuple[Schema, ...]] = (SEEN, SAMPLES)
    version: ClassVar[int] = 2
    observing_version: ClassVar[int] = 1  # what is seen is what it was

    corruptions: tuple[str, ...] = option(
        (ALL,), "names of corruptions; all of the 19, or none", parse=corruption_names
    )
    severities: tuple[int, ...] = option((1, 2, 3, 4, 5), "severities, 5 the worst", ge=1, le=5)
    constants: str = option(
        "cifar10-c", "what severities mean: for small or for large images", choices=("cifar10-c", "imagenet-c")
    )
    images: int = option(2000, "test images, chosen by seed and id; all where there are fewer", unit="images", ge=1)
    transforms: tuple[Transform, ...] = option(
        (), 'your own "package.module:function" of (images, severity, sample_ids, seed)', parse=transforms
    )
    stored: str | None = option(None, "folder of a CIFAR-10-C or ImageNet-C: all corruptions in it are looked at too")
    fgsm: tuple[float, ...] = option((), "ε of the fast gradient sign attack", unit="of [0, 1]", ge=0, le=1)
    pgd: tuple[float, ...] = option((), "ε of projected gradient ascent", unit="of [0, 1]", ge=0, le=1)
    pgd_steps: int = option(10, "its steps", unit="steps", ge=0)
    pgd_step: float = option(0.25, "length of each, as a share of ε", gt=0, le=2)
    together: int = option(32, "models that look at each corrupted batch; more are faster, and take memory", ge=1)
    bins: int = option(15, "bins of confidence behind each calibration error", unit="bins", ge=2, le=1000)
    alike: float = option(0.6, "mean correlation from which corruptions are called alike; ours", ge=0, le=1)
    level: float = option(0.95, "level of the intervals", ge=0.5, lt=1)
    resamples: int = option(1000, "draws of the bootstrap over dense models, seeds and images", ge=200)
    seed: int = option(0, "seed of the corruptions, the images chosen, and those draws", ge=0)
    sentences: int = option(12, "arms that the findings describe", unit="arms", ge=1)

    def __post_init__(self) -> None:
        """Refuse levels that have no order.

        Raises:
            SpecError: severities or ε are not in increasing order.
        """
        for name in ("severities", "fgsm", "pgd"):
            increasing(getattr(self, name), f"corruption_robustness {name}")

    def check(self, subject: Subject) -> None:
        """Say before anything starts what this data, these models or the folder cannot support.

        Raises:
            Unsupported: the study's images are no pixels, or too small; one class; nothing to look at.
            DataError: the stored folder does not fit, or a function returns no pictures.
            ModelError: a function cannot be used, or a model has no gradient to be attacked by.
        """
        from pruneviz_analyses.corruption_robustness.checking import check

        check(self, subject)

    def parts(self) -> Iterator[dict[str, Any]]:
        """What is looked at, one after the other, as plain values; the clean pictures first.

        Raises:
            DataError: the stored folder is not there, or holds no corruptions.
            ModelError: the module of a function cannot be found.
        """
        common = {"images": self.images, "seed": self.seed, "bins": self.bins, "simulations": _SIMULATIONS}
        severities = list(self.severities)
        yield {**common, "shift": CLEAN, "name": CLEAN, "severities": [0]}
        for name in expanded(self.corruptions):
            yield {
                **common,
                "shift": CORRUPTION,
                "name": name,
                "severities": severities,
                "constants": self.constants,
            }
        for transform in self.transforms:
            source = transform.to_plain()["source_digest"]
            yield {**common, "shift": TRANSFORM, "name": transform.title, "severities": severities, "digest": source}
        if self.stored is not None:
            from pruneviz_analyses.corruption_robustness.stored import content, names

            for file in names(self.stored):
                own = {"file": file, "digest": content(self.stored, file)}
                yield {**common, "shift": STORED, "name": f"{STORED} {file}", "severities": severities, **own}
        for name, epsilons, steps, step in (
            ("fgsm", self.fgsm, 1, 1.0),
            ("pgd", self.pgd, self.pgd_steps, self.pgd_step),
        ):
            if epsilons:
                how = {"epsilons": list(epsilons), "steps": steps, "step": step}
                yield {**common, "shift": ATTACK, "name": name, **how}

    @property
    def means(self) -> Means:
        """What parts name and do not hold."""
        from pruneviz_analyses.corruption_robustness.observing import Means

        return Means(self.transforms, self.stored)

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """Some models at a time, each corruption by itself."""
        ids = [str(r) for r in runs["run_id"]]
        groups = [tuple(ids[i : i + self.together]) for i in range(0, len(ids), self.together)]
        return [_observation(part, group, i, len(groups)) for part in self.parts() for i, group in enumerate(groups)]

    def observe(
        self, models: Sequence[Seen], part: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Mapping[str, pd.DataFrame]:
        """What some models make of one corruption.

        Raises:
            ModelError: some outputs are NaN or infinite, or a function fails.
            DataError: what was planned with has changed, or does not fit.
        """
        from pruneviz_analyses.corruption_robustness.observing import observe, require_same

        require_same(part, self.means)
        return observe(models, part, self.means, progress)

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Compare every finished run with its dense model, that model retrained alike, and its random control.

        Raises:
            DataError: what was seen of the runs does not fit together.
        """
        from pruneviz_analyses.corruption_robustness.measuring import measure

        return measure(tables, self.level, self.alike, self.resamples, self.seed)

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.corruption_robustness.sentences import findings

        return findings(tables, frames, self.level, self.alike, self.sentences)


def _observation(part: Mapping[str, Any], group: tuple[str, ...], at: int, groups: int) -> Observation:
    looks = len(part.get("severities", part.get("epsilons", ())))
    passes = 1 + _BACKWARD * part["steps"] if part["shift"] == ATTACK else 1
    which = f" ({at + 1} of {groups})" if groups > 1 else ""
    number = f"{len(group)} model{'s' if len(group) != 1 else ''}"
    return Observation(
        group,
        part,
        f"{part['name']}: {number}{which}",
        evaluated=len(group) * looks * passes * part["images"],
    )
