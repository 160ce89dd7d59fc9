"""Looking at a dense model: the loss of every set of filters' removal, and what becomes of some after retraining."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pruneviz import training
from pruneviz.core.analysis import Seen
from pruneviz.core.errors import Diverged
from pruneviz.core.spec import TrainSpec
from pruneviz.data import ImageData
from pruneviz.measures.classification import per_sample
from pruneviz.measures.rank_correlation import stratified_order
from pruneviz.models.rerun import Rerun
from pruneviz.pruning.channels import ChannelUnits, cut, find_channels
from pruneviz_analyses.retrain_correlation.cells import (
    Cell,
    Set,
    blocks,
    cell_of,
    fixed_images,
    seed_of,
    set_of,
    text_of,
)
from pruneviz_analyses.retrain_correlation.schemas import RELABELLED, RETRAINED, SUBSETS

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]

STRATA = 4
BATCH = 500


def pruned_losses(seen: Seen, part: Mapping[str, Any], progress: Progress) -> pd.DataFrame:
    """The table of all sets of filters with their losses before retraining.

    Args:
        seen: a dense model.
        part: the observation's: ``layer``, ``ratio``, ``subsets``, ``images`` and ``seed``.
        progress: told of batches done, and all.
    """
    units = find_channels(seen.net, seen.info, (), seen.example)
    cell = cell_of(seen, units, part["layer"], part["ratio"])
    sets = cell.sets(part["subsets"], seed_of("sets", part["seed"], part["layer"], part["ratio"]))
    train = seen.data.train
    chosen = fixed_images(len(train), part["images"], part["seed"])
    losses = _losses(seen, units, cell, sets, train.images[chosen], train.labels[chosen], progress)
    place = {s: i for i, s in enumerate(stratified_order(losses, STRATA, part["seed"]).tolist())}
    common = {
        "run_id": seen.run_id,
        "layer": part["layer"],
        "ratio": part["ratio"],
        "filters": "+".join(map(str, cell.sizes)),
        "all_subsets": len(sets) == cell.number,
        "images": len(chosen),
    }
    rows = [
        {
            **common,
            "subset": i,
            "removed": text_of(removed),
            "pruned_loss": float(loss) if math.isfinite(loss) else None,
            "place": place.get(i),
        }
        for i, (removed, loss) in enumerate(zip(sets, losses, strict=True))
    ]
    return SUBSETS.frame(rows)


def relabelled_losses(seen: Seen, part: Mapping[str, Any], losses: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """The table of what some retrained sets lose when the filters get each other's labels; empty where all sets have
    a loss already.

    Args:
        seen: a dense model.
        part: the observation's: ``layer``, ``ratio``, ``first``, ``stop``, ``draws`` (first and stop), ``images`` and
            ``seed``.
        losses: what :func:`pruned_losses` gave for the same layer and ratio.
        progress: told of batches done, and all.
    """
    if losses["all_subsets"].all():
        return RELABELLED.frame([])
    units = find_channels(seen.net, seen.info, (), seen.example)
    cell = cell_of(seen, units, part["layer"], part["ratio"])
    train = seen.data.train
    chosen = fixed_images(len(train), part["images"], part["seed"])
    asked = [
        (int(row["subset"]), draw, set_of(str(row["removed"])))
        for _, row in _turn(losses, part).iterrows()
        for draw in range(*part["draws"])
    ]
    where = (part["seed"], part["layer"], part["ratio"])
    sets = [cell.relabelled(removed, seed_of("relabel", *where, draw)) for _, draw, removed in asked]
    found = _losses(seen, units, cell, sets, train.images[chosen], train.labels[chosen], progress)
    common = {"run_id": seen.run_id, "layer": part["layer"], "ratio": part["ratio"]}
    return RELABELLED.frame(
        [
            {**common, "subset": subset, "draw": draw, "pruned_loss": float(loss) if math.isfinite(loss) else None}
            for (subset, draw, _), loss in zip(asked, found, strict=True)
        ]
    )


def _turn(losses: pd.DataFrame, part: Mapping[str, Any]) -> pd.DataFrame:
    """The sets whose turn is the part's, in their order."""
    place = losses["place"]
    own: pd.DataFrame = losses[place.notna() & (place >= part["first"]) & (place < part["stop"])]
    return own.sort_values("place")


