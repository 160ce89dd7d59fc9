"""How many steps training takes, and the learning rate of each. Imports no torch."""

from __future__ import annotations

import hashlib
import math

from pruneviz.core.errors import SpecError
from pruneviz.core.spec import TrainSpec


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Optimiser steps of one epoch: every image once, the last batch may be smaller.

    A last batch of a single image is left out, since batch norm cannot be trained on it.
    """
    full, rest = divmod(images, batch_size)
    return max(full + (rest > 1), 1)


def total_steps(spec: TrainSpec, images: int) -> int:
    """Optimiser steps of a whole training on ``images`` training images."""
    return spec.epochs * steps_per_epoch(images, spec.batch_size) if spec.steps is None else spec.steps


def last_step(spec: TrainSpec, images: int) -> int:
    """The step at which training stops: the last one, unless ``stop_epochs`` comes before it."""
    total = total_steps(spec, images)
    return total if spec.stop_epochs is None else spec.stop_epochs * steps_per_epoch(images, spec.batch_size)


def passes(spec: TrainSpec, images: int) -> float:
    """Passes forward and backward over the training images, for estimates; sharpness-aware ones are two each."""
    epochs = last_step(spec, images) / steps_per_epoch(images, spec.batch_size)
    return epochs * (2 if spec.sam_rho else 1)


def lr_at(spec: TrainSpec, step: int, total: int, per_epoch: int) -> float:
    """The learning rate of one step.

    With w warm-up steps and u = (step − w) / (total − w): lr · (step + 1) / w during warm-up, then

    - ``constant``: lr
    - ``cosine``: lr · (1 + cos πu) / 2 (Loshchilov & Hutter 2017, equation 5, without restarts)
    - ``linear``: lr · (1 − u)
    - ``step``: lr · gamma^k, with k the number of milestones m for which step ≥ round(m · total)

    Args:
        spec: the training.
        step: from 0 to total − 1.
        total: steps of the whole training.
        per_epoch: steps of an epoch.
    """
    warm = round(spec.warmup_epochs * per_epoch)
    if step < warm:
        return spec.lr * (step + 1) / warm
    done = (step - warm) / max(total - warm, 1)
    if spec.schedule == "cosine":
        return spec.lr * 0.5 * (1 + math.cos(math.pi * done))
    if spec.schedule == "linear":
        return spec.lr * (1 - done)
    if spec.schedule == "step":
        return spec.lr * spec.gamma ** sum(step >= round(m * total) for m in spec.milestones)
    return spec.lr


def check_training(spec: TrainSpec, images: int, where: str = "[train]") -> None:
    """Complain about settings that contradict each other, before anything is trained.

    Raises:
        SpecError: so they do.
    """
    total, per_epoch = total_steps(spec, images), steps_per_epoch(images, spec.batch_size)
    epochs = total // per_epoch
    if spec.stop_epochs is not None and spec.stop_epochs > epochs:
        allowed = f"0 to {epochs}, the epochs of this training"
        raise SpecError(f"{where} stop_epochs", spec.stop_epochs, allowed, "Raise epochs, or leave it out.")
    last = last_step(spec, images)
    late = [step for step in spec.keep_steps if step > last]
    if late:
        remedy = f"{last / per_epoch:g} epochs of {images} images in batches of {spec.batch_size} are {last} steps."
        raise SpecError(f"{where} keep_steps", late[0], f"0 to {last}, the steps of this training", remedy)
    if spec.nesterov and (spec.optimizer != "sgd" or spec.momentum == 0):
        raise SpecError(f"{where} nesterov", True, 'false, or optimizer = "sgd" with momentum > 0')
    if spec.warmup_epochs * per_epoch > total:
        allowed = f"at most epochs = {spec.epochs}" if spec.steps is None else f"at most {total / per_epoch:.4g}"
        raise SpecError(f"{where} warmup_epochs", spec.warmup_epochs, allowed)


def derived_seed(seed: int, purpose: str, number: int = 0) -> int:
    """A seed of its own for each purpose and number (such as an epoch), in [0, 2⁶³)."""
    text = f"{purpose}:{number}:{seed}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
