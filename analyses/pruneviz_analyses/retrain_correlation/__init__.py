"""Whether the loss right after pruning tells how good the network is once it has been retrained."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pruneviz.core.analysis import Clock, Observation, Seen, Subject
from pruneviz.core.errors import SpecError, Unsupported, located
from pruneviz.core.options import option
from pruneviz.core.tables import Schema, Tables
from pruneviz_analyses.retrain_correlation.cells import LEAST, enough_relabellings
from pruneviz_analyses.retrain_correlation.schemas import (
    CELLS,
    MODELS,
    RANKED,
    RANKINGS,
    RELABELLED,
    RETRAINED,
    SUBSETS,
)

if TYPE_CHECKING:
    import pandas as pd


DRAWS = 100  # relabellings in one step


@dataclass(frozen=True)
class RetrainCorrelation:
    """Kendall's τ between the loss before retraining and what is reached after it.

    Over sets of filters of chosen layers, as 'oracle pruning' would choose among them: the loss of each set's
    removal on fixed training images, and the retrained network's test accuracy, test and train loss. And over the
    study's own methods: whether their ranking before a recovery is that after it. Without ``layers`` only the
    latter is looked at, which costs nothing.
    """

    name: ClassVar[str] = "retrain_correlation"
    summary: ClassVar[str] = "whether the loss before retraining tells what is reached after it"
    reference: ClassVar[str] = (
        "Feng, Tao & Wang 2024, Is Oracle Pruning the True Oracle? (arXiv 2412.00143); "
        "Kendall 1945, The treatment of ties in ranking problems (Biometrika 33)"
    )
    scope: ClassVar[str] = "study"
    schemas: ClassVar[tuple[Schema, ...]] = (CELLS, MODELS, RANKINGS, RANKED)
    observed: ClassVar[tuple[Schema, ...]] = (SUBSETS, RETRAINED, RELABELLED)
    version: ClassVar[int] = 4
    observing_version: ClassVar[int] = 2  # what is seen is what it was

    layers: tuple[str, ...] = option((), 'layers that lose filters, such as "conv1"; "conv1+conv2" loses of both')
    ratios: tuple[float, ...] = option((0.5,), "shares of a layer's filters removed", gt=0, lt=1)
    subsets: int = option(1000, "most sets of filters looked at; of more, so many are drawn", unit="sets", ge=3)
    images: int = option(2500, "fixed training images on which losses are taken", unit="images", ge=1)
    retrain: int = option(16, "sets retrained at each layer and ratio, the least loss among them", unit="sets", ge=3)
    minutes: float | None = option(
        None, "time for all retraining: `retrain` is fitted to it when the study is first run, and kept", gt=0
    )
    repeats: int = option(2, "independent retrainings of each, averaged; two or more give a noise ceiling", ge=1)
    chunk: int = option(4, "sets retrained in one step: what stopping may lose", unit="sets", ge=1)
    epochs: int = option(3, "epochs of each retraining", unit="epochs", ge=1)
    batch_size: int = option(32, "images a step of retraining", unit="images", ge=1)
    lr: float = option(0.01, "learning rate of retraining", gt=0)
    drop_at: float = option(2 / 3, "where it falls, as a share of retraining", gt=0, le=1)
    gamma: float = option(0.1, "to what share of itself it falls there", gt=0, le=1)
    momentum: float = option(0.9, "of retraining by stochastic gradient descent", ge=0, lt=1)
    weight_decay: float = option(1e-4, "L2 penalty of retraining", ge=0)
    last: int = option(1, "last epochs whose results are averaged", unit="epochs", ge=1)
    permutations: int = option(
        2000, "relabellings of the filters for each p-value; more where many are corrected for", ge=99
    )
    relabellings: int = option(
        0, "at least so many for a p-value where sets are drawn; each takes the loss of `retrain` sets more", ge=0
    )
    seed: int = option(0, "of sets, images, retraining and relabelling", ge=0)

    def check(self, subject: Subject) -> None:
        """Say before anything starts that there is nothing to rank, or no such layer.

        Raises:
            Unsupported: nothing can be ranked, the filters cannot be removed, or there are no training images.
            SpecError: a layer or ratio means nothing for a model, or options contradict each other.
        """
        where = "[analyses] retrain_correlation"
        if self.last > self.epochs:
            raise SpecError(f"{where} last", self.last, f"at most epochs = {self.epochs}")
        if not self.layers:
            self._check_methods(subject)
            return
        for option_name, values in (("layers", self.layers), ("ratios", self.ratios)):
            if not values or len(set(values)) < len(values):
                raise SpecError(f"{where} {option_name}", list(values), "one or more, each once")
        for label, seen in subject.models.items():
            if seen.data.train is None:
                raise Unsupported(
                    "retrain_correlation: the data has no training images, on which losses are taken and networks "
                    "retrained. Use data with a training split, or leave layers out."
                )
            with located(f"model {label!r}"):
                self._check_cells(seen)

    def _check_methods(self, subject: Subject) -> None:
        from pruneviz.pruning import control_of, resolve

        spec = subject.spec
        recoveries = {choice.name for crossed in spec.crossed for choice in crossed.recoveries}
        asked = (resolve(choice, "[prune] methods") for choice in spec.methods)
        units = Counter(recipe.unit for recipe in asked if recipe.name != control_of(recipe).name)
        if max(units.values(), default=0) < LEAST or "none" not in recoveries or len(recoveries) < 2:
            raise Unsupported(
                'retrain_correlation: there is nothing to rank. Name layers, such as layers = ["conv1"], whose sets of '
                "filters are then removed and retrained; or give three methods or more of one unit under [prune], "
                'random pruning not counted, and "none" and a recovery that trains under [recover], whose rankings '
                "are then compared."
            )

    def _check_cells(self, seen: Seen) -> None:
        from pruneviz.pruning.channels import find_channels
        from pruneviz_analyses.retrain_correlation.cells import cell_of

        units = find_channels(seen.net, seen.info, (), seen.example)
        for layer in self.layers:
            for ratio in self.ratios:
                cell_of(seen, units, layer, ratio)

    def fitted(self, clock: Clock) -> RetrainCorrelation:
        """With ``retrain`` as large as ``minutes`` allow; see :class:`pruneviz.core.analysis.Fitting`.

        Raises:
            SpecError: three sets do not fit.
        """
        seconds = clock.epoch(self.train) if self.minutes is not None and self.layers else {}
        if self.minutes is None or not seconds:
            return self
        cells = len(self.layers) * len(self.ratios)
        each = sum(clock.dense_models[label] * s for label, s in seconds.items()) * cells * self.repeats * self.epochs
        fit = int(60 * self.minutes * clock.workers / each)
        if fit < LEAST:
            least = LEAST * each / 60 / clock.workers
            most = f"{math.ceil(least):,}" if least >= 10 else f"{math.ceil(10 * least) / 10:g}"
            remedy = f"{LEAST} sets at each layer and ratio take that long; fewer epochs or layers take less."
            raise SpecError("[analyses] retrain_correlation minutes", self.minutes, f"at least {most}", remedy)
        return replace(self, retrain=min(fit, self.subsets))

    def observations(self, runs: pd.DataFrame) -> Sequence[Observation]:
        """For each dense model, layer and ratio: the losses of all sets, then some sets retrained at a time."""
        dense = runs[(runs["method"] == "dense") & (runs["recovery"] == "none")]
        draws = enough_relabellings(self.relabellings, len(dense) * len(self.layers) * len(self.ratios))
        found = []
        for row in dense.to_dict("records"):
            who = f"{row['model']} #{row['replicate']}"
            for layer in self.layers:
                for ratio in self.ratios:
                    found += self._of_cell(str(row["run_id"]), who, layer, ratio, draws if self.relabellings else 0)
        return found

    def _of_cell(self, run_id: str, who: str, layer: str, ratio: float, draws: int = 0) -> list[Observation]:
        common = {"layer": layer, "ratio": ratio, "images": self.images, "seed": self.seed}
        losses = Observation(
            (run_id,),
            {**common, "subsets": self.subsets},
            f"prune {who}: every {ratio:g} of {layer}",
            evaluated=self.images * min(self.subsets, 100),  # half the sets of ten filters, since half is run again
        )
        retraining = {**common, "last": self.last, "train": self.train}
        turns = [(first, min(first + self.chunk, self.retrain)) for first in range(0, self.retrain, self.chunk)]
        found = [losses]
        # In steps of their own, so that more draws or sets add to what is there. Where all sets are looked at they
        # have nothing to do.
        for first, stop in turns:
            for draw in range(0, draws, DRAWS):
                last = min(draw + DRAWS, draws)
                which = f"{first + 1} – {stop} of {self.retrain}, relabelled {draw + 1} – {last} of {draws}"
                found.append(
                    Observation(
                        (run_id,),
                        {**common, "first": first, "stop": stop, "draws": (draw, last)},
                        f"prune {who}: {ratio:g} of {layer}, {which}",
                        evaluated=self.images * (stop - first) * (last - draw) // 2,
                        after=(losses,),
                    )
                )
        # Repeat by repeat, so that more of them later add to what is there, as more sets do.
        for repeat in range(self.repeats):
            for first, stop in turns:
                which = f"{first + 1} – {stop} of {self.retrain}, repeat {repeat + 1} of {self.repeats}"
                found.append(
                    Observation(
                        (run_id,),
                        {**retraining, "repeat": repeat, "first": first, "stop": stop},
                        f"retrain {who}: {ratio:g} of {layer}, {which}",
                        epochs=float((stop - first) * self.epochs),
                        after=(losses,),
                    )
                )
        return found

    @property
    def train(self) -> dict[str, Any]:
        """The values of the retraining's :class:`~pruneviz.core.spec.TrainSpec`."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "schedule": "step",
            "milestones": (self.drop_at,),
            "gamma": self.gamma,
        }

    def observe(
        self,
        models: Sequence[Seen],
        part: Mapping[str, Any],
        progress: Callable[[int, int], None],
        *earlier: Mapping[str, pd.DataFrame],
    ) -> Mapping[str, pd.DataFrame]:
        """Take the losses of all sets of filters, or of some relabelled, or retrain some; see :class:`Observing`."""
        from pruneviz_analyses.retrain_correlation.looking import pruned_losses, relabelled_losses, retrained

        if not earlier:
            return {SUBSETS.name: pruned_losses(models[0], part, progress)}
        if "draws" in part:
            return {RELABELLED.name: relabelled_losses(models[0], part, earlier[0][SUBSETS.name], progress)}
        return {RETRAINED.name: retrained(models[0], part, earlier[0][SUBSETS.name], progress)}

    def measure(self, tables: Tables) -> dict[str, pd.DataFrame]:
        """Rank what was seen, and the study's own methods."""
        from pruneviz_analyses.retrain_correlation.correlating import cells_frame, models_frame
        from pruneviz_analyses.retrain_correlation.rankings import rankings_frames

        models = models_frame(tables, self.permutations, self.seed)
        rankings, ranked = rankings_frames(tables, self.permutations, self.seed)
        return {CELLS.name: cells_frame(models), MODELS.name: models, RANKINGS.name: rankings, RANKED.name: ranked}

    def findings(self, tables: Tables, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
        """What the tables show, layer by layer; see :class:`pruneviz.core.analysis.Analysis`."""
        from pruneviz_analyses.retrain_correlation.sentences import findings

        return findings(self, tables, frames)