def _losses(
    seen: Seen, units: ChannelUnits, cell: Cell, sets: Sequence[Set], images: Any, labels: Any, progress: Progress
) -> Any:
    """Mean cross-entropy with each set removed.

    Nothing reads a removed channel, so it is enough to silence its readers: all that comes before them is computed
    once for each batch.
    """
    silent = _silent(units, cell, sets)
    named = dict(seen.net.named_parameters())
    originals = {name: named[name].detach().clone() for name in silent}
    total = torch.zeros(len(sets), dtype=torch.float64)
    again = Rerun(seen.net, silent)
    pieces = list(blocks(len(labels), BATCH))
    with torch.inference_mode():
        for b, piece in enumerate(pieces):
            kept = again.keep(seen.data.preprocess(images[piece], seen.device))
            truth = torch.as_tensor(labels[piece], device=seen.device)
            for i in range(len(sets)):
                for name, inputs in silent.items():
                    named[name].copy_(originals[name])
                    named[name][:, inputs[i]] = 0
                total[i] += F.cross_entropy(again(kept).double(), truth, reduction="sum").cpu()
                progress(b * len(sets) + i + 1, len(pieces) * len(sets))
            for name, original in originals.items():
                named[name].copy_(original)
    return (total / len(labels)).numpy()


def _silent(units: ChannelUnits, cell: Cell, sets: Sequence[Set]) -> dict[str, Tensor]:
    """The weights that read the cell's channels; of each, which inputs a set's removal silences, (sets, inputs)."""
    groups = {g.name: g for g in units.groups}
    shapes = {name: p.shape for name, p in units.net.named_parameters()}
    found: dict[str, Tensor] = {}
    for g, name in enumerate(cell.groups):
        gone = torch.zeros((len(sets), cell.sizes[g]), dtype=torch.bool)
        for i, removed in enumerate(sets):
            gone[i, list(removed[g])] = True
        for m in (m for m in groups[name].members if m.consumes):
            inputs = found.setdefault(m.tensor, torch.zeros((len(sets), shapes[m.tensor][m.axis]), dtype=torch.bool))
            index, unit = torch.from_numpy(m.index), torch.from_numpy(m.unit)
            inputs[:, index] |= gone[:, unit]
    return found


def without(seen: Seen, units: ChannelUnits, cell: Cell, removed: Set) -> nn.Module:
    """A copy of the network without a set of filters: smaller, its weights those of the dense one."""
    gone = {g.name: torch.zeros(g.size, dtype=torch.bool) for g in units.groups}
    for name, part in zip(cell.groups, removed, strict=True):
        gone[name][list(part)] = True
    return cut(seen.net, units.mask(gone), seen.example)


