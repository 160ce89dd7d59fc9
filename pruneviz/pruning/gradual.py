"""Following a curve: every so many steps of a training, what it asks for is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruneviz.pruning.during import DuringTraining, Ground, Training
from pruneviz.pruning.schedules import Gradual, Once, at_removed

if TYPE_CHECKING:
    from pruneviz.core.quantities import Target
    from pruneviz.pruning.recipe import Recipe


class PruningOnce(DuringTraining):
    """Removes everything when a fraction of training is done.

    Args:
        schedule: says when.
        recipe, target, ground: see :func:`~pruneviz.pruning.during.training_hook`.
    """

    def __init__(self, schedule: Once, recipe: Recipe, target: Target, ground: Ground) -> None:
        super().__init__(recipe, target, ground)
        self.schedule = schedule
        self.reached = False

    def finish(self, t: Training) -> None:
        """Remove the target."""
        self.keep(t, self.choose(t, self.target))

    def after_step(self, t: Training) -> None:
        """Prune when it is time."""
        if not self.reached and t.step / t.total_steps >= self.schedule.end:
            self.finish(t)
            self.reached = True

    def on_end(self, t: Training) -> None:
        """Prune, should training have ended before it was time."""
        if not self.reached:
            self.finish(t)
            self.reached = True


class GradualPruning(DuringTraining):
    """Follows a gradual schedule; what to remove is chosen by the recipe on the network as it is then.

    Methods that prune along the same curve in a way of their own override :meth:`prune`.

    Args:
        schedule: the curve.
        recipe, target, ground: see :func:`~pruneviz.pruning.during.training_hook`.
    """

    def __init__(self, schedule: Gradual, recipe: Recipe, target: Target, ground: Ground) -> None:
        super().__init__(recipe, target, ground)
        self.curve = schedule
        self.reached = False

    def prune(self, t: Training, target: Target) -> None:
        """Remove what is asked for now."""
        self.keep(t, self.choose(t, target, mask=t.keeper.mask))

    def on_start(self, t: Training) -> None:
        """Remove what is gone from the beginning."""
        if self.curve.initial:
            self.prune(t, self._at(0.0))

    def after_step(self, t: Training) -> None:
        """Prune where the schedule says so."""
        if self.reached:
            return
        done = t.step / t.total_steps
        if done >= self.curve.end:
            self._finish(t)
        elif self.is_due(t.step, t.total_steps):
            self.prune(t, self._at(done))

    def on_end(self, t: Training) -> None:
        """Meet the target, should training have ended before the schedule did."""
        if not self.reached:
            self._finish(t)

    def is_due(self, step: int, total: int) -> bool:
        """Whether it is pruned once so many steps are finished, the end of the curve aside."""
        return self.curve.begin <= step / total < self.curve.end and step % self.curve.every == 0

    def _at(self, done: float) -> Target:
        initial = self.curve.initial * self.target.removed
        return at_removed(self.target, self.curve.removed_at(done, self.target.removed, initial))

    def _finish(self, t: Training) -> None:
        self.prune(t, self.target)
        self.reached = True
