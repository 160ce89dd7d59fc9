"""The one trainer: plain mini-batch training, with the hooks that methods use."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pruneviz.core.errors import DataError, Diverged, ModelError
from pruneviz.core.masks import Mask
from pruneviz.core.spec import TrainSpec
from pruneviz.data import ImageData
from pruneviz.training.batches import Arrange, Batches
from pruneviz.training.keeper import MaskKeeper
from pruneviz.training.predicting import moved, predict
from pruneviz.training.schedule import check_training, derived_seed, last_step, lr_at, total_steps
from pruneviz.training.sharpness import gradients_uphill, random_state

Progress = Callable[[int, int], None]
Objective = Callable[[Tensor, Tensor, Tensor], Tensor]
PROGRESS_SECONDS = 0.1


@dataclass(eq=False)
class TrainState:
    """What a hook sees, and may change through the keeper and the network's tensors.

    Attributes:
        step: finished steps of the whole schedule, the one under way not counted.
        total_steps: steps of the whole schedule.
        epoch: finished epochs of the whole schedule.
        arrange: gives each batch of an epoch other images than the shuffle does; from the next epoch on.
    """

    net: nn.Module
    optimizer: torch.optim.Optimizer
    keeper: MaskKeeper
    step: int
    total_steps: int
    epoch: int
    data: ImageData
    device: str
    arrange: Arrange | None = None


class Hook(Protocol):
    """Takes part in training. Deterministic training needs deterministic hooks."""

    def on_start(self, t: TrainState) -> None:
        """Before the first step."""

    def after_backward(self, t: TrainState) -> None:
        """After each backward pass: gradients are dense, removed entries included, and not masked yet."""

    def after_step(self, t: TrainState) -> None:
        """After each optimiser step, which ``t.step`` counts now."""

    def on_epoch(self, t: TrainState) -> None:
        """After each epoch, before it is validated; also after one that training stops in the middle of."""

    def on_end(self, t: TrainState) -> None:
        """After the last step."""


@dataclass(frozen=True, eq=False)
class TrainResult:
    """What a training did besides changing the network.

    Attributes:
        steps: optimiser steps taken.
        history: one row per epoch for the table ``history``, without ``run_id``.
        kept: copies of the state dict, on the CPU, by step of the schedule (0: before training).
    """

    steps: int
    history: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)


def train(
    net: nn.Module,
    data: ImageData,
    spec: TrainSpec,
    *,
    seed: int,
    device: str = "cpu",
    keeper: MaskKeeper | None = None,
    hooks: Sequence[Hook] = (),
    first_step: int = 0,
    stop_step: int | None = None,
    objective: Objective | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a network in place, minimising cross-entropy on the training split, or another objective.

    The same seed gives the same weights bit for bit on one machine with one thread. The order of the images, their
    augmentation and the global generator (dropout) follow from the seed and the number of the epoch, so a training
    that starts at ``first_step`` sees what the whole one would have seen; momentum starts from zero.

    Args:
        net: the network; its training modes and device are restored.
        data: the data set; without a validation split, none is validated on.
        spec: the settings.
        seed: of order, augmentation and dropout.
        device: where to compute.
        keeper: keeps removed weights at zero; absent: nothing is removed.
        hooks: called in this order.
        first_step: only the schedule from this step on is run, with its learning rates.
        stop_step: and up to this one; absent: to where the settings stop.
        objective: of a batch's images (B, C, H, W), logits (B, classes) and labels (B,), a number to minimise; absent:
            cross-entropy with the settings' label smoothing.
        progress: called with finished and planned steps of this part, about every 0.1 s and at the end; may raise
            :class:`~pruneviz.core.errors.Cancelled`.

    Raises:
        Diverged: the loss or a weight is not finite.
        DataError: there is no training split.
        ModelError: the network gives no logits in training mode.
        SpecError: the settings contradict each other.
    """
    if data.train is None:
        raise DataError(f"{data.name}: has no training split, so nothing can be trained on it, only compared.")
    total = total_steps(spec, len(data.train))
    check_training(spec, len(data.train))
    stop = last_step(spec, len(data.train)) if stop_step is None else stop_step
    if not 0 <= first_step <= stop <= total:
        raise ValueError(f"steps {first_step} to {stop} are no part of a schedule of {total} steps")
    modes = [(m, m.training) for m in net.modules()]
    cuda = [torch.device(device)] if torch.device(device).type == "cuda" else []
    try:
        with moved(net, device), torch.random.fork_rng(devices=cuda):
            keeper = keeper or MaskKeeper(net, Mask.of({}))
            keeper.apply()
            state = TrainState(net, _optimizer(net, spec), keeper, first_step, total, 0, data, device)
            batches = Batches(data, data.train, spec, seed, device)
            return _Run(state, spec, batches, hooks, first_step, stop, objective, progress)(seed)
    finally:
        net.zero_grad(set_to_none=True)
        for module, training in modes:
            module.training = training