def retrained(seen: Seen, part: Mapping[str, Any], losses: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """The table of some sets' retrainings: those whose turn is ``first`` to ``stop`` − 1.

    Args:
        seen: a dense model.
        part: the observation's: ``layer``, ``ratio``, ``first``, ``stop``, ``repeat``, ``last``, ``images``, ``seed``
            and ``train``, the values of a :class:`~pruneviz.core.spec.TrainSpec`.
        losses: what :func:`pruned_losses` gave for the same layer and ratio.
        progress: told of retraining steps done, and all.
    """
    units = find_channels(seen.net, seen.info, (), seen.example)
    cell = cell_of(seen, units, part["layer"], part["ratio"])
    spec = TrainSpec(**part["train"])
    data = replace(seen.data, val=None)  # nothing is chosen here, so nothing is validated
    chosen = fixed_images(len(data.train), part["images"], part["seed"])
    work = [(int(row["subset"]), str(row["removed"])) for _, row in _turn(losses, part).iterrows()]
    repeat = part["repeat"]
    rows = []
    for done, (subset, removed) in enumerate(work):

        def told(step: int, steps: int, done: int = done) -> None:
            progress(done * steps + step, len(work) * steps)

        net = without(seen, units, cell, set_of(removed))
        seed = seed_of("retrain", part["seed"], seen.run_id, part["layer"], part["ratio"], removed, repeat)
        watch = _Watch(data, chosen, seen.device, spec.epochs, part["last"])
        row = {"run_id": seen.run_id, "layer": part["layer"], "ratio": part["ratio"], "subset": subset}
        row |= {"repeat": repeat, "epochs": spec.epochs}
        try:
            training.train(net, data, spec, seed=seed, device=seen.device, hooks=(watch,), progress=told)
            rows.append({**row, **watch.summary(net)})
        except Diverged as e:
            rows.append({**row, "reason": str(e)})
    return RETRAINED.frame(rows)


@dataclass(eq=False)
class _Watch:
    """Looks at a network after each epoch of its retraining.

    The fixed training images may be all there are, and looking at them takes half as long as training on them: only
    the epochs that are reported are looked at there.
    """

    data: ImageData
    chosen: Any
    device: str
    epochs: int
    last: int
    test: list[tuple[float, float]] = field(default_factory=list)
    train: dict[int, float] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)

    def on_start(self, t: Any) -> None:
        """Nothing to see yet."""

    def after_backward(self, t: Any) -> None:
        """Nothing to see."""

    def after_step(self, t: Any) -> None:
        """Nothing to see."""

    def on_epoch(self, t: Any) -> None:
        """The loss and accuracy on the test split; of the last epochs also the loss on the fixed training images."""
        test, epoch = self.data.test, len(self.test)
        loss, accuracy = self._of(t.net, test.images, test.labels)
        if all(accuracy > seen for _, seen in self.test):
            self.best = {k: v.detach().clone() for k, v in t.net.state_dict().items()}
        self.test.append((loss, accuracy))
        if epoch >= self.epochs - self.last:
            self.train[epoch] = self._train_loss(t.net)

    def on_end(self, t: Any) -> None:
        """Nothing more to see."""

    def _train_loss(self, net: nn.Module) -> float:
        assert self.data.train is not None
        return self._of(net, self.data.train.images[self.chosen], self.data.train.labels[self.chosen])[0]

    def _of(self, net: nn.Module, images: Any, labels: Any) -> tuple[float, float]:
        logits = training.predict(net, images, self.data.preprocess, device=self.device)
        if not np.isfinite(logits).all():
            raise Diverged("The retrained network's outputs are NaN or infinite.")
        found = per_sample(logits, labels)
        return float(found.loss.mean()), float(np.mean(found.prediction == labels))

    def summary(self, net: nn.Module) -> dict[str, Any]:
        """The last epochs' means, which conclusions rest on, and the best test epoch, which was published.

        Args:
            net: what was retrained; it takes the weights of the best epoch.
        """
        values = np.array(self.test)
        best = int(np.argmax(values[:, 1]))
        if best not in self.train:
            net.load_state_dict(self.best)
            self.train[best] = self._train_loss(net)
        final = range(len(self.test) - self.last, len(self.test))
        test_loss, test_accuracy = values[-self.last :].mean(axis=0).tolist()
        return {
            "train_loss": float(np.mean([self.train[epoch] for epoch in final])),
            "test_loss": test_loss,
            "test_accuracy": test_accuracy,
            "best_epoch": best + 1,
            "best_train_loss": self.train[best],
            "best_test_loss": float(values[best, 0]),
            "best_test_accuracy": float(values[best, 1]),
        }
