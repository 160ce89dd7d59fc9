"""FedTiny: sparse training on clients that share weights and never images (Huang et al. 2023)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pruneviz.core.options import option
from pruneviz.core.spec import Choice
from pruneviz.pruning.allocations import Uniform, by_counts
from pruneviz.pruning.apportion import apportion
from pruneviz.pruning.during import DuringTraining, Ground
from pruneviz.pruning.methods.regrowth import exchange
from pruneviz.pruning.parts import Schedule
from pruneviz.pruning.recipe import Recipe, Reference
from pruneviz.pruning.scores import Magnitude
from pruneviz.pruning.spaces import Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from pruneviz.core.masks import Mask
    from pruneviz.core.quantities import Target
    from pruneviz.pruning.during import Training
    from pruneviz.pruning.selection import Selected

_BATCH = 256  # images evaluated at a time


@dataclass(frozen=True)
class Federated(Schedule):
    """Rounds in which clients train in turns from the same weights, and the server averages what they come to.

    Before the first round the server makes candidates: masks of the recipe's score that remove as much in all, and of
    each layer what noise says. Each client measures batch norm's statistics with each candidate; these are averaged;
    the candidate is taken whose mean loss over the clients' images is least then. After every so many rounds each layer
    drops the fraction α/2 · (1 + cos πt/T) of its weights, the smallest, and grows as many where the clients' mean
    gradient in that round is largest; t counts rounds, T is the last in which this is done.

    A client's momentum begins anew each turn. The training's shuffle deals the images to the clients, anew in every
    epoch, so clients are alike.
    """

    name: ClassVar[str] = "federated"
    summary: ClassVar[str] = "in rounds of clients' training and averaging, from the best of several candidate masks"
    kind: ClassVar[str] = "training"
    units: ClassVar[tuple[str, ...]] = ("weight",)

    clients: int = option(10, "how many take turns in a round", unit="clients", ge=1, le=1000)
    turn: int = option(5, "a client's steps in a round", unit="steps", ge=1)
    every: int = option(10, "rounds between two exchanges", unit="rounds", ge=1)
    end: float = option(1 / 3, "after which fraction of training nothing is exchanged any more", gt=0, le=1)
    alpha: float = option(0.2, "α: exchanged fraction of a layer's weights at the beginning", ge=0, le=1)
    candidates: int = option(10, "how many masks the clients choose from", unit="masks", ge=1, le=1000)
    noise: float = option(0.5, "layer densities of candidates are multiplied by 1 ± up to this", ge=0, lt=1)

    def levels(self, target: Target) -> tuple[Target, ...]:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return (target,)

    def fraction_at(self, done: float) -> float:
        """The exchanged fraction when the fraction ``done`` of training is done."""
        return self.alpha / 2 * (1 + math.cos(math.pi * min(done / self.end, 1.0)))

    def hook(self, recipe: Recipe, target: Target, ground: Ground) -> DuringTraining:
        """See :class:`~pruneviz.pruning.parts.Schedule`."""
        return Turns(self, recipe, target, ground)

    def control(self) -> Schedule:
        """One candidate, and nothing is exchanged."""
        return replace(self, candidates=1, alpha=0.0)


class Turns(DuringTraining):
    """Turns, averages, and exchanges between rounds."""

    def __init__(self, schedule: Federated, recipe: Recipe, target: Target, ground: Ground) -> None:
        super().__init__(recipe, target, ground)
        self.federated = schedule
        self.shared: dict[str, Tensor] = {}
        self.sums: dict[str, Tensor] = {}
        self.turns = 0
        self.gradients: dict[str, Tensor] = {}
        self.exchanges = 0
        self.started = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """See :class:`~pruneviz.pruning.during.DuringTraining`."""
        s = self.federated
        steps = s.every * s.clients * s.turn
        short = f"no weights were exchanged: this happens every {steps} steps, in the first {s.end:.0%} of training"
        return (*super().warnings, *([short] if s.alpha and not self.exchanges else []))

    def on_start(self, t: Training) -> None:
        """Choose among the candidates."""
        self.started = t.step
        self.keep(t, self.best(t, self.offered(t)))
        self._share(t)

    def after_backward(self, t: Training) -> None:
        """Sum up the dense gradients of a round that ends with an exchange."""
        s = self.federated
        if self._exchanges_after(t, (t.step - self.started) // (s.clients * s.turn) + 1):
            named = dict(t.net.named_parameters())
            for block in self.units(t).blocks:
                if (g := named[block.name].grad) is not None:
                    known = self.gradients.get(block.name)
                    self.gradients[block.name] = g.clone() if known is None else known + g

    def after_step(self, t: Training) -> None:
        """End a turn, a round, or neither."""
        s, done = self.federated, t.step - self.started
        if done % s.turn:
            return
        self._hand_in(t)
        if self.turns < s.clients:
            self._load(t, self.shared)
            return
        self._average(t)
        if self.gradients:
            mask = exchange(t, self.mask, self.gradients, s.fraction_at(t.step / t.total_steps))
            self.keep(t, replace(self.selected, mask=mask))
            self.gradients, self.exchanges = {}, self.exchanges + 1
        self._share(t)

    def on_end(self, t: Training) -> None:
        """Average what there is of an unfinished round."""
        if (t.step - self.started) % self.federated.turn:
            self._hand_in(t)
        if self.turns:
            self._average(t)

    def offered(self, t: Training) -> list[Selected]:
        """The candidates; the first is the recipe's own choice."""
        import numpy as np

        from pruneviz.pruning.smallest import Ranked

        units = self.units(t)
        first = self.choose(t, self.target)
        removed = sum(int(r.sum()) for r in units.gone(first.mask).values())
        ranked = {name: Ranked(scores) for name, scores in self.scored(t).items()}
        rng = np.random.default_rng(self.ground.seed)
        found = [first]
        for _ in range(self.federated.candidates - 1):
            noise = 1 + self.federated.noise * rng.uniform(-1, 1, len(units.blocks))
            rates = [float(f) * b.size for f, b in zip(noise, units.blocks, strict=True)]
            total = sum(b.size for b in units.blocks)
            kept = apportion(
                rates, total - removed, [b.size - b.most for b in units.blocks], [b.size for b in units.blocks]
            )
            counts = [b.size - n for b, n in zip(units.blocks, kept, strict=True)]
            found.append(replace(first, mask=units.mask(by_counts(units.blocks, ranked, counts))))
        return found

    def best(self, t: Training, offered: Sequence[Selected]) -> Selected:
        """The candidate of the least mean loss over the clients, each with the clients' mean batch-norm statistics."""
        import numpy as np

        if len(offered) == 1:
            return offered[0]
        assert t.data.train is not None
        rng = np.random.default_rng([self.ground.seed, 1])
        images = rng.permutation(len(t.data.train))[: self.ground.samples]
        several = max(1, min(self.federated.clients, len(images) // 2))  # batch norm needs two images
        clients = [sorted(map(int, own)) for own in np.array_split(images, several)]
        return min(offered, key=lambda s: _loss(t, s.mask, clients))  # the first of equals

    def _exchanges_after(self, t: Training, number: int) -> bool:
        """Whether weights are exchanged after the round of this number, from 1."""
        s = self.federated
        at = (self.started + number * s.clients * s.turn) / t.total_steps
        return bool(s.alpha) and number % s.every == 0 and at < s.end

    def _share(self, t: Training) -> None:
        self.shared = {k: v.detach().clone() for k, v in t.net.state_dict().items() if v.is_floating_point()}
        self.sums, self.turns = {}, 0
        t.optimizer.state.clear()

    def _hand_in(self, t: Training) -> None:
        state = t.net.state_dict()
        own = {k: state[k].detach() for k in self.shared}
        self.sums = {k: v.clone() if not self.turns else self.sums[k] + v for k, v in own.items()}
        self.turns += 1

    def _average(self, t: Training) -> None:
        self._load(t, {k: v / self.turns for k, v in self.sums.items()})
        self.turns = 0

    def _load(self, t: Training, values: dict[str, Tensor]) -> None:
        import torch

        state = t.net.state_dict()
        with torch.no_grad():
            for name, value in values.items():
                state[name].copy_(value)
        t.optimizer.state.clear()


def _loss(t: Training, mask: Mask, clients: Sequence[Sequence[int]]) -> float:
    """Mean cross-entropy over the clients' images of the network so masked, batch norm as :class:`Federated` says."""
    import torch
    import torch.nn.functional as F
    from torch.nn.modules.batchnorm import _BatchNorm

    from pruneviz.pruning.masking import apply

    assert t.data.train is not None
    split, net = t.data.train, copy.deepcopy(t.net).eval()
    apply(net, mask)
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    with torch.no_grad():
        if norms:
            measured = [_measured(net, norms, t, own) for own in clients]
            for m, *each in zip(norms, *measured, strict=True):
                assert m.running_mean is not None
                assert m.running_var is not None
                m.running_mean.copy_(torch.stack([mean for mean, _ in each]).mean(0))
                m.running_var.copy_(torch.stack([var for _, var in each]).mean(0))
        total, count = 0.0, 0
        for own in clients:
            for chosen in _batches(own):
                logits = net(t.data.preprocess(split.images[chosen], t.device))
                labels = torch.as_tensor(split.labels[chosen]).to(logits.device)
                total += float(F.cross_entropy(logits.double(), labels, reduction="sum"))
                count += len(chosen)
    return total / count


def _measured(
    net: nn.Module, norms: Sequence[nn.modules.batchnorm._BatchNorm], t: Training, own: Sequence[int]
) -> list[tuple[Tensor, Tensor]]:
    """Each batch norm's mean and variance over one client's images, the means of its batches."""
    assert t.data.train is not None
    for m in norms:
        m.reset_running_stats()
        m.momentum = None  # cumulative
        m.train()
    for chosen in _batches(own):
        net(t.data.preprocess(t.data.train.images[chosen], t.device))
    net.eval()
    found = []
    for m in norms:
        assert m.running_mean is not None
        assert m.running_var is not None
        found.append((m.running_mean.clone(), m.running_var.clone()))
    return found


def _batches(own: Sequence[int]) -> list[list[int]]:
    """Of about equal size, so that none is too small for batch norm."""
    size = math.ceil(len(own) / math.ceil(len(own) / _BATCH))
    return [list(own[at : at + size]) for at in range(0, len(own), size)]


PARTS = (Federated,)
RECIPES = (
    Recipe(
        name="fedtiny",
        space=Weights(),
        score=Magnitude(),
        allocation=Uniform(),
        schedule=Federated(),
        recovery=Choice("lr-rewind", {}),
        summary="clients choose among candidate masks, train and average in rounds, and exchange weights between them",
        formula="the mask of least loss; per layer drop α/2 (1 + cos πt/T) of the smallest |w|, grow most |mean ∇|",
        reference=Reference(
            "Huang, Zhang, Sun, Fang, Yuan, Wu",
            2023,
            "Distributed pruning towards tiny neural networks in federated learning",
            "ICDCS",
            "2212.01977",
        ),
        differs="clients are simulated in one process, all take part in every round, and their images are dealt anew "
        "in every epoch, so that they are alike; all layers exchange at once; a turn is 5 steps, not 5 epochs; what is "
        "pruned, and trained again, is the dense network",
    ),
)
