"""Pruning while a network is trained: what a schedule's hook sees, and what all such hooks share.

The trainer is known here by what it offers only (see ``pruneviz.training.trainer``), since it stands a room above this
one: a hook is called before the first step, after each backward pass, when gradients are dense, after each step, after
each epoch and after the last step. A hook that sets a gradient to None keeps the optimiser from its parameter for this
step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pruneviz.pruning.parts import Given, Score, Scores, Units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from torch import Tensor, nn

    from pruneviz.core.masks import Mask
    from pruneviz.core.quantities import Target
    from pruneviz.data import ImageData
    from pruneviz.models.inspect import ModelInfo
    from pruneviz.pruning.recipe import Recipe
    from pruneviz.pruning.selection import Selected


class Keeper(Protocol):
    """Holds removed weights at zero."""

    @property
    def mask(self) -> Mask:
        """What is kept."""
        ...

    def replace(self, mask: Mask, optimizer: torch.optim.Optimizer | None) -> None:
        """Keep this instead."""
        ...


class Training(Protocol):
    """What a hook uses of a training's state."""

    @property
    def net(self) -> nn.Module:
        """The network in training."""
        ...

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """Its optimiser."""
        ...

    @property
    def keeper(self) -> Keeper:
        """Its mask keeper."""
        ...

    @property
    def step(self) -> int:
        """Finished steps."""
        ...

    @property
    def total_steps(self) -> int:
        """Steps of the whole schedule."""
        ...

    @property
    def data(self) -> ImageData:
        """What it is trained on."""
        ...

    @property
    def device(self) -> str:
        """Where."""
        ...

    arrange: Callable[[int, Sequence[Tensor]], Sequence[Tensor]] | None
    """Of an epoch, the step of its first batch, and the images of each: those to take instead, as many in each."""


@dataclass(frozen=True, eq=False)
class Ground:
    """What a hook is told beforehand.

    Attributes:
        info: the network's layers.
        exclude: shell patterns of layers that are never pruned.
        seed: of scores that draw and of calibration images.
        samples: training images for scores that need data, unless the recipe says how many itself.
    """

    info: ModelInfo
    exclude: tuple[str, ...] = ()
    seed: int = 0
    samples: int = 1000


class Held(Score):
    """Scores that a hook holds."""

    name = "held"
    summary = "scores that were learned"

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self.values = values

    def __call__(self, given: Given) -> Scores:
        """See :class:`~pruneviz.pruning.parts.Score`."""
        return Scores(self.values)


class DuringTraining:
    """A hook that prunes; it does nothing by itself.

    Attributes:
        mask: what is kept so far.
        achieved: fraction of the recipe's units removed so far.
        warnings: of the last pruning, for people.
    """

    def __init__(self, recipe: Recipe, target: Target, ground: Ground) -> None:
        self.recipe, self.target, self.ground = recipe, target, ground
        self._units: Units | None = None
        self._last: Selected | None = None

    @property
    def mask(self) -> Mask:
        """See the class."""
        return self.selected.mask

    @property
    def achieved(self) -> float:
        """See the class."""
        return self.selected.achieved

    @property
    def warnings(self) -> tuple[str, ...]:
        """See the class."""
        return self.selected.warnings

    @property
    def selected(self) -> Selected:
        """What was chosen last."""
        if self._last is None:
            raise RuntimeError("nothing was pruned yet")
        return self._last

    def on_start(self, t: Training) -> None:
        """Before the first step."""

    def after_backward(self, t: Training) -> None:
        """Gradients are dense."""

    def after_step(self, t: Training) -> None:
        """The optimiser has moved."""

    def on_epoch(self, t: Training) -> None:
        """An epoch is over."""

    def on_end(self, t: Training) -> None:
        """After the last step."""

    def units(self, t: Training) -> Units:
        """What can be removed of the network, found once."""
        if self._units is None:
            self._units = self.recipe.space(t.net, self.ground.info, self.ground.exclude, self.example(t))
        return self._units

    def example(self, t: Training) -> Tensor:
        """One training image, float32 (1, C, H, W), preprocessed."""
        assert t.data.train is not None
        return t.data.preprocess(t.data.train.images[:1], t.device)

    def choose(
        self, t: Training, target: Target, values: Mapping[str, Tensor] | None = None, mask: Mask | None = None
    ) -> Selected:
        """What is removed of the network as it is now.

        Args:
            t: the training.
            target: what shall be removed.
            values: scores of the hook's own, by parameter or block; absent: the recipe's score, with its statistics
                gathered anew.
            mask: what is removed already and stays so; absent: everything may come back.
        """
        from pruneviz.pruning.selection import select

        recipe = self.recipe if values is None else replace(self.recipe, score=Held(values))
        return select(
            t.net,
            self.ground.info,
            recipe,
            target,
            mask=mask,
            statistics=self._statistics(t, recipe),
            seed=self.ground.seed,
            exclude=self.ground.exclude,
            example=self.example(t),
            units=self.units(t),
        )

    def scored(self, t: Training) -> dict[str, Tensor]:
        """The recipe's scores of the network as it is now, by block."""
        score, units = self.recipe.score, self.units(t)
        given = Given(
            t.net,
            self.ground.info,
            self.recipe.unit,
            units.blocks,
            self._statistics(t, self.recipe),
            self.ground.seed,
            self.example(t) if score.uses_example else None,
        )
        return {name: ranked.scores for name, ranked in units.rank(score(given)).items()}

    def _statistics(self, t: Training, recipe: Recipe) -> dict[str, dict[str, Tensor]]:
        from pruneviz.pruning.statistics import gather

        samples, seed = recipe.samples or self.ground.samples, self.ground.seed
        return {
            need: gather(need, t.net, t.data, samples=samples, seed=seed, device=t.device)
            for need in sorted(recipe.needs)
        }

    def keep(self, t: Training, selected: Selected) -> None:
        """Remove what was selected, and let nothing else be removed."""
        self._last = selected
        t.keeper.replace(selected.mask, t.optimizer)


def training_hook(recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
    """A hook for the trainer that prunes as the recipe's schedule says.

    Args:
        recipe: with a schedule of kind ``training``.
        target: reached exactly at the schedule's end.
        ground: the network's layers, and what else there is to know.

    Raises:
        TypeError: the schedule is of another kind.
    """
    return recipe.schedule.hook(recipe, target, ground)
