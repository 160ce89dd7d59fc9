"""Carrying a recovery out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.core.errors import DataError, ModelError, Unsupported
from pruneviz.core.masks import Mask
from pruneviz.core.spec import TrainSpec
from pruneviz.data import ImageData
from pruneviz.models import checkpoint, has_batch_norm, imports
from pruneviz.training.batch_norm import remeasure
from pruneviz.training.batches import Batches
from pruneviz.training.distilling import Distilling
from pruneviz.training.few import FewParameters
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.kinds import BatchNorm, Custom, Distill, NoRecovery, Perp, Recovery, Scratch, WeightRewind
from pruneviz.training.predicting import moved
from pruneviz.training.recoveries import no_batch_norm
from pruneviz.training.schedule import steps_per_epoch, total_steps
from pruneviz.training.trainer import Hook, Progress, TrainResult, require_finite, train


@dataclass(frozen=True)
class Budget:
    """What a custom recovery may spend, and with which settings the dense model was trained.

    Attributes:
        spec: the dense training's settings, with the budget's epochs.
        steps: optimiser steps of that.
        seed: for everything random.
        device: where to compute; the network is there already.
        progress: to be called with finished and planned steps; may raise ``Cancelled``.
    """

    spec: TrainSpec
    steps: int
    seed: int
    device: str
    progress: Progress | None


def recover(
    recovery: Recovery,
    net: nn.Module,
    mask: Mask | None,
    data: ImageData,
    base: TrainSpec,
    *,
    seed: int,
    device: str = "cpu",
    rewind_state: Mapping[int, Mapping[str, Tensor]] | None = None,
    kept_macs: float = 1.0,
    fresh: Callable[[int], nn.Module] | None = None,
    dense: nn.Module | None = None,
    hooks: Sequence[Hook] = (),
    progress: Progress | None = None,
) -> TrainResult:
    """Recover a pruned network in place; what the mask removes stays zero.

    Args:
        recovery: how.
        net: the pruned network.
        mask: what is kept; ``None`` for a dense network.
        data: the data set.
        base: how the dense model was trained.
        seed: of everything random.
        device: where to compute.
        rewind_state: the dense model's weights by step, for those that the recovery needs.
        kept_macs: kept fraction of the multiply-adds, for training from scratch at equal cost.
        fresh: makes the dense architecture newly initialised from a seed, for training from scratch.
        dense: the dense model, for recoveries in which it takes part.
        hooks: take part in the training.
        progress: see :func:`~pruneviz.training.trainer.train`.

    Raises:
        Unsupported: the model lacks what the recovery needs.
        Diverged, DataError, ModelError, SpecError: as for training.
    """
    keeper = MaskKeeper(net, mask if mask is not None else Mask.of({}))
    keeper.apply()
    if isinstance(recovery, NoRecovery):
        return TrainResult(0)
    if data.train is None:
        raise DataError(f"{data.name}: has no training split, which recovery {recovery.name} needs.")
    recovery.check(base)
    if isinstance(recovery, BatchNorm):
        return _recalibrate(recovery, net, keeper, data, seed, device)
    if isinstance(recovery, Custom):
        return _call(recovery, keeper, data, base, seed, device, progress)
    if isinstance(recovery, WeightRewind):
        if recovery.to not in (rewind_state or {}):
            raise Unsupported(f"Recovery weight-rewind needs the dense model's weights of step {recovery.to}.")
        checkpoint.load_into(net, (rewind_state or {})[recovery.to], f"weights of step {recovery.to}")
    if isinstance(recovery, Scratch):
        if fresh is None:
            raise Unsupported("Recovery scratch needs a factory that makes the model anew.")
        net.load_state_dict(fresh(seed).state_dict())
    settings, objective = recovery.settings(base, kept_macs), None
    if isinstance(recovery, Distill):
        if dense is None:
            raise Unsupported("Recovery distill needs the dense model.")
        objective = Distilling(recovery, dense, settings.label_smoothing, device)
    return train(
        net,
        data,
        settings,
        seed=seed,
        device=device,
        keeper=keeper,
        hooks=(*hooks, FewParameters(recovery, seed)) if isinstance(recovery, Perp) else hooks,
        first_step=recovery.first_step(base, steps_per_epoch(len(data.train), base.batch_size)),
        objective=objective,
        progress=progress,
    )


def _recalibrate(
    recovery: BatchNorm, net: nn.Module, keeper: MaskKeeper, data: ImageData, seed: int, device: str
) -> TrainResult:
    """Mean over batches of the batches' statistics, with everything but batch norm in evaluation mode."""
    if not has_batch_norm(net):
        raise no_batch_norm()
    assert data.train is not None
    batches = Batches(data, data.train, TrainSpec(batch_size=recovery.batch_size), seed, device)
    with moved(net, device):
        remeasure(net, (images for images, _ in batches.epoch(0, 0, batches.per_epoch)))
        keeper.apply()
    require_finite(net, "After measuring the batch-norm statistics again")
    return TrainResult(0)


def _call(
    recovery: Custom,
    keeper: MaskKeeper,
    data: ImageData,
    base: TrainSpec,
    seed: int,
    device: str,
    progress: Progress | None,
) -> TrainResult:
    assert data.train is not None
    function = recovery.function
    if isinstance(function, str):
        function = imports.load(function, "recovery custom function")
    spec = recovery.settings(base)
    budget = Budget(spec, total_steps(spec, len(data.train)), seed, device, progress)
    modes = [(m, m.training) for m in keeper.net.modules()]
    with moved(keeper.net, device), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        keeper.apply()  # once more: the network has moved
        steps = function(keeper.net, keeper, data, budget)
        keeper.apply()
    for module, training in modes:
        module.training = training
    keeper.net.zero_grad(set_to_none=True)
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 0):
        raise ModelError(f"{recovery.title} returned {steps!r}; allowed: the number of steps it took, or None.")
    require_finite(keeper.net, f"After {recovery.title}")
    return TrainResult(budget.steps if steps is None else steps)
