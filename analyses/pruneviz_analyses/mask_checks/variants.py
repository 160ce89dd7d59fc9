"""A mask and its destroyed variants, retrained alike."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from pruneviz import pruning, training
from pruneviz.core.analysis import Seen
from pruneviz.core.errors import Diverged, ModelError, Unsupported
from pruneviz.core.keys import digest
from pruneviz.core.masks import Mask
from pruneviz.core.spec import TrainSpec
from pruneviz.measures.classification import per_sample
from pruneviz_analyses.mask_checks.schemas import ORIGINAL, SEEN

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]


def retrained(run: Seen, dense: Seen, part: Mapping[str, Any], progress: Progress) -> pd.DataFrame:
    """The rows of one run: the original and each check, each repeat with one order of images for all of them.

    Args:
        run: right after pruning.
        dense: the dense model, whose weights a shuffled mask keeps.
        part: ``checks``, ``train`` (the values of a :class:`~pruneviz.core.spec.TrainSpec`), ``repeats``, ``seed``.
        progress: told of retraining steps done, and all.
    """
    if run.mask is None:
        raise ModelError(f"mask_checks: run {run.run_id} has no mask.")
    spec, data = TrainSpec(**part["train"]), replace(run.data, val=None)  # nothing is chosen here
    names = (ORIGINAL, *part["checks"])
    work = [(repeat, name) for repeat in range(part["repeats"]) for name in names]
    rows = []
    for done, (repeat, name) in enumerate(work):

        def told(step: int, steps: int, done: int = done) -> None:
            progress(done * steps + step, len(work) * steps)

        net, mask = _variant(name, run, dense, _seed(part["seed"], run.run_id, repeat))
        row: dict[str, Any] = {"run_id": run.run_id, "variant": name, "repeat": repeat, "epochs": spec.epochs}
        row["accuracy_before"] = _tested(net, data, run.device)[0]
        keeper = training.MaskKeeper(net, mask)
        order = _seed("order", part["seed"], dense.run_id, repeat)
        try:
            training.train(net, data, spec, seed=order, device=run.device, keeper=keeper, progress=told)
            accuracy, loss = _tested(net, data, run.device)
            rows.append({**row, "accuracy": accuracy, "loss": loss})
        except Diverged as e:
            rows.append({**row, "reason": str(e)})
    return SEEN.frame(rows)


def _seed(*parts: Any) -> int:
    return int(digest(list(parts))[:8], 16) & 0x7FFFFFFF


def _tested(net: nn.Module, data: Any, device: str) -> tuple[float, float]:
    logits = training.predict(net, data.test.images, data.preprocess, device=device)
    if not np.isfinite(logits).all():
        raise Diverged("The network's outputs are NaN or infinite.")
    found = per_sample(logits, data.test.labels)
    return float(np.mean(found.prediction == data.test.labels)), float(found.loss.mean())


def _variant(name: str, run: Seen, dense: Seen, seed: int) -> tuple[nn.Module, Mask]:
    """The network to be retrained, and its mask."""
    assert run.mask is not None
    shuffles, anew = name in ("shuffled", "both"), name in ("reinitialised", "both")
    mask = shuffled(run, run.mask, seed) if shuffles else run.mask
    net = copy.deepcopy(dense.net if shuffles else run.net)
    if anew:
        reinitialise(net, seed)
    pruning.apply(net, mask)
    return net, mask


def shuffled(model: Seen, mask: Mask, seed: int) -> Mask:
    """A mask that keeps as many units of every layer (of every coupled group of channels), drawn anew."""
    rng = np.random.default_rng(seed)
    if mask.units:
        from pruneviz.pruning.channels import find_channels

        units = find_channels(model.net, model.info, (), model.example)
        gone = {g.name: torch.zeros(g.size, dtype=torch.bool) for g in units.groups}  # excluded ones stay whole
        gone |= {g: torch.from_numpy(~rng.permutation(kept)) for g, kept in mask.units.items()}
        return units.mask(gone)
    return Mask.of({name: rng.permutation(kept.reshape(-1)).reshape(kept.shape) for name, kept in mask.items()})


def reinitialise(net: nn.Module, seed: int) -> None:
    """Draw all parameters anew, in place, as their layers do when they are made, and reset running statistics."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in net.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()


def require_initialisers(net: nn.Module) -> None:
    """Refuse a network with parameters that no layer can draw anew.

    Raises:
        Unsupported: it has such parameters; the text names them.
    """
    lost = [
        f"{name}.{own}" if name else own
        for name, module in net.named_modules()
        for own, _ in _own(module)
        if not callable(getattr(module, "reset_parameters", None))
    ]
    if lost:
        raise Unsupported(
            f"mask_checks: {', '.join(lost[:3])}{' …' if len(lost) > 3 else ''} cannot be drawn anew, since the module "
            'has no reset_parameters(). Give it one, or write mask_checks = {checks = ["shuffled"]}.'
        )


def _own(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return module.named_parameters(recurse=False)