class _Run:
    """One call of :func:`train`, on its device and with its own generators."""

    def __init__(
        self,
        state: TrainState,
        spec: TrainSpec,
        batches: Batches,
        hooks: Sequence[Hook],
        first: int,
        stop: int,
        objective: Objective | None,
        progress: Progress | None,
    ) -> None:
        self.state, self.spec, self.batches, self.hooks, self.objective = state, spec, batches, hooks, objective
        self.first, self.stop, self.progress = first, stop, progress
        self.result = TrainResult(stop - first)
        self.last_report = time.monotonic()

    def __call__(self, seed: int) -> TrainResult:
        state, per_epoch = self.state, self.batches.per_epoch
        self._keep()
        for hook in self.hooks:
            hook.on_start(state)
        while state.step < self.stop:
            epoch, batch = divmod(state.step, per_epoch)
            torch.manual_seed(derived_seed(seed, "dropout", epoch))
            state.epoch = epoch
            last = min(per_epoch, self.stop - epoch * per_epoch)
            self._epoch(epoch, batch, last)
        for hook in self.hooks:
            hook.on_end(state)
        state.keeper.apply()
        self._require_finite()
        if self.progress is not None:
            self.progress(self.stop - self.first, self.stop - self.first)
        return self.result

    def _epoch(self, epoch: int, first: int, stop: int) -> None:
        state, spec = self.state, self.spec
        net, optimizer, keeper = state.net, state.optimizer, state.keeper
        net.train()
        loss_sum, right, seen = torch.zeros((), device=state.device), torch.zeros((), device=state.device), 0
        for images, labels in self.batches.epoch(epoch, first, stop, state.arrange):
            lr = lr_at(spec, state.step, state.total_steps, self.batches.per_epoch)
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.zero_grad(set_to_none=True)
            drawn = random_state(state.device) if spec.sam_rho else None
            logits = net(images)
            if seen == 0:
                require_logits(logits, len(labels), state.data.num_classes)
            loss = self._loss(images, logits, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            if drawn is not None:
                again = partial(self._loss_of, images, labels)
                gradients_uphill(net, keeper, spec.sam_rho, drawn, state.device, again)
            for hook in self.hooks:
                hook.after_backward(state)
            keeper.mask_grads()
            optimizer.step()
            state.step += 1
            for hook in self.hooks:
                hook.after_step(state)
            # Summed as tensors: nothing waits for the device within an epoch.
            seen += len(labels)
            loss_sum += loss.detach() * len(labels)
            right += (logits.detach().argmax(1) == labels).sum()
            if state.step in spec.keep_steps:
                self._keep()
            self._report()
        if not math.isfinite(mean := float(loss_sum) / seen):
            at = f"step {state.step} of {state.total_steps}"
            raise Diverged(f"Training diverged by {at}: the mean loss of epoch {epoch + 1} is {mean}. {_REMEDY}")
        state.epoch = epoch + (stop == self.batches.per_epoch)
        for hook in self.hooks:
            hook.on_epoch(state)
        row = {"epoch": len(self.result.history) + 1, "step": state.step - self.first, "lr": lr}
        row |= {"train_loss": mean, "train_accuracy": float(right) / seen, **self._validated()}
        self.result.history.append(row)

    def _loss(self, images: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        if self.objective is not None:
            return self.objective(images, logits, labels)
        return F.cross_entropy(logits, labels, label_smoothing=self.spec.label_smoothing)

    def _loss_of(self, images: Tensor, labels: Tensor) -> Tensor:
        return self._loss(images, self.state.net(images), labels)

    def _validated(self) -> dict[str, float]:
        state = self.state
        if state.data.val is None:
            return {}
        logits = torch.from_numpy(predict(state.net, state.data.val.images, state.data.preprocess, device=state.device))
        labels = torch.tensor(state.data.val.labels)
        right = int((logits.argmax(1) == labels).sum())
        return {"val_loss": float(F.cross_entropy(logits.double(), labels)), "val_accuracy": right / len(labels)}

    def _keep(self) -> None:
        if self.state.step in self.spec.keep_steps:
            self._require_finite()
            copies = {k: t.detach().to("cpu", copy=True) for k, t in self.state.net.state_dict().items()}
            self.result.kept[self.state.step] = copies

    def _report(self) -> None:
        if self.progress is not None and time.monotonic() - self.last_report >= PROGRESS_SECONDS:
            self.progress(self.state.step - self.first, self.stop - self.first)
            self.last_report = time.monotonic()

    def _require_finite(self) -> None:
        require_finite(self.state.net, f"Training diverged by step {self.state.step} of {self.state.total_steps}")


_REMEDY = "Lower the learning rate, or add warmup_epochs."


def require_logits(logits: Any, count: int, classes: int) -> None:
    """Refuse what is no batch of logits.

    Raises:
        ModelError: it is not, with what was given.
    """
    if not isinstance(logits, Tensor) or tuple(logits.shape) != (count, classes):
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ModelError(
            f"In training mode the model gives {got} for {count} images, allowed: a tensor {(count, classes)} of "
            "logits. Switch auxiliary outputs off."
        )


def require_finite(net: nn.Module, when: str) -> None:
    """Refuse a network that holds NaN or infinities.

    Raises:
        Diverged: it does, naming the tensor; ``when`` begins the sentence.
    """
    for name, t in net.state_dict().items():
        if t.is_floating_point() and not t.isfinite().all():
            raise Diverged(f"{when}: {name!r} holds NaN or infinite values. {_REMEDY}")


def _optimizer(net: nn.Module, spec: TrainSpec) -> torch.optim.Optimizer:
    """Fused: one pass over each tensor, several times faster than torch's default on small networks."""
    parameters = [p for p in net.parameters() if p.requires_grad]
    common: dict[str, Any] = {"lr": spec.lr, "weight_decay": spec.weight_decay, "fused": True}
    if spec.optimizer == "adam":
        return torch.optim.Adam(parameters, **common)
    if spec.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **common)
    return torch.optim.SGD(parameters, momentum=spec.momentum, nesterov=spec.nesterov, **common)
