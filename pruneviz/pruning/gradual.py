"""Pruning while a network is trained: a hook for the trainer.

The trainer is known here by what it offers only (see ``pruneviz.training.trainer.TrainState``), since it stands a
room above this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pruneviz.core.masks import Mask
from pruneviz.core.quantities import Target
from pruneviz.pruning.schedules import Gradual, at_removed
from pruneviz.pruning.selection import Selected, select
from pruneviz.pruning.statistics import gather

if TYPE_CHECKING:
    import torch
    from torch import nn

    from pruneviz.data import ImageData
    from pruneviz.models.inspect import ModelInfo
    from pruneviz.pruning.recipes import Recipe


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
    """What the hook uses of a training's state."""

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


class GradualPruning:
    """Follows a gradual schedule: every so many steps, what the curve asks for is removed.

    A score that needs statistics has them gathered anew at each pruning, on the network as it is then.

    Attributes:
        mask: what is kept so far.
        achieved: fraction of the recipe's units removed so far.
        warnings: of the last pruning.
    """

    def __init__(
        self, recipe: Recipe, target: Target, info: ModelInfo, exclude: Sequence[str], seed: int, samples: int
    ) -> None:
        if not isinstance(recipe.schedule, Gradual):
            raise TypeError(f"the schedule of {recipe.name!r} is {recipe.schedule.name!r}, not gradual")
        self.recipe, self.target, self.info, self.schedule = recipe, target, info, recipe.schedule
        self.exclude, self.seed, self.samples = tuple(exclude), seed, recipe.samples or samples
        self._last: Selected | None = None
        self._reached = False

    @property
    def mask(self) -> Mask:
        """See the class."""
        return self._selected.mask

    @property
    def achieved(self) -> float:
        """See the class."""
        return self._selected.achieved

    @property
    def warnings(self) -> tuple[str, ...]:
        """See the class."""
        return self._selected.warnings

    @property
    def _selected(self) -> Selected:
        if self._last is None:
            raise RuntimeError("nothing was pruned yet")
        return self._last

    def on_start(self, t: Training) -> None:
        """Nothing is pruned before the first step."""

    def after_backward(self, t: Training) -> None:
        """Gradients are not looked at."""

    def after_step(self, t: Training) -> None:
        """Prune where the schedule says so."""
        if self._reached:
            return
        done = t.step / t.total_steps
        if done >= self.schedule.end:
            self._prune(t, self.target)
            self._reached = True
        elif done >= self.schedule.begin and t.step % self.schedule.every == 0:
            self._prune(t, at_removed(self.target, self.schedule.removed_at(done, self.target.removed)))

    def on_epoch(self, t: Training) -> None:
        """Epochs do not matter."""

    def on_end(self, t: Training) -> None:
        """Meet the target, should training have ended before the schedule did."""
        if not self._reached:
            self._prune(t, self.target)
            self._reached = True

    def _prune(self, t: Training, target: Target) -> None:
        assert t.data.train is not None
        images = t.data.preprocess(t.data.train.images[:1], t.device)
        statistics = {
            need: gather(need, t.net, t.data, samples=self.samples, seed=self.seed, device=t.device)
            for need in sorted(self.recipe.needs)
        }
        self._last = select(
            t.net,
            self.info,
            self.recipe,
            target,
            mask=t.keeper.mask,
            statistics=statistics,
            seed=self.seed,
            exclude=self.exclude,
            example=images,
        )
        t.keeper.replace(self._last.mask, t.optimizer)


def gradual_hook(
    recipe: Recipe,
    target: Target,
    info: ModelInfo,
    *,
    exclude: Sequence[str] = (),
    seed: int = 0,
    samples: int = 1000,
) -> GradualPruning:
    """A training hook that prunes along the recipe's gradual schedule.

    Args:
        recipe: with a schedule of kind ``gradual``.
        target: reached exactly at the schedule's end.
        info: the network's layers.
        exclude: shell patterns of layers that are never pruned.
        seed: of scores that draw and of calibration images.
        samples: training images for scores that need data, unless the recipe says how many itself.
    """
    return GradualPruning(recipe, target, info, exclude, seed, samples)
